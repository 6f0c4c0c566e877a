"""A build with a fault: it does not know the sessions of the first refreshes it is asked for."""

from itertools import count

from service.commands import main
from service.security.refresh_tokens import Presented
from service.sessions import refresh_records
from service.sessions.records import Lengths
from service.sessions.refresh_records import Outcome, Refreshed
from service.storage import Connection

_FORGOTTEN = 3
_spend = refresh_records.spend
_come = count(1)


async def spend_or_forget(connection: Connection, presented: Presented, lengths: Lengths) -> Refreshed:
    """Know nothing of the first few."""
    if next(_come) <= _FORGOTTEN:
        return Refreshed(Outcome.UNKNOWN, None)
    return await _spend(connection, presented, lengths)


if __name__ == "__main__":
    refresh_records.spend = spend_or_forget
    main()

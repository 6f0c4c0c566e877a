"""A build with a fault: each refresh asks Postgres for something that nobody needs."""

from service.commands import main
from service.security.refresh_tokens import Presented
from service.sessions import records as sessions
from service.sessions import refresh_records
from service.sessions.records import Lengths
from service.sessions.refresh_records import Refreshed
from service.storage import Connection

_spend = refresh_records.spend


async def spend_and_ask(connection: Connection, presented: Presented, lengths: Lengths) -> Refreshed:
    """Ask for the name of the device, too."""
    await sessions.find_device(connection, presented.session_id)
    return await _spend(connection, presented, lengths)


if __name__ == "__main__":
    refresh_records.spend = spend_and_ask
    main()

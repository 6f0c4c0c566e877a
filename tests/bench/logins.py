"""python -m tests.bench.logins: sign in for a while, many at once, from a process of its own; prints how it went.

Beside the reader whose answers are timed it would delay what it wants to see delayed.
"""

import asyncio
import json
import sys
from collections import Counter
from time import monotonic

import httpx

from tests.kit.people import PASSWORD

AT_ONCE = 64


async def log_in_until(client: httpx.AsyncClient, email: str, ends_at: float, statuses: Counter[int]) -> None:
    while monotonic() < ends_at:
        answer = await client.post("/v1/sessions", json={"email": email, "password": PASSWORD})
        statuses[answer.status_code] += 1


async def main(url: str, seconds: float, emails: list[str]) -> None:
    statuses: Counter[int] = Counter()
    async with httpx.AsyncClient(base_url=url, timeout=30, limits=httpx.Limits(max_connections=AT_ONCE)) as client:
        ends_at = monotonic() + seconds
        turns = (emails * AT_ONCE)[:AT_ONCE]
        await asyncio.gather(*(log_in_until(client, email, ends_at, statuses) for email in turns))
    print(json.dumps(statuses))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], float(sys.argv[2]), sys.argv[3:]))

"""What holds on every replica."""

import asyncio

from tests.kit.services import Service
from tests.kit.waiting import eventually

# The promise: 50 ms (p99) with Redis, a second without it.
PROMISED_SECONDS = 1.0


async def refused_everywhere(replicas: tuple[Service, ...], *access_tokens: str) -> None:
    """See that every replica refuses these access tokens within the promised second."""
    waits = [
        eventually(replica.refuses, access_token, within=PROMISED_SECONDS)
        for replica in replicas
        for access_token in access_tokens
    ]
    await asyncio.gather(*waits)


async def accepted_everywhere(replicas: tuple[Service, ...], *access_tokens: str) -> None:
    """See that every replica lets these access tokens through."""
    for replica in replicas:
        for access_token in access_tokens:
            assert await replica.accepts(access_token)

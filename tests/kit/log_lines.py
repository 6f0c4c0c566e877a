"""The log of a replica: one line for each request, written when its answer has gone."""

import json
from typing import Any

from tests.kit.services import Service
from tests.kit.waiting import eventually

_WITHIN_SECONDS = 5.0


async def line_of(service: Service, request_id: str) -> dict[str, Any]:
    """Find the one line of a request."""
    found: list[str] = []

    async def is_written() -> bool:
        named = f'"request_id":"{request_id}"'
        found[:] = [line for line in service.log_lines() if named in line and '"message":"request"' in line]
        return bool(found)

    await eventually(is_written, within=_WITHIN_SECONDS)
    (line,) = found
    parsed: dict[str, Any] = json.loads(line)
    return parsed

"""Accounts that admins make: with hashes of another system, so that making many costs nothing."""

from typing import Any

import bcrypt
import httpx

from tests.kit.people import PASSWORD, Person
from tests.kit.services import Service

CHEAP_HASH = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()


async def make_person(service: Service, admin_token: str, email: str, **more: object) -> Person:
    """Create somebody as an admin does; `more` goes into the body."""
    body = {"email": email, "password_hash": CHEAP_HASH, **more}
    answer = await service.post("/v1/users", token=admin_token, json=body)
    assert answer.status_code == 201, answer.text
    profile: dict[str, Any] = answer.json()
    return Person(service, email, PASSWORD, profile["id"], profile)


def refused_fields(answer: httpx.Response) -> set[str]:
    """Name the fields that a refusal complains about, having looked that it says why."""
    errors = answer.json().get("errors", [])
    assert all(error["detail"] for error in errors), answer.text
    return {error["pointer"] for error in errors}

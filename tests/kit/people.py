"""People: somebody with an account, and what signing in gave them."""

from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.kit.services import Caller, Service

PASSWORD = "a perfectly fine password"


@dataclass(frozen=True)
class SignedIn:
    """One session as its holder sees it."""

    session_id: str
    access_token: str
    refresh_token: str
    expires_in: int
    refresh_expires_in: int

    @classmethod
    def of(cls, answer: httpx.Response) -> "SignedIn":
        assert answer.status_code in {200, 201}, answer.text
        pair = answer.json()
        return cls(
            pair["session"]["id"],
            pair["access_token"],
            pair["refresh_token"],
            pair["expires_in"],
            pair["refresh_expires_in"],
        )


@dataclass
class Person:
    """Somebody with an account on a service."""

    service: Service
    email: str
    password: str = PASSWORD
    id: str = ""
    profile: dict[str, Any] = field(default_factory=dict)

    async def sign_in(self, device: str | None = None, service: Caller | None = None) -> SignedIn:
        body = {"email": self.email, "password": self.password, "device": device}
        return SignedIn.of(await (service or self.service).post("/v1/sessions", json=body))

    async def known(self) -> "Person":
        """Read one's own id and profile."""
        session = await self.sign_in("looking up")
        self.profile = (await self.service.get("/v1/users/me", token=session.access_token)).json()
        self.id = self.profile["id"]
        return self


async def new_person(service: Service, email: str, password: str = PASSWORD) -> Person:
    """Register somebody."""
    answer = await service.post("/v1/users", json={"email": email, "password": password})
    assert answer.status_code == 201, answer.text
    profile = answer.json()
    return Person(service, email, password, profile["id"], profile)


def problem(answer: httpx.Response) -> tuple[int, str]:
    """Return status and code of a refusal, having looked that it is a complete problem document."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    body = answer.json()
    assert body["status"] == answer.status_code
    assert body["type"] == f"/problems/{body['code']}"
    assert body["request_id"] == answer.headers["x-request-id"]
    assert {"title", "detail"} <= body.keys()
    return answer.status_code, body["code"]

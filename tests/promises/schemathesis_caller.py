"""Loaded by Schemathesis: signs in whoever calls, and again whenever what it tries out has ended the session."""

import os
import secrets
from typing import Any

import requests
import schemathesis

BASE = os.environ["SIGNET_UNDER_TEST"]
# The admin who is tested as; without one, every caller is a plain user, made anew when the last one was closed.
ADMIN = os.environ.get("SIGNET_UNDER_TEST_ADMIN")
PASSWORD = os.environ["SIGNET_UNDER_TEST_PASSWORD"]
SECONDS = 10


@schemathesis.auth(refresh_interval=None)
class Caller:
    """Keeps an access token that is let through."""

    def __init__(self) -> None:
        self.email = ADMIN or ""
        self.token = ""

    def get(self, _case: object, _context: object) -> str:
        if not self._is_let_through():
            self.token = self._sign_in() or self._start_over()
        return self.token

    def set(self, case: Any, token: str, _context: object) -> None:
        case.headers = {**(case.headers or {}), "Authorization": f"Bearer {token}"}

    def _is_let_through(self) -> bool:
        answer = requests.get(f"{BASE}/v1/verify", headers={"Authorization": f"Bearer {self.token}"}, timeout=SECONDS)
        return answer.status_code == 200

    def _sign_in(self) -> str | None:
        body = {"email": self.email, "password": PASSWORD}
        answer = requests.post(f"{BASE}/v1/sessions", json=body, timeout=SECONDS)
        return str(answer.json()["access_token"]) if answer.status_code == 201 else None

    def _start_over(self) -> str:
        """Register somebody new: the account before was closed, which is what was tried out."""
        assert not ADMIN, "the admin can't sign in any more"
        self.email = f"tester-{secrets.token_hex(6)}@example.com"
        body = {"email": self.email, "password": PASSWORD}
        requests.post(f"{BASE}/v1/users", json=body, timeout=SECONDS).raise_for_status()
        token = self._sign_in()
        assert token
        return token

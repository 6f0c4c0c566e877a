"""Values that must not turn up anywhere, and a driver that puts them into every operation of the description."""

import base64
import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx

from tests.kit.services import Service

SEEN = "canary"
EMAIL, OTHER_EMAIL = f"{SEEN}.ada@nest.example", f"{SEEN}.eve@nest.example"
PASSWORD, NEW_PASSWORD = f"{SEEN}-password-Aa1-one", f"{SEEN}-password-Aa1-two"
NAME = f"Canary Lovelace {SEEN}"
KEY = f"{SEEN}-idempotency-key"
_SALT = base64.b64encode(f"{SEEN}-salt-16-b".encode()).rstrip(b"=").decode()
_DIGEST = base64.b64encode(hashlib.sha256(b"feathers").digest()).rstrip(b"=").decode()
HASH = f"$argon2id$v=19$m=8192,t=1,p=1${_SALT}${_DIGEST}"

# By what a field or parameter is called; whatever else it may be called, it gets the marked word.
BY_NAME = {
    "email": EMAIL,
    "password": PASSWORD,
    "current_password": PASSWORD,
    "new_password": NEW_PASSWORD,
    "password_hash": HASH,
    "display_name": NAME,
    "search": SEEN,
    "roles": ["support"],
    "email_verified": True,
    "limit": "10",
}
Json = dict[str, Any]
Operation = tuple[str, str]


@dataclass
class Driver:
    """Sends requests, notes which operation answered with what, and gathers every token that is handed out."""

    service: Service
    description: Json
    statuses: dict[Operation, set[int]] = field(default_factory=lambda: defaultdict(set))
    secrets: set[str] = field(default_factory=set)

    async def send(self, method: str, path: str, *, token: str | None = None, **given: Any) -> httpx.Response:
        """Send one request to an operation: `path` may have its parameters filled in already."""
        answer = await self.service.call(method, path, token=token, **given)
        self.statuses[method, self._template(method, path)].add(answer.status_code)
        self._gather(answer)
        return answer

    async def fail_everywhere(self, tokens: Iterable[str | None]) -> None:
        """Call each operation in every way that goes wrong, with marked values wherever one may stand."""
        for path, operations in self.description["paths"].items():
            for method, operation in operations.items():
                for token in tokens:
                    await self._fail(method.upper(), path, operation, token)

    def uncovered(self) -> dict[Operation, set[int]]:
        """List the operations that were not seen both to succeed and, where they can refuse, to refuse."""
        lacking = {}
        for path, operations in self.description["paths"].items():
            for method, operation in operations.items():
                seen = self.statuses[method.upper(), path]
                can_refuse = {"400", "401", "404"} & operation["responses"].keys()
                if not any(200 <= status < 400 for status in seen) or (can_refuse and max(seen) < 400):
                    lacking[method.upper(), path] = seen
        return lacking

    async def _fail(self, method: str, path: str, operation: Json, token: str | None) -> None:
        marked = path.replace("{user_id}", str(uuid4())).replace("{session_id}", str(uuid4()))
        query = {
            each["name"]: _value(each["name"]) for each in operation.get("parameters", []) if each["in"] == "query"
        }
        headers = {"Idempotency-Key": KEY, "If-Match": '"1.1"', "X-Request-Id": f"{SEEN}@", "Cookie": f"session={SEEN}"}
        content = (operation.get("requestBody") or {}).get("content", {})
        body = self._body(content)
        sends: list[Json] = [{"params": query}]
        if "application/x-www-form-urlencoded" in content:
            sends = [{"data": body}, {"data": {**body, "grant_type": "refresh_token"}}, {"json": body}]
        elif content:
            torn = json.dumps(body)[:-1].encode()
            sends = [
                {"json": body},
                {"json": {**body, SEEN: SEEN}},
                {"json": dict.fromkeys(body, 7) | {SEEN: EMAIL}},
                {"content": torn, "headers": {"Content-Type": "application/json"}},
                {"content": json.dumps(body).encode(), "headers": {"Content-Type": "text/plain"}},
            ]
        for given in sends:
            own = {**headers, **given.pop("headers", {})}
            await self.send(method, marked, token=token, headers=own, **given)
        if marked != path:
            await self.service.call(method, path.replace("{", SEEN).replace("}", ""), token=token, headers=headers)

    def _body(self, content: Json) -> Json:
        for media in content.values():
            schema = media["schema"]
            named = schema.get("$ref", "").rpartition("/")[2]
            shape = self.description["components"]["schemas"].get(named, schema)
            return {name: _value(name) for name in shape.get("properties", {})}
        return {}

    def _template(self, method: str, path: str) -> str:
        parts = path.partition("?")[0].split("/")
        for template in self.description["paths"]:
            wanted = template.split("/")
            fits = len(wanted) == len(parts) and all(
                each.startswith("{") or each == part for each, part in zip(wanted, parts, strict=True)
            )
            if fits and method.lower() in self.description["paths"][template] and _is_exact(wanted, parts):
                return str(template)
        raise AssertionError(f"{method} {path} is not in the description")

    def _gather(self, answer: httpx.Response) -> None:
        if answer.headers.get("content-type") != "application/json" or not isinstance(answer.json(), dict):
            return
        self.secrets |= {answer.json()[name] for name in ("access_token", "refresh_token") if name in answer.json()}


def _is_exact(wanted: list[str], parts: list[str]) -> bool:
    """`/v1/users/me` is not a `/v1/users/{user_id}`."""
    return not any(each.startswith("{") and part in {"me", "current"} for each, part in zip(wanted, parts, strict=True))


def _value(name: str) -> Any:
    return BY_NAME.get(name, f"{SEEN}-{name}")

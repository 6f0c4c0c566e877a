"""People who go on while the release changes under them: runs in a pod, prints what failed, stops at /tmp/stop.

Each keeps one connection and never sends anything twice. The last line is JSON: how many requests, which failed, and
the users whose creation was acknowledged.
"""

import http.client
import json
import os
import secrets
import sys
import threading
import time
from pathlib import Path
from typing import Any

HOST = sys.argv[1]
PEOPLE = int(sys.argv[2])
STOP = Path("/tmp/stop")
PAUSE = threading.Event()
Json = dict[str, Any]
failed: list[str] = []
created: list[str] = []
counts: list[int] = []


class Visitor:
    """One person with one connection."""

    def __init__(self, name: str) -> None:
        self.name, self.sent = name, 0
        self.connection = http.client.HTTPConnection(HOST, timeout=15)

    def ask(self, method: str, path: str, body: Json | None = None, token: str = "") -> Json | None:
        headers = {"Content-Type": "application/json"} if body is not None else {}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        self.sent += 1
        began = time.time()
        try:
            self.connection.request(method, path, json.dumps(body) if body is not None else None, headers)
            answer = self.connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException) as error:
            self.connection.close()
            self.fail(began, f"{method} {path}: {error!r}")
            return None
        if answer.status >= 400:
            self.fail(began, f"{method} {path}: {answer.status} {content[:200]!r}")
            return None
        answered: Json = json.loads(content) if content else {}
        return answered

    def fail(self, began: float, text: str) -> None:
        told = f"{self.name} at {began:.2f} after {time.time() - began:.2f} s: {text}"
        failed.append(told)
        print(told, flush=True)

    def go(self, admin_password: str) -> None:
        signing_in = {"email": "admin@example.com", "password": admin_password}
        pair = self.ask("POST", "/v1/sessions", signing_in)
        turn = 0
        while pair and not STOP.exists():
            turn += 1
            self.ask("GET", "/v1/users/me", token=pair["access_token"])
            self.ask("GET", "/v1/verify", token=pair["access_token"])
            pair = self.ask("POST", "/v1/sessions/refresh", {"refresh_token": pair["refresh_token"]}) or pair
            if turn % 20 == 0:
                email = f"{secrets.token_hex(8)}@example.com"
                new = {"email": email, "password": secrets.token_urlsafe(18)}
                if user := self.ask("POST", "/v1/users", new, pair["access_token"]):
                    created.append(user["id"])
            PAUSE.wait(0.1)
        counts.append(self.sent)


def main() -> None:
    people = [Visitor(f"visitor {number}") for number in range(PEOPLE)]
    threads = [threading.Thread(target=one.go, args=(os.environ["ADMIN_PASSWORD"],)) for one in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps({"requests": sum(counts), "failed": failed, "created": created}), flush=True)


if __name__ == "__main__":
    main()

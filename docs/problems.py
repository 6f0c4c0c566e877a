"""Print docs/problems.md: every problem the service knows, from the problem classes themselves.

python docs/problems.py > docs/problems.md
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import service.app  # noqa: F401 - it imports every room, and so every problem
from service.web.pages import all_problems, meaning_of

HEAD = """# Problems

Everything Signet refuses is a problem document ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)):

```http
HTTP/1.1 412 Precondition Failed
Content-Type: application/problem+json

{"type": "/problems/version_stale", "title": "The user has changed meanwhile.", "status": 412,
 "detail": "If-Match does not name the current version. Read the user again.", "code": "version_stale",
 "request_id": "0198f3c2a7bb7d10a2b4c6d8e0f1a2b3"}
```

* Decide by `code`. Codes are frozen: none changes its status or its meaning, none is used again. New ones may appear;
  treat one you don't know by its status.
* `title` is the same each time, `detail` is about this time; both are for people and may be reworded.
* `errors` names each refused field (`pointer` is a JSON pointer into the body, or the parameter's name).
* `request_id` is in the service's log; name it when you ask for help.
* `type` is an address of the service that explains the problem.
* `503` always says `Retry-After`. What can't be answered for want of a store is a 503, never a 401, so a client that
  signs its user out on a 401 is right to do so.
* `POST /oauth/token` answers `application/json` with the `error` of RFC 6749 beside the members above.
* What is not even HTTP is refused by the HTTP parser before the service sees it: 400, in plain text.

This file is printed by `python docs/problems.py`; a test compares.

| status | code | title | what happened, what to do |
|---|---|---|---|
"""


def main() -> None:
    """Print the catalogue."""
    sys.stdout.write(HEAD)
    for code, problem in all_problems().items():
        sys.stdout.write(f"| {problem.status} | `{code}` | {problem.title} | {meaning_of(problem)} |\n")


if __name__ == "__main__":
    main()

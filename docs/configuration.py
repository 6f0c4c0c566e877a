"""Print docs/configuration.md: every setting, from the model that reads it.

python docs/configuration.py > docs/configuration.md
"""

import json
import sys
from datetime import timedelta
from pathlib import Path
from typing import Literal, get_args, get_origin

from pydantic.fields import FieldInfo

sys.path.insert(0, str(Path(__file__).parents[1]))

from service.settings import PREFIX, Settings

HEAD = """# Configuration

Settings are environment variables, read once when a process starts. What is wrong with them is said in one sentence
each on standard error, with exit code 2; `python -m service check` says it without serving. A variable that is empty
is as if it were not there, and one that is not listed here is not read: Kubernetes adds some of its own.

* A **length of time** is a number of seconds (`30`) or a number with `ms`, `s`, `min`, `h`, `d` (`500ms`, `10min`,
  `90d`); ISO 8601 (`PT5M`) works too.
* A **list** is words separated by commas or white space, or JSON.
* **`..._FILE`** names a file that holds the value, the way Kubernetes mounts secrets; set one of the two. That of the
  database is read again at each connect, so a rotated password needs no restart.
* In a password in an address, `/ @ : # ? %` are written `%2F %40 %3A %23 %3F %25`.
* In `production` the service refuses to start with a weak secret, and with limits off unless a second variable says
  that this is intended. Nowhere does it start with every origin allowed to send credentials.

This file is printed by `python docs/configuration.py`; a test compares.
"""
# The first setting of each part; what stands behind it in the model belongs to it.
PARTS = {
    "mode": "Serving",
    "database_url": "Postgres",
    "redis_url": "Redis",
    "secret_keys": "Secrets",
    "registration": "Registration and passwords",
    "access_ttl": "Tokens and sessions",
    "key_rotation": "Signing keys",
    "cache_ttl": "Caches and changes",
    "request_timeout": "The edge",
    "drain": "Shutting down",
    "limit_sign_in_account": "Limits",
    "log_format": "Logs and traces",
    "data_dir": "Development",
}
_UNITS = [(86400, "d"), (3600, "h"), (60, "min"), (1, "s")]


def main() -> None:
    """Print the page."""
    sys.stdout.write(HEAD)
    for name, field in Settings.model_fields.items():
        if name in PARTS:
            sys.stdout.write(f"\n## {PARTS[name]}\n\n| variable | default | meaning |\n|---|---|---|\n")
        sys.stdout.write(f"| `{variable_of(name, field)}` | {default_of(field)} | {meaning_of(field)} |\n")


def variable_of(name: str, field: FieldInfo) -> str:
    """Name the environment variable of a setting."""
    return field.validation_alias if isinstance(field.validation_alias, str) else f"{PREFIX}{name.upper()}"


def default_of(field: FieldInfo) -> str:
    """Say what holds when the variable is not there."""
    if field.is_required():
        return "**required**"
    value = written(field.get_default(call_default_factory=True))
    return f"`{value}`" if value else "none"


def meaning_of(field: FieldInfo) -> str:
    """Say what a setting does and which values it takes."""
    meaning = (field.description or "").replace("|", "\\|")
    if get_origin(field.annotation) is Literal:
        return f"{meaning} One of {', '.join(f'`{choice}`' for choice in get_args(field.annotation))}."
    bounds = ", ".join(filter(None, (bound(each) for each in field.metadata)))
    return f"{meaning} {bounds.capitalize()}." if bounds else meaning


def bound(limit: object) -> str:
    """Say a limit of the model in words; what every length of time has is left out."""
    for attribute, word in (("ge", "at least"), ("gt", "more than"), ("le", "at most")):
        value = getattr(limit, attribute, None)
        if value is not None and (attribute, value) != ("ge", timedelta(0)):
            return f"{word} {written(value)}"
    return ""


def written(value: object) -> str:
    """Write a value the way it is set."""
    if isinstance(value, timedelta):
        return length(value)
    if isinstance(value, bool | dict):
        return json.dumps(value)
    if isinstance(value, list):
        return ",".join(value)
    if isinstance(value, tuple):
        return f"{value[0]}/{length(timedelta(seconds=value[1])).removeprefix('1')}"
    return "" if value is None else str(value)


def length(value: timedelta) -> str:
    """Write a length of time with the largest unit that leaves no rest."""
    seconds = value.total_seconds()
    if seconds == 0:
        return "0"
    return next((f"{seconds / size:g}{unit}" for size, unit in _UNITS if seconds % size == 0), f"{seconds * 1000:g}ms")


if __name__ == "__main__":
    main()

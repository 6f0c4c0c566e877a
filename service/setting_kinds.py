"""The kinds of settings: durations, lists, ports, addresses, secrets; how each is read and what is refused."""

import base64
import binascii
import json
import re
from datetime import timedelta
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr
from pydantic_settings import NoDecode

_UNITS = {"ms": 0.001, "s": 1, "min": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|min|h|d)?")
_RATE = re.compile(r"([1-9]\d{0,8})\s*/\s*(s|min|h|d)")
_STRONG_LENGTH, _STRONG_SYMBOLS = 32, 10


def parse_duration(value: object) -> object:
    """Turn `30`, `30 s`, `10min`, `90d` into a length of time; ISO 8601 is left to pydantic."""
    if isinstance(value, int | float):
        return timedelta(seconds=value)
    if isinstance(value, str) and (match := _DURATION.fullmatch(value.strip())):
        return timedelta(seconds=float(match[1]) * _UNITS[match[2] or "s"])
    return value


def parse_rate(value: object) -> object:
    """Turn `10/min` or `5 / h` into how many in how many seconds."""
    if not isinstance(value, str):
        return value
    if match := _RATE.fullmatch(value.strip()):
        return int(match[1]), float(_UNITS[match[2]])
    raise ValueError("must look like 10/min: a number, and one of s, min, h, d")


def parse_list(value: object) -> object:
    """Take a JSON list, or words separated by commas or white space."""
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("["):
        return json.loads(value)
    return [word for word in re.split(r"[,\s]+", value) if word]


def refuse_service_link(value: object) -> object:
    """Kubernetes sets SIGNET_PORT=tcp://10.0.0.1:8000 for a Service named signet."""
    if isinstance(value, str) and value.startswith("tcp://"):
        raise ValueError(
            f"{value!r} was put there by Kubernetes service links, because a Service is called like the variable; "
            "set enableServiceLinks: false in the pod or set the port yourself"
        )
    return value


def check_postgres_url(value: SecretStr) -> SecretStr:
    url = urlsplit(value.get_secret_value())
    if url.scheme not in {"postgres", "postgresql"} or not url.path.strip("/"):
        raise ValueError("must look like postgresql://user:password@host:5432/database")
    return value


def check_redis_url(value: SecretStr) -> SecretStr:
    if urlsplit(value.get_secret_value()).scheme not in {"redis", "rediss", "unix"}:
        raise ValueError("must look like redis://:password@host:6379/0 or rediss://...")
    return value


def check_public_url(value: str) -> str:
    url = urlsplit(value)
    if url.scheme not in {"http", "https"} or not url.netloc or url.query or url.fragment:
        raise ValueError("must be an http(s) address without query or fragment")
    return value.rstrip("/")


def check_roles(value: dict[str, list[str]]) -> dict[str, list[str]]:
    for role, scopes in value.items():
        if not re.fullmatch(ROLE_PATTERN, role):
            raise ValueError(f"{role!r} is not a role name")
        if any(not re.fullmatch(r"[\x21\x23-\x5b\x5d-\x7e]+", scope) for scope in scopes):
            raise ValueError(f"a scope of {role!r} has a character that RFC 6749 forbids")
    return value


ROLE_PATTERN = r"[a-z][a-z0-9:_-]{0,63}"
Duration = Annotated[timedelta, BeforeValidator(parse_duration), Field(ge=timedelta(0))]
Rate = Annotated[tuple[int, float], NoDecode, BeforeValidator(parse_rate)]
Words = Annotated[list[str], NoDecode, BeforeValidator(parse_list)]
Port = Annotated[int, BeforeValidator(refuse_service_link), Field(ge=1, le=65535)]
PostgresUrl = Annotated[SecretStr, AfterValidator(check_postgres_url)]
RedisUrl = Annotated[SecretStr, AfterValidator(check_redis_url)]
Secrets = Annotated[list[SecretStr], NoDecode, BeforeValidator(parse_list), Field(min_length=1)]
RoleScopes = Annotated[dict[str, list[str]], AfterValidator(check_roles)]


def is_strong(secret: str) -> bool:
    """Tell whether a secret looks like random bytes in hex or base64 rather than like a word."""
    return len(secret) >= _STRONG_LENGTH and len(set(_decoded(secret))) >= _STRONG_SYMBOLS


def _decoded(secret: str) -> bytes:
    try:
        return base64.b64decode(secret + "=" * (-len(secret) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return secret.encode()

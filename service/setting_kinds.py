"""The kinds of settings: durations, lists, ports, addresses, secrets; how each is read and what is refused."""

import base64
import binascii
import json
import re
from datetime import timedelta
from importlib.util import find_spec
from ipaddress import ip_network
from typing import Annotated, Literal
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr
from pydantic_settings import NoDecode

_UNITS = {"ms": 0.001, "s": 1, "min": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|min|h|d)?", re.ASCII)
_ISO_DURATION = re.compile(r"P[\dTDHMSW.]+", re.ASCII)
_RATE = re.compile(r"([1-9]\d{0,8})\s*/\s*(s|min|h|d)")
_QUOTING = "write / @ : # ? % in a password as %2F %40 %3A %23 %3F %25"
_STRONG_LENGTH, _STRONG_SYMBOLS = 32, 10


def parse_duration(value: object) -> object:
    """Turn `30`, `30 s`, `10min`, `90d` into a length of time; ISO 8601 is left to pydantic."""
    if isinstance(value, int | float):
        return timedelta(seconds=value)
    if not isinstance(value, str) or _ISO_DURATION.fullmatch(value.strip()):
        return value.strip() if isinstance(value, str) else value
    match = _DURATION.fullmatch(value.strip())
    if match is None:
        raise ValueError("must be a length of time such as 30, 30s, 500ms, 10min, 90d or PT5M")
    try:
        return timedelta(seconds=float(match[1]) * _UNITS[match[2] or "s"])
    except OverflowError:
        raise ValueError("is longer than anything lasts") from None


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
        return parse_json(value)
    return [word for word in re.split(r"[,\s]+", value) if word]


def parse_json(value: object) -> object:
    """Read JSON; a value that came from a program is taken as it is."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except json.JSONDecodeError as error:
        raise ValueError(f"is not JSON (character {error.pos + 1})") from None


def refuse_service_link(value: object) -> object:
    """Kubernetes sets SIGNET_PORT=tcp://10.0.0.1:8000 for a Service named signet."""
    if isinstance(value, str) and value.startswith("tcp://"):
        raise ValueError(
            f"{value!r} was put there by Kubernetes service links, because a Service is called like the variable; "
            "set enableServiceLinks: false in the pod or set the port yourself"
        )
    return value


def check_postgres_url(value: SecretStr) -> SecretStr:
    url = _split_or_none(value)
    if url is None or url.scheme not in {"postgres", "postgresql"} or not url.path.strip("/"):
        raise ValueError(f"must look like postgresql://user:password@host:5432/database; {_QUOTING}")
    return value


def check_redis_url(value: SecretStr) -> SecretStr:
    url = _split_or_none(value)
    if url is None or url.scheme not in {"redis", "rediss", "unix"}:
        raise ValueError(f"must look like redis://:password@host:6379/0 or rediss://...; {_QUOTING}")
    return value


def _split_or_none(value: SecretStr) -> SplitResult | None:
    """Split an address; what is wrong with it is not repeated, for a piece of the password may be in it."""
    try:
        url = urlsplit(value.get_secret_value())
        url.port  # noqa: B018 - it is parsed when it is asked for
    except ValueError:
        return None
    return url


def check_network(value: str) -> str:
    try:
        ip_network(value, strict=False)
    except ValueError:
        raise ValueError(f"{value!r} is not a network such as 10.0.0.0/8") from None
    return value


def check_origin(value: str) -> str:
    """Browsers send scheme, host and port, so anything more or less would never be equal."""
    if value != "*" and not re.fullmatch(r"https?://[^/?#\s@]+", value):
        raise ValueError(f"{value!r} is not an origin such as https://app.example.com, without a path")
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


def check_trace_protocol(value: str) -> str:
    if value == "grpc" and not find_spec("grpc"):
        raise ValueError(
            "grpc needs the package opentelemetry-exporter-otlp-proto-grpc, which is not installed; "
            "install it, or set http/protobuf, which most collectors take on port 4318"
        )
    return value


ROLE_PATTERN = r"[a-z][a-z0-9:_-]{0,63}"
Duration = Annotated[timedelta, BeforeValidator(parse_duration), Field(ge=timedelta(0))]
Rate = Annotated[tuple[int, float], NoDecode, BeforeValidator(parse_rate)]
Words = Annotated[list[str], NoDecode, BeforeValidator(parse_list)]
Port = Annotated[int, BeforeValidator(refuse_service_link), Field(ge=1, le=65535)]
PostgresUrl = Annotated[SecretStr, AfterValidator(check_postgres_url)]
RedisUrl = Annotated[SecretStr, AfterValidator(check_redis_url)]
Secrets = Annotated[list[SecretStr], NoDecode, BeforeValidator(parse_list), Field(min_length=1)]
RoleScopes = Annotated[dict[str, list[str]], NoDecode, BeforeValidator(parse_json), AfterValidator(check_roles)]
Networks = Annotated[list[Annotated[str, AfterValidator(check_network)]], NoDecode, BeforeValidator(parse_list)]
Origins = Annotated[list[Annotated[str, AfterValidator(check_origin)]], NoDecode, BeforeValidator(parse_list)]


TraceProtocol = Annotated[Literal["http/protobuf", "grpc"], AfterValidator(check_trace_protocol)]
TraceSampler = Literal[
    "always_on",
    "always_off",
    "traceidratio",
    "parentbased_always_on",
    "parentbased_always_off",
    "parentbased_traceidratio",
]


def is_strong(secret: str) -> bool:
    """Tell whether a secret looks like random bytes in hex or base64 rather than like a word."""
    return len(secret) >= _STRONG_LENGTH and len(set(_decoded(secret))) >= _STRONG_SYMBOLS


def _decoded(secret: str) -> bytes:
    try:
        return base64.b64decode(secret + "=" * (-len(secret) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return secret.encode()

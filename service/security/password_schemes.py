"""Password hashes of every kind we store: verifying, hashing, naming their cost, imitating one."""

import re
from base64 import b64encode
from os import urandom

import argon2
import bcrypt
from argon2.exceptions import VerificationError

_ARGON2 = re.compile(
    r"\$argon2(?P<kind>id|i|d)\$v=19\$m=(?P<memory>\d{1,7}),t=(?P<passes>\d{1,3}),p=(?P<lanes>\d{1,3})"
    r"\$(?P<salt>[A-Za-z0-9+/]{11,86})\$(?P<digest>[A-Za-z0-9+/]{22,86})",
    re.ASCII,
)
# Of the last character of the salt two bits count; the library refuses any other way of writing them.
_BCRYPT = re.compile(r"\$2[aby]\$(?P<cost>\d\d)\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{31}", re.ASCII)
_BCRYPT_READS = 72
_MOST_MEMORY_KIB, _MOST_PASSES, _MOST_LANES, _MOST_COST = 262_144, 10, 8, 14
_LEAST_COST = 4
# It reads what a hash costs out of the hash; to make one takes longer than all else around it.
_VERIFIER = argon2.PasswordHasher()
_SCHEME = re.compile(r"argon2(?:id|i|d)\$\d+,\d+,\d+|bcrypt\$\d+", re.ASCII)


def find_scheme(password_hash: str) -> str | None:
    """Name the kind and cost of a hash (`argon2id$19456,2,1`, `bcrypt$12`); None when we don't accept it.

    Costs are capped, or one imported hash could keep a core busy for minutes at each sign-in.
    """
    if match := _ARGON2.fullmatch(password_hash):
        memory, passes, lanes = int(match["memory"]), int(match["passes"]), int(match["lanes"])
        is_bounded = (
            8 * lanes <= memory <= _MOST_MEMORY_KIB and 1 <= passes <= _MOST_PASSES and 1 <= lanes <= _MOST_LANES
        )
        return f"argon2{match['kind']}${memory},{passes},{lanes}" if is_bounded else None
    if match := _BCRYPT.fullmatch(password_hash):
        cost = int(match["cost"])
        return f"bcrypt${cost}" if _LEAST_COST <= cost <= _MOST_COST else None
    return None


def is_match(password_hash: str, raw_password: str) -> bool:
    """Tell whether the password belongs to the hash. Costs what the hash's own parameters say."""
    secret = raw_password.encode("utf-8", "surrogatepass")
    try:
        if password_hash.startswith("$2"):
            # Every bcrypt reads 72 bytes and stops at NUL; the library refuses both instead.
            return bcrypt.checkpw(secret.split(b"\0")[0][:_BCRYPT_READS], password_hash.encode())
        return _VERIFIER.verify(password_hash, secret)
    except (VerificationError, ValueError):
        # The second: a hash that the library can't read matches no password.
        return False


def is_scheme(text: str) -> bool:
    """Tell whether this is the name of a scheme, so that a hash of it can be imitated."""
    return _SCHEME.fullmatch(text) is not None


def imitation(scheme: str) -> str:
    """Write a hash of this scheme that no password matches and that costs as much to verify as a real one."""
    kind, cost = scheme.split("$")
    if kind == "bcrypt":
        return bcrypt.gensalt(int(cost)).decode() + "." * 31
    memory, passes, lanes = cost.split(",")
    return f"${kind}$v=19$m={memory},t={passes},p={lanes}${_base64(urandom(16))}${_base64(urandom(32))}"


def _base64(raw: bytes) -> str:
    return b64encode(raw).rstrip(b"=").decode()

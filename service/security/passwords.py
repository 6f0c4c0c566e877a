"""Passwords: the rules for new ones, hashing and verifying them, and the decoy for unknown addresses."""

import unicodedata
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

import argon2

from service.security.hashing_pool import HashingPool
from service.security.password_schemes import imitation, is_match, is_scheme
from service.security.secrets import Secrets
from service.telemetry.traces import span

LONGEST_PASSWORD = 256


class Passwords:
    """Hashes with the configured Argon2id; verifies whatever is stored. Never called with a connection held."""

    def __init__(self, hasher: argon2.PasswordHasher, pool: HashingPool, secrets: Secrets) -> None:
        self._hasher = hasher
        self._pool = pool
        self._secrets = secrets
        memory, passes, lanes = hasher.memory_cost, hasher.time_cost, hasher.parallelism
        self.own_scheme = f"argon2id${memory},{passes},{lanes}"
        self._own_beginning = f"$argon2id$v=19$m={memory},t={passes},p={lanes}$"
        self._shares: dict[str, float] = {}

    async def hash(self, raw_password: str, address: str) -> str:
        """Hash a new password; `address` is the client's, for a fair turn."""
        secret = normal_form(raw_password)
        with span("password.hash"):
            return await self._pool.run(address, lambda: self._hasher.hash(secret))

    async def is_right(self, password_hash: str | None, raw_password: str, email_key: str, address: str) -> bool:
        """Verify a password. Without a hash a decoy of the same cost runs, and the answer is always False."""
        compared = password_hash or imitation(self.decoy_scheme(email_key))
        secret = normal_form(raw_password)
        with span("password.verify"):
            is_same = await self._pool.run(address, lambda: is_match(compared, secret))
        return is_same and password_hash is not None

    def needs_rehash(self, password_hash: str) -> bool:
        """Tell whether a hash was made with other parameters than those configured now."""
        return not password_hash.startswith(self._own_beginning)

    def learn_shares(self, users_by_scheme: Mapping[str, int]) -> None:
        """Take how many users each stored scheme has; decoys are drawn in that proportion, as far as they can be."""
        known = {scheme: users_by_scheme[scheme] for scheme in sorted(users_by_scheme) if is_scheme(scheme)}
        total = sum(known.values())
        self._shares = {scheme: users / total for scheme, users in known.items()}

    def decoy_scheme(self, email_key: str) -> str:
        """Draw the scheme an unknown address pretends to have: always the same one for the same address."""
        lot = self._secrets.lot(email_key)
        for scheme, share in self._shares.items():
            lot -= share
            if lot < 0:
                return scheme
        return self.own_scheme


def normal_form(raw_password: str) -> str:
    """NFC, so that a password typed on another keyboard is the same password (RFC 8265)."""
    return unicodedata.normalize("NFC", raw_password)


def find_fault(raw_password: str, *, min_length: int) -> str | None:
    """Say in a sentence why this may not be a new password; None when it may."""
    password = normal_form(raw_password)
    if len(password) < min_length:
        return f"A password has at least {min_length} characters."
    if len(password) > LONGEST_PASSWORD:
        return f"A password has at most {LONGEST_PASSWORD} characters."
    if "\0" in password or any("\ud800" <= character <= "\udfff" for character in password):
        return "A password is text without NUL characters."
    if password.casefold() in common_passwords():
        return "This password is one of the most common ones; attackers try it first."
    return None


@cache
def common_passwords() -> frozenset[str]:
    """Return the bundled list of common passwords, in lower case."""
    text = files("service.security").joinpath("common_passwords.txt").read_text(encoding="utf-8")
    return frozenset(text.split())

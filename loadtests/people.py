"""Who the people of a dataset are: the same number is always the same person, so nobody has to write them down."""

from ipaddress import IPv4Address
from uuid import UUID

PASSWORD = "the password of everybody in load tests"  # noqa: S105 - of people who do not exist
DOMAIN = "load.example"
# UUIDs of version 7 from one instant of 2019 that belongs to nobody else: contiguous, and found by their range.
_PEOPLE_MS = 0x0168_10AD_0000
_FIRST_ADDRESS = int(IPv4Address("198.18.0.0"))
_ADDRESSES = 2**17


def person_id(number: int) -> UUID:
    return _uuid7(_PEOPLE_MS, 0, number)


def session_id(began_ms: int, number: int, device: int = 0) -> UUID:
    """Name the session that a run, known by the millisecond of its beginning, gives this person on a device."""
    return _uuid7(began_ms, device, number)


def email(number: int) -> str:
    return f"person-{number}@{DOMAIN}"


def display_name(number: int) -> str:
    return f"Person {number}"


def address(number: int) -> str:
    """Give an address of the range kept for benchmarks (RFC 2544), as a proxy in front would name it."""
    return str(IPv4Address(_FIRST_ADDRESS + number % _ADDRESSES))


def all_ids() -> tuple[UUID, UUID]:
    """Bounds of the ids of everybody who was ever seeded, both inclusive."""
    return person_id(0), person_id(2**62 - 1)


def _uuid7(milliseconds: int, rand_a: int, rand_b: int) -> UUID:
    return UUID(int=milliseconds << 80 | 7 << 76 | rand_a << 64 | 2 << 62 | rand_b)

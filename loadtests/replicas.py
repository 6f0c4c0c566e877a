"""The replicas behind names: the address of each, once all of them are ready and no more of them come or go."""

import socket
import time
from collections.abc import Sequence
from urllib.parse import urlsplit, urlunsplit

from loadtests.exposition import Reading, Unreadable
from loadtests.measuring import fetch
from local.refusals import CannotStart

_PAUSE = 0.5
# What DNS says of a name may be so old.
_STEADY = 6.0


def steady(names: Sequence[str], wanted: int = 0, *, within: float = 300.0) -> tuple[str, ...]:
    """Wait until every replica is ready; if a number is wanted, until exactly so many have been for some seconds.

    A deployment may be coming up, or be in the middle of a rollout: what is counted then tells nothing about it.
    """
    began = since = time.monotonic()
    found: tuple[str, ...] = ()
    while time.monotonic() < began + within:
        before, found = found, _addresses(names)
        if not _are_ready(found, wanted):
            since = time.monotonic()
        elif not wanted or (found == before and time.monotonic() > since + _STEADY):
            return found
        elif found != before:
            since = time.monotonic()
        time.sleep(_PAUSE)
    counted = f"just {wanted} replicas" if wanted else "all replicas"
    raise CannotStart(f"Waited {within:.0f} s for {counted} to be ready at: {', '.join(found or names)}")


def _addresses(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(address for url in names for address in _each_address(url))


def _each_address(url: str) -> list[str]:
    """Name every replica behind a name: a headless Service resolves to the addresses of all pods."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        found = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
    except socket.gaierror:
        # Nobody is behind it yet.
        return []
    places = sorted({str(address[4][0]) for address in found})
    shown = [f"[{place}]" if ":" in place else place for place in places]
    return [urlunsplit(parts._replace(netloc=f"{place}:{port}")).rstrip("/") for place in shown]


def _are_ready(addresses: Sequence[str], wanted: int) -> bool:
    return len(addresses) == (wanted or max(1, len(addresses))) and all(_is_ready(address) for address in addresses)


def _is_ready(address: str) -> bool:
    """Whether all processes of a replica say so themselves, where their other metrics come from, too."""
    text = fetch(f"{address}/metrics")
    try:
        return text is not None and Reading.of(text).sum("signet_ready") == 1
    except Unreadable:
        return False

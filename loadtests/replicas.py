"""The replicas behind names: the address of each, once all of them are ready and no more of them come or go."""

import socket
import ssl
import time
from collections.abc import Callable, Sequence

from loadtests.asking import OK, Place, ask, place_of
from loadtests.exposition import Reading, Unreadable
from local.refusals import CannotStart

_PAUSE = 0.5
# What DNS says of a name may be so old.
_STEADY = 6.0
# A Service sends requests to a replica a few probes after it has become ready.
_REACHED_WITHIN = 30.0
_NOT_FOUND, _UNAUTHORIZED, _ITS_OWN_FAULT = 404, 401, 500
_WORDS_SHOWN = 40

Say = Callable[[str], None]


def steady(
    names: Sequence[str], wanted: int = 0, *, within: float = 300.0, say: Say = lambda _: None
) -> tuple[Place, ...]:
    """Wait until every replica is ready; if a number is wanted, until exactly so many have been for some seconds.

    A deployment may be coming up, or be in the middle of a rollout: what is counted then tells nothing about it. What
    it waits for is said whenever it is something else.
    """
    named = [place_of("METRICS", name.rstrip("/").removesuffix("/metrics")) for name in names]
    began = since = time.monotonic()
    found: tuple[Place, ...] = ()
    told = ""
    while time.monotonic() < began + within:
        before, found = found, tuple(dict.fromkeys(place for each in named for place in behind(each)))
        trouble = _trouble(found, wanted)
        if trouble:
            since = time.monotonic()
        elif not wanted or (found == before and time.monotonic() > since + _STEADY):
            return found
        elif found != before:
            since = time.monotonic()
        if trouble not in {"", told}:
            told = trouble
            say(f"Waiting: {trouble}")
        time.sleep(_PAUSE)
    counted = f"just {wanted} replicas" if wanted else "all replicas"
    raise CannotStart(
        f"Waited {within:.0f} s for {counted} to be ready at {', '.join(names)}: {told or 'they change'}."
    )


def reached(host: str, replicas: Sequence[Place], *, within: float = _REACHED_WITHIN) -> list[str]:
    """Find Signet behind a HOST before anything is done there; gives the addresses at which it is to be asked.

    A name that stands for just the machines whose metrics are read, as a headless Service does, stands for each of
    them. Any other is asked as it is: what is behind it is a proxy's to know.
    """
    named = place_of("HOST", host)
    deadline = time.monotonic() + within
    while trouble := _unreached(named):
        if time.monotonic() > deadline:
            raise CannotStart(f"HOST: {named} {trouble}.")
        time.sleep(_PAUSE)
    machines = behind(named)
    is_each = named.parts.scheme == "http" and {place.machine for place in machines} == {
        place.machine for place in replicas
    }
    return [_by_machine(place) for place in machines] if is_each and len(machines) > 1 else [named.url]


def behind(named: Place) -> list[Place]:
    """Name every machine behind a name: a headless Service resolves to the addresses of all pods.

    A machine may have an address of each family, and is one all the same: those of one family are taken, of the first
    in which anybody listens.
    """
    try:
        found = socket.getaddrinfo(named.name, named.port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError):
        # Nobody is behind it yet.
        return []
    families = [
        [Place(named.url, machine) for machine in sorted({str(each[4][0]) for each in found if each[0] == family})]
        for family in sorted({each[0] for each in found})
    ]
    listening = (family for family in families[:-1] if any(map(_is_listening, family)))
    return next(listening, families[-1])


def _is_listening(place: Place) -> bool:
    try:
        with socket.create_connection((place.machine, place.port), 1.0):
            return True
    except OSError:
        return False


def _by_machine(place: Place) -> str:
    shown = f"[{place.machine}]" if ":" in place.machine else place.machine
    return place.parts._replace(netloc=f"{shown}:{place.port}").geturl()


def _trouble(found: Sequence[Place], wanted: int) -> str:
    """Say what is still to be waited for, if anything is."""
    if not found:
        return "nobody is behind the name"
    for place in found:
        if trouble := _unready(place):
            return f"{place} {trouble}"
    return f"there are {len(found)} replicas" if wanted not in {0, len(found)} else ""


def _unready(place: Place) -> str:
    """Say what a replica lacks; ready it is when all of its processes say so, where their other metrics come from, too.

    What no waiting mends is refused.
    """
    status, text = _asked("METRICS", place, "/metrics")
    if status == _NOT_FOUND:
        raise CannotStart(f"METRICS: {place} has no /metrics (404); name the management port, 9000 by default.")
    if status != OK:
        return text or f"answers {status}"
    try:
        reading = Reading.of(text)
    except Unreadable as reason:
        shown = " ".join(text[:_WORDS_SHOWN].split())
        raise CannotStart(f"METRICS: what {place}/metrics answers are no metrics but {shown!r}.") from reason
    try:
        return "" if reading.sum("signet_ready") == 1 else "is not ready"
    except Unreadable:
        return "tells no signet_ready"


def _unreached(host: Place) -> str:
    """Say why nobody can be asked at a HOST yet. Who tells strangers something else than 401 is not Signet."""
    status, text = _asked("HOST", host, "/v1/verify")
    if status == _UNAUTHORIZED:
        return ""
    if 0 < status < _ITS_OWN_FAULT:
        raise CannotStart(f"HOST: {host} is not Signet: /v1/verify answers {status} to a stranger, not 401.")
    return text if not status else f"answers {status}"


def _asked(option: str, place: Place, path: str) -> tuple[int, str]:
    """Ask; status 0: nobody answers, and why is the text."""
    try:
        return ask(place, path)
    except ssl.SSLCertVerificationError as reason:
        raise CannotStart(
            f"{option}: the certificate of {place} is not to be trusted ({reason.verify_message}); "
            "SSL_CERT_FILE names the certificate of an authority of your own."
        ) from reason
    except OSError as reason:
        return 0, f"does not answer: {reason.strerror or reason}"

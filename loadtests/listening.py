"""The port at which Prometheus reads a run."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from prometheus_client import CollectorRegistry, make_wsgi_app

from loadtests.telling import Telling
from local.refusals import CannotStart

_ALL, _ALL_OF_IPV4 = "::", "0.0.0.0"  # noqa: S104 - an exporter listens where it is asked for, in a container everywhere

# How often the server looks whether it is to end.
_LOOK_SECONDS = 0.1


class _Reader(WSGIRequestHandler):
    # Who connects and asks for nothing does not keep the run from ending.
    timeout = 5

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - the name it has there
        """Say nothing: the terminal belongs to the run."""


class _Server(ThreadingMixIn, WSGIServer):
    # What is being answered is answered before the process ends.
    daemon_threads = False

    def __init__(self, port: int) -> None:
        is_dual = socket.has_dualstack_ipv6()
        self.address_family = socket.AF_INET6 if is_dual else socket.AF_INET
        super().__init__((_ALL if is_dual else _ALL_OF_IPV4, port), _Reader)

    def server_bind(self) -> None:
        if self.address_family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super().server_bind()


@contextmanager
def listening(telling: Telling, port: int) -> Iterator[None]:
    """Answer whoever asks at this port with the run's metrics, until the block ends; port 0: nobody can ask."""
    if not port:
        yield
        return
    registry = CollectorRegistry()
    registry.register(telling)
    try:
        server = _Server(port)
    except OSError as reason:
        raise CannotStart(f"The metrics of the run can't be told on port {port}: {reason.strerror}.") from reason
    server.set_app(make_wsgi_app(registry))
    thread = threading.Thread(target=server.serve_forever, args=(_LOOK_SECONDS,), name="telling")
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

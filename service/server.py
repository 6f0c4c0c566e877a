"""gunicorn and its worker: two binds of one server, and a drain before the end."""

import asyncio
import logging
import signal
import sys
from itertools import count
from pathlib import Path
from tempfile import gettempdir
from types import FrameType
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.glogging import Logger
from uvicorn.server import Server
from uvicorn_worker import UvicornWorker

from service.app import create_app
from service.settings import Settings
from service.telemetry import logs
from service.telemetry.sharing import Shared
from service.web.envelope import Envelope
from service.web.one_piece import OnePieceProtocol

_MARGIN_SECONDS = 5
_SWITCH_SECONDS = 0.05


class DrainingServer(Server):
    """Goes on serving for a while after SIGTERM, saying so, so that balancers have time to look elsewhere."""

    drain_seconds: float = 0.0

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        envelope = self.config.app
        if not isinstance(envelope, Envelope) or envelope.lifecycle.is_draining:
            super().handle_exit(sig, frame)
            return
        envelope.lifecycle.drain()
        logging.getLogger(__name__).info("draining", extra={"seconds": self.drain_seconds})
        loop = asyncio.get_running_loop()
        loop.call_soon_threadsafe(loop.call_later, self.drain_seconds, self._stop, sig, frame)

    def _stop(self, sig: int, frame: FrameType | None) -> None:
        super().handle_exit(sig, frame)

    def stop_at_once(self) -> None:
        """Stop without draining; requests in flight still get their time."""
        self.should_exit = True


class Worker(UvicornWorker):
    """uvicorn inside gunicorn, with our server and our logs."""

    CONFIG_KWARGS: dict[str, Any] = {  # noqa: RUF012 - uvicorn-worker's way
        "loop": "uvloop",
        "http": OnePieceProtocol,
        "lifespan": "on",
        "proxy_headers": False,
        "access_log": False,
        "server_header": False,
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - gunicorn's signature
        super().__init__(*args, **kwargs)
        self.slot = 0
        settings: Settings = self.app.settings
        # uvicorn-worker has just given uvicorn's loggers to gunicorn's. The level is the master's, also a switched one.
        logs.adopt()
        self.config.timeout_graceful_shutdown = int(settings.shutdown_timeout.total_seconds())
        self.drain_seconds = settings.drain.total_seconds()

    def load_wsgi(self) -> None:
        """Build the application in the worker, which knows its slot."""
        self.app.slot = self.slot
        super().load_wsgi()  # type: ignore[no-untyped-call]

    def handle_usr1(self, _signal: int, _frame: FrameType | None) -> None:
        logs.switch_level(self.app.settings.log_level)

    async def _serve(self) -> None:
        self.config.app = self.wsgi
        # Threads that hash have the lowest priority: whoever is made to hand them the interpreter may wait long for it.
        sys.setswitchinterval(_SWITCH_SECONDS)
        server = DrainingServer(self.config)
        server.drain_seconds = self.drain_seconds
        # The interrupted master asks for this; uvicorn-worker only notes it, where uvicorn never looks.
        asyncio.get_running_loop().add_signal_handler(signal.SIGQUIT, server.stop_at_once)
        await server.serve(sockets=self.sockets)
        if not server.started:
            raise SystemExit(3)


class QuietLogger(Logger):
    """Leaves formatting to the root logger, like every other logger here."""

    def setup(self, _cfg: Any) -> None:  # noqa: ANN401 - gunicorn's signature
        self.loglevel = logs.LEVELS["info"]
        for logger in (self.error_log, self.access_log):
            logger.handlers.clear()
            logger.propagate = True


class Master(Arbiter):
    """gunicorn's master, which has no files to reopen and switches the log level instead."""

    def handle_usr1(self) -> None:
        logs.switch_level(self.app.settings.log_level)
        # Passes the signal on to every worker.
        super().handle_usr1()  # type: ignore[no-untyped-call]


class Application(BaseApplication):
    """gunicorn, told everything by our settings and nothing by its own files or variables."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.slot = 0
        self._shared: Shared | None = None
        super().__init__()  # type: ignore[no-untyped-call]

    def run(self) -> None:
        Master(self).run()  # type: ignore[no-untyped-call]

    def load_config(self) -> None:
        settings = self.settings
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        grace = settings.drain.total_seconds() + settings.shutdown_timeout.total_seconds() + _MARGIN_SECONDS
        chosen: dict[str, Any] = {
            "bind": [f"{host}:{settings.port}", f"{host}:{settings.management_port}"],
            "workers": settings.workers,
            "worker_class": Worker,
            "logger_class": QuietLogger,
            "graceful_timeout": int(grace),
            "keepalive": 75,
            "proc_name": "signet",
            "control_socket_disable": True,
            "when_ready": self._begin,
            "pre_fork": _give_slot,
            "child_exit": self._bury,
            "on_exit": self._end,
        }
        cfg: Any = self.cfg
        for name, value in chosen.items():
            cfg.set(name, value)

    def load(self) -> Envelope:
        return create_app(self.settings, shared=self._shared.join(self.slot) if self._shared else None)

    def _begin(self, _arbiter: Arbiter) -> None:
        # Not before the ports are ours: whoever is refused them must not wipe the files of the one that has them.
        # One worker keeps its metrics in memory: that is faster, and files know no exemplars.
        if self.settings.workers > 1:
            self._shared = Shared.begin(_metrics_folder(self.settings))

    def _bury(self, _arbiter: Arbiter, worker: Worker) -> None:
        if self._shared is not None:
            self._shared.bury(worker.slot)

    def _end(self, _arbiter: Arbiter) -> None:
        if self._shared is not None:
            self._shared.end()


def serve(settings: Settings) -> None:
    """Serve until a signal ends it."""
    logs.set_up(settings.log_format, settings.log_level)
    Application(settings).run()


def _give_slot(arbiter: Arbiter, worker: Worker) -> None:
    """Give a worker that is about to be the lowest number that no other has."""
    taken = {other.slot for other in arbiter.WORKERS.values()}
    worker.slot = next(slot for slot in count() if slot not in taken)


def _metrics_folder(settings: Settings) -> Path:
    """Name the folder by what nobody else on this machine can have: the address that is scraped."""
    return Path(gettempdir()) / f"signet-metrics-{settings.host}-{settings.management_port}"

"""gunicorn and its worker: two binds of one server, and a drain before the end."""

import asyncio
import logging
import signal
import sys
from types import FrameType
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger
from uvicorn.server import Server
from uvicorn_worker import UvicornWorker

from service.app import create_app
from service.settings import Settings
from service.telemetry import logs
from service.web.envelope import Envelope

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
        envelope.lifecycle.is_draining = True
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
        "http": "httptools",
        "lifespan": "on",
        "proxy_headers": False,
        "access_log": False,
        "server_header": False,
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - gunicorn's signature
        super().__init__(*args, **kwargs)
        settings: Settings = self.app.settings
        logs.set_up(settings.log_format, settings.log_level)
        self.config.timeout_graceful_shutdown = int(settings.shutdown_timeout.total_seconds())
        self.drain_seconds = settings.drain.total_seconds()

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


class Application(BaseApplication):
    """gunicorn, told everything by our settings and nothing by its own files or variables."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        super().__init__()  # type: ignore[no-untyped-call]

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
        }
        cfg: Any = self.cfg
        for name, value in chosen.items():
            cfg.set(name, value)

    def load(self) -> Envelope:
        return create_app(self.settings)


def serve(settings: Settings) -> None:
    """Serve until a signal ends it."""
    logs.set_up(settings.log_format, settings.log_level)
    Application(settings).run()  # type: ignore[no-untyped-call]

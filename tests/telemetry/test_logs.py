"""Logs: every line of every program in it alike, and a level that a signal switches."""

import asyncio
import io
import json
import logging
import os
import pty
import signal
import warnings
from collections.abc import Iterator
from typing import Any

import psutil
import pytest

from service.telemetry import logs
from tests.kit.services import Service, StartService
from tests.kit.waiting import eventually

_SOON_SECONDS = 10.0
# Whoever listens for announcements says at the level `debug` that there are none.
NO_REDIS = "redis://127.0.0.1:1/0"


@pytest.fixture
def untouched() -> Iterator[None]:
    """Give the loggers of this process back as they were."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(capture=False)


def lines(service: Service) -> list[dict[str, Any]]:
    return [json.loads(line) for line in service.log_lines()]


def levels(service: Service) -> list[str]:
    """Say to which levels each process has switched, in the order of their lines."""
    return [line["to"] for line in lines(service) if line["message"] == "the log level was switched"]


async def test_the_server_and_its_libraries_log_as_the_service_does(start_service: StartService) -> None:
    service = await start_service()
    await service.get("/v1/users/me")
    service.process.terminate()
    assert await asyncio.to_thread(service.process.wait, 20) == 0

    told = lines(service)

    assert all({"time", "level", "message"} <= line.keys() for line in told)
    assert {"gunicorn.error", "uvicorn.error", "service.lifespan"} <= {line.get("logger") for line in told}


@pytest.mark.usefixtures("untouched")
def test_uvicorn_does_not_write_a_line_for_each_request_only_to_throw_it_away() -> None:
    logs.adopt()

    assert not logging.getLogger("uvicorn.access").hasHandlers()
    assert logging.getLogger("uvicorn.error").hasHandlers()


@pytest.mark.usefixtures("untouched")
def test_a_warning_is_a_line_too() -> None:
    written = io.StringIO()
    logs.set_up("json", "info", written)

    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=True)
        warnings.warn("beware", UserWarning, stacklevel=1)

    line = json.loads(written.getvalue())
    assert (line["logger"], line["level"]) == ("py.warnings", "warning")
    assert "beware" in line["message"]


async def test_a_signal_switches_the_level_of_every_process_and_back(start_service: StartService) -> None:
    service = await start_service(SIGNET_LOG_LEVEL="warning", SIGNET_REDIS_URL=NO_REDIS)
    (worker,) = service.workers()

    async def has_switched(*expected: str) -> bool:
        return levels(service) == list(expected)

    service.process.send_signal(signal.SIGUSR1)
    await eventually(has_switched, "debug", "debug", within=_SOON_SECONDS)

    async def is_talkative() -> bool:
        return any(line["level"] == "debug" for line in lines(service))

    await eventually(is_talkative, within=_SOON_SECONDS)
    service.process.send_signal(signal.SIGUSR1)
    await eventually(has_switched, "debug", "debug", "warning", "warning", within=_SOON_SECONDS)
    worker.send_signal(signal.SIGUSR1)
    await eventually(has_switched, "debug", "debug", "warning", "warning", "debug", within=_SOON_SECONDS)
    assert (await service.get("/v1/users/me")).status_code == 401
    # Whoever counts errors in logs has nothing to look into.
    assert [line for line in lines(service) if line["level"] == "error"] == []


@pytest.mark.prove
async def test_the_level_is_one_for_all_processes_whoever_dies_or_is_replaced(start_service: StartService) -> None:
    service = await start_service(SIGNET_LOG_LEVEL="warning", SIGNET_REDIS_URL=NO_REDIS, SIGNET_WORKERS="2")

    async def have_switched(*expected: str) -> bool:
        return levels(service) == list(expected)

    async def are_new(*old: psutil.Process) -> bool:
        alive = {*service.workers()}
        return len(alive) == 2 and not alive & {*old} and service.is_ready()

    service.process.send_signal(signal.SIGUSR1)
    await eventually(have_switched, *["debug"] * 3, within=_SOON_SECONDS)
    killed = service.workers()[0]
    killed.kill()
    await eventually(are_new, killed, within=20)
    service.process.send_signal(signal.SIGUSR1)
    await eventually(have_switched, *["debug"] * 3, *["warning"] * 3, within=_SOON_SECONDS)
    before = service.workers()
    service.process.send_signal(signal.SIGHUP)
    await eventually(are_new, *before, within=30)
    assert levels(service)[6:] == []


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("is_terminal", [True, False])
def test_the_console_is_coloured_on_a_terminal_and_nowhere_else(*, is_terminal: bool) -> None:
    reader, writer = pty.openpty() if is_terminal else os.pipe()
    with os.fdopen(writer, "w", encoding="utf-8") as stream:
        logs.set_up("console", "info", stream)
        logging.getLogger("any").warning("slow statement", extra={"statement": "users.find"})
        request = {"method": "GET", "route": "/v1/verify", "status": 200, "duration_ms": 0.2, "statements": 0}
        logs.RequestLog(writer, is_console=True).write({"time": logs.instant(0), "cache": "near", **request})
        stream.flush()
        text = ""
        while text.count("\n") < 2:
            text += os.read(reader, 4096).decode()
    os.close(reader)

    assert "slow statement" in text
    assert "GET    /v1/verify" in text
    assert ("\x1b[" in text) is is_terminal

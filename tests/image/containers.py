"""Images and containers, through docker or podman, whichever works here."""

import io
import json
import shutil
import subprocess
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from tests.kit.environment import Addresses

NOTHING_ALLOWED = [
    "--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--user=10001:10001",
    "--memory=384m", "--pids-limit=64",
]  # fmt: skip
STRONG = "aB3-dE6_gH9.jK2+mN5=pQ8~sT1:vW4;yZ7"


def find_engine() -> str | None:
    """Name docker, if its daemon answers, else podman."""
    for engine in ("docker", "podman"):
        if shutil.which(engine) and subprocess.run([engine, "info"], capture_output=True, check=False).returncode == 0:
            return engine
    return None


@dataclass(frozen=True)
class Container:
    """One that runs."""

    engine: str
    name: str

    def inside(self, *command: str) -> str:
        """Run a program in it and give what it printed."""
        return ask(self.engine, "exec", self.name, *command)

    def is_running(self) -> bool:
        return ask(self.engine, "inspect", "--format", "{{.State.Running}}", self.name).strip() == "true"

    def stop(self) -> int:
        """Stop it the way a node does, and give its exit code."""
        ask(self.engine, "stop", "--time=60", self.name)
        return int(ask(self.engine, "inspect", "--format", "{{.State.ExitCode}}", self.name))

    def log(self) -> str:
        done = subprocess.run([self.engine, "logs", self.name], capture_output=True, text=True, check=False)
        return done.stdout + done.stderr


class Image:
    """What `make image` has built."""

    def __init__(self, engine: str, name: str) -> None:
        self.engine, self.name = engine, name

    @cached_property
    def inspected(self) -> dict[str, Any]:
        (found,) = json.loads(ask(self.engine, "image", "inspect", self.name))
        return dict(found)

    @cached_property
    def config(self) -> dict[str, Any]:
        return dict(self.inspected["Config"])

    @cached_property
    def files(self) -> dict[str, bytes]:
        """Every file of it by its path, whoever may read it there."""
        container = ask(self.engine, "create", "--read-only", self.name).strip()
        try:
            done = subprocess.run([self.engine, "export", container], capture_output=True, check=True)
        finally:
            ask(self.engine, "rm", container)
        with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
            return {f"/{member.name}": _content(archive, member) for member in archive if not member.isdir()}

    def attempt(self, *command: str, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        """Run a command of the service to its end, with nothing allowed."""
        return subprocess.run(
            [self.engine, "run", "--rm", "--network=host", *NOTHING_ALLOWED, *_given(environment), self.name, *command],
            capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip

    @contextmanager
    def running(self, environment: Mapping[str, str], *more: str) -> Iterator[Container]:
        """Serve with nothing allowed but what `more` options of `docker run` say."""
        # podman would lend a writable /tmp; docker does not.
        harder = ["--read-only-tmpfs=false"] if self.engine == "podman" else []
        options = ["--detach", "--network=host", *NOTHING_ALLOWED, *harder, *more, *_given(environment)]
        container = Container(self.engine, ask(self.engine, "run", *options, self.name).strip())
        try:
            yield container
        finally:
            ask(self.engine, "rm", "--force", "--volumes", container.name)


def production(stores: Addresses, **settings: str) -> dict[str, str]:
    """Give what a service in production needs, on these stores."""
    return {
        "SIGNET_HOST": "127.0.0.1",
        "SIGNET_PUBLIC_URL": "https://id.example.test",
        "SIGNET_SECRET_KEYS": STRONG,
        "SIGNET_DATABASE_URL": stores.database_url,
        "SIGNET_REDIS_URL": stores.redis_url,
        **settings,
    }


def ask(*command: str) -> str:
    """Run a program; its failure fails the test with what it said."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def _given(environment: Mapping[str, str]) -> list[str]:
    return [f"--env={name}={value}" for name, value in environment.items()]


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    content = archive.extractfile(member) if member.isfile() else None
    return content.read() if content else b""

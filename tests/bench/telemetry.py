"""python -m tests.bench.telemetry: what metrics, logs and traces cost a request, written into docs/performance.md."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench import page
from tests.bench.collector import collecting
from tests.bench.measuring import OTHER_CORES, Subject, as_shipped, bench_stores, get, measure, pin, pinned_worker
from tests.kit.environment import Addresses
from tests.kit.people import new_person

ROUNDS, SECONDS, PEOPLE = 3, 1.6, 16
# Warm, from the fast lane; from the route, whose answer is in memory too; from the route with one statement.
ASKED = {
    "fast lane": ("/v1/users/me", {}),
    "route": ("/v1/users/me", {"If-None-Match": '"other"'}),
    "route, one statement": ("/v1/sessions", {}),
}


@dataclass(frozen=True)
class Build:
    """What is told: of metrics and logs by name, of traces a share; None is no tracing at all."""

    name: str
    tells: str
    share: float | None = None

    def settings(self, endpoint: str) -> dict[str, str]:
        if self.share is None:
            return {"BENCH_TELLS": self.tells}
        tracing = {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_TRACES_SAMPLER_ARG": str(self.share)}
        return {"BENCH_TELLS": self.tells, **tracing}


BUILDS = (
    Build("bare", ""),
    Build("metrics", "metrics"),
    Build("logs", "logs"),
    Build("traces 1 %", "", 0.01),
    Build("all, traces 0 %", "metrics logs", 0),
    Build("all, traces 1 %", "metrics logs", 0.01),
    Build("all, traces 100 %", "metrics logs", 1),
)
Measured = Mapping[str, list[Subject]]


def main() -> None:
    """Measure, print, write."""
    pin(0, OTHER_CORES)
    with bench_stores() as (stores, folder):
        stores.migrate()
        table = asyncio.run(compare(stores, folder))
    print(table)
    page.write("telemetry", "What telemetry costs", table)


async def compare(stores: Addresses, folder: Path) -> str:
    """Measure all builds in interleaved rounds; gives the table."""
    measured: dict[str, list[Subject]] = {}
    async with AsyncExitStack() as stack:
        url = stack.enter_context(collecting())
        for build in BUILDS:
            started = running(stores, folder, build, url)
            measured[build.name] = await stack.enter_async_context(started)
        for _ in range(ROUNDS):
            for subject in (subject for subjects in measured.values() for subject in subjects):
                measure(subject, SECONDS)
    return table_of(measured)


@asynccontextmanager
async def running(stores: Addresses, folder: Path, build: Build, endpoint: str) -> AsyncIterator[list[Subject]]:
    """Run one build, its caches warm for some people."""
    log = folder / f"{BUILDS.index(build)}.log"
    async with as_shipped(stores, log, build.settings(endpoint), "tests.bench.partly_told") as service:
        worker = pinned_worker(service)
        tokens = []
        for number in range(PEOPLE):
            person = await new_person(service, f"build{BUILDS.index(build)}.{number}@example.com")
            tokens.append((await person.sign_in()).access_token)
        yield [
            Subject(
                f"{build.name}: {way}",
                worker,
                service.port,
                [get(path, Authorization=f"Bearer {token}", **headers) for token in tokens],
            )
            for way, (path, headers) in ASKED.items()
        ]


def table_of(measured: Measured) -> str:
    """Write the table: each way as microseconds of CPU, and as a ratio to the build that tells nothing."""
    bare = [subject.median for subject in measured["bare"]]
    lines = [
        f"| told | {' | '.join(ASKED)} |",
        f"|---|{'---:|' * len(ASKED)}",
        *(
            f"| {name} | "
            + " | ".join(
                f"{subject.median:.0f} µs, {subject.median / yardstick:.2f} x"
                for subject, yardstick in zip(subjects, bare, strict=True)
            )
            + " |"
            for name, subjects in measured.items()
        ),
    ]
    how = (
        f"CPU of the worker for one request, median of {ROUNDS} interleaved rounds of {SECONDS:.1f} s on one core,\n"
        "and the ratio to the build that tells nothing. Limits are on: what the fast lane does not answer is\n"
        "counted in Redis. The last row exports every span to a collector beside it."
    )
    return "\n".join([how, "", *lines])


if __name__ == "__main__":
    main()

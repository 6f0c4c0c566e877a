"""Metrics of several workers as one: each writes files of its own slot, and whoever is scraped adds them up.

A worker that takes the place of a dead one takes its slot too: it goes on counting where the other stopped, and files
do not grow in number. What a dead worker's gauges showed is removed; what it counted has happened and stays.
"""

import gc
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Metric, values
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector


@dataclass(frozen=True, slots=True)
class Shared:
    """A folder of files, and the slot of the worker that has it open."""

    folder: Path
    slot: int = 0

    @classmethod
    def begin(cls, folder: Path) -> "Shared":
        """Begin with nothing: what an earlier run left there is of workers that are no more."""
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700)
        return cls(folder)

    def join(self, slot: int) -> "Shared":
        """Have every metric that this process makes from now on kept in the files of this slot."""
        # The library asks the environment where its files are; a worker has one of its own.
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(self.folder)  # noqa: TID251
        values.ValueClass = values.MultiProcessValue(lambda: slot)  # type: ignore[no-untyped-call]
        (self.folder / f"worker_{slot}.pid").write_text(str(os.getpid()), encoding="ascii")
        return Shared(self.folder, slot)

    def bury(self, slot: int) -> None:
        """Forget what a worker that has died was doing."""
        mark_process_dead(slot, str(self.folder))  # type: ignore[no-untyped-call]
        (self.folder / f"worker_{slot}.pid").unlink(missing_ok=True)

    def end(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def registry(self) -> CollectorRegistry:
        """Make the registry to scrape: sums over workers, and each worker's process by its slot."""
        registry = CollectorRegistry()
        MultiProcessCollector(registry, str(self.folder))  # type: ignore[no-untyped-call]
        PlatformCollector(registry)
        registry.register(_Processes(self.folder))
        return registry


@dataclass(frozen=True, slots=True)
class _Processes(Collector):
    """What the kernel says of each worker's process."""

    folder: Path

    def collect(self) -> Iterator[Metric]:
        merged: dict[str, Metric] = {}
        for file in sorted(self.folder.glob("worker_*.pid")):
            slot = file.stem.removeprefix("worker_")
            try:
                pid = file.read_text(encoding="ascii")
            except FileNotFoundError:
                # It was buried since the folder was read.
                continue
            for metric in ProcessCollector(pid=partial(str, pid), registry=None).collect():
                family = merged.setdefault(metric.name, Metric(metric.name, metric.documentation, metric.type))
                for sample in metric.samples:
                    family.add_sample(sample.name, {**sample.labels, "worker": slot}, sample.value)
        yield from merged.values()


class GarbageMetrics:
    """What the library's own collector of gc shows, as counters that add up over workers."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._counters = {
            "collected": _counter("python_gc_objects_collected", "Objects collected during gc", registry),
            "uncollectable": _counter(
                "python_gc_objects_uncollectable", "Uncollectable objects found during gc", registry
            ),
            "collections": _counter("python_gc_collections", "Number of times this generation was collected", registry),
        }
        self._seen: dict[tuple[str, str], int] = {}

    def read(self) -> None:
        for generation, stats in enumerate(gc.get_stats()):
            for name, counter in self._counters.items():
                key = (name, str(generation))
                counter.labels(key[1]).inc(stats[name] - self._seen.get(key, 0))
                self._seen[key] = stats[name]


def _counter(name: str, words: str, registry: CollectorRegistry) -> Counter:
    return Counter(name, words, ("generation",), registry=registry)

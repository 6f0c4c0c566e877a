"""python -m tests.bench: prints ratios; exit 1 when the hot path costs too much or sign-in tells who exists."""

import asyncio
import platform
import sys
import tempfile
from pathlib import Path

from tests.bench import hot_path, storm, timing
from tests.bench.measuring import Subject
from tests.kit.environment import addresses


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="signet-bench-") as folder:
        path = Path(folder)
        path.chmod(0o755)
        with addresses(path / "stores", "bench") as stores:
            stores.migrate()
            subjects = asyncio.run(hot_path.compare(stores, path))
            print_table(subjects)
            print("\nSign-in with a known address less sign-in with an unknown one, 99 % interval:\n")
            differences = asyncio.run(timing.compare(stores, path))
            for difference in differences:
                print(difference)
            print("\nA login storm on one worker:\n")
            stormed = asyncio.run(storm.storm(stores, path))
            print(stormed)
    ratios = [subject.median / subjects[0].median for subject in subjects[1:]]
    is_even = [difference.is_flagged for difference in differences] == [False, True]
    return int(max(ratios) > hot_path.LIMIT or not is_even or not stormed.is_kept)


def print_table(subjects: list[Subject]) -> None:
    """Print CPU per request, and how often it fits into the yardstick's."""
    bare = subjects[0].median
    print(f"\nCPU per request on one pinned process ({platform.machine()}, Python {platform.python_version()},")
    print(f"{hot_path.ROUNDS} interleaved rounds of {hot_path.SECONDS:.0f} s, metrics + log line + tracing at 1 %)\n")
    print(f"{'':34}{'µs':>8}  {'spread':>14}  {'x bare':>7}")
    for subject in subjects:
        print(f"{subject.name:34}{subject.median:8.1f}  {subject.spread:>14}  {subject.median / bare:7.2f}")


if __name__ == "__main__":
    sys.exit(main())

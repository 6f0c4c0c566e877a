"""python -m tests.bench: what requests cost, as ratios, into docs/performance.md; exit 1 when a promise is missed.

It looks at three things in one run: the cost of each request beside others' servers, whether sign-in tells who exists,
and how long reads take beside a login storm.
"""

import asyncio
import sys
import tempfile
from pathlib import Path

from tests.bench import page, starting, storm, table, timing
from tests.kit.environment import addresses


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="signet-bench-") as folder:
        path = Path(folder)
        path.chmod(0o755)
        with addresses(path / "stores", "bench") as stores:
            stores.migrate()
            costs = asyncio.run(table.compare(stores, path))
            print(costs)
            started = asyncio.run(starting.measure(stores, path))
            print(f"\n{started}\n\nSign-in with a known address less one with an unknown one, 99 % interval:\n")
            differences = asyncio.run(timing.compare(stores, path))
            print("\n".join(map(str, differences)))
            stormed = asyncio.run(storm.storm(stores, path))
            print(f"\nA login storm on one worker:\n\n{stormed}")
    page.write("requests", "What a request costs", f"{costs}\n\n{started}\n\nBeside a login storm: {stormed}.")
    is_even = [difference.is_flagged for difference in differences] == [False, True]
    is_kept = all(promise.is_kept for promise in costs.promises)
    return int(not (is_kept and is_even and started.is_kept and stormed.is_kept))


if __name__ == "__main__":
    sys.exit(main())

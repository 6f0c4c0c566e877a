"""python -m tests.bench: what requests cost, as ratios, into docs/performance.md; exit 1 when a promise is missed.

It looks at three things in one run: the cost of each request beside others' servers, whether sign-in tells who exists,
and how long reads take beside a login storm.
"""

import asyncio
import sys

from tests.bench import page, starting, storm, table, timing
from tests.bench.measuring import OTHER_CORES, bench_stores, pin
from tests.bench.peers.named import named_peers


def main() -> int:
    pin(0, OTHER_CORES)
    with named_peers() as named, bench_stores() as (stores, folder):
        stores.migrate()
        costs = asyncio.run(table.compare(stores, folder, named))
        print(costs)
        started = asyncio.run(starting.measure(stores, folder))
        print(f"\n{started}\n\nSign-in with a known address less one with an unknown one, 99 % interval:\n")
        differences = asyncio.run(timing.compare(stores, folder))
        print("\n".join(map(str, differences)))
        stormed = asyncio.run(storm.storm(stores, folder))
        print(f"\nA login storm on one worker:\n\n{stormed}")
    page.write("requests", "What a request costs", f"{costs}\n\n{started}\n\nBeside a login storm: {stormed}.")
    is_even = [difference.is_flagged for difference in differences] == [False, True]
    is_kept = all(promise.is_kept for promise in costs.promises)
    return int(not (is_kept and is_even and started.is_kept and stormed.is_kept))


if __name__ == "__main__":
    sys.exit(main())

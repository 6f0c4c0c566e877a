"""python -m tests.bench.where ENDPOINT: where the event loop's time goes for a request, by cProfile.

It counts calls and seconds by function, on every machine and without rights; each call costs it a little, so that what
calls much seems dearer than it is. For figures there is `make bench`.
"""

import asyncio
import pstats
import sys
from contextlib import AsyncExitStack
from pathlib import Path

from tests.bench import ours
from tests.bench.collector import collecting
from tests.bench.measuring import OTHER_CORES, bench_stores, load, pin
from tests.kit.environment import Addresses

SECONDS, LINES = 6.0, 40


def main() -> int:
    endpoint = sys.argv[1] if len(sys.argv) > 1 else "me"
    pin(0, OTHER_CORES)
    with bench_stores() as (stores, folder):
        stores.migrate()
        asyncio.run(ask(stores, folder, endpoint))
        found = pstats.Stats(str(folder / (ours.COLD_PROFILE if endpoint == ours.COLD else ours.WARM_PROFILE)))
    found.strip_dirs().sort_stats("tottime").print_stats(LINES)
    found.sort_stats("cumtime").print_stats(LINES)
    return 0


async def ask(stores: Addresses, folder: Path, endpoint: str) -> None:
    """Ask for one thing only, while the service looks at itself; what it saw is on file when it has ended."""
    async with AsyncExitStack() as stack:
        url = stack.enter_context(collecting())
        subjects = await stack.enter_async_context(ours.signet(stores, folder, url, "tests.bench.profiled"))
        if endpoint not in subjects:
            raise SystemExit(f"no such endpoint: {endpoint}; there are {', '.join(subjects)}")
        asked = subjects[endpoint]
        asked.requests = asked.renew() if asked.renew else asked.requests
        print(f"{asked.name}: {load(asked, SECONDS)} requests in {SECONDS:.0f} s, with the profiler on")


if __name__ == "__main__":
    sys.exit(main())

"""The service with a profiler around its event loop; what it saw is written to `$BENCH_PROFILE` at the end."""

import cProfile
import os
from socket import socket

from service.commands import main
from service.server import DrainingServer

_PROFILE = cProfile.Profile()
_startup, _shutdown = DrainingServer.startup, DrainingServer.shutdown


async def startup(self: DrainingServer, sockets: list[socket] | None = None) -> None:
    """Start, then begin to look. Threads that hash are not the event loop's, and not seen."""
    await _startup(self, sockets)
    _PROFILE.enable()


async def shutdown(self: DrainingServer, sockets: list[socket] | None = None) -> None:
    """Stop looking, then stop."""
    _PROFILE.disable()
    _PROFILE.dump_stats(os.environ["BENCH_PROFILE"])
    await _shutdown(self, sockets)


if __name__ == "__main__":
    DrainingServer.startup = startup  # type: ignore[assignment,method-assign]
    DrainingServer.shutdown = shutdown  # type: ignore[assignment,method-assign]
    main()

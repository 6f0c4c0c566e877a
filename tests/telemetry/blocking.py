"""A build with faults: `/block?2.5` stops the event loop for 2.5 seconds, `/stuck` is never answered."""

import asyncio
import threading

from fastapi import FastAPI
from starlette.types import Receive, Scope, Send

from service.commands import main

_answer = FastAPI.__call__


async def block(self: FastAPI, scope: Scope, receive: Receive, send: Send) -> None:
    """Do what the path says, then answer as always."""
    path = scope.get("path")
    if path == "/block":
        threading.Event().wait(float(scope["query_string"]))
    if path == "/stuck":
        await asyncio.Event().wait()
    await _answer(self, scope, receive, send)


if __name__ == "__main__":
    FastAPI.__call__ = block  # type: ignore[method-assign]
    main()

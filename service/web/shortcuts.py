"""Shortcuts: routes that need nothing of what the framework puts around every route are called without it.

Its eight layers are gone through again each time a request has waited for a store. A refresh cost a sixth more, and a
sign-in does all its work with caches that a hash has swept (measured).
"""

from collections.abc import Mapping
from typing import Any, cast

from fastapi import FastAPI, Request, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from service.web.bodies import StrictRoute


class Shortcut:
    """One route, with the refusals it has in common with all others."""

    def __init__(self, api: FastAPI, route: StrictRoute) -> None:
        # The envelope answers for what is unexpected.
        self._refusals = {kind: refuse for kind, refuse in api.exception_handlers.items() if kind is not Exception}
        self._api = api
        self._route = route

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope.update(app=self._api, route=self._route, path_params={})
        try:
            await self._route.app(scope, receive, send)
        except Exception as error:
            refuse = next((self._refusals[kind] for kind in type(error).__mro__ if kind in self._refusals), None)
            if refuse is None:
                raise
            answer: Response = await cast("Any", refuse)(Request(scope, receive), error)
            await answer(scope, receive, send)


class Shortcuts:
    """Finds the shortcut that a request may take."""

    def __init__(self, api: FastAPI) -> None:
        self._apps: Mapping[tuple[str, str], ASGIApp] = {
            (method, route.path): Shortcut(api, route)
            for route in api.router.routes
            if isinstance(route, StrictRoute) and route.takes_only_a_body
            for method in route.methods or ()
        }

    def find(self, scope: Scope, headers: Mapping[bytes, bytes]) -> ASGIApp | None:
        """Give the way past the framework; None where it has something to say, as to browsers from elsewhere (CORS)."""
        return None if b"origin" in headers else self._apps.get((scope["method"], scope["path"]))

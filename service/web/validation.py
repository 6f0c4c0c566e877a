"""Turning what the framework refuses into problems."""

from collections.abc import Sequence
from typing import Any

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.routing import BaseRoute, Match

from service.errors import FieldError, InternalError, Problem
from service.web.problems import (
    BodyMalformed,
    BodyTooLarge,
    MediaTypeUnsupported,
    MethodNotAllowed,
    NotFound,
    RequestInvalid,
    RequestMalformed,
)

_BY_STATUS: dict[int, type[Problem]] = {
    400: RequestMalformed,
    404: NotFound,
    405: MethodNotAllowed,
    413: BodyTooLarge,
    415: MediaTypeUnsupported,
}
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_MOST_ERRORS = 20


def problem_of_validation(error: RequestValidationError) -> Problem:
    """Say which fields are wrong. An id in a path that can't exist is not found; it is not the client's form."""
    errors = error.errors()
    if any(item["loc"][0] == "path" for item in errors):
        return NotFound()
    if any(item["type"] == "json_invalid" for item in errors):
        return BodyMalformed("The body is not JSON.")
    return RequestInvalid(errors=[_field_error(item) for item in errors[:_MOST_ERRORS]])


def problem_of_http(error: HTTPException, request: Request) -> Problem:
    """Translate the router's own refusals."""
    problem = _BY_STATUS.get(error.status_code, InternalError)
    if problem is MethodNotAllowed:
        return MethodNotAllowed(headers={"Allow": ", ".join(_methods_at(request))})
    return problem(headers=error.headers)


def _methods_at(request: Request) -> list[str]:
    """List what this address takes; the router only knows the methods of the first of its routes (RFC 9110, 10.2.1)."""
    routes: Sequence[BaseRoute] = request.app.routes
    return [
        method
        for method in _METHODS
        # HEAD is answered wherever GET is.
        if any(
            route.matches({**request.scope, "method": "GET" if method == "HEAD" else method})[0] is Match.FULL
            for route in routes
        )
    ]


def _field_error(item: dict[str, Any]) -> FieldError:
    detail = str(item["msg"]).removeprefix("Value error, ")
    return {"pointer": _pointer(item["loc"]), "detail": _printable(detail)}


def _pointer(location: Sequence[str | int]) -> str:
    """Name a field of the body by JSON pointer (RFC 6901), a parameter by its name."""
    place, *rest = location
    if place != "body":
        return _printable(str(rest[0]) if rest else str(place))
    return "".join("/" + _printable(str(part)).replace("~", "~0").replace("/", "~1") for part in rest)


def _printable(text: str) -> str:
    """Field names come from the client: shorten them, and replace what UTF-8 can't carry."""
    return text[:200].encode("utf-8", "replace").decode()

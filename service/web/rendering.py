"""Answers: JSON as it is sent, problems (RFC 9457), and what OpenAPI says of both."""

from collections.abc import Mapping
from itertools import groupby
from typing import Any

import orjson
from fastapi import Response
from pydantic import BaseModel, Field

from service.errors import InternalError, Overloaded, Problem, StoreAway
from service.telemetry import facts
from service.web.fast_lane import Warm
from service.web.problems import (
    BodyLate,
    BodyMalformed,
    BodyTooLarge,
    DeadlineExceeded,
    MediaTypeUnsupported,
    RequestInvalid,
)

PROBLEM_TYPE = "application/problem+json"
PROBLEM_SCHEMA = {"$ref": "#/components/schemas/Problem"}
HEADERS, EXAMPLES = "#/components/headers/", "#/components/examples/"
NO_STORE = {"Cache-Control": "no-store"}
REQUEST_ID = "0198f3c2a7bb7d10a2b4c6d8e0f1a2b3"


class RefusedField(BaseModel):
    """One refused field."""

    pointer: str = Field(description="JSON pointer into the body, or the parameter's name.", examples=["/email"])
    detail: str = Field(examples=["Field required"])


class ProblemShape(BaseModel):
    """A refusal (RFC 9457)."""

    type: str = Field(description="Where the problem is explained.", examples=["/problems/not_found"])
    title: str = Field(description="What is the matter, the same each time.", examples=["There is nothing here."])
    status: int = Field(description="The status of the answer.", examples=[404], ge=400, le=599)
    detail: str = Field(
        description="What is the matter this time.", examples=["The address is not one of this service."]
    )
    code: str = Field(description="Frozen; programs decide by it.", examples=["not_found"], pattern="^[a-z_]+$")
    request_id: str = Field(description="Name it when you ask for help.", examples=[REQUEST_ID])
    errors: list[RefusedField] = Field([], description="One entry for each refused field, when fields are refused.")


def json_answer(
    body: BaseModel | Mapping[str, Any] | bytes, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Answer with exactly these bytes; not stored anywhere unless a header says so."""
    if isinstance(body, bytes):
        content = body
    elif isinstance(body, BaseModel):
        content = body.model_dump_json().encode()
    else:
        # The driver's ids are of a class of its own.
        content = orjson.dumps(body, default=str, option=orjson.OPT_UTC_Z)
    return Response(content, status, {**NO_STORE, **(headers or {})}, "application/json")


def no_content() -> Response:
    return Response(status_code=204, headers=NO_STORE)


def problem_body(problem: Problem) -> dict[str, Any]:
    body = _members(problem, facts.current().request_id)
    return {**body, "errors": problem.errors} if problem.errors else body


def problem_answer(problem: Problem) -> Response:
    facts.current().problem = problem.code
    return Response(orjson.dumps(problem_body(problem)), problem.status, {**NO_STORE, **problem.headers}, PROBLEM_TYPE)


def says(meaning: str, *headers: str) -> dict[str, Any]:
    """Describe an answer to OpenAPI: what it means, and the headers that always come with it."""
    return {"description": meaning, "headers": {name: {"$ref": HEADERS + name} for name in headers}}


def refusals(*problems: type[Problem], has_body: bool = False) -> dict[int | str, dict[str, Any]]:
    """Describe to OpenAPI every problem of an operation, by status, each with an example that validates."""
    listed: list[type[Problem]] = [*problems, StoreAway, Overloaded, DeadlineExceeded, InternalError]
    if has_body:
        listed += [BodyLate, BodyMalformed, BodyTooLarge, MediaTypeUnsupported, RequestInvalid]
    ordered = sorted(set(listed), key=lambda problem: (problem.status, problem.code))
    return {status: _refusal(list(same)) for status, same in groupby(ordered, key=lambda problem: problem.status)}


def _refusal(problems: list[type[Problem]]) -> dict[str, Any]:
    """Describe the problems of one status; only what all of them carry is promised."""
    promised = [name for name in problems[0].headers if all(name in problem.headers for problem in problems)]
    # A proxy on the way answers for its own connection.
    promised = [name for name in promised if name != "Connection"]
    return {
        **says("\n".join(f"* `{problem.code}`: {problem.title}" for problem in problems), "Cache-Control", *promised),
        "content": {
            PROBLEM_TYPE: {
                "schema": PROBLEM_SCHEMA,
                "examples": {problem.code: {"$ref": EXAMPLES + problem.code} for problem in problems},
            }
        },
    }


def problem_example(problem: type[Problem]) -> dict[str, Any]:
    body = _members(problem, REQUEST_ID)
    errors = [{"pointer": "/email", "detail": "Field required"}]
    return {**body, "errors": errors} if problem is RequestInvalid else body


def _members(problem: Problem | type[Problem], request_id: str) -> dict[str, Any]:
    """Give what every problem document has."""
    return {
        "type": f"/problems/{problem.code}",
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail,
        "code": problem.code,
        "request_id": request_id,
    }


def warm_answer(warm: Warm) -> Response:
    """Send from a route exactly what the fast lane would send."""
    response = Response(warm.body, warm.status)
    response.raw_headers = list(warm.headers)
    return response


def not_modified(warm: Warm) -> Response:
    """Answer 304: the headers that describe the representation, without it."""
    response = Response(status_code=304)
    response.raw_headers = [header for header in warm.headers if header[0] not in {b"content-type", b"content-length"}]
    return response

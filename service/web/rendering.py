"""Answers: JSON as it is sent, problems (RFC 9457), and what OpenAPI says of both."""

from collections.abc import Mapping
from typing import Any

import orjson
from fastapi import Response
from pydantic import BaseModel, Field

from service.errors import InternalError, Problem, StoreAway
from service.telemetry import facts
from service.web.fast_lane import Warm
from service.web.problems import BodyMalformed, BodyTooLarge, DeadlineExceeded, MediaTypeUnsupported, RequestInvalid

PROBLEM_TYPE = "application/problem+json"
NO_STORE = {"Cache-Control": "no-store"}


class FieldErrorShape(BaseModel):
    """One refused field."""

    pointer: str = Field(description="JSON pointer into the body, or the parameter's name.", examples=["/email"])
    detail: str


class ProblemShape(BaseModel):
    """A refusal (RFC 9457)."""

    type: str = Field(description="Where the problem is explained.", examples=["/problems/not_found"])
    title: str
    status: int
    detail: str
    code: str = Field(description="Frozen; programs decide by it.")
    request_id: str = Field(description="Name it when you ask for help.")
    errors: list[FieldErrorShape] | None = Field(None, description="One entry for each refused field.")


def json_answer(body: BaseModel | bytes, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Answer with exactly these bytes; not stored anywhere unless a header says so."""
    content = body if isinstance(body, bytes) else body.model_dump_json().encode()
    return Response(content, status, {**NO_STORE, **(headers or {})}, "application/json")


def no_content() -> Response:
    return Response(status_code=204, headers=NO_STORE)


def problem_body(problem: Problem) -> dict[str, Any]:
    body: dict[str, Any] = {
        "type": f"/problems/{problem.code}",
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail,
        "code": problem.code,
        "request_id": facts.current().request_id,
    }
    return {**body, "errors": problem.errors} if problem.errors else body


def problem_answer(problem: Problem) -> Response:
    facts.current().problem = problem.code
    return Response(orjson.dumps(problem_body(problem)), problem.status, {**NO_STORE, **problem.headers}, PROBLEM_TYPE)


def refusals(*problems: type[Problem], has_body: bool = False) -> dict[int | str, dict[str, Any]]:
    """Describe to OpenAPI every problem of an operation, by status, each with an example that validates."""
    listed: list[type[Problem]] = [*problems, StoreAway, DeadlineExceeded, InternalError]
    if has_body:
        listed += [BodyMalformed, BodyTooLarge, MediaTypeUnsupported, RequestInvalid]
    described: dict[int | str, dict[str, Any]] = {}
    for problem in sorted(set(listed), key=lambda problem: (problem.status, problem.code)):
        answer = described.setdefault(problem.status, {"description": "", "content": {PROBLEM_TYPE: {"examples": {}}}})
        answer["description"] = f"{answer['description']} `{problem.code}`: {problem.title}".strip()
        answer["content"][PROBLEM_TYPE]["schema"] = {"$ref": "#/components/schemas/Problem"}
        answer["content"][PROBLEM_TYPE]["examples"][problem.code] = {"value": _example(problem)}
        if challenge := problem.headers.get("WWW-Authenticate"):
            answer["headers"] = {"WWW-Authenticate": {"schema": {"type": "string"}, "example": challenge}}
        elif "Retry-After" in problem.headers:
            answer["headers"] = {"Retry-After": {"schema": {"type": "integer"}, "example": 1}}
    return described


def _example(problem: type[Problem]) -> dict[str, Any]:
    return {
        "type": f"/problems/{problem.code}",
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail,
        "code": problem.code,
        "request_id": "0198f3c2a7bb7d10a2b4c6d8e0f1a2b3",
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

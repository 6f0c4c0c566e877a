"""The OpenAPI description: what FastAPI derives from the routes, corrected where it would not be true."""

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from service.web.pages import all_problems
from service.web.problems import TokenInvalid, TokenMissing
from service.web.rendering import HEADERS, PROBLEM_TYPE, ProblemShape, problem_example

_SCHEMAS = "#/components/schemas/"
_FRAMEWORK_SHAPES = ("HTTPValidationError", "ValidationError")
_NULL = {"type": "null"}
IF_MATCH_MISSING, LIMITED = "428", "429"

ABOUT = """
**Who calls.** Sign in at `POST /v1/sessions`, send the access token as `Authorization: Bearer ...`, and exchange the
refresh token for the next pair before the access token ends. An access token that was revoked is refused here within
a second, on every replica.

**Refusals** are problem documents (RFC 9457, `application/problem+json`). Programs decide by `code`, which is frozen;
`/problems` explains each. Any request may also be answered 404 `not_found`, 405 `method_not_allowed` (with `Allow`),
400 `request_malformed` or 421 `host_unknown`. What can't be answered for want of a store is a 503 with `Retry-After`,
never a 401.

**Bodies** are JSON objects in UTF-8; a field that is not described is refused, and so is a key given twice.
Ids are UUIDs; times are RFC 3339 in UTC; lengths of time are seconds.

**Versions.** A user has an `ETag`. Reading takes `If-None-Match`; changing takes `If-Match`, so nobody overwrites
what somebody else changed meanwhile.
"""

TAGS = {
    "users": "Registering, and one's own profile.",
    "sessions": "Signing in, refreshing, listing and ending sessions.",
    "account": "What only the holder of the password may do.",
    "users (admin)": "Finding, reading, changing, suspending and closing users. Takes the role `admin`.",
    "machines and gateways": "The token endpoint of OAuth 2.0, and forward-auth for nginx, Traefik and Envoy.",
    "discovery": "What others need to verify our tokens without asking.",
}

COMMON_HEADERS: dict[str, dict[str, Any]] = {
    "X-Request-Id": {
        "description": "Names this request in the logs; yours is kept when it is 1 to 64 of `A-Z a-z 0-9 _ -`.",
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$"},
        "example": "0198f3c2a7bb7d10a2b4c6d8e0f1a2b3",
    },
    "ETag": {
        "description": "The version of what was read; give it as `If-None-Match` or `If-Match`.",
        "schema": {"type": "string", "pattern": '^"[^"]+"$'},
        "example": '"1.1"',
    },
    "Location": {
        "description": "The address of what was created.",
        "schema": {"type": "string", "format": "uri"},
        "example": "https://id.example.com/v1/users/0198f3c2-a7bb-7d10-a2b4-c6d8e0f1a2b3",
    },
    "Cache-Control": {
        "description": "Who may keep the answer, and for how long.",
        "schema": {"type": "string"},
        "example": "no-store",
    },
    "WWW-Authenticate": {
        "description": "What would be accepted (RFC 6750, RFC 9470).",
        "schema": {"type": "string"},
        "example": 'Bearer error="invalid_token"',
    },
    "Retry-After": {
        "description": "Seconds to wait before trying again.",
        "schema": {"type": "integer", "minimum": 1},
        "example": 1,
    },
    "RateLimit": {
        "description": "Which limit was met and in how many seconds there is room again "
        "(draft-ietf-httpapi-ratelimit-headers-10). Comes with `rate_limited` and `account_delayed`.",
        "schema": {"type": "string"},
        "example": '"sign-in-account";r=0;t=6',
        "required": False,
    },
    "RateLimit-Policy": {
        "description": "That limit: so many requests in so many seconds; "
        "of `lockout`, so many wrong passwords in a row. Comes with `rate_limited` and `account_delayed`.",
        "schema": {"type": "string"},
        "example": '"sign-in-account";q=10;w=60',
        "required": False,
    },
    "X-Signet-User": {
        "description": "Id of the user who calls.",
        "schema": {"type": "string", "format": "uuid"},
        "example": "0198f3c2-a7bb-7d10-a2b4-c6d8e0f1a2b3",
    },
    "X-Signet-Roles": {
        "description": "Their roles, separated by commas; may be empty.",
        "schema": {"type": "string"},
        "example": "admin,support",
    },
    "X-Signet-Scopes": {
        "description": "Their scopes, separated by spaces; may be empty.",
        "schema": {"type": "string"},
        "example": "users:read users:write",
    },
    "X-Signet-Session": {
        "description": "Id of the session the token belongs to.",
        "schema": {"type": "string", "format": "uuid"},
        "example": "0198f3c2-b1aa-7c3e-9f00-5a6b7c8d9e0f",
    },
}


PARAMETERS: dict[str, dict[str, Any]] = {
    "user_id": {"description": "Id of the user.", "example": "0198f3c2-a7bb-7d10-a2b4-c6d8e0f1a2b3"},
    "session_id": {"description": "Id of the session.", "example": "0198f3c2-b1aa-7c3e-9f00-5a6b7c8d9e0f"},
}


def describe(api: FastAPI, description: str, server: str) -> dict[str, Any]:
    """Describe every operation, its refusals and who may call it. Worked out once; the routes do not change."""
    if api.openapi_schema is None:
        api.openapi_schema = _described(api, description, server)
    return api.openapi_schema


def _described(api: FastAPI, description: str, server: str) -> dict[str, Any]:
    text = get_openapi(
        title=api.title,
        version=api.version,
        description=_unwrapped(f"{description}\n{ABOUT}"),
        routes=api.routes,
        servers=[{"url": server}],
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        tags=[{"name": name, "description": says} for name, says in TAGS.items()],
    )
    _complete_components(text.setdefault("components", {}))
    schemas = text["components"]["schemas"]
    for path in text["paths"].values():
        for operation in path.values():
            _correct(operation)
            _illustrate(operation, schemas)
    return text


def _complete_components(components: dict[str, Any]) -> None:
    schemas = components.setdefault("schemas", {})
    for name in _FRAMEWORK_SHAPES:
        schemas.pop(name, None)
    shape = ProblemShape.model_json_schema(ref_template=_SCHEMAS + "{model}")
    schemas.update(shape.pop("$defs", {}))
    schemas["Problem"] = shape | {"title": "Problem"}
    for shape in schemas.values():
        for field in shape.get("properties", {}).values():
            field.pop("title", None)
    components["examples"] = {
        code: {"summary": problem.title, "value": problem_example(problem)} for code, problem in all_problems().items()
    }
    components["headers"] = {name: {"required": True, **header} for name, header in COMMON_HEADERS.items()}
    components["securitySchemes"] = {
        "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "An access token."}
    }


def _correct(operation: dict[str, Any]) -> None:
    """Say what FastAPI can't know: which text is the summary, whether a token is needed, what each answer carries."""
    summary, _, rest = operation["description"].partition("\n\n")
    operation["summary"] = _unwrapped(summary).removesuffix(".")
    operation["description"] = _unwrapped(rest or summary)
    responses = operation["responses"]
    if "HTTPValidationError" in str(responses.get("422", "")):
        del responses["422"]
    for parameter in operation.get("parameters", ()):
        _correct_parameter(parameter)
        if parameter["name"] == "If-Match":
            parameter["required"] = IF_MATCH_MISSING in responses
    for status, response in responses.items():
        names = ("X-Request-Id", "RateLimit", "RateLimit-Policy") if status == LIMITED else ("X-Request-Id",)
        response["headers"] = {**{name: {"$ref": HEADERS + name} for name in names}, **response.get("headers", {})}
    codes = responses.get("401", {}).get("content", {}).get(PROBLEM_TYPE, {}).get("examples", {})
    if TokenMissing.code in codes:
        operation["security"] = [{"bearer": []}]
    elif TokenInvalid.code in codes:
        operation["security"] = [{}, {"bearer": []}]


def _unwrapped(text: str) -> str:
    """Let paragraphs be one line each: some readers show every line break there is."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.strip().split("\n\n"))


def _correct_parameter(parameter: dict[str, Any]) -> None:
    """Drop null from what a parameter may be: it can be left away, but there is no null in a query or a header."""
    parameter.update(PARAMETERS.get(parameter["name"], {}))
    schema = parameter["schema"]
    kinds = [kind for kind in schema.pop("anyOf", ()) if kind != _NULL]
    for kind in kinds:
        schema.update(kind)
    for repeated in ("title", "description"):
        schema.pop(repeated, None)


def _illustrate(operation: dict[str, Any], schemas: dict[str, Any]) -> None:
    """Give every body an example, made of the examples of its fields, unless it has its own."""
    bodies = [operation.get("requestBody", {}), *operation["responses"].values()]
    for body in bodies:
        for media in body.get("content", {}).values():
            if "example" not in media and "examples" not in media:
                # A default says what an absent body means, not what one looks like.
                shape = {name: value for name, value in media["schema"].items() if name != "default"}
                media["example"] = example_of(shape, schemas)


def example_of(schema: dict[str, Any], schemas: dict[str, Any]) -> Any:  # noqa: ANN401 - an example is any JSON
    """Make an example: the schema's own, or one of the examples below it; optional fields without one are left out."""
    for resolved in _branches(schema, schemas):
        if resolved.get("examples"):
            return resolved["examples"][0]
        if "default" in resolved or "const" in resolved:
            return resolved.get("const", resolved.get("default"))
        if "properties" in resolved:
            return _example_of_object(resolved, schemas)
        if resolved.get("type") == "array":
            return [example_of(resolved["items"], schemas)]
    raise LookupError(f"no example for {schema}")


def _example_of_object(schema: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    required = schema.get("required", ())
    return {
        name: example_of(field, schemas)
        for name, field in schema["properties"].items()
        if name in required or field.get("examples")
    }


def _branches(schema: dict[str, Any], schemas: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Go through a schema and what it refers to, the nearest first."""
    yield schema
    if reference := schema.get("$ref"):
        yield from _branches(schemas[reference.removeprefix(_SCHEMAS)], schemas)
    for branch in schema.get("anyOf", ()):
        yield from _branches(branch, schemas)

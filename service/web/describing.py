"""The OpenAPI description: what FastAPI derives from the routes, corrected where it would not be true."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from service.web.problems import TokenInvalid, TokenMissing
from service.web.rendering import PROBLEM_TYPE, ProblemShape

_REF = "#/components/schemas/"
_FRAMEWORK_SHAPES = ("HTTPValidationError", "ValidationError")


def describe(api: FastAPI, description: str, server: str) -> dict[str, Any]:
    """Describe every operation, its refusals and who may call it."""
    text = get_openapi(
        title=api.title,
        version=api.version,
        description=description,
        routes=api.routes,
        servers=[{"url": server}],
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
    )
    components = text.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for name in _FRAMEWORK_SHAPES:
        schemas.pop(name, None)
    shape = ProblemShape.model_json_schema(ref_template=_REF + "{model}")
    schemas.update(shape.pop("$defs", {}))
    schemas["Problem"] = shape
    components["securitySchemes"] = {
        "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "An access token."}
    }
    for path in text["paths"].values():
        for operation in path.values():
            _correct(operation)
    return text


def _correct(operation: dict[str, Any]) -> None:
    """Drop FastAPI's own 422 where none can occur, and say whether a token is needed."""
    responses = operation["responses"]
    if "HTTPValidationError" in str(responses.get("422", "")):
        del responses["422"]
    codes = responses.get("401", {}).get("content", {}).get(PROBLEM_TYPE, {}).get("examples", {})
    if TokenMissing.code in codes:
        operation["security"] = [{"bearer": []}]
    elif TokenInvalid.code in codes:
        operation["security"] = [{}, {"bearer": []}]

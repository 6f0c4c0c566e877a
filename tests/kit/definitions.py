"""Definitions of operators' objects, as published, and whether a manifest keeps to them down to each field's name."""

import json
from functools import cache
from typing import Any

import jsonschema_rs

from tests.kit.programs import ROOT
from tests.kit.rendering import Manifest

DEFINITIONS = sorted((ROOT / "tests/charts/crds").glob("*.json"))
Kind = tuple[str, str]


@cache
def validators() -> dict[Kind, jsonschema_rs.Validator]:
    """One for each kind, by its `apiVersion` and its name."""
    found = {}
    for file in DEFINITIONS:
        spec = json.loads(file.read_text(encoding="utf-8"))["spec"]
        (version,) = spec["versions"]
        schema = strict(version["schema"]["openAPIV3Schema"])
        found[f"{spec['group']}/{version['name']}", spec["names"]["kind"]] = jsonschema_rs.validator_for(schema)
    return found


def is_defined(item: Manifest) -> bool:
    return (item["apiVersion"], item["kind"]) in validators()


def faults(item: Manifest) -> list[str]:
    """What the definition refuses; rules in CEL are the API server's."""
    validator = validators()[item["apiVersion"], item["kind"]]
    return [f"{'.'.join(map(str, error.instance_path))}: {error.message}" for error in validator.iter_errors(item)]


def strict(schema: Any) -> Any:
    """Say in JSON Schema what an API server does with `fieldValidation=Strict`."""
    if isinstance(schema, list):
        return [strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    made = {name: strict(value) for name, value in schema.items() if name != "properties"}
    if fields := schema.get("properties"):
        made["properties"] = {name: strict(value) for name, value in fields.items()}
        if schema.get("type") == "object" and not schema.get("x-kubernetes-preserve-unknown-fields"):
            made.setdefault("additionalProperties", False)
    if schema.get("x-kubernetes-int-or-string"):
        made["type"] = ["integer", "string"]
    if schema.get("nullable"):
        made["type"] = [made["type"], "null"]
    return made

"""Write what follows from other files: the chart's schema, table of values and objectives, the manifests in k8s/base.

python charts/generate.py            writes them (`make chart`)
python charts/generate.py FOLDER     writes them below FOLDER, for the test that compares
"""

import json
import re
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import helm_python
import yaml
from pydantic.fields import FieldInfo

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from charts.slos import rules  # noqa: E402
from service.settings import Settings  # noqa: E402

CHART = ROOT / "charts/signet"
# Settings that have values of their own, or none because only `make up` uses them.
ELSEWHERE = {
    "database_url": "postgres",
    "database_url_file": "postgres",
    "database_direct_url": "postgres.external.directKey",
    "database_direct_url_file": "postgres.external.directKey",
    "redis_url": "redis",
    "redis_url_file": "redis",
    "secret_keys": "secretKeys",
    "secret_keys_file": "secretKeys",
    "otlp_endpoint": "tracing.endpoint",
    "otlp_traces_endpoint": "tracing.tracesEndpoint",
    "trace_ratio": "tracing.ratio",
    "trace_sampler": "tracing.sampler",
    "otlp_protocol": "extraEnv",
    "otlp_traces_protocol": "extraEnv",
    "traces_exporter": "extraEnv",
    "is_otel_off": "extraEnv",
    "data_dir": "",
}
OPEN: dict[str, Any] = {"type": "object"}
COUNT = {"type": "integer", "minimum": 1}
PORT = {"type": "integer", "minimum": 1, "maximum": 65535}
TEXT_OR_NUMBER = {"type": ["string", "number"]}
# What the defaults in values.yaml don't tell.
RULES: dict[str, dict[str, Any]] = {
    "image.pullPolicy": {"enum": ["Always", "IfNotPresent", "Never"]},
    "postgres.bundled.image.pullPolicy": {"enum": ["Always", "IfNotPresent", "Never"]},
    "redis.bundled.image.pullPolicy": {"enum": ["Always", "IfNotPresent", "Never"]},
    "image.tag": TEXT_OR_NUMBER,
    "postgres.bundled.image.tag": TEXT_OR_NUMBER,
    "redis.bundled.image.tag": TEXT_OR_NUMBER,
    "postgres.mode": {"enum": ["bundled", "external", "cloudnative-pg"]},
    "redis.mode": {"enum": ["bundled", "external"]},
    "migrations.mode": {"enum": ["job", "hook", "initContainer"]},
    "service.type": {"enum": ["ClusterIP", "NodePort", "LoadBalancer"]},
    "service.port": PORT,
    "postgres.external.port": PORT,
    "redis.external.port": PORT,
    "tracing.port": PORT,
    "loadtest.metrics.port": PORT,
    "replicaCount": {"type": "integer", "minimum": 0},
    "postgres.maxConnections": COUNT,
    "postgres.reservedConnections": {"type": "integer", "minimum": 0},
    "autoscaling.minReplicas": COUNT,
    "autoscaling.maxReplicas": COUNT,
    "strategy.maxSurge": {"type": ["integer", "string"], "pattern": "^[0-9]+%$", "minimum": 0},
    "strategy.maxUnavailable": {"type": ["integer", "string"], "pattern": "^[0-9]+%$", "minimum": 0},
    "podDisruptionBudget.maxUnavailable": {"type": ["integer", "string"], "pattern": "^[0-9]+%$", "minimum": 0},
    "tracing.ratio": {"type": ["string", "number"]},
    "autoscaling.behavior": OPEN,
    "resources": OPEN,
    "migrations.resources": OPEN,
    "loadtest.resources": OPEN,
    "postgres.bundled.resources": OPEN,
    "postgres.cloudnativePg.resources": OPEN,
    "redis.bundled.resources": OPEN,
    "metrics.dashboards.labels": OPEN,
    "extraObjects": {"type": "array", "items": {"type": ["object", "string"]}},
}
KINDS = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}
DURATION_IN_SECONDS = r"^[0-9]+(\.[0-9]+)? *(ms|s|min|h|d)?$"


def schema() -> dict[str, Any]:
    """Describe the values, closed: what is misspelt or removed is refused."""
    values = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
    described = _describe(values, "")
    described["properties"]["settings"] = _settings()
    described["properties"]["global"] = {"type": "object"}
    return {"$schema": "http://json-schema.org/draft-07/schema#", "title": "Values of the chart signet", **described}


def _describe(value: Any, path: str) -> dict[str, Any]:
    if path in RULES:
        return RULES[path]
    if isinstance(value, dict) and value:
        inner = {name: _describe(item, f"{path}.{name}".lstrip(".")) for name, item in value.items()}
        return {"type": "object", "additionalProperties": False, "properties": inner}
    return {"type": KINDS[type(value)]}


def _settings() -> dict[str, Any]:
    fields = {name: field for name, field in Settings.model_fields.items() if name not in ELSEWHERE}
    inner = {name: {**_kind(name, field), "description": field.description} for name, field in fields.items()}
    return {"type": "object", "additionalProperties": False, "properties": inner}


def _kind(name: str, field: FieldInfo) -> dict[str, Any]:
    annotation = field.annotation
    if get_origin(annotation) is Literal:
        return {"enum": list(get_args(annotation))}
    if annotation is timedelta:
        # These two the chart itself counts with; all others may also be ISO 8601.
        counted = {"pattern": DURATION_IN_SECONDS} if name in {"drain", "shutdown_timeout"} else {}
        return {"type": ["string", "number"], **counted}
    if isinstance(annotation, type) and annotation in {bool, int, float, str}:
        return {"type": KINDS[annotation], **_bounds(field)}
    return {"type": ["string", "object" if get_origin(annotation) is dict else "array"]}


def _bounds(field: FieldInfo) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for bound in field.metadata:
        for name, word in (("ge", "minimum"), ("le", "maximum"), ("gt", "exclusiveMinimum")):
            if isinstance(limit := getattr(bound, name, None), int | float):
                found[word] = limit
    return found


def table() -> str:
    """Print the comments of values.yaml that begin with `# --` as a table."""
    rows = ["| value | default | meaning |", "|---|---|---|"]
    path: list[str] = []
    said: list[str] = []
    values = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
    for line in (CHART / "values.yaml").read_text(encoding="utf-8").splitlines():
        text = line.strip()
        if text.startswith("# -- "):
            said = [text.removeprefix("# -- ")]
        elif text.startswith("# ") and said:
            said.append(text.removeprefix("# "))
        elif match := re.match(r"^( *)([\w-]+):", line):
            path = [*path[: len(match[1]) // 2], match[2]]
            if said:
                default = json.dumps(_at(values, path), separators=(", ", ": ")).replace("|", "\\|")
                rows.append(f"| `{'.'.join(path)}` | `{default}` | {' '.join(said)} |")
            said = []
    return "\n".join(rows)


def _at(values: Any, path: list[str]) -> Any:
    for name in path:
        values = values[name]
    return values


def readme() -> str:
    text = (CHART / "README.md").read_text(encoding="utf-8")
    return re.sub(
        r"(<!-- values -->\n).*(<!-- /values -->)",
        lambda found: f"{found[1]}{table()}\n{found[2]}",
        text,
        flags=re.DOTALL,
    )


def base() -> str:
    """Render the chart into the manifests of the kustomize base; `helm test` is Helm's own and turned off there."""
    return manifests({}, "")


def loadtest() -> str:
    """Render what a load test adds to the base."""
    return manifests({"loadtest": {"enabled": True}}, "loadtest.yaml")


def manifests(more: dict[str, Any], ending: str) -> str:
    """Render the templates whose names end so."""
    values = yaml.safe_load((ROOT / "k8s/values.yaml").read_text(encoding="utf-8")) | more
    with helm_python.Chart.load(CHART) as chart:
        rendered = chart.render(values, name="signet", namespace="signet")
    kept = [
        f"---\n# From charts/signet/{name.split('/', 1)[1]}\n{text.strip()}\n"
        for name, text in sorted(rendered.items())
        if name.endswith(".yaml") and name.endswith(ending) and text.strip()
    ]
    head = "# Written by `make chart` from charts/signet and k8s/values.yaml; change those.\n"
    return head + "".join(kept).replace("app.kubernetes.io/managed-by: Helm", "app.kubernetes.io/managed-by: kustomize")


def main() -> None:
    """Write the files into the checkout, or below the folder named."""
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT
    written = {
        "charts/signet/values.schema.json": json.dumps(schema(), indent=2) + "\n",
        "charts/signet/README.md": readme(),
        "charts/signet/rules/slos.yaml": rules(),
    }
    for name, text in written.items():
        write(target / name, text)
    # These are rendered against the schema that has just been written.
    write(target / "k8s/base/signet.yaml", base())
    write(target / "k8s/overlays/load/loadtest.yaml", loadtest())


def write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()

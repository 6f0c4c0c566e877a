"""Take definitions of custom resources out of the Go modules of their projects.

`python tests/charts/crds/take.py` needs Go, which checks what it fetches against its public checksum database. What is
kept is what an API server checks: the version that is stored, without prose, without `status`, and without webhooks
that convert other versions.
"""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
TAKEN = {
    "sigs.k8s.io/gateway-api@v1.5.1": [
        "config/crd/standard/gateway.networking.k8s.io_gateways.yaml",
        "config/crd/standard/gateway.networking.k8s.io_httproutes.yaml",
    ],
    "github.com/prometheus-operator/prometheus-operator@v0.85.0": [
        "example/prometheus-operator-crd/monitoring.coreos.com_podmonitors.yaml",
        "example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml",
        "example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml",
    ],
    "github.com/cloudnative-pg/cloudnative-pg@v1.28.0": [
        "config/crd/bases/postgresql.cnpg.io_clusters.yaml",
        "config/crd/bases/postgresql.cnpg.io_poolers.yaml",
        "config/crd/bases/postgresql.cnpg.io_scheduledbackups.yaml",
    ],
    "github.com/cert-manager/cert-manager@v1.21.2": ["deploy/crds/cert-manager.io_clusterissuers.yaml"],
    "github.com/external-secrets/external-secrets@v1.3.2": [
        "config/crds/bases/external-secrets.io_externalsecrets.yaml",
    ],
}


def folder(module: str) -> Path:
    """Fetch a module; where its files lie."""
    environment = {**os.environ, "GOFLAGS": "-mod=mod"}
    said = subprocess.run(
        ["go", "mod", "download", "-json", module], capture_output=True, text=True, check=True, env=environment
    )
    return Path(json.loads(said.stdout)["Dir"])


def without_prose(schema: Any) -> Any:
    """Leave out descriptions, but not fields of that name."""
    if isinstance(schema, list):
        return [without_prose(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {name: value for name, value in schema.items() if name != "description" or not isinstance(value, str)}
    fields = kept.pop("properties", None)
    shorter = {name: without_prose(value) for name, value in kept.items()}
    if fields is not None:
        shorter["properties"] = {name: without_prose(value) for name, value in fields.items()}
    return shorter


def shortened(definition: dict[str, Any]) -> dict[str, Any]:
    spec = definition["spec"]
    (version,) = [version for version in spec["versions"] if version["storage"]]
    schema = without_prose(version["schema"]["openAPIV3Schema"])
    schema["properties"].pop("status", None)
    kept = {"name": version["name"], "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    # Groups of Kubernetes' own carry the approval of theirs, and an API server asks for it.
    approval = "api-approved.kubernetes.io"
    approved = {name: text for name, text in definition["metadata"].get("annotations", {}).items() if name == approval}
    return {
        "apiVersion": definition["apiVersion"],
        "kind": definition["kind"],
        "metadata": {"name": definition["metadata"]["name"], "annotations": approved},
        "spec": {"group": spec["group"], "scope": spec["scope"], "names": spec["names"], "versions": [kept]},
    }


def main() -> None:
    """Write them anew beside this file."""
    for module, paths in TAKEN.items():
        root = folder(module)
        for path in paths:
            (found,) = yaml.safe_load_all((root / path).read_text(encoding="utf-8"))
            text = json.dumps(shortened(found), separators=(",", ":"))
            (HERE / Path(path).with_suffix(".json").name).write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

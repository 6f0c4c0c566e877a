"""A namespace of a real cluster that enforces Pod Security restricted, and what people type there."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from tests.kit.rendering import CHART, Manifest

TOOLS = ("kubectl", "helm")
RESTRICTED = {
    "runAsNonRoot": True,
    "runAsUser": 10001,
    "seccompProfile": {"type": "RuntimeDefault"},
}
CONTAINER_RESTRICTED = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
CONNECT = """
import socket, sys
try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])), 3).close()
except OSError:
    sys.exit(1)
"""


@dataclass(frozen=True)
class Cluster:
    """One namespace of it. The commands are the users' own: helm and kubectl."""

    namespace: str
    image: str

    def run(self, *words: str, given: str = "", seconds: float = 120, env: dict[str, str] | None = None) -> str:
        """Run a command; what it prints, and a failure with what it said."""
        done = self.attempt(*words, given=given, seconds=seconds, env=env)
        assert done.returncode == 0, f"{' '.join(words)}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def attempt(
        self, *words: str, given: str = "", seconds: float = 120, env: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, **(env or {})}
        return subprocess.run(
            words, input=given, capture_output=True, text=True, timeout=seconds, env=environment, check=False
        )

    def kubectl(self, *words: str, given: str = "", seconds: float = 120) -> str:
        return self.run("kubectl", "--namespace", self.namespace, *words, given=given, seconds=seconds)

    def helm(self, verb: str, *words: str, seconds: float = 400) -> str:
        return self.run("helm", verb, *words, "--namespace", self.namespace, seconds=seconds)

    def install(self, release: str, *words: str, verb: str = "install", image: str = "", waiting: bool = True) -> float:
        """Install or upgrade and, unless told otherwise, wait; the seconds it took."""
        repository, _, tag = (image or self.image).rpartition(":")
        started = monotonic()
        chosen = ("--set", f"image.repository={repository}", "--set", f"image.tag={tag}")
        until_ready = ("--wait", "--timeout", "5m") if waiting else ()
        self.helm(verb, release, str(CHART), *chosen, *words, *until_ready)
        return monotonic() - started

    def get(self, *words: str) -> list[Manifest]:
        found: list[Manifest] = json.loads(self.kubectl("get", *words, "--output", "json"))["items"]
        return found

    def pods(self, component: str, release: str = "signet") -> list[Manifest]:
        found = self.get(
            "pods", "--selector", f"app.kubernetes.io/instance={release},app.kubernetes.io/component={component}"
        )
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]

    def secret(self, name: str, key: str) -> str:
        template = f'{{{{ index .data "{key}" | base64decode }}}}'
        return self.kubectl("get", "secret", name, "--output", f"go-template={template}")

    def start(self, name: str, command: Sequence[str], labels: dict[str, str] | None = None, **more: Any) -> None:
        """Start a pod of our image with something else to do, and wait until it runs."""
        container = {
            "name": name,
            "image": self.image,
            "imagePullPolicy": "IfNotPresent",
            "command": list(command),
            "securityContext": CONTAINER_RESTRICTED,
            **more,
        }
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "labels": labels or {"app": name}},
            "spec": {
                "restartPolicy": "Never",
                "automountServiceAccountToken": False,
                "enableServiceLinks": False,
                "terminationGracePeriodSeconds": 1,
                "securityContext": RESTRICTED,
                "containers": [container],
            },
        }
        self.kubectl("apply", "--filename", "-", given=json.dumps(pod))
        self.kubectl("wait", f"pod/{name}", "--for=condition=Ready", "--timeout=60s")

    def reaches(self, pod: str, host: str, port: int) -> bool:
        """Whether a pod of our image can open a connection."""
        words = ("exec", pod, "--", "python", "-c", CONNECT, host, str(port))
        return self.attempt("kubectl", "--namespace", self.namespace, *words).returncode == 0

    def store_reaches(self, pod: str, host: str, port: int) -> bool:
        """The same for an image that has bash rather than Python."""
        words = ("exec", pod, "--", "timeout", "3", "bash", "-c", f"</dev/tcp/{host}/{port}")
        return self.attempt("kubectl", "--namespace", self.namespace, *words).returncode == 0


def cluster_or_skip(namespace: str) -> Cluster:
    """The cluster of the kubeconfig; says why when there is none to try things on."""
    if not os.environ.get("KUBECONFIG") and not Path.home().joinpath(".kube/config").exists():
        pytest.skip("no kubeconfig: set KUBECONFIG to that of a cluster to try the chart on")
    for tool in TOOLS:
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed, and the chart is tried with it")
    image = os.environ.get("SIGNET_TEST_IMAGE")
    if not image:
        pytest.skip("SIGNET_TEST_IMAGE names no image that the cluster has or can fetch, such as registry/signet:dev")
    return Cluster(namespace, image)


@contextmanager
def namespace(name: str) -> Iterator[Cluster]:
    """A namespace of our own, gone afterwards."""
    cluster = cluster_or_skip(name)
    cluster.run("kubectl", "create", "namespace", name)
    try:
        cluster.run("kubectl", "label", "namespace", name, "pod-security.kubernetes.io/enforce=restricted")
        yield cluster
    finally:
        cluster.attempt("kubectl", "delete", "namespace", name, "--timeout=120s", seconds=150)

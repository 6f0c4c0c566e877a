"""A policy scanner of others, kube-score, finds nothing but what we do on purpose."""

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.kit.programs import ROOT
from tests.kit.rendering import EXAMPLES, Manifest, manifests, one, with_secrets

# What it asks for and we decline, and why.
DECLINED = {
    "container-image-pull-policy": "tags of releases don't move, and a registry that is away should not stop a restart",
    "container-ephemeral-storage-request-and-limit": "nothing is written but logs, which the kubelet rotates",
    "container-security-context-user-group-id": "the official images of the stores run as 999; Pod Security allows it",
    "statefulset-has-servicename": "one pod behind an ordinary Service: clients keep its address across restarts",
    "deployment-has-host-podantiaffinity": "topology spread constraints do the same and more",
}
ASKED = ["container-seccomp-profile", "container-ports-check"]


@pytest.fixture(scope="module", autouse=True)
def kube_score() -> None:
    if shutil.which("kube-score") is None:
        pytest.skip("kube-score is not installed here (no wheel has it); chart.yml and ci.yml install it")


def complaints(text: str, declined: list[str]) -> list[str]:
    words = ["kube-score", "score", "--output-format=ci", "--kubernetes-version=v1.30", "--ignore-container-cpu-limit"]
    words += [f"--ignore-test={name}" for name in declined] + [f"--enable-optional-test={name}" for name in ASKED]
    done = subprocess.run([*words, "-"], input=text, capture_output=True, text=True, check=False)
    lines = done.stdout.splitlines()
    assert any(line.startswith("[OK]") for line in lines), done.stderr
    return [line for line in lines if not line.startswith(("[OK]", "[SKIPPED]"))]


def rendered(items: list[Manifest]) -> str:
    return str(yaml.safe_dump_all(items))


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem.removesuffix("-values"))
def test_it_has_nothing_to_say_of_the_examples(file: Path) -> None:
    text = rendered(manifests(yaml.safe_load(file.read_text(encoding="utf-8"))))

    assert complaints(text, [*DECLINED]) == []


def test_it_has_nothing_to_say_of_the_base() -> None:
    assert complaints((ROOT / "k8s/base/signet.yaml").read_text(encoding="utf-8"), [*DECLINED]) == []


@pytest.mark.parametrize("name", DECLINED)
def test_each_thing_declined_is_asked_for(name: str) -> None:
    assert complaints(rendered(manifests(with_secrets())), [other for other in DECLINED if other != name]) != []


def test_it_sees_a_root_that_can_be_written() -> None:
    found = manifests(with_secrets())
    (container,) = one(found, "Deployment")["spec"]["template"]["spec"]["containers"]
    container["securityContext"]["readOnlyRootFilesystem"] = False

    assert complaints(rendered(found), [*DECLINED]) != []

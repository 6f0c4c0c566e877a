"""skaffold.yaml: every profile is whole, and agrees with the Dockerfile and the settings."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import kubernetes_validate.utils as kubernetes
import pytest
import yaml

from tests.kit.programs import ROOT
from tests.shipping.reading import VALUES, default, read_yaml, said, setting_names, tool

CONFIG = read_yaml("skaffold.yaml")
PROFILES: dict[str, dict[str, Any]] = {profile["name"]: profile for profile in CONFIG["profiles"]}
# Those that deploy the image that ships; each says how.
SHIPPING = sorted(set(PROFILES) - {"buildah", "render"})
# What a load test needs beside the service: the generator's image holds it.
GENERATING = {"local", "loadtests", "requirements/loadtests.txt"}
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
STAGES = set(re.findall(r"^FROM \S+ AS (\S+)$", DOCKERFILE, flags=re.MULTILINE))
QUIETLY = {"SKAFFOLD_UPDATE_CHECK": "false", "SKAFFOLD_INTERACTIVE": "false"}


@pytest.fixture(scope="module")
def skaffold() -> str:
    """The program, where it is installed."""
    if shutil.which("skaffold") is None:
        pytest.skip("skaffold is not installed here")
    return "skaffold"


def patched(profile: str, path: str) -> Any:
    (value,) = [patch.get("value") for patch in PROFILES[profile]["patches"] if patch["path"] == path]
    return value


def test_its_form_is_the_newest_that_skaffold_knows(skaffold: str) -> None:
    known = tool(skaffold, "schema", "list", **QUIETLY).stdout.split()

    assert CONFIG["apiVersion"] == known[-1]
    assert "already version" in said(tool(skaffold, "fix", **QUIETLY))


@pytest.mark.parametrize("profiles", [None, *PROFILES, "prod,buildah"])
def test_skaffold_reads_every_profile(skaffold: str, profiles: str | None) -> None:
    chosen = [] if profiles is None else ["--profile", profiles]

    done = tool(skaffold, "diagnose", "--yaml-only", *chosen, **QUIETLY)

    assert done.returncode == 0, said(done)


@pytest.mark.parametrize("profile", SHIPPING)
def test_no_image_is_taken_from_the_cache_for_the_other(skaffold: str, profile: str) -> None:
    """Skaffold remembers an image by how it is built and by the files it says it is built of."""
    built = []
    for chosen in ("buildah", f"{profile},buildah"):
        done = tool(skaffold, "diagnose", "--yaml-only", "--profile", chosen, **QUIETLY)
        artifacts = yaml.safe_load(done.stdout)["build"]["artifacts"]
        built += [artifact["custom"] for artifact in artifacts if artifact["image"] == "signet"]
    developing, shipping = built

    assert developing != shipping
    assert {"Dockerfile", "service/**"} <= set(shipping["dependencies"]["paths"])


@pytest.mark.parametrize("profile", [None, "debug", "prod", "e2e", "load", "prod,buildah"])
def test_every_profile_renders_what_kubernetes_takes(skaffold: str, tmp_path: Path, profile: str | None) -> None:
    """Without a cluster, and with an image that somebody has built before."""
    if shutil.which("helm") is None:
        pytest.skip("helm is not installed here, and skaffold renders the chart with it")
    built, image = tmp_path / "built.json", "registry.example/signet:1.0"
    images = {"signet": image, **({"signet-loadtests": "registry.example/loadtests:1.0"} if profile == "load" else {})}
    builds = [{"imageName": name, "tag": tag} for name, tag in images.items()]
    built.write_text(json.dumps({"builds": builds}), encoding="utf-8")
    words = ["render", f"--build-artifacts={built}", "--digest-source=tag", "--offline=true"]
    chosen = [] if profile is None else ["--profile", profile]

    done = tool(skaffold, *words, *chosen, **QUIETLY, KUBECONFIG=str(tmp_path / "none"))

    assert done.returncode == 0, said(done)
    found = list(yaml.safe_load_all(done.stdout))
    for item in found:
        kubernetes.validate(item, "1.33", strict=True)
    deployments = [item for item in found if item["kind"] == "Deployment"]
    assert {deployment["spec"]["template"]["spec"]["containers"][0]["image"] for deployment in deployments} == {
        *images.values()
    }


def test_there_is_a_profile_for_each_use() -> None:
    assert set(PROFILES) == {"debug", "prod", "e2e", "load", "buildah", "render"}


def test_it_builds_stages_that_the_dockerfile_has() -> None:
    (artifact,) = CONFIG["build"]["artifacts"]
    chosen = {artifact["docker"]["target"]} | {patched(name, "/build/artifacts/0/docker/target") for name in SHIPPING}
    generating = re.findall(r"TARGET=(\w+)", patched("load", "/build/artifacts/-")["custom"]["buildCommand"])

    assert chosen == {"dev", "service"}
    assert generating == ["loadtests"]
    assert chosen | {*generating} <= STAGES


def test_the_two_images_never_have_the_same_tag() -> None:
    """They are made of the same files, and a node that has one would not fetch the other."""
    developing = CONFIG["build"]["tagPolicy"]["customTemplate"]["template"]
    shipping = {patched(name, "/build/tagPolicy/customTemplate/template") for name in SHIPPING}
    command = patched("buildah", "/build/artifacts/0/custom")["buildCommand"]

    assert (developing, shipping) == ("{{.INPUT}}-dev", {"{{.INPUT}}"})
    assert "*-dev) export TARGET=dev;; *) export TARGET=service;;" in command


def test_saved_files_go_where_they_are_served_from_and_may_be_written() -> None:
    (artifact,) = CONFIG["build"]["artifacts"]
    workdirs = set(re.findall(r"^WORKDIR (/app)$", DOCKERFILE, re.MULTILINE))
    (mount,) = read_yaml("local/skaffold/dev.yaml")["extraVolumeMounts"]

    assert {rule["dest"] for rule in artifact["sync"]["manual"]} == workdirs == {mount["mountPath"]}
    assert all(rule["src"].startswith("service/") for rule in artifact["sync"]["manual"])


def test_the_settings_in_its_values_are_settings() -> None:
    named = {f"SIGNET_{name.upper()}" for path in VALUES for name in read_yaml(path)["settings"]}

    assert named - setting_names() == set()


def test_what_reaches_a_build_is_watched() -> None:
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    reaching = {line.removeprefix("!") for line in ignored if line.startswith("!")}
    service = patched("buildah", "/build/artifacts/0/custom")["dependencies"]
    generator = patched("load", "/build/artifacts/-")["custom"]["dependencies"]
    named = {"Dockerfile", ".dockerignore"}

    assert watched(service) == reaching - GENERATING | named | {"local/image.sh", "local/skaffold/dev.yaml"}
    assert watched(generator) == reaching - {"requirements/reload.txt"} | named
    assert [path for path in watched(service) | watched(generator) if not (ROOT / path).exists()] == []
    for dependencies in (service, generator):
        assert {path.removesuffix("/**") for path in dependencies["ignore"]} == {
            line for line in ignored if line.startswith("**")
        }


def watched(dependencies: dict[str, Any]) -> set[str]:
    return {path.removesuffix("/**") for path in dependencies["paths"]}


def test_its_ports_are_those_of_the_service() -> None:
    forwarded = {entry["port"]: entry["localPort"] for entry in CONFIG["portForward"]}

    assert forwarded == {default("port"): 8000, default("management_port"): 9000}


def test_its_values_are_files_and_every_file_is_used() -> None:
    (release,) = CONFIG["deploy"]["helm"]["releases"]
    used = {*release["valuesFiles"]}
    for name in SHIPPING:
        used |= {*patched(name, "/deploy/helm/releases/0/valuesFiles")}

    assert used == {str(path.relative_to(ROOT)) for path in VALUES}
    assert (release["name"], release["chartPath"]) == ("signet", "charts/signet")


def test_no_profile_runs_without_limits() -> None:
    """Not even load tests: their requests carry addresses of their own."""
    load = read_yaml("local/skaffold/load.yaml")

    assert [path.stem for path in VALUES if "limits" in read_yaml(path)["settings"]] == []
    assert load["loadtest"]["enabled"]
    assert {"proxy_header", "trusted_proxies"} <= set(load["settings"])

"""A release with default values: ready, tried, as its notes say, and whole after its stores have died."""

import json
import re
import shlex
import subprocess
from pathlib import Path
from time import monotonic
from urllib.request import urlopen

import pytest

from tests.cluster.conftest import Release
from tests.kit.cluster import Cluster
from tests.kit.waiting import until

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

ADMIN = "admin@example.com"
# Asks as the service's own pod would, by the public Service; prints status and body.
ASK = """
import json, sys
from urllib.error import HTTPError
from urllib.request import Request, urlopen
method, path, body, token = sys.argv[1:]
headers = {"Content-Type": "application/json"} | ({"Authorization": "Bearer " + token} if token else {})
try:
    with urlopen(Request("http://signet" + path, body.encode() or None, headers, method=method), timeout=10) as answer:
        print(json.dumps([answer.status, json.loads(answer.read() or b"null")]))
except HTTPError as refusal:
    print(json.dumps([refusal.code, json.loads(refusal.read())]))
"""


@pytest.fixture(scope="module")
def visitor(release: Release) -> Cluster:
    """A pod that is no part of the release and calls its API."""
    release.cluster.start("visitor", ["python", "-c", "import time; time.sleep(3600)"])
    return release.cluster


def ask(
    cluster: Cluster, method: str, path: str, body: object = None, token: str = ""
) -> tuple[int, dict[str, object]]:
    text = "" if body is None else json.dumps(body)
    status, content = json.loads(
        cluster.kubectl("exec", "visitor", "--", "python", "-c", ASK, method, path, text, token)
    )
    return status, content


def sign_in(cluster: Cluster, email: str, password: str) -> tuple[int, str]:
    status, pair = ask(cluster, "POST", "/v1/sessions", {"email": email, "password": password})
    return status, str(pair.get("access_token"))


def test_everything_is_ready_within_three_minutes(release: Release) -> None:
    print(f"ready after {release.seconds:.0f} s")
    assert release.seconds < 180
    for component, wanted in (("server", 2), ("postgres", 1), ("redis", 1)):
        pods = release.cluster.pods(component)
        assert len(pods) == wanted
        assert all(status["ready"] for pod in pods for status in pod["status"]["containerStatuses"])


def test_helm_test_does_the_real_thing(release: Release) -> None:
    said = release.cluster.helm("test", "signet", "--logs")

    assert "ok      the user refreshes" in said
    assert "all is well" in said


def test_what_the_notes_say_works_as_printed(release: Release) -> None:
    notes = release.cluster.helm("get", "notes", "signet")
    commands = [shlex.split(line) for line in re.findall(r"^  ((?:kubectl|helm) .*)$", notes, re.MULTILINE)]

    assert [command[0] for command in commands] == ["kubectl", "helm", "kubectl", "kubectl"]
    printed = [release.cluster.run(*command, seconds=400) for command in commands if "port-forward" not in command]
    assert "successfully rolled out" in printed[0]
    assert "Succeeded" in printed[1]
    assert re.fullmatch(r"[A-Za-z0-9]{32}", printed[2])


def test_the_notes_lead_to_the_page_of_the_api(release: Release, tmp_path: Path) -> None:
    notes = release.cluster.helm("get", "notes", "signet")
    command = next(shlex.split(line) for line in notes.splitlines() if "port-forward" in line)
    # Whoever runs this may have something on that port already.
    command[-1] = ":80"
    log = tmp_path / "forward.log"
    with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=output) as forward:
        try:
            until(lambda: "Forwarding from" in log.read_text(encoding="utf-8"), monotonic() + 20)
            port = re.findall(r"127\.0\.0\.1:(\d+)", log.read_text(encoding="utf-8"))[0]
            with urlopen(f"http://127.0.0.1:{port}/docs", timeout=10) as page:
                assert page.status == 200
        finally:
            forward.terminate()


def test_stores_that_die_lose_nothing(visitor: Cluster) -> None:
    password = visitor.secret("signet", "admin-password")
    _, token = sign_in(visitor, ADMIN, password)
    new = {"email": "kept@example.com", "password": "correct horse battery"}
    created, user = ask(visitor, "POST", "/v1/users", new, token)
    names = {pod["metadata"]["name"] for pod in visitor.pods("server")}

    visitor.kubectl("delete", "pod", "signet-postgres-0", "signet-redis-0", "--wait=false")
    endpoints = set()
    for store in ("postgres", "redis"):
        visitor.kubectl("rollout", "status", f"statefulset/signet-{store}", "--timeout=2m")
        endpoints.add(ready_addresses(visitor))
    until(lambda: sign_in(visitor, "kept@example.com", "correct horse battery")[0] == 201, monotonic() + 60)
    found, me = ask(visitor, "GET", f"/v1/users/{user['id']}", token=token)

    assert (created, found, me["email"]) == (201, 200, "kept@example.com")
    assert endpoints == {2}
    after = visitor.pods("server")
    assert {pod["metadata"]["name"] for pod in after} == names
    assert [status["restartCount"] for pod in after for status in pod["status"]["containerStatuses"]] == [0, 0]


def ready_addresses(cluster: Cluster) -> int:
    slices = cluster.get("endpointslices", "--selector", "kubernetes.io/service-name=signet")
    return sum(len(item["addresses"]) for part in slices for item in part["endpoints"] if item["conditions"]["ready"])


def test_secrets_and_pods_stay_when_nothing_has_changed(release: Release) -> None:
    cluster = release.cluster
    before = cluster.get("secrets,deployments", "--selector", "app.kubernetes.io/instance=signet")

    cluster.install("signet", verb="upgrade")

    after = cluster.get("secrets,deployments", "--selector", "app.kubernetes.io/instance=signet")
    assert [item.get("data", item["metadata"].get("generation")) for item in before] == [
        item.get("data", item["metadata"].get("generation")) for item in after
    ]


def test_a_release_that_goes_leaves_its_data_and_secrets_to_the_next(visitor: Cluster) -> None:
    password = visitor.secret("signet", "admin-password")
    _, token = sign_in(visitor, ADMIN, password)
    _, user = ask(
        visitor, "POST", "/v1/users", {"email": "left@example.com", "password": "correct horse battery"}, token
    )

    visitor.helm("uninstall", "signet", "--wait")
    visitor.install("signet")

    assert visitor.secret("signet", "admin-password") == password
    # The token was signed with a key that only the former secret can read.
    assert ask(visitor, "GET", f"/v1/users/{user['id']}", token=token)[0] == 200

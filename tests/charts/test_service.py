"""The chart and the service agree: on ports, probes, times, settings, and on who may talk to whom."""

import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from charts.generate import ELSEWHERE
from service.commands.running import settings_or_exit
from service.settings import Settings
from service.telemetry.metrics import new_metrics
from service.web.management import Lifecycle, create_management
from tests.kit.programs import ROOT
from tests.kit.rendering import CHART, Manifest, config, manifests, one, server, with_secrets

Reading = Callable[[Manifest], Settings]


@pytest.fixture
def reading(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Reading:
    """Read settings as the service does in the pod that the chart makes."""
    keys = tmp_path / "secret-keys"
    keys.write_text("vq3JXz1sE0y7Jw8uC5pKk9mB2nT4rF6hL0dQ", encoding="utf-8")

    def read(values: Manifest) -> Settings:
        for name, text in config(values).items():
            monkeypatch.setenv(name, text)
        for item in server(values)[1]["env"]:
            if "value" in item:
                monkeypatch.setenv(item["name"], item["value"])
        monkeypatch.setenv("SIGNET_SECRET_KEYS_FILE", str(keys))
        return settings_or_exit()

    return read


def test_the_service_starts_with_what_the_chart_gives_it(reading: Reading) -> None:
    settings = reading({})

    assert settings.mode == "production"
    assert settings.public_url == "http://signet.identity.svc"
    assert settings.limit_shares == 2
    assert settings.database_dsn() == "postgresql://signet:$(POSTGRES_PASSWORD)@signet-postgres:5432/signet"


def test_ports_are_those_of_the_service(reading: Reading) -> None:
    for values in ({}, {"settings": {"port": 8443, "management_port": 9443}}):
        settings = reading(values)
        ports = {port["name"]: port["containerPort"] for port in server(values)[1]["ports"]}
        assert ports == {"http": settings.port, "management": settings.management_port}


def test_probes_ask_what_the_service_answers() -> None:
    answered = {route.path for route in create_management(Lifecycle(), new_metrics(), {}).routes}  # type: ignore[attr-defined]
    _, container = server()

    asked = {kind: container[f"{kind}Probe"]["httpGet"] for kind in ("startup", "readiness", "liveness")}
    assert {item["path"] for item in asked.values()} <= answered
    assert {kind: item["path"] for kind, item in asked.items()} == {
        "startup": "/startupz",
        "readiness": "/readyz",
        "liveness": "/livez",
    }
    assert {item["port"] for item in asked.values()} == {"management"}


@pytest.mark.parametrize(
    ("drain", "shutdown", "grace"), [("5s", "15s", 30), ("500ms", "1min", 71), (10, 20, 40), ("1.5 s", "0", 12)]
)
def test_a_pod_has_time_to_drain(reading: Reading, drain: Any, shutdown: Any, grace: int) -> None:
    values = {"settings": {"drain": drain, "shutdown_timeout": shutdown}}
    settings = reading(values)
    deployment = one(manifests(with_secrets(values)), "Deployment")

    given = deployment["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
    assert given == grace
    assert timedelta(seconds=given) >= settings.drain + settings.shutdown_timeout + timedelta(seconds=10)
    assert deployment["spec"]["minReadySeconds"] >= given


def test_the_defaults_that_the_chart_counts_with_are_the_service_s_own() -> None:
    fields = Settings.model_fields

    assert (fields["drain"].default, fields["shutdown_timeout"].default) == (
        timedelta(seconds=5),
        timedelta(seconds=15),
    )
    assert (fields["database_pool"].default, fields["workers"].default) == (10, 1)
    assert (fields["port"].default, fields["management_port"].default) == (8000, 9000)


def test_every_setting_can_be_reached() -> None:
    schema = yaml.safe_load((CHART / "values.schema.json").read_text(encoding="utf-8"))["properties"]["settings"]

    assert set(schema["properties"]) | set(ELSEWHERE) == set(Settings.model_fields)
    assert [name for name, where in ELSEWHERE.items() if not where] == ["data_dir"]


def test_settings_arrive_as_they_were_written(reading: Reading) -> None:
    settings = reading(
        {
            "settings": {
                "near_bytes": 67108864,
                "cors_credentials": True,
                "cors_origins": ["https://a.example", "https://b.example"],
                "role_scopes": {"admin": ["users:read"]},
                "limits": "off",
                "limits_off_is_intended": True,
                "access_ttl": 300,
                "limit_sign_in_account": "20/min",
                "limit_shares": 7,
                "public_url": "https://id.example.com/",
            },
            "tracing": {"endpoint": "http://collector:4318", "ratio": 0.5, "sampler": "traceidratio"},
        }
    )

    assert settings.near_bytes == 67108864
    assert settings.cors_origins == ["https://a.example", "https://b.example"]
    assert settings.role_scopes == {"admin": ["users:read"]}
    assert (settings.limits, settings.limits_off_is_intended, settings.limit_shares) == ("off", True, 7)
    assert (settings.access_ttl, settings.limit_sign_in_account) == (timedelta(minutes=5), (20, 60.0))
    assert (settings.is_tracing_on, settings.trace_share) == (True, 0.5)
    assert settings.trace_sampler == "traceidratio"


@pytest.mark.parametrize(
    "change",
    [{"settings": {"access_ttl": "5min"}}, {"redis": {"mode": "external", "external": {"url": "redis://x"}}}],
)
def test_what_changes_configuration_starts_a_rollout(change: Manifest) -> None:
    before, after = (one(manifests(with_secrets(values)), "Deployment")["spec"]["template"] for values in ({}, change))

    assert before["metadata"]["annotations"] != after["metadata"]["annotations"]


def test_a_job_that_changes_gets_another_name() -> None:
    def job(values: Manifest) -> str:
        return str(next(item for item in manifests(with_secrets(values)) if item["kind"] == "Job")["metadata"]["name"])

    assert job({}) == job({"replicaCount": 3})
    assert job({}) != job({"image": {"tag": "2"}})


def test_what_make_chart_writes_is_what_lies_here(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "charts/generate.py", str(tmp_path)], cwd=ROOT, check=True)

    for written in (path for path in tmp_path.rglob("*") if path.is_file()):
        name = written.relative_to(tmp_path)
        assert (ROOT / name).read_text(encoding="utf-8") == written.read_text(encoding="utf-8"), f"{name}: make chart"

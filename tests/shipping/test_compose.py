"""compose.yaml: valid, closed until somebody makes secrets, and in an order that works."""

import re
import secrets
import shutil

import pytest
from pydantic import TypeAdapter, ValidationError

from service.setting_kinds import Duration
from service.settings import Settings
from tests.kit.programs import ROOT
from tests.kit.prometheus import promtool
from tests.shipping.reading import default, read_yaml, said, setting_names, tool

TEXT = (ROOT / "compose.yaml").read_text(encoding="utf-8")
SERVICES = read_yaml("compose.yaml")["services"]
OPEN_TO_CHANGE = {"HTTP_PORT", "IMAGE", "SIGNET_REGISTRATION", "OTEL_EXPORTER_OTLP_ENDPOINT"}
LOOKING_ON = {name: run for name, run in SERVICES.items() if "profiles" in run}
MADE = {
    "SIGNET_SECRET_KEYS": secrets.token_urlsafe(48),
    "POSTGRES_PASSWORD": secrets.token_hex(24),
    "VALKEY_PASSWORD": secrets.token_hex(24),
}
GUNICORN_MARGIN_SECONDS = 5


def filled(text: str, given: dict[str, str]) -> str:
    """Fill a text in the way Compose does."""
    return re.sub(r"\$\{(\w+):([-?])([^}]*)\}", lambda found: given.get(found[1], found[3]), text)


@pytest.fixture
def surroundings(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment like a container's: nothing of the test run's."""
    for name in setting_names():
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def settings_of(service: str, given: dict[str, str], surroundings: pytest.MonkeyPatch) -> Settings:
    for name, value in SERVICES[service]["environment"].items():
        surroundings.setenv(name, filled(value, given))
    return Settings()


def test_it_is_valid() -> None:
    done = tool("check-jsonschema", "--builtin-schema", "vendor.compose-spec", "compose.yaml")

    assert done.returncode == 0, said(done)


def test_compose_itself_reads_it() -> None:
    if shutil.which("docker") is None or tool("docker", "compose", "version").returncode != 0:
        pytest.skip("docker compose is not installed here; ci.yml has it")

    done = tool("docker", "compose", "config", "--quiet", **MADE)

    assert done.returncode == 0, said(done)


def test_no_secret_has_a_value_of_ours() -> None:
    defaults = dict(re.findall(r"\$\{(\w+):-([^}]*)\}", TEXT))
    asked = set(re.findall(r"\$\{(\w+):\?", TEXT))

    assert set(defaults) == OPEN_TO_CHANGE
    assert asked == set(MADE)
    assert re.findall(r"\$\{\w+\}|\$[A-Z]\w*", TEXT.replace("$$", "").split("\nservices:", 1)[1]) == []


@pytest.mark.parametrize("service", ["signet", "migrate"])
def test_its_settings_start_a_service_in_production(service: str, surroundings: pytest.MonkeyPatch) -> None:
    settings = settings_of(service, MADE, surroundings)

    assert (settings.mode, settings.registration) == ("production", "closed")
    assert settings.database_dsn().startswith(f"postgresql://signet:{MADE['POSTGRES_PASSWORD']}@postgres/")


def test_a_weak_secret_starts_nothing(surroundings: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValidationError, match="at least 32 random characters"):
        settings_of("signet", {**MADE, "SIGNET_SECRET_KEYS": "changeme"}, surroundings)


def test_only_the_public_port_is_published_and_only_on_this_machine() -> None:
    published = {
        name: service["ports"] for name, service in SERVICES.items() if "ports" in service and name not in LOOKING_ON
    }

    assert published == {"signet": [f"127.0.0.1:${{HTTP_PORT:-8000}}:{default('port')}"]}


def test_health_is_asked_on_the_management_port() -> None:
    question = SERVICES["signet"]["healthcheck"]["test"][-1]

    assert f"http://127.0.0.1:{default('management_port')}/readyz" in question


def test_the_schema_is_there_before_the_service() -> None:
    assert SERVICES["migrate"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    assert SERVICES["migrate"]["command"] == ["migrate"]
    assert SERVICES["signet"]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}
    assert {"postgres", "valkey"} <= {name for name, service in SERVICES.items() if "healthcheck" in service}


def test_a_stop_leaves_time_for_all_that_a_stop_does() -> None:
    needed = default("drain") + default("shutdown_timeout")
    given = TypeAdapter(Duration).validate_python(SERVICES["signet"]["stop_grace_period"])

    assert given.total_seconds() >= needed.total_seconds() + GUNICORN_MARGIN_SECONDS


@pytest.mark.parametrize("service", ["signet", "migrate", "valkey"])
def test_what_needs_nothing_is_allowed_nothing(service: str) -> None:
    run = SERVICES[service]

    assert (run["read_only"], run["cap_drop"]) == (True, ["ALL"])
    assert "no-new-privileges:true" in run["security_opt"]


def test_who_looks_on_is_asked_for_and_reached_from_this_machine_alone() -> None:
    assert set(LOOKING_ON) == {"prometheus", "alertmanager", "grafana", "collector", "jaeger"}
    for name, run in LOOKING_ON.items():
        assert run["profiles"] == ["observability"], name
        assert (run["read_only"], run["cap_drop"], run["networks"]) == (True, ["ALL"], ["default"]), name
        assert all(port.startswith("127.0.0.1:") for port in run.get("ports", [])), name


def test_every_file_that_is_mounted_is_there() -> None:
    for name, run in LOOKING_ON.items():
        for volume in run.get("volumes", []):
            place = volume.split(":")[0]
            assert not place.startswith("./") or (ROOT / place).exists(), f"{name}: {place}"


def test_prometheus_takes_its_configuration() -> None:
    done = promtool("check", "config", "--syntax-only", "local/observability/prometheus.yaml")

    assert done.returncode == 0, done.stdout + done.stderr
    (scraped,) = read_yaml("local/observability/prometheus.yaml")["scrape_configs"]
    assert scraped["static_configs"][0]["targets"] == [f"signet:{default('management_port')}"]


def test_grafana_finds_the_data_sources_that_are_linked() -> None:
    sources = read_yaml("local/observability/datasources.yaml")["datasources"]
    by_kind = {source["type"]: source for source in sources}

    (trace,) = by_kind["prometheus"]["jsonData"]["exemplarTraceIdDestinations"]
    assert trace["datasourceUid"] == by_kind["jaeger"]["uid"]
    (provider,) = read_yaml("local/observability/dashboards.yaml")["providers"]
    mounted = [volume.split(":")[:2] for volume in SERVICES["grafana"]["volumes"]]
    assert ["./charts/signet/dashboards", provider["options"]["path"]] in mounted

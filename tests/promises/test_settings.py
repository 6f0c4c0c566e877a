"""Settings: the page about them is the model's own, and each wrong one is a sentence before anything starts."""

import os
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from service.commands.running import settings_or_exit
from service.settings import PREFIX, Settings
from tests.kit.environment import SECRET
from tests.kit.programs import ROOT, run

STRONG = "vq3JXz1sE0y7Jw8uC5pKk9mB2nT4rF6hL0dQ"
PASSWORD = "hunter2-never-shown"
SOUND = {
    "SIGNET_MODE": "development",
    "SIGNET_PUBLIC_URL": "https://id.example.test",
    "SIGNET_SECRET_KEYS": SECRET,
    "SIGNET_DATABASE_URL": f"postgresql://signet:{PASSWORD}@db.example.test/signet",
    "SIGNET_REDIS_URL": f"redis://:{PASSWORD}@redis.example.test:6379/0",
}
LENGTH = "must be a length of time such as 30, 30s, 500ms, 10min, 90d or PT5M"
LINKS = (
    "was put there by Kubernetes service links, because a Service is called like the variable; "
    "set enableServiceLinks: false in the pod or set the port yourself"
)
NO_ORIGIN = "is not an origin such as https://app.example.com, without a path"
QUOTING = "write / @ : # ? % in a password as %2F %40 %3A %23 %3F %25"
POSTGRES = f"SIGNET_DATABASE_URL: must look like postgresql://user:password@host:5432/database; {QUOTING}"
REDIS = f"SIGNET_REDIS_URL: must look like redis://:password@host:6379/0 or rediss://...; {QUOTING}"
WEAK = "SIGNET_SECRET_KEYS: each secret needs at least 32 random characters; make one with: openssl rand -base64 48"

FILED = ["SIGNET_DATABASE_URL", "SIGNET_DATABASE_DIRECT_URL", "SIGNET_REDIS_URL", "SIGNET_SECRET_KEYS"]

Reading = Callable[..., Settings]
Refusing = Callable[..., list[str]]


@pytest.fixture
def reading(monkeypatch: pytest.MonkeyPatch) -> Reading:
    """Read the settings from sound ones with some changed; None takes one away."""

    def read(**changed: str | None) -> Settings:
        for name in [name for name in os.environ if name.startswith((PREFIX, "OTEL_"))]:
            monkeypatch.delenv(name)
        for name, value in {**SOUND, **changed}.items():
            if value is not None:
                monkeypatch.setenv(name, value)
        return settings_or_exit()

    return read


@pytest.fixture
def refusing(reading: Reading, capfd: pytest.CaptureFixture[str]) -> Refusing:
    """Read settings that are wrong; gives the sentences about them."""

    def refuse(**changed: str | None) -> list[str]:
        with pytest.raises(SystemExit) as refused:
            reading(**changed)
        said = capfd.readouterr()
        assert refused.value.code == 2
        assert said.out == ""
        assert PASSWORD not in said.err
        lines = said.err.splitlines()
        assert all(line.startswith("signet: ") for line in lines)
        return [line.removeprefix("signet: ") for line in lines]

    return refuse


def test_the_page_is_the_one_that_the_model_prints() -> None:
    printed = subprocess.run(
        [sys.executable, "docs/configuration.py"], cwd=ROOT, capture_output=True, text=True, check=True
    )

    page = (ROOT / "docs/configuration.md").read_text(encoding="utf-8")

    assert page == printed.stdout, "python docs/configuration.py > docs/configuration.md"


def test_every_setting_says_what_it_does_in_a_sentence() -> None:
    said = {name: field.description or "" for name, field in Settings.model_fields.items()}

    assert {name: text for name, text in said.items() if not text.endswith(".") or len(text) < 15} == {}
    assert [name for name, text in said.items() if list(said.values()).count(text) > 1 and "_file" not in name] == []


def test_sound_settings_are_read(reading: Reading) -> None:
    settings = reading()

    assert settings.public_url == "https://id.example.test"
    assert settings.database_dsn() == SOUND["SIGNET_DATABASE_URL"]
    assert PASSWORD not in repr(settings)
    assert SECRET not in repr(settings)


@pytest.mark.parametrize(
    ("changed", "sentences"),
    [
        ({"SIGNET_PORT": "tcp://10.0.0.1:8000"}, [f"SIGNET_PORT: 'tcp://10.0.0.1:8000' {LINKS}"]),
        ({"SIGNET_MANAGEMENT_PORT": "tcp://10.0.0.1:9000"}, [f"SIGNET_MANAGEMENT_PORT: 'tcp://10.0.0.1:9000' {LINKS}"]),
        ({"SIGNET_HOST": "tcp://10.0.0.1"}, [f"SIGNET_HOST: 'tcp://10.0.0.1' {LINKS}"]),
        (
            {"SIGNET_PORT": "9000"},
            ["SIGNET_PORT and SIGNET_MANAGEMENT_PORT must differ; the second is never routed publicly"],
        ),
        ({"SIGNET_PORT": "70000"}, ["SIGNET_PORT: Input should be less than or equal to 65535"]),
        ({"SIGNET_MODE": "prod"}, ["SIGNET_MODE: Input should be 'production' or 'development'"]),
        ({"SIGNET_MODE": "production", "SIGNET_SECRET_KEYS": "short"}, [WEAK]),
        ({"SIGNET_MODE": "production", "SIGNET_SECRET_KEYS": "a" * 64}, [WEAK]),
        ({"SIGNET_MODE": "production", "SIGNET_SECRET_KEYS": f"{STRONG},password"}, [WEAK]),
        (
            {"SIGNET_MODE": "production", "SIGNET_LIMITS": "off", "SIGNET_SECRET_KEYS": STRONG},
            ["SIGNET_LIMITS=off needs SIGNET_LIMITS_OFF_IS_INTENDED=true in production"],
        ),
        (
            {"SIGNET_CORS_ORIGINS": "*", "SIGNET_CORS_CREDENTIALS": "true"},
            ["SIGNET_CORS_ORIGINS may not be * together with SIGNET_CORS_CREDENTIALS"],
        ),
        (
            {"SIGNET_CORS_ORIGINS": "app.example.com"},
            [f"SIGNET_CORS_ORIGINS: 'app.example.com' {NO_ORIGIN}"],
        ),
        (
            {"SIGNET_CORS_ORIGINS": "https://a.example https://b.example/"},
            [f"SIGNET_CORS_ORIGINS: 'https://b.example/' {NO_ORIGIN}"],
        ),
        ({"SIGNET_CORS_ORIGINS": '["https://a"'}, ["SIGNET_CORS_ORIGINS: is not JSON (character 13)"]),
        ({"SIGNET_TRUSTED_PROXIES": "foo"}, ["SIGNET_TRUSTED_PROXIES: 'foo' is not a network such as 10.0.0.0/8"]),
        ({"SIGNET_SECRET_KEYS": None}, ["SIGNET_SECRET_KEYS is not set"]),
        ({"SIGNET_SECRET_KEYS": ""}, ["SIGNET_SECRET_KEYS is not set"]),
        (
            {"SIGNET_SECRET_KEYS": " , "},
            ["SIGNET_SECRET_KEYS: Value should have at least 1 item after validation, not 0"],
        ),
        ({"SIGNET_DATABASE_URL": None}, ["SIGNET_DATABASE_URL is not set"]),
        ({"SIGNET_DATABASE_URL": f"mysql://u:{PASSWORD}@h/db"}, [POSTGRES]),
        ({"SIGNET_DATABASE_URL": f"postgresql://u:{PASSWORD}@h"}, [POSTGRES]),
        ({"SIGNET_DATABASE_URL": f"postgresql://u:{PASSWORD}/@h/db"}, [POSTGRES]),
        ({"SIGNET_DATABASE_URL": f"postgresql://u:{PASSWORD}@[h/db"}, [POSTGRES]),
        ({"SIGNET_REDIS_URL": f"http://:{PASSWORD}@h"}, [REDIS]),
        ({"SIGNET_REDIS_URL": f"redis://:{PASSWORD}@h:port"}, [REDIS]),
        (
            {"SIGNET_PUBLIC_URL": "id.example.test"},
            ["SIGNET_PUBLIC_URL: must be an http(s) address without query or fragment"],
        ),
        (
            {"SIGNET_PUBLIC_URL": "https://id.example.test/?a=b"},
            ["SIGNET_PUBLIC_URL: must be an http(s) address without query or fragment"],
        ),
        ({"SIGNET_ROLE_SCOPES": "admin"}, ["SIGNET_ROLE_SCOPES: is not JSON (character 1)"]),
        ({"SIGNET_ROLE_SCOPES": '{"Admin": []}'}, ["SIGNET_ROLE_SCOPES: 'Admin' is not a role name"]),
        (
            {"SIGNET_ROLE_SCOPES": '{"admin": ["two words"]}'},
            ["SIGNET_ROLE_SCOPES: a scope of 'admin' has a character that RFC 6749 forbids"],
        ),
        ({"SIGNET_LIMITS": "maybe"}, ["SIGNET_LIMITS: Input should be 'on' or 'off'"]),
        ({"SIGNET_TOKEN_ALGORITHM": "HS256"}, ["SIGNET_TOKEN_ALGORITHM: Input should be 'ES256' or 'RS256'"]),
        ({"SIGNET_SESSION_IDLE": "5 minutes"}, [f"SIGNET_SESSION_IDLE: {LENGTH}"]),
        ({"SIGNET_SESSION_IDLE": "-5"}, [f"SIGNET_SESSION_IDLE: {LENGTH}"]),
        ({"SIGNET_SESSION_IDLE": "1w"}, [f"SIGNET_SESSION_IDLE: {LENGTH}"]),
        ({"SIGNET_SESSION_IDLE": "nan"}, [f"SIGNET_SESSION_IDLE: {LENGTH}"]),
        ({"SIGNET_SESSION_IDLE": "9" * 30 + "d"}, ["SIGNET_SESSION_IDLE: is longer than anything lasts"]),
        ({"SIGNET_SESSION_IDLE": "0"}, ["SIGNET_SESSION_IDLE: Input should be greater than 0 seconds"]),
        ({"SIGNET_REFRESH_GRACE": "121"}, ["SIGNET_REFRESH_GRACE: Input should be less than or equal to 2 minutes"]),
        ({"SIGNET_KEY_LEAD": "9min"}, ["SIGNET_KEY_LEAD: Input should be greater than or equal to 10 minutes"]),
        ({"OTEL_TRACES_SAMPLER_ARG": "2"}, ["OTEL_TRACES_SAMPLER_ARG: Input should be less than or equal to 1"]),
        (
            {"SIGNET_WORKERS": "0", "SIGNET_LOG_LEVEL": "loud", "SIGNET_REDIS_URL": None},
            [
                "SIGNET_WORKERS: Input should be greater than or equal to 1",
                "SIGNET_REDIS_URL is not set",
                "SIGNET_LOG_LEVEL: Input should be 'debug', 'info', 'warning' or 'error'",
            ],
        ),
    ],
)  # fmt: skip
def test_each_fault_is_one_sentence(refusing: Refusing, changed: dict[str, str | None], sentences: list[str]) -> None:
    assert refusing(**changed) == sentences


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("30", timedelta(seconds=30)),
        ("30s", timedelta(seconds=30)),
        (" 30 s ", timedelta(seconds=30)),
        ("500ms", timedelta(milliseconds=500)),
        ("10min", timedelta(minutes=10)),
        ("1.5h", timedelta(minutes=90)),
        ("90d", timedelta(days=90)),
        ("PT5M", timedelta(minutes=5)),
        ("P1DT12H", timedelta(hours=36)),
    ],
)
def test_a_length_of_time_has_many_forms(reading: Reading, written: str, meant: timedelta) -> None:
    assert reading(SIGNET_SESSION_IDLE=written).session_idle == meant


@pytest.mark.parametrize(
    "written", ["https://a.example,https://b.example", "https://a.example  https://b.example", '["https://a.example","https://b.example"]']
)  # fmt: skip
def test_a_list_has_many_forms(reading: Reading, written: str) -> None:
    assert reading(SIGNET_CORS_ORIGINS=written).cors_origins == ["https://a.example", "https://b.example"]


def test_production_starts_with_what_it_asks_for(reading: Reading) -> None:
    settings = reading(
        SIGNET_MODE="production",
        SIGNET_SECRET_KEYS=STRONG,
        SIGNET_LIMITS="off",
        SIGNET_LIMITS_OFF_IS_INTENDED="true",
        SIGNET_CORS_ORIGINS="*",
    )

    assert (settings.mode, settings.limits, settings.cors_origins) == ("production", "off", ["*"])


def test_production_is_what_nobody_asked_for_otherwise(reading: Reading) -> None:
    assert reading(SIGNET_MODE=None, SIGNET_SECRET_KEYS=STRONG).mode == "production"


def test_what_kubernetes_adds_and_what_nobody_knows_is_not_read(reading: Reading) -> None:
    settings = reading(
        SIGNET_SERVICE_HOST="10.0.0.1",
        SIGNET_PORT_8000_TCP="tcp://10.0.0.1:8000",
        SIGNET_COLOUR="blue",
    )

    assert settings.port == 8000


def test_an_empty_variable_is_as_if_it_were_not_there(reading: Reading) -> None:
    settings = reading(SIGNET_PORT="", SIGNET_SESSION_IDLE="", SIGNET_ROLE_SCOPES="", SIGNET_HOST="")

    assert (settings.port, settings.session_idle) == (8000, timedelta(days=30))
    assert settings.host == Settings.model_fields["host"].default
    assert settings.role_scopes == {"admin": ["users:read", "users:write"]}


def test_secrets_and_addresses_may_come_from_files(reading: Reading, tmp_path: Path) -> None:
    files: dict[str, str | None] = {}
    for name in ("SIGNET_DATABASE_URL", "SIGNET_REDIS_URL", "SIGNET_SECRET_KEYS"):
        file = tmp_path / name
        file.write_text(SOUND[name] + "\n", encoding="utf-8")
        files |= {name: None, f"{name}_FILE": str(file)}
    (tmp_path / "SIGNET_SECRET_KEYS").write_text(f"{STRONG}\n{SECRET}\n", encoding="utf-8")

    settings = reading(**files)

    assert settings.database_dsn() == SOUND["SIGNET_DATABASE_URL"]
    assert settings.redis_address() == SOUND["SIGNET_REDIS_URL"]
    assert [secret.get_secret_value() for secret in settings.secret_keys] == [STRONG, SECRET]


def test_the_file_of_the_database_is_read_again_at_each_connect(reading: Reading, tmp_path: Path) -> None:
    file = tmp_path / "url"
    file.write_text("postgresql://u:first@h/db", encoding="utf-8")
    settings = reading(SIGNET_DATABASE_URL=None, SIGNET_DATABASE_URL_FILE=str(file))

    file.write_text("postgresql://u:second@h/db", encoding="utf-8")

    assert settings.database_dsn() == "postgresql://u:second@h/db"
    assert settings.direct_dsn() == "postgresql://u:second@h/db"


@pytest.mark.parametrize("name", FILED)
def test_a_file_that_cannot_be_used_is_named(refusing: Refusing, tmp_path: Path, name: str) -> None:
    missing, folder, empty, binary = (tmp_path / kind for kind in ("missing", "folder", "empty", "binary"))
    folder.mkdir()
    empty.write_text(" \n", encoding="utf-8")
    binary.write_bytes(b"\xff\xfe\x00")

    def sentence(file: Path) -> str:
        (line,) = refusing(**{name: None, f"{name}_FILE": str(file)})
        return line

    assert sentence(missing) == f"{name}_FILE: {missing} can't be read (No such file or directory)"
    assert sentence(folder) == f"{name}_FILE: {folder} can't be read (Is a directory)"
    assert sentence(empty) == f"{name}_FILE: {empty} is empty"
    assert sentence(binary) == f"{name}_FILE: {binary} is not text in UTF-8"


def test_a_value_and_a_file_of_it_are_one_too_many(refusing: Refusing, tmp_path: Path) -> None:
    file = tmp_path / "secrets"
    file.write_text(STRONG, encoding="utf-8")

    sentences = refusing(SIGNET_SECRET_KEYS_FILE=str(file))

    assert sentences == ["SIGNET_SECRET_KEYS and SIGNET_SECRET_KEYS_FILE are both set; keep one of them"]


@pytest.mark.parametrize("command", [["serve"], ["migrate"], ["check"], ["keys", "list"], ["users", "list"], ["dev"]])
def test_every_command_says_so_before_it_does_anything(command: list[str]) -> None:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    environment = {**inherited, **SOUND, "SIGNET_PORT": "tcp://10.0.0.1:8000", "SIGNET_MODE": "prod"}

    done = run(["service", *command], environment)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "signet: SIGNET_MODE: Input should be 'production' or 'development'\n"
        f"signet: SIGNET_PORT: 'tcp://10.0.0.1:8000' {LINKS}\n"
    )


@pytest.mark.parametrize(
    ("changed", "share"),
    [
        ({}, 0.01),
        ({"OTEL_TRACES_SAMPLER_ARG": "0.5"}, 0.5),
        ({"OTEL_TRACES_SAMPLER": "always_on", "OTEL_TRACES_SAMPLER_ARG": "0.5"}, 1.0),
        ({"OTEL_TRACES_SAMPLER": "parentbased_always_off"}, 0.0),
        ({"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.2"}, 0.2),
    ],
)
def test_samplers_are_those_of_opentelemetry(reading: Reading, changed: dict[str, str], share: float) -> None:
    assert reading(**changed).trace_share == share


def test_an_endpoint_turns_tracing_on_and_either_switch_turns_it_off(reading: Reading) -> None:
    collector = {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://collector.example.test:4318/v1/traces"}

    assert not reading().is_tracing_on
    assert reading(**collector).is_tracing_on
    assert not reading(**collector, OTEL_SDK_DISABLED="true").is_tracing_on
    assert not reading(**collector, OTEL_TRACES_EXPORTER="none").is_tracing_on


def test_a_protocol_whose_package_is_not_installed_is_refused_in_a_sentence(
    refusing: Refusing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "grpc", None)
    for name in ("OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"):
        sentence = (
            f"{name}: grpc needs the package opentelemetry-exporter-otlp-proto-grpc, which is not installed; "
            "install it, or set http/protobuf, which most collectors take on port 4318"
        )
        assert refusing(**{name: "grpc"}) == [sentence]

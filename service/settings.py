"""Every setting of the service: typed, documented, read once."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from service.setting_kinds import (
    Duration,
    Networks,
    Origins,
    Port,
    PostgresUrl,
    Rate,
    RedisUrl,
    RoleScopes,
    Secrets,
    TraceProtocol,
    TraceSampler,
    Words,
    check_public_url,
    is_strong,
    refuse_service_link,
)
from service.setting_sources import PREFIX, FileSource

__all__ = ["PREFIX", "Settings"]


class Settings(BaseSettings):
    """All settings. The environment variable is the field's name in capitals behind `SIGNET_`."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        # Charts and compose files write an empty variable where they have no value.
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        populate_by_name=True,
        hide_input_in_errors=True,
    )

    mode: Literal["production", "development"] = Field(
        "production",
        description="`production` refuses to start with weak secrets or open doors; `make up` sets `development`.",
    )
    host: Annotated[str, BeforeValidator(refuse_service_link)] = Field(
        "0.0.0.0",  # noqa: S104 - a container listens on all of its addresses
        description="Address to listen on; `::` for IPv6.",
    )
    port: Port = Field(8000, description="Port of the public API.")
    management_port: Port = Field(9000, description="Port of probes and metrics; never route it publicly.")
    workers: int = Field(1, ge=1, le=64, description="Worker processes in this pod; scale by pods first.")
    public_url: Annotated[str, AfterValidator(check_public_url)] = Field(
        description="Address clients use: issuer of tokens, `Location`, discovery. Never taken from the Host header."
    )
    audience: str = Field("signet", min_length=1, description="`aud` of access tokens.")
    role_scopes: RoleScopes = Field(
        default_factory=lambda: {"admin": ["users:read", "users:write"]},
        description='Which scopes a role carries, as JSON: `{"admin": ["users:write"]}`.',
    )

    database_url: PostgresUrl = Field(
        description="`postgresql://user:password@host/database`, with the usual `sslmode` and `sslrootcert`."
    )
    database_url_file: Path | None = Field(None, description="File that holds it; read again at each connect.")
    database_direct_url: PostgresUrl | None = Field(None, description="Address past a pooler, for migrations only.")
    database_direct_url_file: Path | None = Field(None, description="File that holds it.")
    database_pooler: Literal["none", "transaction"] = Field(
        "none", description="`transaction` when PgBouncer in transaction mode stands between."
    )
    database_pool: int = Field(10, ge=1, le=200, description="Connections of one worker, beside one for changes.")
    database_wait: Duration = Field(
        timedelta(milliseconds=300), description="How long a request may wait for a connection."
    )
    database_timeout: Duration = Field(
        timedelta(milliseconds=800),
        gt=timedelta(0),
        description="Deadline of all that one request asks of Postgres.",
    )
    database_connect_timeout: Duration = Field(
        timedelta(milliseconds=500), gt=timedelta(0), description="Deadline of opening a connection."
    )
    slow_query: Duration = Field(
        timedelta(milliseconds=200), description="Statements slower than this are logged by name."
    )
    redis_url: RedisUrl = Field(description="`redis://:password@host:6379/0`, or `rediss://` for TLS.")
    redis_url_file: Path | None = Field(None, description="File that holds it.")
    redis_timeout: Duration = Field(
        timedelta(milliseconds=100), gt=timedelta(0), description="Deadline of one Redis command."
    )

    secret_keys: Secrets = Field(description="Secrets of at least 32 random characters: the first writes, all read.")
    secret_keys_file: Path | None = Field(None, description="File that holds them, one a line.")

    registration: Literal["closed", "open"] = Field(
        "closed", description="`open` lets anybody register; answers 201 or 409, so it tells which addresses exist."
    )
    password_min_length: int = Field(8, ge=8, le=64, description="Shortest password accepted, in characters.")
    argon2_memory_kib: int = Field(19456, ge=7168, le=262144, description="Memory of one password hash, in KiB.")
    argon2_iterations: int = Field(2, ge=1, le=10, description="Passes of one password hash.")
    hash_threads: int = Field(0, ge=0, le=64, description="Threads that hash passwords; 0 means one for each core.")
    hash_queue: int = Field(128, ge=1, description="Password hashes that may wait; past it 503.")
    hash_wait: Duration = Field(timedelta(seconds=2), description="How long a password hash may wait; past it 503.")

    access_ttl: Duration = Field(
        timedelta(minutes=10), gt=timedelta(0), le=timedelta(hours=1), description="Life of an access token."
    )
    token_leeway: Duration = Field(
        timedelta(seconds=5), le=timedelta(seconds=60), description="Clock difference forgiven when verifying."
    )
    token_algorithm: Literal["ES256", "RS256"] = Field("ES256", description="Algorithm of new signing keys.")
    refresh_grace: Duration = Field(
        timedelta(seconds=30),
        le=timedelta(seconds=120),
        description="How long a rotated refresh token is answered with its successor.",
    )
    session_idle: Duration = Field(
        timedelta(days=30), gt=timedelta(0), description="A session ends when it was not refreshed for this long."
    )
    session_age: Duration = Field(timedelta(days=90), gt=timedelta(0), description="A session ends at this age.")
    session_limit: int = Field(100, ge=1, description="Sessions a user may have; the oldest ends.")
    step_up_age: Duration = Field(timedelta(minutes=5), description="How recent a sign-in must be to close an account.")
    key_rotation: Duration = Field(
        timedelta(days=30), description="Age at which a signing key gets a successor; 0 rotates by command only."
    )
    key_lead: Duration = Field(
        timedelta(hours=24), ge=timedelta(minutes=10), description="How long a new key is published before it signs."
    )

    cache_ttl: Duration = Field(timedelta(minutes=5), description="Life of an entry in the shared cache (Redis).")
    near_ttl: Duration = Field(timedelta(seconds=30), description="Life of an entry in the near cache (this process).")
    unknown_ttl: Duration = Field(timedelta(seconds=1), description="How long an unknown id is remembered as unknown.")
    stale_if_error: Duration = Field(
        timedelta(minutes=10), description="How long an outdated answer may be given while Postgres is away."
    )
    near_entries: int = Field(50_000, ge=0, description="Entries of the near cache; 0 turns it off.")
    near_bytes: int = Field(32 * 2**20, ge=0, description="Bytes of the near cache.")
    token_memo: int = Field(50_000, ge=0, description="Verified tokens remembered in this process.")
    revocation_memory: int = Field(
        200_000, ge=1, description="Revocations kept in memory; past it a request asks Postgres."
    )
    changes_poll: Duration = Field(
        timedelta(milliseconds=500), gt=timedelta(0), description="Pause between two polls of `changes`."
    )

    changes_late: Duration = Field(
        timedelta(seconds=2), description="Age of the last poll from which what memory holds is not trusted."
    )
    revocation_max_age: Duration = Field(
        timedelta(0), description="Age of the last poll from which tokens are refused with 503; 0 never refuses."
    )
    session_retention: Duration = Field(
        timedelta(days=90), description="How long sessions are kept beyond their age; they are known devices."
    )
    audit_retention: Duration = Field(timedelta(days=365), description="How long audit events are kept.")
    housekeeping: Duration = Field(
        timedelta(minutes=5), gt=timedelta(0), description="Pause between two runs of housekeeping."
    )
    request_timeout: Duration = Field(timedelta(seconds=10), gt=timedelta(0), description="Deadline of one request.")
    body_limit: int = Field(65_536, ge=1024, description="Largest request body, in bytes.")
    trusted_hosts: Words = Field(default_factory=list, description="Host names answered to; empty answers to all.")
    cors_origins: Origins = Field(
        default_factory=list, description="Origins that browsers may call from; none by default."
    )
    cors_credentials: bool = Field(default=False, description="Whether those origins may send credentials.")
    proxy_header: str = Field(
        "", description="Header that holds the client's address, such as `X-Forwarded-For`; empty trusts none."
    )
    trusted_proxies: Networks = Field(
        default_factory=list, description="Networks of proxies in front, as CIDR; read right to left past them."
    )
    drain: Duration = Field(timedelta(seconds=5), description="How long a worker goes on serving after SIGTERM.")
    shutdown_timeout: Duration = Field(
        timedelta(seconds=15), description="How long requests in flight may take after that."
    )
    limit_sign_in_account: Rate = Field(
        (10, 60.0), description="Sign-ins of one account; right passwords are given back."
    )
    limit_sign_in_address: Rate = Field((60, 60.0), description="Sign-ins from one address (IPv6: one /64).")
    limit_registration: Rate = Field((5, 3600.0), description="Registrations from one address.")
    limit_refresh: Rate = Field((60, 60.0), description="Refreshes of one session.")
    limit_caller: Rate = Field((600, 60.0), description="All other requests of one caller.")
    limit_shares: int = Field(
        4, ge=1, description="Processes that share a limit while Redis is away: each has the limit divided by this."
    )
    limits: Literal["on", "off"] = Field("on", description="`off` turns every rate limit off.")
    limits_off_is_intended: bool = Field(
        default=False, description="Second switch that production asks for when limits are off."
    )
    log_format: Literal["json", "console"] = Field("json", description="`console` is for people.")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Level of lifecycle logs.")
    otlp_endpoint: str = Field(
        "", validation_alias="OTEL_EXPORTER_OTLP_ENDPOINT", description="Where traces go; setting it turns tracing on."
    )
    otlp_traces_endpoint: str = Field(
        "", validation_alias="OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", description="The same, for traces alone."
    )
    otlp_protocol: TraceProtocol = Field(
        "http/protobuf",
        validation_alias="OTEL_EXPORTER_OTLP_PROTOCOL",
        description="How traces are sent; `grpc` needs a package that the image leaves out.",
    )
    otlp_traces_protocol: TraceProtocol | None = Field(
        None,
        validation_alias="OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
        description="The same, where traces go another way than the rest.",
    )
    trace_sampler: TraceSampler = Field(
        "parentbased_traceidratio",
        validation_alias="OTEL_TRACES_SAMPLER",
        description="Which requests are traced. `parentbased_` lets a trusted parent decide.",
    )
    trace_ratio: float = Field(
        0.01,
        ge=0,
        le=1,
        validation_alias="OTEL_TRACES_SAMPLER_ARG",
        description="Share of requests traced when no trusted parent decides.",
    )
    traces_exporter: Literal["otlp", "none"] = Field(
        "otlp", validation_alias="OTEL_TRACES_EXPORTER", description="`none` turns tracing off."
    )
    is_otel_off: bool = Field(
        default=False, validation_alias="OTEL_SDK_DISABLED", description="`true` turns tracing off."
    )
    data_dir: Path = Field(
        Path(".signet"), description="Data of the local stores and `admin-password`; used by `make up` alone."
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the signature is pydantic's
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, FileSource(settings_cls)

    @model_validator(mode="after")
    def refuse_half_open_doors(self) -> Self:
        """Refuse what production must not start with; an attacker finds it before the operator does."""
        if self.cors_credentials and "*" in self.cors_origins:
            raise ValueError("SIGNET_CORS_ORIGINS may not be * together with SIGNET_CORS_CREDENTIALS")
        if self.port == self.management_port:
            raise ValueError("SIGNET_PORT and SIGNET_MANAGEMENT_PORT must differ; the second is never routed publicly")
        if self.mode == "production":
            self._refuse_in_production()
        return self

    def _refuse_in_production(self) -> None:
        if any(not is_strong(secret.get_secret_value()) for secret in self.secret_keys):
            raise ValueError(
                "SIGNET_SECRET_KEYS: each secret needs at least 32 random characters; "
                "make one with: openssl rand -base64 48"
            )
        if self.limits == "off" and not self.limits_off_is_intended:
            raise ValueError("SIGNET_LIMITS=off needs SIGNET_LIMITS_OFF_IS_INTENDED=true in production")

    @property
    def changes_kept(self) -> timedelta:
        """How far back changes still matter: twice the life of an access token."""
        return 2 * self.access_ttl

    @property
    def is_tracing_on(self) -> bool:
        is_wanted = self.traces_exporter == "otlp" and not self.is_otel_off
        return is_wanted and bool(self.otlp_endpoint or self.otlp_traces_endpoint)

    @property
    def trace_protocol(self) -> str:
        return self.otlp_traces_protocol or self.otlp_protocol

    @property
    def trace_share(self) -> float:
        """Share of requests traced when no trusted parent decides."""
        if self.trace_sampler.endswith("always_on"):
            return 1.0
        return 0.0 if self.trace_sampler.endswith("always_off") else self.trace_ratio

    def database_dsn(self) -> str:
        """Where Postgres is now: a file is read again, so that a rotated password is used at the next connect."""
        return _fresh(self.database_url, self.database_url_file)

    def direct_dsn(self) -> str:
        """Where migrations go: past the pooler when there is one."""
        if self.database_direct_url is None:
            return self.database_dsn()
        return _fresh(self.database_direct_url, self.database_direct_url_file)

    def redis_address(self) -> str:
        return _fresh(self.redis_url, self.redis_url_file)


def _fresh(value: SecretStr, file: Path | None) -> str:
    return file.read_text(encoding="utf-8").strip() if file else value.get_secret_value()

"""Users, sessions, keys, changes, audit, idempotency."""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    CREATE TABLE users (
        id uuid CONSTRAINT pk_users PRIMARY KEY,
        email text,
        email_key text COLLATE "C" CONSTRAINT uq_users_email_key UNIQUE,
        email_verified boolean NOT NULL,
        display_name text,
        status text COLLATE "C" NOT NULL DEFAULT 'active',
        password_hash text,
        password_scheme text COLLATE "C",
        password_version bigint NOT NULL DEFAULT 0,
        epoch bigint NOT NULL DEFAULT 0,
        version bigint NOT NULL DEFAULT 1,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        CONSTRAINT ck_users_status CHECK (status IN ('active', 'suspended', 'closed')),
        CONSTRAINT ck_users_closed_has_no_email CHECK ((status = 'closed') = (email IS NULL)),
        CONSTRAINT ck_users_email_has_a_key CHECK ((email IS NULL) = (email_key IS NULL))
    )
    """,
    "CREATE INDEX ix_users_status_id ON users (status, id DESC)",
    """
    CREATE TABLE user_roles (
        role text COLLATE "C" NOT NULL,
        user_id uuid NOT NULL CONSTRAINT fk_user_roles_user_id_users REFERENCES users (id),
        CONSTRAINT pk_user_roles PRIMARY KEY (role, user_id)
    )
    """,
    "CREATE INDEX ix_user_roles_user_id ON user_roles (user_id)",
    """
    CREATE TABLE user_terms (
        term text COLLATE "C" NOT NULL,
        user_id uuid NOT NULL CONSTRAINT fk_user_terms_user_id_users REFERENCES users (id),
        CONSTRAINT pk_user_terms PRIMARY KEY (term, user_id)
    )
    """,
    "CREATE INDEX ix_user_terms_user_id_term ON user_terms (user_id, term)",
    """
    CREATE TABLE sessions (
        id uuid CONSTRAINT pk_sessions PRIMARY KEY,
        user_id uuid NOT NULL CONSTRAINT fk_sessions_user_id_users REFERENCES users (id),
        generation bigint NOT NULL DEFAULT 0,
        device text,
        address text,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        rotated_at timestamptz,
        ended_at timestamptz,
        ended_by text COLLATE "C"
    ) WITH (fillfactor = 85)
    """,
    "CREATE INDEX ix_sessions_user_id_created_at_live ON sessions (user_id, created_at) WHERE ended_at IS NULL",
    "CREATE INDEX ix_sessions_created_at ON sessions (created_at)",
    """
    CREATE TABLE signing_keys (
        kid text COLLATE "C" CONSTRAINT pk_signing_keys PRIMARY KEY,
        algorithm text COLLATE "C" NOT NULL,
        sealed_private bytea NOT NULL,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        active_at timestamptz NOT NULL,
        retired_at timestamptz
    )
    """,
    """
    CREATE TABLE changes (
        id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT pk_changes PRIMARY KEY,
        txid xid8 NOT NULL DEFAULT pg_current_xact_id(),
        kind text COLLATE "C" NOT NULL,
        subject uuid,
        value bigint NOT NULL DEFAULT 0,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp()
    )
    """,
    "CREATE INDEX ix_changes_txid ON changes (txid)",
    "CREATE INDEX ix_changes_created_at ON changes (created_at)",
    """
    CREATE TABLE audit_events (
        id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT pk_audit_events PRIMARY KEY,
        txid xid8 NOT NULL DEFAULT pg_current_xact_id(),
        created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        kind text COLLATE "C" NOT NULL,
        user_id uuid,
        actor_id uuid,
        session_id uuid,
        address text,
        request_id text,
        details jsonb NOT NULL DEFAULT '{}'
    )
    """,
    "CREATE INDEX ix_audit_events_txid_id ON audit_events (txid, id)",
    "CREATE INDEX ix_audit_events_user_id_txid_id ON audit_events (user_id, txid, id)",
    """
    CREATE TABLE idempotency_keys (
        key_digest bytea CONSTRAINT pk_idempotency_keys PRIMARY KEY,
        body_digest bytea NOT NULL,
        status smallint NOT NULL,
        resource_id uuid NOT NULL,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp()
    )
    """,
    "CREATE INDEX ix_idempotency_keys_created_at ON idempotency_keys (created_at)",
    """
    CREATE TABLE schema_state (
        is_only boolean NOT NULL DEFAULT true CONSTRAINT pk_schema_state PRIMARY KEY CHECK (is_only),
        schema_level bigint NOT NULL,
        compatible_from bigint NOT NULL
    )
    """,
    "INSERT INTO schema_state (schema_level, compatible_from) VALUES (1, 1)",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)

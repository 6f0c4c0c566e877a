"""The SQL of signing keys. Nothing here begins or commits a transaction."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import bindparam, delete, func, insert, select, text, update

from service.storage import Connection
from service.storage.statements import statement
from service.storage.tables import SigningKey

_LOCK = 0x5167_6E65_7400_0002

LOCK = statement("keys.lock", text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
ALL = statement(
    "keys.all",
    select(
        SigningKey.kid,
        SigningKey.algorithm,
        SigningKey.sealed_private,
        SigningKey.created_at,
        SigningKey.active_at,
        SigningKey.retired_at,
        func.clock_timestamp().label("now"),
    ).order_by(SigningKey.active_at, SigningKey.kid),
)
ADD = statement(
    "keys.add",
    insert(SigningKey)
    .values(
        kid=bindparam("kid"),
        algorithm=bindparam("algorithm"),
        sealed_private=bindparam("sealed_private"),
        active_at=func.clock_timestamp() + bindparam("lead"),
    )
    .returning(SigningKey.active_at),
)
# A key's last token is signed when its successor starts, and lives for a while after that. One that was to sign later
# than the successor would be the newest of all by then, and go while its tokens live: it is put before it instead.
RETIRE_OTHERS = statement(
    "keys.retire_others",
    update(SigningKey)
    .where(SigningKey.kid != bindparam("successor"))
    .values(
        active_at=func.least(SigningKey.active_at, bindparam("latest", type_=SigningKey.active_at.type)),
        retired_at=func.least(SigningKey.retired_at, func.clock_timestamp() + bindparam("outlives")),
    ),
)
RESEAL = statement(
    "keys.reseal",
    update(SigningKey).where(SigningKey.kid == bindparam("key_id")).values(sealed_private=bindparam("sealed")),
)
DROP_RETIRED = statement(
    "keys.drop_retired",
    delete(SigningKey).where(SigningKey.retired_at < func.clock_timestamp()).returning(SigningKey.kid),
)


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A row: the private half is still sealed."""

    key_id: str
    algorithm: str
    sealed_private: bytes
    created_at: datetime
    active_at: datetime
    retired_at: datetime | None
    database_time: datetime

    @property
    def is_active(self) -> bool:
        return self.active_at <= self.database_time and not self.is_retired

    @property
    def is_retired(self) -> bool:
        return self.retired_at is not None and self.retired_at < self.database_time


async def lock(connection: Connection) -> None:
    """Wait until no other transaction makes or retires keys."""
    await connection.execute(LOCK)


async def all_keys(connection: Connection) -> list[StoredKey]:
    return [StoredKey(*row) for row in await connection.execute(ALL)]


async def add(connection: Connection, key_id: str, algorithm: str, sealed_private: bytes, lead: timedelta) -> datetime:
    """Publish a key that signs after `lead`; gives the instant."""
    row = {"kid": key_id, "algorithm": algorithm, "sealed_private": sealed_private, "lead": lead}
    return (await connection.execute(ADD, row)).scalar_one()


async def retire_others(connection: Connection, successor: str, active_at: datetime, outlives: timedelta) -> None:
    """Give every other key an end, `outlives` from now, and let none sign after the successor does."""
    latest = active_at - timedelta(microseconds=1)
    await connection.execute(RETIRE_OTHERS, {"successor": successor, "latest": latest, "outlives": outlives})


async def reseal(connection: Connection, key_id: str, sealed: bytes) -> None:
    await connection.execute(RESEAL, {"key_id": key_id, "sealed": sealed})


async def drop_retired(connection: Connection) -> list[str]:
    """Delete keys whose last token has expired; gives their ids."""
    return list((await connection.scalars(DROP_RETIRED)).all())

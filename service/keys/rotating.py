"""Making signing keys, giving them successors, loading them, and sealing them anew after a secret rotation."""

import asyncio
import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from service.audit import records as audit
from service.audit.events import Event
from service.audit.events import Kind as AuditKind
from service.changes import records as changes
from service.changes.announcing import Announce
from service.changes.messages import keys_changed
from service.keys import records as keys
from service.keys.records import StoredKey
from service.security.key_ring import (
    KeyRing,
    VerifyingKey,
    load_private_key,
    new_key_id,
    new_private_key,
    private_pem,
)
from service.security.secrets import Secrets, SecretUnknown
from service.storage import Connection, Database

logger = logging.getLogger(__name__)

# Replicas hear of a key within a second; a clock may be off by the leeway. A minute covers both.
_MARGIN = timedelta(minutes=1)


class KeyUnreadable(Exception):  # noqa: N818 - it says what is the matter
    """A stored signing key can't be decrypted with any configured secret. It is never made anew by itself."""


@dataclass(frozen=True, slots=True)
class KeyRules:
    """How keys are made and how long they live."""

    algorithm: str
    lead: timedelta
    rotate_after: timedelta
    access_ttl: timedelta
    leeway: timedelta


@dataclass(frozen=True, slots=True)
class Rotating:
    """Owns the life of signing keys in Postgres, and fills the ring of this process."""

    database: Database
    secrets: Secrets
    ring: KeyRing
    rules: KeyRules
    announce: Announce

    async def load(self) -> bool:
        """Fill the ring from Postgres; tells whether a key that was there is gone. Raises KeyUnreadable."""
        stored = await self.database.read(keys.all_keys)
        opened = [self._opened(key) for key in stored if not key.is_retired]
        return self.ring.replace(opened)

    async def make_first(self) -> None:
        """Make the first key if there is none; of many processes that try, one does."""
        if await self.database.read(keys.all_keys):
            return
        async with self.database.begin() as connection:
            await keys.lock(connection)
            if not await keys.all_keys(connection):
                await self._add(connection, timedelta(0))

    async def rotate(self, *, at_once: bool = False) -> str:
        """Publish a successor that signs after the lead (or now) and give the other keys an end; gives its `kid`."""
        async with self.database.begin() as connection:
            await keys.lock(connection)
            # Without a key that signs there is nothing to wait for: until the lead is over nobody could sign in.
            is_first = not any(key.is_active for key in await keys.all_keys(connection))
            key_id = await self._succeed(connection, timedelta(0) if at_once or is_first else self.rules.lead)
        await self.announce(keys_changed())
        return key_id

    async def keep(self) -> None:
        """Rotate when it is time and drop what has retired. Safe in every process at once."""
        stored = await self.database.read(keys.all_keys)
        if not (self._is_due(stored) or any(key.is_retired for key in stored)):
            return
        async with self.database.begin() as connection:
            await keys.lock(connection)
            if self._is_due(await keys.all_keys(connection)):
                await self._succeed(connection, self.rules.lead)
            if await keys.drop_retired(connection):
                await changes.append(connection, keys_changed())
        await self.announce(keys_changed())

    async def rewrap(self) -> int:
        """Seal every private key with the writing secret; gives how many were not."""
        async with self.database.begin() as connection:
            await keys.lock(connection)
            old = [key for key in await keys.all_keys(connection) if not self.secrets.is_current(key.sealed_private)]
            for key in old:
                plain = self._unsealed(key)
                await keys.reseal(connection, key.key_id, self.secrets.seal(plain, key.key_id))
        return len(old)

    async def listed(self) -> list[StoredKey]:
        return await self.database.read(keys.all_keys)

    def _is_due(self, stored: list[StoredKey]) -> bool:
        if not self.rules.rotate_after or not stored:
            return False
        newest = stored[-1]
        return newest.active_at + self.rules.rotate_after - self.rules.lead <= newest.database_time

    async def _succeed(self, connection: Connection, lead: timedelta) -> str:
        key_id, active_at = await self._add(connection, lead)
        outlives = lead + self.rules.access_ttl + self.rules.leeway + _MARGIN
        await keys.retire_others(connection, key_id, active_at, outlives)
        await changes.append(connection, keys_changed())
        await audit.write(connection, Event(AuditKind.KEY_ROTATED, None, details={"kid": key_id}))
        return key_id

    async def _add(self, connection: Connection, lead: timedelta) -> tuple[str, datetime]:
        """Make a key that signs after the lead; gives its `kid` and the instant."""
        key_id = new_key_id()
        private = await asyncio.to_thread(new_private_key, self.rules.algorithm)
        sealed = self.secrets.seal(private_pem(private), key_id)
        return key_id, await keys.add(connection, key_id, self.rules.algorithm, sealed, lead)

    def _opened(self, key: StoredKey) -> VerifyingKey:
        private = load_private_key(self._unsealed(key))
        public = private.public_key()
        return VerifyingKey(key.key_id, key.algorithm, private, public, key.active_at, key.retired_at)

    def _unsealed(self, key: StoredKey) -> bytes:
        try:
            return self.secrets.open(key.sealed_private, key.key_id)
        except SecretUnknown as error:
            raise KeyUnreadable(
                f"signing key {key.key_id} can't be decrypted with any of SIGNET_SECRET_KEYS; "
                "add the secret that sealed it"
            ) from error

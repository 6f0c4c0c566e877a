"""The SQL of refreshing: one conditional UPDATE, and a SELECT that says why it changed nothing."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, Row, bindparam, text

from service.audit import records as audit
from service.audit.events import Kind
from service.changes.messages import Kind as Told
from service.security.refresh_tokens import Presented
from service.sessions.records import Lengths, Signing
from service.storage import Connection
from service.storage.statements import statement


class Outcome(StrEnum):
    """What a refresh came to."""

    ROTATED = "rotated"
    REPEATED = "repeated"
    MOVED = "moved_forward"
    REPLAYED = "replayed"
    UNKNOWN = "unknown"
    ENDED = "ended"
    EXPIRED = "expired"
    INACTIVE = "inactive"
    UNSETTLED = "unsettled"


GRANTED = frozenset({Outcome.ROTATED, Outcome.REPEATED, Outcome.MOVED})


@dataclass(frozen=True, slots=True)
class Refreshed:
    """The outcome, and the session it concerns unless there is none."""

    outcome: Outcome
    signing: Signing | None


_SHOWN = """
    s.id, s.user_id, s.generation, s.device, s.created_at,
    least(s.created_at + CAST(:age AS interval), coalesce(s.rotated_at, s.created_at) + CAST(:idle AS interval))
        AS expires_at,
    ARRAY(SELECT r.role FROM user_roles r WHERE r.user_id = s.user_id ORDER BY r.role) AS roles,
    u.epoch, clock.now
"""
_PRESENTED = bindparam("presented", type_=BigInteger)

# Three of the outcomes write: rotated, moved forward, replayed. A repeat within the grace must not, or a refresh loop
# would be a write loop; so the condition lets exactly those three through, and the row's lock settles who was first.
# What a replay ends is told to every replica, and written down like a moved session, by the statement that does it:
# all of it or nothing, without a BEGIN and a COMMIT around each rotation.
SPEND = statement(
    "sessions.spend_refresh_token",
    text(f"""
        WITH spent AS (
            UPDATE sessions s SET
                generation = CASE
                    WHEN :presented > s.generation THEN :presented
                    WHEN :presented = s.generation THEN s.generation + 1
                    ELSE s.generation END,
                rotated_at = CASE WHEN :presented >= s.generation THEN clock.now ELSE s.rotated_at END,
                ended_at = CASE WHEN :presented < s.generation THEN clock.now END,
                ended_by = CASE WHEN :presented < s.generation THEN 'replay' END
            FROM users u, (SELECT clock_timestamp() AS now) clock
            WHERE s.id = :session_id AND u.id = s.user_id AND u.status = 'active' AND s.ended_at IS NULL
              AND s.created_at + CAST(:age AS interval) > clock.now
              AND coalesce(s.rotated_at, s.created_at) + CAST(:idle AS interval) > clock.now
              AND (:presented > s.generation
                   OR (:presented = s.generation
                       AND (s.rotated_at IS NULL OR s.rotated_at + CAST(:grace AS interval) <= clock.now))
                   OR (:presented < s.generation
                       AND NOT (:presented = s.generation - 1 AND s.rotated_at + CAST(:grace AS interval) > clock.now)))
            RETURNING {_SHOWN}, s.ended_at
        ), told AS (
            INSERT INTO changes (kind, subject)
            SELECT '{Told.SESSION}', id FROM spent WHERE ended_at IS NOT NULL
        ), noted AS (
            INSERT INTO audit_events (kind, user_id, session_id, address, request_id)
            SELECT CASE WHEN ended_at IS NULL THEN '{Kind.MOVED_FORWARD}' ELSE '{Kind.REPLAYED}' END,
                   user_id, id, :event_address, :event_request_id
            FROM spent WHERE ended_at IS NOT NULL OR generation = :presented
        )
        SELECT * FROM spent
    """).bindparams(_PRESENTED),  # noqa: S608 - assembled from constants
)
EXPLAIN = statement(
    "sessions.explain_refresh",
    text(f"""
        SELECT {_SHOWN}, s.ended_at, u.status,
            :presented = s.generation OR :presented = s.generation - 1 AS is_recent,
            s.rotated_at + CAST(:grace AS interval) > clock.now AS is_within_grace
        FROM sessions s JOIN users u ON u.id = s.user_id, (SELECT clock_timestamp() AS now) clock
        WHERE s.id = :session_id
    """).bindparams(_PRESENTED),  # noqa: S608
)


async def spend(connection: Connection, presented: Presented, lengths: Lengths) -> Refreshed:
    """Rotate, move forward or end the session; when nothing of that fits, say what it was."""
    parameters = {"session_id": presented.session_id, "presented": presented.generation, **lengths.parameters()}
    row = (await connection.execute(SPEND, {**parameters, **audit.origin()})).one_or_none()
    if row is not None:
        return Refreshed(_written(row, presented), Signing(*row[:9]))
    row = (await connection.execute(EXPLAIN, parameters)).one_or_none()
    if row is None:
        return Refreshed(Outcome.UNKNOWN, None)
    return Refreshed(_unwritten(row), Signing(*row[:9]))


def _written(row: Row[*tuple[Any, ...]], presented: Presented) -> Outcome:
    if row.ended_at is not None:
        return Outcome.REPLAYED
    return Outcome.MOVED if row.generation == presented.generation else Outcome.ROTATED


def _unwritten(row: Row[*tuple[Any, ...]]) -> Outcome:
    """Say why nothing was written: in this order, all before a replay could be meant."""
    if row.ended_at is not None:
        return Outcome.ENDED
    if row.expires_at <= row.now:
        return Outcome.EXPIRED
    if row.status != "active":
        return Outcome.INACTIVE
    return Outcome.REPEATED if row.is_recent and row.is_within_grace else Outcome.UNSETTLED

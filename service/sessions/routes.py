"""HTTP for /v1/sessions: sign in, refresh, list, end; and for admins, the sessions of a user."""

from datetime import UTC, datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from service.errors import Forbidden
from service.limits.problems import AccountDelayed, RateLimited
from service.security.claims import Claims
from service.sessions.ending import Ending
from service.sessions.listing import Listing, Position
from service.sessions.problems import (
    CredentialsWrong,
    RefreshTokenRefused,
    RefreshUnsettled,
    SessionNotFound,
    UserSuspended,
)
from service.sessions.records import Cause, SessionRow
from service.sessions.refreshing import Refreshing
from service.sessions.shapes import NewSession, Refresh, Session, SessionPage, TokenPair
from service.sessions.signing_in import SigningIn
from service.telemetry import facts
from service.users.problems import UserNotFound
from service.web.bodies import StrictRoute
from service.web.caller import Admin, SignedIn
from service.web.paging import Cursor, CursorMalformed, Limit, read_cursor, write_cursor
from service.web.problems import NotFound, RequestInvalid, TokenInvalid, TokenMissing
from service.web.rendering import json_answer, no_content, refusals, says

router = APIRouter(tags=["sessions"], route_class=StrictRoute)

NOBODY = (TokenMissing, TokenInvalid, RateLimited)
PAGE = says("A page of sessions.", "Cache-Control")
OVER = says("What was asked for has ended.", "Cache-Control")
Keep = Annotated[Literal["current"] | None, Query(description="`current` keeps the session that asks.")]


def signing_in(request: Request) -> SigningIn:
    part: SigningIn = request.app.state.signing_in
    return part


def refreshing(request: Request) -> Refreshing:
    part: Refreshing = request.app.state.refreshing
    return part


def ending(request: Request) -> Ending:
    part: Ending = request.app.state.ending
    return part


def listing(request: Request) -> Listing:
    part: Listing = request.app.state.session_listing
    return part


@router.post(
    "/v1/sessions",
    status_code=201,
    response_model=TokenPair,
    responses={
        201: says("The first pair of a new session.", "Cache-Control"),
        **refusals(CredentialsWrong, UserSuspended, RateLimited, AccountDelayed, has_body=True),
    },
)
async def sign_in(request: Request, body: NewSession) -> Response:
    """Sign in.

    Opens a session, one for each device, and answers its first pair of tokens. An unknown address and a wrong password
    get the same answer in the same time; that an account is suspended is said only after the right password.
    """
    return json_answer(await signing_in(request).sign_in(body, facts.current().address), 201)


@router.post(
    "/v1/sessions/refresh",
    response_model=TokenPair,
    responses={
        200: says("The next pair.", "Cache-Control"),
        **refusals(RefreshTokenRefused, RefreshUnsettled, RateLimited, has_body=True),
    },
)
async def refresh(request: Request, body: Refresh) -> Response:
    """Exchange a refresh token for the next pair.

    A repeat within the grace (30 seconds by default) gets the same refresh token again with a new access token, so lost
    answers, retries and several tabs do no harm. A token that was replaced earlier than that has been copied: showing
    it ends the session.
    """
    return json_answer(await refreshing(request).refresh(body.refresh_token))


@router.get(
    "/v1/sessions",
    response_model=SessionPage,
    responses={200: PAGE, **refusals(*NOBODY, CursorMalformed, RequestInvalid)},
)
async def list_own_sessions(request: Request, caller: SignedIn, cursor: Cursor = None, limit: Limit = 50) -> Response:
    """List one's running sessions.

    Newest first. `current` marks the session that asks.
    """
    rows, behind = await listing(request).page(caller.user_id, _position(cursor, caller.user_id), limit)
    return json_answer(_page(rows, behind, caller.user_id, caller))


@router.delete("/v1/sessions/current", status_code=204, responses={204: OVER, **refusals(*NOBODY, SessionNotFound)})
async def sign_out(request: Request, caller: SignedIn) -> Response:
    """Sign out.

    Ends the session that asks; its access tokens are refused on every replica within a second.
    """
    await ending(request).end_one(caller.user_id, caller.session_id, Cause.SIGNED_OUT)
    return no_content()


@router.delete(
    # Only what can be an id: `DELETE /v1/sessions/refresh` is another address with another method.
    "/v1/sessions/{session_id:uuid}",
    status_code=204,
    responses={204: OVER, **refusals(*NOBODY, SessionNotFound, NotFound)},
)
async def end_session(request: Request, session_id: UUID, caller: SignedIn) -> Response:
    """End one of one's sessions.

    Its access tokens are refused on every replica within a second.
    """
    await ending(request).end_one(caller.user_id, session_id, Cause.OWNER)
    return no_content()


@router.delete(
    "/v1/sessions",
    status_code=204,
    responses={204: OVER, **refusals(*NOBODY, UserNotFound, RequestInvalid)},
)
async def sign_out_everywhere(request: Request, caller: SignedIn, keep: Keep = None) -> Response:
    """Sign out everywhere.

    Ends every session of the caller, or with `keep=current` every other one.
    """
    if keep == "current":
        await ending(request).end_others(caller.user_id, caller.session_id)
    else:
        await ending(request).end_all(caller.user_id, caller.user_id, Cause.OWNER)
    return no_content()


@router.get(
    "/v1/users/{user_id}/sessions",
    response_model=SessionPage,
    responses={
        200: PAGE,
        **refusals(*NOBODY, Forbidden, UserNotFound, NotFound, CursorMalformed, RequestInvalid),
    },
)
async def list_sessions_of_user(
    request: Request, user_id: UUID, caller: Admin, cursor: Cursor = None, limit: Limit = 50
) -> Response:
    """List a user's running sessions.

    For admins. Newest first.
    """
    rows, behind = await listing(request).page_of(user_id, _position(cursor, user_id), limit)
    return json_answer(_page(rows, behind, user_id, caller))


@router.delete(
    "/v1/users/{user_id}/sessions",
    status_code=204,
    responses={204: OVER, **refusals(*NOBODY, Forbidden, UserNotFound, NotFound)},
)
async def end_sessions_of_user(request: Request, user_id: UUID, caller: Admin) -> Response:
    """End every session of a user.

    For admins. The user may sign in again at once; to keep them out, suspend them.
    """
    await ending(request).end_all(user_id, caller.user_id, Cause.ADMIN)
    return no_content()


def _page(rows: list[SessionRow], behind: Position | None, owner: UUID, caller: Claims) -> SessionPage:
    items = [_shape(row, caller.session_id) for row in rows]
    next_cursor = write_cursor(str(owner), behind[0].isoformat(), str(behind[1])) if behind else None
    return SessionPage(items=items, next_cursor=next_cursor)


def _shape(row: SessionRow, current: UUID) -> Session:
    return Session(
        id=row.id,
        device=row.device,
        address=row.address,
        created_at=row.created_at,
        last_used_at=row.last_used_at,
        expires_at=row.expires_at,
        current=row.id == current,
    )


def _position(cursor: str | None, owner: UUID) -> Position | None:
    if cursor is None:
        return None
    instant, session_id = read_cursor(cursor, str(owner), 2)
    try:
        # In a zone of its own it may be an instant that no other zone has a date for.
        return datetime.fromisoformat(instant).astimezone(UTC), UUID(session_id)
    except (ValueError, OverflowError):
        raise CursorMalformed from None

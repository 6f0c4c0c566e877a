"""HTTP for /v1/users as admins use it: finding, reading, changing, suspending, closing."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from service.errors import Forbidden
from service.limits.problems import RateLimited
from service.users import rendering
from service.users.change_records import Edit
from service.users.listing import Directory, Filters
from service.users.listing_records import Position
from service.users.problems import IfMatchMissing, LastAdmin, UserClosed, UserNotFound, VersionStale
from service.users.profiles import Profiles
from service.users.records import UserRow
from service.users.requests import expected, expected_or_refuse
from service.users.shapes import Roles, Suspension, User, UserEdit, UserPage, UserQuery
from service.users.standing import Standing
from service.web.bodies import StrictRoute
from service.web.caller import Admin, refuse_unless_recent
from service.web.conditions import IfMatch, IfNoneMatch, is_none_match
from service.web.paging import CursorMalformed, read_cursor, write_cursor
from service.web.problems import NotFound, RequestInvalid, SignInTooOld, TokenInvalid, TokenMissing
from service.web.rendering import json_answer, no_content, not_modified, refusals, says, warm_answer

router = APIRouter(prefix="/v1/users", tags=["users (admin)"], route_class=StrictRoute)

NOT_ADMIN = (TokenMissing, TokenInvalid, Forbidden, RateLimited)
NOT_THERE = (UserNotFound, NotFound)
NO_REASON = Suspension()
USER_AFTER = says("The user after the change.", "ETag", "Cache-Control")


def directory(request: Request) -> Directory:
    part: Directory = request.app.state.directory
    return part


def profiles(request: Request) -> Profiles:
    part: Profiles = request.app.state.profiles
    return part


def standing(request: Request) -> Standing:
    part: Standing = request.app.state.standing
    return part


@router.get(
    "",
    response_model=UserPage,
    responses={
        200: says("A page of users.", "Cache-Control"),
        **refusals(*NOT_ADMIN, CursorMalformed, RequestInvalid),
    },
)
async def list_users(request: Request, _: Admin, query: Annotated[UserQuery, Query()]) -> Response:
    """Find users.

    A page at a time: newest first, or in order of the matching word when `search` is given. Filters are combined.
    Pages stay stable while users come and go: no one is shown twice, and who was there all the time is not left out.
    """
    filters = Filters(query.search, query.email, query.role, query.status)
    users, behind = await directory(request).page(filters, _position(query.cursor, filters), query.limit)
    next_cursor = write_cursor(repr(filters), str(behind.user_id), behind.term or "") if behind else None
    return json_answer(UserPage(items=[rendering.wire(user) for user in users], next_cursor=next_cursor))


@router.get(
    "/{user_id}",
    response_model=User,
    responses={
        200: says("The user.", "ETag", "Cache-Control"),
        304: says("The copy at hand is current.", "ETag", "Cache-Control"),
        **refusals(*NOT_ADMIN, *NOT_THERE),
    },
)
async def read_user(request: Request, user_id: UUID, _: Admin, if_none_match: IfNoneMatch = None) -> Response:
    """Read a user.

    Closed accounts can be read too: their address and name are null.
    """
    warm = rendering.found_answer(await profiles(request).read(user_id))
    return not_modified(warm) if is_none_match(if_none_match, warm.header(b"etag")) else warm_answer(warm)


@router.patch(
    "/{user_id}",
    response_model=User,
    responses={
        200: USER_AFTER,
        **refusals(*NOT_ADMIN, *NOT_THERE, UserClosed, VersionStale, IfMatchMissing, has_body=True),
    },
)
async def edit_user(
    request: Request, user_id: UUID, body: UserEdit, caller: Admin, if_match: IfMatch = None
) -> Response:
    """Change a user.

    `If-Match` with the `ETag` that was read is required, so that no change of others is overwritten.
    """
    edit = Edit("display_name" in body.model_fields_set, body.display_name, body.email_verified)
    return _user(await profiles(request).edit(user_id, caller.user_id, edit, expected_or_refuse(if_match)))


@router.delete(
    "/{user_id}",
    status_code=204,
    responses={
        204: says("The account is closed.", "Cache-Control"),
        **refusals(*NOT_ADMIN, *NOT_THERE, SignInTooOld, UserClosed, LastAdmin, VersionStale),
    },
)
async def close_user(request: Request, user_id: UUID, caller: Admin, if_match: IfMatch = None) -> Response:
    """Close somebody's account.

    Address and name are erased at once, the address is free again, and every session ends. There is no way back. The
    last active admin can't be closed. `If-Match` is honoured when given. One's own account needs a sign-in of the last
    minutes, here as anywhere.
    """
    if user_id == caller.user_id:
        refuse_unless_recent(request, caller)
    await standing(request).close(user_id, caller.user_id, expected(if_match))
    return no_content()


@router.post(
    "/{user_id}/suspend",
    response_model=User,
    responses={200: USER_AFTER, **refusals(*NOT_ADMIN, *NOT_THERE, UserClosed, LastAdmin, has_body=True)},
)
async def suspend_user(request: Request, user_id: UUID, caller: Admin, body: Suspension = NO_REASON) -> Response:
    """Suspend a user.

    Every session ends and signing in is refused until an admin reinstates the user. Suspending twice is harmless. The
    last active admin can't be suspended.
    """
    return _user(await standing(request).suspend(user_id, caller.user_id, body.reason))


@router.post(
    "/{user_id}/reinstate",
    response_model=User,
    responses={200: USER_AFTER, **refusals(*NOT_ADMIN, *NOT_THERE, UserClosed)},
)
async def reinstate_user(request: Request, user_id: UUID, caller: Admin) -> Response:
    """Reinstate a suspended user.

    They can sign in again; sessions that have ended stay ended. Reinstating twice is harmless.
    """
    return _user(await standing(request).reinstate(user_id, caller.user_id))


@router.put(
    "/{user_id}/roles",
    response_model=User,
    responses={200: USER_AFTER, **refusals(*NOT_ADMIN, *NOT_THERE, UserClosed, LastAdmin, VersionStale, has_body=True)},
)
async def set_roles(request: Request, user_id: UUID, body: Roles, caller: Admin, if_match: IfMatch = None) -> Response:
    """Give a user exactly these roles.

    Sessions live on, but access tokens that carry the former roles are refused within a second; the next refresh gives
    one with the new roles. The last active admin keeps `admin`. `If-Match` is honoured when given.
    """
    return _user(await standing(request).set_roles(user_id, caller.user_id, body.roles, expected(if_match)))


def _user(user: UserRow) -> Response:
    return json_answer(rendering.user_bytes(user), headers={"ETag": rendering.etag(user.version)})


def _position(cursor: str | None, filters: Filters) -> Position | None:
    if cursor is None:
        return None
    user_id, term = read_cursor(cursor, repr(filters), 2)
    try:
        return Position(UUID(user_id), term or None)
    except ValueError:
        raise CursorMalformed from None

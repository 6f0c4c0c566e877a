"""HTTP for /v1/users: registering, and one's own profile."""

from typing import Annotated

from fastapi import APIRouter, Body, Request, Response

from service.errors import Forbidden
from service.idempotency.problems import IdempotencyKeyMalformed, IdempotencyKeyReused
from service.limits.problems import RateLimited
from service.telemetry import facts
from service.users import rendering
from service.users.change_records import Edit
from service.users.problems import (
    EmailTaken,
    IfMatchMissing,
    LastAdmin,
    PasswordHashUnacceptable,
    PasswordUnacceptable,
    RegistrationClosed,
    UserClosed,
    UserNotFound,
    VersionStale,
)
from service.users.profiles import Profiles
from service.users.registering import Asking, Registering
from service.users.requests import expected, expected_or_refuse, promised
from service.users.shapes import NEW_USERS, NewUser, ProfileEdit, User
from service.users.standing import Standing
from service.web.bodies import StrictRoute
from service.web.caller import SignedIn, SignedInOrNobody, refuse_unless_recent
from service.web.conditions import IdempotencyKeyHeader, IfMatch, IfNoneMatch, is_none_match
from service.web.problems import SignInTooOld, TokenInvalid, TokenMissing
from service.web.rendering import json_answer, no_content, not_modified, refusals, says, warm_answer

router = APIRouter(prefix="/v1/users", tags=["users"], route_class=StrictRoute)

NOBODY = (TokenMissing, TokenInvalid, RateLimited)
CACHED = ("ETag", "Cache-Control")
CREATED = ("Location", *CACHED)


def profiles(request: Request) -> Profiles:
    part: Profiles = request.app.state.profiles
    return part


def registering(request: Request) -> Registering:
    part: Registering = request.app.state.registering
    return part


def standing(request: Request) -> Standing:
    part: Standing = request.app.state.standing
    return part


@router.post(
    "",
    status_code=201,
    response_model=User,
    responses={
        201: says("The user, new, or the one that the first request with this key made.", *CREATED),
        **refusals(
            RateLimited,
            TokenInvalid,
            Forbidden,
            RegistrationClosed,
            EmailTaken,
            PasswordUnacceptable,
            PasswordHashUnacceptable,
            IdempotencyKeyReused,
            IdempotencyKeyMalformed,
            has_body=True,
        ),
    },
)
async def register(
    request: Request,
    body: Annotated[NewUser, Body(openapi_examples=NEW_USERS)],
    caller: SignedInOrNobody,
    idempotency_key: IdempotencyKeyHeader = None,
) -> Response:
    """Register, or create a user as an admin.

    Without a token this is self-registration, where the installation allows it; it tells whether an address is taken,
    as every open registration does. With an admin's token any user can be created, with roles, a verified address or a
    password hash from another system. Under an `Idempotency-Key` a repeat is answered like the first request.
    """
    user_id = caller.user_id if caller else None
    is_admin = caller is not None and caller.is_admin
    promise = promised(request.app.state.secrets, user_id, idempotency_key, body)
    asking = Asking(user_id, is_admin, facts.current().address, promise)
    user = await registering(request).register(body, asking)
    location = f"{request.app.state.settings.public_url}/v1/users/{user.id}"
    headers = {"Location": location, "ETag": rendering.etag(user.version)}
    return json_answer(rendering.user_bytes(user), 201, headers)


@router.get(
    "/me",
    response_model=User,
    responses={
        200: says("The profile.", *CACHED),
        304: says("The copy at hand is current.", *CACHED),
        **refusals(*NOBODY, UserNotFound),
    },
)
async def read_own_profile(request: Request, caller: SignedIn, if_none_match: IfNoneMatch = None) -> Response:
    """Read one's own profile.

    The `ETag` names its version; with `If-None-Match` the answer is 304 while the copy at hand is current.
    """
    warm = rendering.found_answer(await profiles(request).read(caller.user_id))
    if is_none_match(if_none_match, warm.header(b"etag")):
        return not_modified(warm)
    return warm_answer(warm)


@router.patch(
    "/me",
    response_model=User,
    responses={
        200: says("The profile after the change.", "ETag", "Cache-Control"),
        **refusals(*NOBODY, UserNotFound, UserClosed, VersionStale, IfMatchMissing, has_body=True),
    },
)
async def edit_own_profile(request: Request, body: ProfileEdit, caller: SignedIn, if_match: IfMatch = None) -> Response:
    """Change one's own profile.

    `If-Match` with the `ETag` that was read is required, so that no change of others is overwritten. A change to what
    is already there is no change: the version and `updated_at` stay.
    """
    edit = Edit(sets_name="display_name" in body.model_fields_set, name=body.display_name)
    version = expected_or_refuse(if_match)
    user = await profiles(request).edit(caller.user_id, caller.user_id, edit, version)
    return json_answer(rendering.user_bytes(user), headers={"ETag": rendering.etag(user.version)})


@router.delete(
    "/me",
    status_code=204,
    responses={
        204: says("The account is closed.", "Cache-Control"),
        **refusals(*NOBODY, SignInTooOld, UserNotFound, UserClosed, LastAdmin, VersionStale),
    },
)
async def close_own_account(request: Request, caller: SignedIn, if_match: IfMatch = None) -> Response:
    """Close one's account.

    Address and name are erased at once, the address is free again, and every session ends. There is no way back.
    Needs a sign-in of the last minutes; `If-Match` is honoured when given.
    """
    refuse_unless_recent(request, caller)
    await standing(request).close(caller.user_id, caller.user_id, expected(if_match))
    return no_content()

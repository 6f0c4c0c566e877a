"""HTTP for /v1/account."""

from fastapi import APIRouter, Request, Response

from service.account.changing_password import ChangingPassword
from service.account.problems import CurrentPasswordWrong, PasswordOvertaken
from service.account.shapes import NewPassword
from service.limits.problems import RateLimited
from service.sessions.shapes import TokenPair
from service.telemetry import facts
from service.users.problems import PasswordUnacceptable, UserNotFound
from service.web.bodies import StrictRoute
from service.web.caller import SignedIn
from service.web.problems import TokenInvalid, TokenMissing
from service.web.rendering import json_answer, refusals, says

router = APIRouter(prefix="/v1/account", tags=["account"], route_class=StrictRoute)


def changing_password(request: Request) -> ChangingPassword:
    part: ChangingPassword = request.app.state.changing_password
    return part


@router.put(
    "/password",
    response_model=TokenPair,
    responses={
        200: says("The pair of a new session; every earlier session has ended.", "Cache-Control"),
        **refusals(
            RateLimited,
            TokenMissing,
            TokenInvalid,
            CurrentPasswordWrong,
            PasswordOvertaken,
            PasswordUnacceptable,
            UserNotFound,
            has_body=True,
        ),
    },
)
async def change_password(request: Request, body: NewPassword, caller: SignedIn) -> Response:
    """Change one's password.

    Takes the current one. Every session of the account ends, on every device; the answer is the pair of a new session
    for the device that asked.
    """
    return json_answer(await changing_password(request).change(caller, body, facts.current().address))

"""HTTP for machines and gateways: POST /oauth/token, and /v1/verify."""

from typing import Annotated

import orjson
from fastapi import APIRouter, Form, Query, Request, Response

from service.oauth import rendering
from service.oauth.problems import ClientInvalid, GrantInvalid, GrantUnsupported, OAuthProblem
from service.oauth.shapes import OAuthRefusal, TokenAnswer
from service.security.access_tokens import CLIENT_ID
from service.sessions.problems import RefreshTokenRefused
from service.sessions.refreshing import Refreshing
from service.web.bodies import StrictRoute
from service.web.caller import SignedIn
from service.web.problems import ScopeMissing, TokenInvalid, TokenMissing
from service.web.rendering import NO_STORE, json_answer, problem_body, refusals, warm_answer

router = APIRouter(tags=["machines and gateways"], route_class=StrictRoute)

OTHER_METHODS = ["HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
ScopeAsked = Annotated[str | None, Query(max_length=200, description="Answer 403 unless the token carries this scope.")]


@router.post(
    "/oauth/token",
    response_model=TokenAnswer,
    responses={**refusals(has_body=True), 400: {"model": OAuthRefusal, "description": "RFC 6749, 5.2"}},
)
async def exchange_token(
    request: Request,
    grant_type: Annotated[str, Form(max_length=100, examples=["refresh_token"])] = "",
    refresh_token: Annotated[str, Form(max_length=512)] = "",
    client_id: Annotated[str, Form(max_length=200)] = CLIENT_ID,
) -> Response:
    """Exchange a refresh token the way RFC 6749, section 6, has it; the same rotation as /v1/sessions/refresh."""
    form = await request.form()
    names = [name for name, _ in form.multi_items()]
    if len(names) != len(set(names)) or not grant_type:
        raise OAuthProblem
    if grant_type != "refresh_token":
        raise GrantUnsupported
    if client_id != CLIENT_ID:
        raise ClientInvalid
    if not refresh_token:
        raise OAuthProblem
    refreshing: Refreshing = request.app.state.refreshing
    try:
        pair = await refreshing.refresh(refresh_token)
    except RefreshTokenRefused:
        raise GrantInvalid from None
    return json_answer(TokenAnswer.of(pair))


@router.get(
    "/v1/verify", status_code=200, response_class=Response, responses=refusals(TokenMissing, TokenInvalid, ScopeMissing)
)
@router.api_route("/v1/verify", methods=OTHER_METHODS, include_in_schema=False)
@router.api_route("/v1/verify/{rest:path}", methods=["GET", *OTHER_METHODS], include_in_schema=False)
async def verify(caller: SignedIn, scope: ScopeAsked = None) -> Response:
    """Tell a gateway whether a request may pass: 200 with X-Signet-* headers, 401, or 403 for want of `scope`."""
    if scope is not None and scope not in caller.scopes:
        raise ScopeMissing(headers={"WWW-Authenticate": 'Bearer error="insufficient_scope"'})
    return warm_answer(rendering.verified(caller))


def oauth_refusal(problem: OAuthProblem) -> Response:
    """Refuse in the shape that OAuth clients read (application/json with `error`), the problem's members beside it."""
    body = {"error": problem.error, "error_description": problem.detail, **problem_body(problem)}
    return Response(orjson.dumps(body), problem.status, {**NO_STORE, **problem.headers}, "application/json")

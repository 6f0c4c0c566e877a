"""HTTP for machines and gateways: POST /oauth/token, and /v1/verify."""

from typing import Annotated

import orjson
from fastapi import APIRouter, Form, Query, Request, Response
from pydantic import StringConstraints

from service.limits.problems import RateLimited
from service.oauth import rendering
from service.oauth.problems import ClientInvalid, GrantInvalid, GrantUnsupported, OAuthProblem
from service.oauth.shapes import TokenAnswer, TokenRequest
from service.security.access_tokens import CLIENT_ID
from service.sessions.problems import RefreshTokenRefused, RefreshUnsettled
from service.sessions.refreshing import Refreshing
from service.web.bodies import StrictRoute
from service.web.caller import Verified
from service.web.problems import RequestInvalid, ScopeMissing, TokenInvalid, TokenMissing
from service.web.rendering import NO_STORE, json_answer, problem_body, refusals, says, warm_answer

router = APIRouter(tags=["machines and gateways"], route_class=StrictRoute)

# All that the server's parser lets in, WebDAV's too: a gateway asks with the method it was asked with.
OTHER_METHODS = [
    "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "QUERY", "ACL", "BIND", "CHECKOUT", "COPY", "LINK",
    "LOCK", "M-SEARCH", "MERGE", "MKACTIVITY", "MKCALENDAR", "MKCOL", "MOVE", "NOTIFY", "PROPFIND", "PROPPATCH",
    "PURGE", "REBIND", "REPORT", "SEARCH", "SOURCE", "SUBSCRIBE", "UNBIND", "UNLINK", "UNLOCK", "UNSUBSCRIBE",
]  # fmt: skip
ScopesAsked = Annotated[
    list[Annotated[str, StringConstraints(max_length=200)]] | None,
    Query(description="Answer 403 unless the token carries this scope; given twice, both.", examples=[["users:read"]]),
]
IDENTITY = ("X-Signet-User", "X-Signet-Roles", "X-Signet-Scopes", "X-Signet-Session")


@router.post(
    "/oauth/token",
    response_model=TokenAnswer,
    responses={
        200: says("The next pair of tokens.", "Cache-Control"),
        **refusals(RefreshUnsettled, RateLimited, has_body=True),
        **rendering.refusals_of_rfc_6749(),
    },
)
async def exchange_token(request: Request, asked: Annotated[TokenRequest, Form()]) -> Response:
    """Exchange a refresh token the way OAuth 2.0 has it.

    For libraries that speak RFC 6749, section 6; the same rotation and the same grace as `POST /v1/sessions/refresh`.
    The client is public: it has no secret, and `client_id` may be left away.
    """
    form = await request.form()
    names = [name for name, _ in form.multi_items()]
    if len(names) != len(set(names)) or not asked.grant_type:
        raise OAuthProblem
    if asked.grant_type != "refresh_token":
        raise GrantUnsupported
    if asked.client_id != CLIENT_ID:
        raise ClientInvalid
    if not asked.refresh_token:
        raise OAuthProblem
    refreshing: Refreshing = request.app.state.refreshing
    try:
        pair = await refreshing.refresh(asked.refresh_token)
    except RefreshTokenRefused:
        raise GrantInvalid from None
    return json_answer(TokenAnswer.of(pair), headers={"Pragma": "no-cache"})


@router.get(
    "/v1/verify",
    status_code=200,
    response_class=Response,
    responses={
        200: says("The request may pass. There is no body.", "Cache-Control", *IDENTITY),
        **refusals(TokenMissing, TokenInvalid, ScopeMissing, RequestInvalid),
    },
)
@router.api_route("/v1/verify", methods=OTHER_METHODS, include_in_schema=False)
@router.api_route("/v1/verify/{rest:path}", methods=["GET", *OTHER_METHODS], include_in_schema=False)
async def verify(caller: Verified, scope: ScopesAsked = None) -> Response:
    """Tell a gateway whether a request may pass.

    Answers any method, on `/v1/verify` and on every path below it, so a gateway may forward the method and the path of
    the request it asks about; a body is ignored. 200 names the caller in `X-Signet-*` headers for the gateway to hand
    on; it must strip those of the inbound request. Never limited; answered from memory.
    """
    if not set(scope or ()) <= set(caller.scopes):
        raise ScopeMissing
    return warm_answer(rendering.verified(caller))


def oauth_refusal(problem: OAuthProblem) -> Response:
    """Refuse in the shape that OAuth clients read (application/json with `error`), the problem's members beside it."""
    body = {**rendering.oauth_words(problem), **problem_body(problem)}
    return Response(orjson.dumps(body), problem.status, {**NO_STORE, **problem.headers}, "application/json")

"""Forward-auth answers: what a gateway learns of a caller; and refusals in the words of RFC 6749."""

from typing import Any

from service.oauth.problems import ClientInvalid, GrantInvalid, GrantUnsupported, OAuthProblem
from service.oauth.shapes import OAuthRefusal
from service.security.claims import Claims
from service.web.fast_lane import Warm
from service.web.rendering import problem_example, says


def verified(claims: Claims) -> Warm:
    """Tell a gateway who calls; the fast lane and the route both send exactly this."""
    if isinstance(claims.answer, Warm):
        return claims.answer
    headers = [
        (b"content-length", b"0"),
        (b"cache-control", b"no-store"),
        (b"x-signet-user", str(claims.user_id).encode()),
        (b"x-signet-roles", ",".join(claims.roles).encode()),
        (b"x-signet-scopes", " ".join(claims.scopes).encode()),
        (b"x-signet-session", str(claims.session_id).encode()),
    ]
    claims.answer = Warm(200, headers, b"")
    return claims.answer


def oauth_words(problem: OAuthProblem | type[OAuthProblem]) -> dict[str, str]:
    return {"error": problem.error, "error_description": problem.detail}


def refusals_of_rfc_6749() -> dict[int | str, dict[str, Any]]:
    """Describe to OpenAPI what the token endpoint refuses; all of it is 400."""
    listed = (OAuthProblem, GrantInvalid, GrantUnsupported, ClientInvalid)
    meaning = "\n".join(f"* `{problem.error}`, `{problem.code}`: {problem.title}" for problem in listed)
    examples = {
        problem.code: {"summary": problem.title, "value": {**oauth_words(problem), **problem_example(problem)}}
        for problem in listed
    }
    content = {"application/json": {"examples": examples}}
    return {400: {"model": OAuthRefusal, **says(meaning, "Cache-Control"), "content": content}}

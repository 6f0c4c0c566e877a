"""What the token endpoint refuses, in the words of RFC 6749, section 5.2."""

from service.errors import Problem


class OAuthProblem(Problem):
    """The token request lacks `grant_type` or `refresh_token`, or gives a parameter twice."""

    status, code, title = 400, "oauth_request_invalid", "The token request is not valid."
    detail = "A parameter is missing or given twice."
    error = "invalid_request"


class GrantInvalid(OAuthProblem):
    """The refresh token is unknown, expired, or belongs to a session that has ended. Sign in again."""

    code, title = "oauth_grant_invalid", "This grant can't be used."
    detail = "The session has ended or expired. Sign in again."
    error = "invalid_grant"


class GrantUnsupported(OAuthProblem):
    """The token endpoint takes `grant_type=refresh_token` only."""

    code, title = "oauth_grant_unsupported", "This grant type is not supported."
    detail = "grant_type must be refresh_token."
    error = "unsupported_grant_type"


class ClientInvalid(OAuthProblem):
    """`client_id` is given and is not `signet`: no other client exists."""

    code, title = "oauth_client_invalid", "This client is not known."
    detail = "Leave client_id away, or give signet."
    error = "invalid_client"

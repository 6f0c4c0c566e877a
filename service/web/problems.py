"""What the edge refuses, whatever the route."""

from service.errors import Problem


class TokenMissing(Problem):
    """The request needs an access token: `Authorization: Bearer ...`."""

    status, code, title = 401, "token_missing", "An access token is required."
    detail = "Send it as Authorization: Bearer ..."
    headers = {"WWW-Authenticate": "Bearer"}  # noqa: RUF012 - read only


class TokenInvalid(Problem):
    """The access token is malformed, expired or revoked. Refresh it, or sign in again."""

    status, code, title = 401, "token_invalid", "The access token is not valid."
    detail = "It is malformed, expired or revoked. Refresh it."
    headers = {"WWW-Authenticate": 'Bearer error="invalid_token"'}  # noqa: RUF012 - read only


class ScopeMissing(Problem):
    """The token does not carry the scope that was asked for."""

    status, code, title = 403, "insufficient_scope", "The token lacks a scope."
    detail = "Its roles do not carry the scope that was asked for."
    headers = {"WWW-Authenticate": 'Bearer error="insufficient_scope"'}  # noqa: RUF012 - read only


class SignInTooOld(Problem):
    """This takes a recent sign-in (RFC 9470). Sign in again and repeat the request with the new token."""

    status, code, title = 401, "insufficient_user_authentication", "A recent sign-in is required."
    detail = "Sign in again and repeat the request."
    headers = {"WWW-Authenticate": 'Bearer error="insufficient_user_authentication"'}  # noqa: RUF012 - read only


class BodyMalformed(Problem):
    """The body is not the JSON or form it claims to be: a syntax error, a key given twice, a number without end."""

    status, code, title = 400, "body_malformed", "The body can't be read."
    detail = "The body is not JSON (character 17)."


class BodyLate(Problem):
    """The body did not arrive within the time that a request may take. Nothing was done."""

    status, code, title = 408, "body_late", "The body took too long to arrive."
    detail = "Send the request again, over a connection that carries it in time."
    headers = {"Connection": "close"}  # noqa: RUF012 - read only


class BodyTooLarge(Problem):
    """The body is larger than this service takes (64 KiB, unless the installation sets another limit)."""

    status, code, title = 413, "body_too_large", "The body is too large."
    detail = "No request to this service needs that much."
    headers = {"Connection": "close"}  # noqa: RUF012 - read only


class MediaTypeUnsupported(Problem):
    """The Content-Type is missing or not the one this route takes."""

    status, code, title = 415, "media_type_unsupported", "The Content-Type is not supported."
    detail = "This route takes application/json."


class RequestInvalid(Problem):
    """The request is well-formed but wrong; `errors` names each field."""

    status, code, title = 422, "request_invalid", "The request is not valid."
    detail = "See errors for each field."


class NotFound(Problem):
    """Nothing is at this address; perhaps an id in it can't exist."""

    status, code, title = 404, "not_found", "There is nothing here."
    detail = "The address is not one of this service, or an id in it can't exist."


class MethodNotAllowed(Problem):
    """The address exists, but not with this method; `Allow` lists those it takes."""

    status, code, title = 405, "method_not_allowed", "This method is not allowed here."
    detail = "Allow lists the methods that are."


class RequestMalformed(Problem):
    """The request breaks a rule of HTTP or of the format it claims to be in."""

    status, code, title = 400, "request_malformed", "The request can't be understood."
    detail = "It breaks a rule of HTTP."


class HostUnknown(Problem):
    """The Host header names a host that this installation does not answer for."""

    status, code, title = 421, "host_unknown", "This host is not served here."
    detail = "The Host header names another service."


class DeadlineExceeded(Problem):
    """The request took longer than a request may. What it was doing was rolled back."""

    status, code, title = 503, "deadline_exceeded", "The request took too long."
    detail = "It was given up. Try again shortly."
    headers = {"Retry-After": "1"}  # noqa: RUF012 - read only

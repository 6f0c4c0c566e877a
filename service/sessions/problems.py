"""What sessions refuse."""

from service.errors import Problem


class CredentialsWrong(Problem):
    """The address is unknown or the password does not belong to it; which of the two is not said."""

    status, code, title = 401, "credentials_wrong", "The address or the password is wrong."
    detail = "Check both and try again."
    headers = {"WWW-Authenticate": "Bearer"}  # noqa: RUF012 - read only


class UserSuspended(Problem):
    """The account is suspended. Only an admin of this installation can reinstate it."""

    status, code, title = 403, "user_suspended", "This account is suspended."
    detail = "An admin can reinstate it."


class RefreshTokenRefused(Problem):
    """The refresh token is unknown, expired, or belongs to a session that has ended. Sign in again."""

    status, code, title = 401, "refresh_token_refused", "This refresh token can't be used."
    detail = "The session has ended or expired. Sign in again."
    headers = {"WWW-Authenticate": 'Bearer error="invalid_token"'}  # noqa: RUF012 - read only


class SessionNotFound(Problem):
    """The session has ended already, or it belongs to somebody else."""

    status, code, title = 404, "session_not_found", "There is no such session."
    detail = "It has ended already, or it is not yours."


class RefreshUnsettled(Problem):
    """Two refreshes met in a way that could not be told apart. Nothing changed; try again."""

    status, code, title = 503, "refresh_unsettled", "The refresh could not be settled."
    detail = "Nothing changed. Try again."
    headers = {"Retry-After": "1"}  # noqa: RUF012 - read only

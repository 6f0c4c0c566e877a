"""What users refuse."""

from service.errors import Problem


class UserNotFound(Problem):
    """No user has this id."""

    status, code, title = 404, "user_not_found", "There is no such user."
    detail = "No user has this id."


class EmailTaken(Problem):
    """Another user has this address. Sign in instead, or ask for a password reset."""

    status, code, title = 409, "email_taken", "This address is taken."
    detail = "A user with this address exists already."


class RegistrationClosed(Problem):
    """This installation does not let people register by themselves; an admin creates users."""

    status, code, title = 403, "registration_closed", "Registration is closed."
    detail = "An admin creates users here."


class PasswordUnacceptable(Problem):
    """The new password is too short, too long or too common. Choose another one."""

    status, code, title = 422, "password_unacceptable", "This password can't be used."
    detail = "It is one of the passwords that attackers try first."


class PasswordHashUnacceptable(Problem):
    """The imported hash is of a kind that is not accepted, or its cost is beyond what is allowed."""

    status, code, title = 422, "password_hash_unacceptable", "This password hash can't be used."
    detail = "argon2 and bcrypt hashes of bounded cost are accepted."


class LastAdmin(Problem):
    """The last active admin can't be demoted, suspended or closed. Make somebody else an admin first."""

    status, code, title = 409, "last_admin", "This is the last active admin."
    detail = "Give the role to somebody else first."


class UserClosed(Problem):
    """The account was closed; it can't be changed any more."""

    status, code, title = 409, "user_closed", "This account is closed."
    detail = "A closed account can't be changed."


class VersionStale(Problem):
    """Somebody changed the user after you read it. Read it again and decide anew."""

    status, code, title = 412, "version_stale", "The user has changed meanwhile."
    detail = "If-Match does not name the current version. Read the user again."


class IfMatchMissing(Problem):
    """Changing a user needs `If-Match` with the `ETag` you read, so that no change of others is overwritten."""

    status, code, title = 428, "if_match_missing", "If-Match is required."
    detail = "Send the ETag you read as If-Match."

"""What the account refuses."""

from service.errors import Problem


class CurrentPasswordWrong(Problem):
    """The current password does not belong to this account. Nothing was changed."""

    status, code, title = 403, "current_password_wrong", "The current password is wrong."
    detail = "Nothing was changed."


class PasswordOvertaken(Problem):
    """Another change of this password was faster. Sign in with the newest one."""

    status, code, title = 409, "password_overtaken", "The password was changed meanwhile."
    detail = "Sign in with the newest password."

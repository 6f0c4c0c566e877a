"""What crosses the wire about the account."""

from pydantic import Field

from service.users.shapes import Body, NewRawPassword, RawPassword


class NewPassword(Body):
    """Change the password; the current one is asked for."""

    current_password: RawPassword
    new_password: NewRawPassword = Field(examples=["an even better horse"])

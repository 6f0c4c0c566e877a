"""What crosses the wire about the account."""

from pydantic import Field

from service.users.shapes import Body, RawPassword


class NewPassword(Body):
    """Change the password; the current one is asked for."""

    current_password: RawPassword
    new_password: RawPassword = Field(
        description="8 to 256 characters; not one of the passwords that attackers try first.",
        examples=["an even better horse"],
    )

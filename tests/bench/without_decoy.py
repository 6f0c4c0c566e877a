"""A build with a fault: it answers at once for an unknown address. The timing comparison must flag it."""

from service.commands import main
from service.security.passwords import Passwords

_is_right = Passwords.is_right


async def is_right_at_once(
    self: Passwords, password_hash: str | None, raw_password: str, email_key: str, address: str
) -> bool:
    """Skip the decoy."""
    return password_hash is not None and await _is_right(self, password_hash, raw_password, email_key, address)


if __name__ == "__main__":
    Passwords.is_right = is_right_at_once  # type: ignore[method-assign]
    main()

"""The keys of the shared cache. Each carries the version of what lies under it: raise it with the form of the value."""


def profile(user_id: str) -> str:
    """Name the bytes of a user; `user_id` is the id as text."""
    return f"signet:user:2:{user_id}"

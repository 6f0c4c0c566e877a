"""Which scopes a role carries."""

from collections.abc import Mapping, Sequence


def scopes_of(role_scopes: Mapping[str, Sequence[str]], roles: Sequence[str]) -> tuple[str, ...]:
    """List the scopes of these roles in alphabetical order, each once."""
    return tuple(sorted({scope for role in roles for scope in role_scopes.get(role, ())}))

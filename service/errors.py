"""What the service refuses (RFC 9457) and what it says when a store is away."""

from collections.abc import Mapping, Sequence
from typing import ClassVar, TypedDict


class FieldError(TypedDict):
    """One refused field: a JSON pointer into the body (or the parameter's name) and a sentence."""

    pointer: str
    detail: str


class Problem(Exception):  # noqa: N818 - the word of RFC 9457
    """A refusal that a client can act on: status, frozen code, one public sentence.

    The docstring of a subclass is the text under `/problems/<code>`: what happened and what to do.
    """

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"
    title: ClassVar[str] = "Something went wrong on our side."
    detail: str = "It has been logged under this request id."
    headers: Mapping[str, str] = {}

    def __init__(
        self,
        detail: str | None = None,
        *,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(self.code)
        self.detail = detail or type(self).detail
        self.headers = {**type(self).headers, **(headers or {})}
        self.errors = list(errors)


class InternalError(Problem):
    """The service met a case it does not know; the log holds it under the request id. Retrying may help."""


class StoreAway(Problem):
    """A store that this request needs did not answer in time. Nothing was half-written; try again shortly."""

    status, code, title = 503, "store_unavailable", "A store this request needs is not available."
    detail = "Nothing was half-written. Try again shortly."
    headers: Mapping[str, str] = {"Retry-After": "1"}


class Overloaded(Problem):
    """The service is doing as much as it may do at once. Wait for `Retry-After` seconds and try again."""

    status, code, title = 503, "overloaded", "The service is busy."
    detail = "Too much is waiting already. Try again shortly."
    headers: Mapping[str, str] = {"Retry-After": "1"}


class Forbidden(Problem):
    """The caller is known, but this is not theirs to do."""

    status, code, title = 403, "forbidden", "This is not yours to do."
    detail = "It takes a role that the token does not carry."

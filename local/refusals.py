"""The one way this package says that something cannot be."""


class CannotStart(Exception):  # noqa: N818 - it is an answer to a person, not an error in the program
    """One sentence for a person: what cannot be, and what to do about it."""


class StopRequested(Exception):  # noqa: N818 - asked for, so no error
    """Somebody pressed Ctrl-C, closed the terminal or asked us to end."""

"""The words by which a user is found: pieces of address and name, folded."""

import unicodedata

_LONGEST_TERM = 100
SHORTEST_SEARCH = 2
# Sorts behind every text that begins with the prefix: the last code point there is.
LAST = "\U0010ffff"


def fold(text: str) -> str:
    """Bring text into the form in which terms are stored and searched."""
    return " ".join(unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold()).split())


def prefix_of(search: str) -> str:
    """Return what the terms looked for begin with; no term is longer than that."""
    return fold(search)[:_LONGEST_TERM]


def terms_of(email: str | None, display_name: str | None) -> list[str]:
    """List the terms of a user: each whole text and each word of it."""
    whole = [fold(text) for text in (email, display_name) if text]
    words = [word for text in whole for word in _words(text)]
    return sorted({term[:_LONGEST_TERM] for term in whole + words if len(term) >= SHORTEST_SEARCH})


def _words(text: str) -> list[str]:
    """Split at whatever is no letter, digit or mark; marks are the vowels of many scripts."""
    return "".join(character if unicodedata.category(character)[0] in "LMN" else " " for character in text).split()

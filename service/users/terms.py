"""The words by which a user is found: pieces of address and name, folded."""

import re
import unicodedata

_PIECES = re.compile(r"[^\w]+", re.UNICODE)
_LONGEST_TERM = 100
SHORTEST_SEARCH = 2
# Sorts behind every text that begins with the prefix: the last code point there is.
LAST = "\U0010ffff"


def fold(text: str) -> str:
    """Bring text into the form in which terms are stored and searched."""
    return " ".join(unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold()).split())[:_LONGEST_TERM]


def terms_of(email: str | None, display_name: str | None) -> list[str]:
    """List the terms of a user: each whole text and each word of it."""
    whole = [fold(text) for text in (email, display_name) if text]
    words = [word for text in whole for word in _PIECES.split(text)]
    return sorted({term for term in whole + words if len(term) >= SHORTEST_SEARCH})

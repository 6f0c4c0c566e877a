"""Email addresses: what is one, and the key by which two of them are the same."""

import re
import unicodedata

import idna

_LONGEST, _LONGEST_LOCAL = 254, 64
_LOCAL_SIGNS = frozenset("!#$%&'*+-/=?^_`{|}~.")
# What nearly everybody has: letters, digits and signs of ASCII, labels that need no translation (RFC 5322, RFC 5890).
_ATOM, _LABEL = r"[a-zA-Z0-9!#$%&'*+/=?^_`{|}~-]+", r"(?!..--)[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
_PLAIN = re.compile(rf"({_ATOM}(?:\.{_ATOM})*)@(?:{_LABEL}\.)+(?!\d+\Z){_LABEL}", re.ASCII)
_ASCII_LOWER = str.maketrans({chr(upper): chr(upper + 32) for upper in range(ord("A"), ord("Z") + 1)})
# Letters, marks, numbers, and nothing that is invisible, reorders text or controls a terminal.
_REFUSED_CATEGORIES = ("C", "Z")
# Letters and marks that are invisible all the same (Default_Ignorable_Code_Point outside the categories above).
_INVISIBLE = frozenset(
    chr(code)
    for first, last in (
        (0x034F, 0x034F),
        (0x115F, 0x1160),
        (0x17B4, 0x17B5),
        (0x180B, 0x180F),
        (0x3164, 0x3164),
        (0xFE00, 0xFE0F),
        (0xFFA0, 0xFFA0),
        (0xE0100, 0xE01EF),
    )
    for code in range(first, last + 1)
)


class NotAnEmail(ValueError):  # noqa: N818 - an outcome
    """The text is not an address that mail could be sent to."""


def email_key(email: str) -> str:
    """Compute the key under which an address is unique: NFC, ASCII-lower local part, UTS 46 domain (RFC 6531).

    No folding of +tags or dots: only the receiving server knows what they mean. Raises NotAnEmail.
    """
    plain = _PLAIN.fullmatch(email)
    if plain is not None and len(email) <= _LONGEST and len(plain[1]) <= _LONGEST_LOCAL:
        return email.lower()
    return _international_key(email)


def is_local_part(local: str) -> bool:
    """Tell whether this is a dot-atom of RFC 5322, with the letters RFC 6531 adds; quoted forms are refused."""
    if not 0 < len(local.encode("utf-8", "surrogatepass")) <= _LONGEST_LOCAL or "" in local.split("."):
        return False
    return all(_is_local_character(character) for character in local)


def is_hidden(character: str) -> bool:
    """Tell whether nobody sees the character: controls, spaces, what reorders text, what has no width."""
    return unicodedata.category(character).startswith(_REFUSED_CATEGORIES) or character in _INVISIBLE


def _is_local_character(character: str) -> bool:
    return not character.isascii() or character.isalnum() or character in _LOCAL_SIGNS


def _international_key(email: str) -> str:
    text = unicodedata.normalize("NFC", email)
    local, at, domain = text.rpartition("@")
    # UTS 46 drops some of these from a domain without a word: two addresses would look different and be the same.
    if any(is_hidden(character) for character in text):
        raise NotAnEmail(email)
    if not at or len(text.encode("utf-8", "surrogatepass")) > _LONGEST or not is_local_part(local):
        raise NotAnEmail(email)
    return f"{local.translate(_ASCII_LOWER)}@{_domain_key(domain)}"


def _domain_key(domain: str) -> str:
    try:
        key = idna.encode(domain, uts46=True, transitional=False).decode().lower()
    except (idna.IDNAError, UnicodeError, IndexError, ValueError) as error:
        raise NotAnEmail(domain) from error
    labels = key.split(".")
    if len(labels) < 2 or not all(labels) or labels[-1].isdigit():  # noqa: PLR2004 - a name below a top level
        raise NotAnEmail(domain)
    return key

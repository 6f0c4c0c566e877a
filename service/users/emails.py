"""Email addresses: what is one, and the key by which two of them are the same."""

import unicodedata

import idna

_LONGEST, _LONGEST_LOCAL = 254, 64
_LOCAL_SIGNS = frozenset("!#$%&'*+-/=?^_`{|}~.")
_ASCII_LOWER = str.maketrans({chr(upper): chr(upper + 32) for upper in range(ord("A"), ord("Z") + 1)})
# Letters, marks, numbers, and nothing that is invisible, reorders text or controls a terminal.
_REFUSED_CATEGORIES = ("C", "Z")


class NotAnEmail(ValueError):  # noqa: N818 - an outcome
    """The text is not an address that mail could be sent to."""


def email_key(email: str) -> str:
    """Compute the key under which an address is unique: NFC, ASCII-lower local part, UTS 46 domain (RFC 6531).

    No folding of +tags or dots: only the receiving server knows what they mean. Raises NotAnEmail.
    """
    text = unicodedata.normalize("NFC", email)
    local, at, domain = text.rpartition("@")
    if not at or len(text.encode("utf-8", "surrogatepass")) > _LONGEST or not is_local_part(local):
        raise NotAnEmail(email)
    return f"{local.translate(_ASCII_LOWER)}@{_domain_key(domain)}"


def is_local_part(local: str) -> bool:
    """Tell whether this is a dot-atom of RFC 5322, with the letters RFC 6531 adds; quoted forms are refused."""
    if not 0 < len(local.encode("utf-8", "surrogatepass")) <= _LONGEST_LOCAL or "" in local.split("."):
        return False
    return all(_is_local_character(character) for character in local)


def _is_local_character(character: str) -> bool:
    if character.isascii():
        return character.isalnum() or character in _LOCAL_SIGNS
    return not unicodedata.category(character).startswith(_REFUSED_CATEGORIES)


def _domain_key(domain: str) -> str:
    try:
        key = idna.encode(domain, uts46=True, transitional=False).decode().lower()
    except (idna.IDNAError, UnicodeError, IndexError, ValueError) as error:
        raise NotAnEmail(domain) from error
    labels = key.split(".")
    if len(labels) < 2 or not all(labels) or labels[-1].isdigit():  # noqa: PLR2004 - a name below a top level
        raise NotAnEmail(domain)
    return key

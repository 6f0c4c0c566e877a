"""Keys derived from SIGNET_SECRET_KEYS: one for each use, the first secret writes, all read."""

from collections.abc import Iterable
from dataclasses import dataclass
from os import urandom

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_NONCE_BYTES = 12


class SecretUnknown(Exception):  # noqa: N818 - it says what is the matter, not that code failed
    """What was sealed cannot be opened with any configured secret."""


def derive(secret: str, label: str) -> bytes:
    """Derive the 32-byte key of one use from a secret (HKDF-SHA256, RFC 5869)."""
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=f"signet/{label}".encode()).derive(secret.encode())


@dataclass(frozen=True, slots=True)
class DerivedKeys:
    """The keys of one secret. `secret_id` names it in tokens and sealed values; it reveals nothing of it.

    `refresh` is a MAC to be copied, begun with its key.
    """

    secret_id: str
    refresh: HMAC
    sealing: bytes

    @classmethod
    def of(cls, secret: str) -> "DerivedKeys":
        refresh = _begun(secret, "refresh token")
        return cls(derive(secret, "id").hex()[:8], refresh, derive(secret, "signing key"))


class Secrets:
    """All configured secrets, ready for use."""

    def __init__(self, secrets: Iterable[str]) -> None:
        listed = list(secrets)
        keys = [DerivedKeys.of(secret) for secret in listed]
        self.current = keys[0]
        self._by_id = {key.secret_id: key for key in keys}
        # What is compared with earlier rows must outlive a rotation, so digests are looked up under every secret.
        self._digests = [_begun(secret, "digest") for secret in listed]
        self._lottery = _begun(listed[0], "decoy")

    def find(self, secret_id: str) -> DerivedKeys | None:
        return self._by_id.get(secret_id)

    def digest(self, *parts: bytes) -> bytes:
        """Digest of `parts` under the writing secret; whoever has the database alone can't guess what went in."""
        return _digest(self._digests[0], parts)

    def digests(self, *parts: bytes) -> list[bytes]:
        """Digests of `parts` under every secret, the writing one first."""
        return [_digest(begun, parts) for begun in self._digests]

    def lot(self, text: str) -> float:
        """Draw a number in 0..1: always the same for the same text, and nobody else can predict it."""
        return int.from_bytes(_digest(self._lottery, (text.encode(),))[:8]) / 2**64

    def seal(self, plain: bytes, name: str) -> bytes:
        """Encrypt with AES-256-GCM; `name` is bound to the result, so that it can't be moved to another row."""
        nonce = urandom(_NONCE_BYTES)
        sealed = AESGCM(self.current.sealing).encrypt(nonce, plain, name.encode())
        return bytes.fromhex(self.current.secret_id) + nonce + sealed

    def open(self, sealed: bytes, name: str) -> bytes:
        """Decrypt what `seal` made; raises SecretUnknown when no configured secret fits."""
        key = self.find(sealed[:4].hex())
        if key is None:
            raise SecretUnknown(name)
        try:
            return AESGCM(key.sealing).decrypt(sealed[4 : 4 + _NONCE_BYTES], sealed[4 + _NONCE_BYTES :], name.encode())
        except InvalidTag as error:
            raise SecretUnknown(name) from error

    def is_current(self, sealed: bytes) -> bool:
        """Tell whether the writing secret sealed it."""
        return sealed[:4].hex() == self.current.secret_id


def _begun(secret: str, label: str) -> HMAC:
    """Begin a MAC with its key, to be copied: to begin one costs more than all that follows.

    By the library that signs: behind a signature its own are half as dear as another one's (20 us less, measured).
    """
    return HMAC(derive(secret, label), SHA256())


def _digest(begun: HMAC, parts: tuple[bytes, ...]) -> bytes:
    mac = begun.copy()
    # The length goes in first, or ("ab", "c") and ("a", "bc") would be the same.
    mac.update(b"".join([len(part).to_bytes(8) + part for part in parts]))
    return mac.finalize()

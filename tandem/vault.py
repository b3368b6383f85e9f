"""Sealing: bytes that only the holder of the workspace's key can read, and nobody can alter unseen."""

import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tandem.errors import StoreError

KEY_BYTES = 32
_NONCE_BYTES = 12
_VERSION = b"\x01"


class Vault:
    """AES-256-GCM. ``purpose`` is bound to what is sealed: sealed for one purpose, it does not open for another."""

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise StoreError(
                "The vault's key (vault.key) has {found} bytes instead of {wanted}. Restore it from a backup: what it "
                "sealed opens with no other key.",
                found=len(key),
                wanted=KEY_BYTES,
            )
        self._cipher = AESGCM(key)

    @staticmethod
    def new_key() -> bytes:
        return secrets.token_bytes(KEY_BYTES)

    def seal(self, content: bytes, purpose: str) -> bytes:
        """Version byte, nonce, ciphertext with tag."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return _VERSION + nonce + self._cipher.encrypt(nonce, content, _VERSION + purpose.encode())

    def unseal(self, sealed: bytes, purpose: str) -> bytes:
        """What was sealed. Raises StoreError when the key or purpose is another, or a byte was changed."""
        head, nonce, rest = sealed[:1], sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
        try:
            if head != _VERSION:
                raise InvalidTag
            return self._cipher.decrypt(nonce, rest, _VERSION + purpose.encode())
        except (InvalidTag, ValueError):
            raise StoreError(
                "Sealed data for {purpose} cannot be opened: it was changed, or sealed with another key.",
                purpose=purpose,
            ) from None

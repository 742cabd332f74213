"""Dead letters sealed at rest, under a key that is derived from the journal's."""

from __future__ import annotations

import hashlib
import hmac
import secrets

from wxcore import Rejected, aead_open, aead_seal

from wxgate.errors import StoreError

_NONCE = 12
_PURPOSE = b"wxgate dead letters"


class Seal:
    """AES-256-GCM, under a key of 128 bits of entropy: the core takes its 32 bytes as text."""

    def __init__(self, key: bytes) -> None:
        """Derive a key from the journal's, which itself seals nothing here."""
        self._key = hmac.new(key, _PURPOSE, hashlib.sha256).hexdigest()[:32]

    def close(self, event: bytes, name: str) -> bytes:
        """Seal an event so that it opens only under the same ``name``."""
        nonce = secrets.token_urlsafe(_NONCE * 3 // 4)
        return (nonce + aead_seal(self._key, nonce, name, event)).encode()

    def open(self, sealed: bytes, name: str) -> bytes:
        """Open what was sealed. Raises ``StoreError`` under another key or name."""
        text = sealed.decode("ascii", "replace")
        try:
            return aead_open(self._key, text[:_NONCE], name, text[_NONCE:])
        except Rejected:
            reason = "a dead letter is sealed under another key than journal.key"
            raise StoreError(reason) from None

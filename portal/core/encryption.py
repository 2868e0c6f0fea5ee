"""Encryption of personal data at rest, with key versions, and a blind index for look-ups.

AES-256-GCM. A stored value is: format byte, key version (2 bytes), nonce (12), ciphertext with tag. The column's name is
bound in as associated data, so that a value copied into another column does not open. `flask encryption rotate` rewrites
what an older key sealed; a key may be removed from the ring once nothing is sealed by it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import re
import struct
import unicodedata
from dataclasses import dataclass, field
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import LargeBinary, TypeDecorator
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.sql import ClauseElement, operators

_FORMAT = 1
_HEADER = struct.Struct(">BH")
_NONCE = 12


class DecryptionFailed(Exception):
    """The value was changed, belongs to another column, or its key is not in the ring."""


@dataclass(frozen=True)
class KeyRing:
    """Encryption keys by version; the highest version seals, all of them open."""

    # Left out of repr(), which ends up in tracebacks.
    keys: dict[int, bytes] = field(repr=False)
    index_key: bytes = field(repr=False)

    @classmethod
    def parse(cls, keys: str, index_key: str) -> KeyRing:
        """Read `"1:base64,2:base64"` and a base64 index key; raises ValueError when a key is not 32 bytes."""
        ring: dict[int, bytes] = {}
        for item in filter(None, (part.strip() for part in keys.split(","))):
            version, separator, encoded = item.partition(":")
            if not separator or not re.fullmatch(r"[0-9]{1,5}", version):
                raise ValueError("encryption keys must look like 1:BASE64,2:BASE64")
            if not 0 < int(version) < 65536 or int(version) in ring:
                raise ValueError("key versions must be distinct and from 1 to 65535")
            ring[int(version)] = _decode_key(encoded)
        if not ring:
            raise ValueError("at least one encryption key is needed")
        return cls(ring, _decode_key(index_key))

    @property
    def current(self) -> int:
        """The version that seals new values."""
        return max(self.keys)


def _decode_key(encoded: str) -> bytes:
    try:
        key = base64.b64decode(encoded, validate=True)
    except ValueError as error:
        raise ValueError("a key must be base64") from error
    if len(key) != 32:
        raise ValueError("a key must be 32 bytes")
    return key


def generate_key() -> str:
    """Return a fresh 256-bit key in base64."""
    return base64.b64encode(os.urandom(32)).decode()


_ring: KeyRing | None = None


def configure(ring: KeyRing) -> None:
    """Install the key ring for this process."""
    global _ring
    _ring = ring


def ring() -> KeyRing:
    """Return the installed key ring; raises RuntimeError before `configure`."""
    if _ring is None:
        raise RuntimeError("no encryption keys configured")
    return _ring


def encrypt_bytes(plain: bytes, context: str) -> bytes:
    """Seal `plain` with the current key, bound to `context`."""
    keys = ring()
    header = _HEADER.pack(_FORMAT, keys.current)
    nonce = os.urandom(_NONCE)
    sealed = AESGCM(keys.keys[keys.current]).encrypt(nonce, plain, header + context.encode())
    return header + nonce + sealed


def decrypt_bytes(stored: bytes, context: str) -> bytes:
    """Open a value sealed by `encrypt_bytes` for the same `context`; raises DecryptionFailed."""
    if len(stored) < _HEADER.size + _NONCE:
        raise DecryptionFailed("value too short")
    header = stored[: _HEADER.size]
    form, version = _HEADER.unpack(header)
    key = ring().keys.get(version)
    if form != _FORMAT or key is None:
        raise DecryptionFailed(f"no key of version {version}")
    nonce = stored[_HEADER.size : _HEADER.size + _NONCE]
    try:
        return AESGCM(key).decrypt(
            nonce, stored[_HEADER.size + _NONCE :], header + context.encode()
        )
    except InvalidTag as error:
        raise DecryptionFailed(f"value for {context} does not open") from error


def key_version(stored: bytes) -> int:
    """Return the version of the key that sealed `stored`; raises DecryptionFailed for what was never sealed."""
    if len(stored) < _HEADER.size + _NONCE:
        raise DecryptionFailed("value too short")
    return int(_HEADER.unpack(stored[: _HEADER.size])[1])


def blind_index(purpose: str, value: str) -> str:
    """Return a keyed fingerprint (64 hex digits) by which an encrypted value can be found, but not read.

    The value is normalised (NFKC, no surrounding space, upper case), so that full-width and lower-case input match.
    """
    normal = unicodedata.normalize("NFKC", value).strip().upper()
    message = f"{purpose}\x00{normal}".encode()
    return hmac.new(ring().index_key, message, hashlib.sha256).hexdigest()


class EncryptedText(TypeDecorator[str]):
    """A text column sealed at rest. `context` names the column, for example `"resident.phone"`."""

    impl = LargeBinary
    cache_ok = True

    class Comparator(TypeDecorator.Comparator[str]):
        """Only "is it there" can be asked: the same text is sealed differently each time, so `==` never matches."""

        def operate(self, op: Any, *other: Any, **kwargs: Any) -> Any:
            asks_for_null = op in (operators.is_, operators.is_not) or (other and other[0] is None)
            # Columns compared with columns are the ORM's own bookkeeping.
            if asks_for_null or (other and isinstance(other[0], ClauseElement)):
                return super().operate(op, *other, **kwargs)
            raise TypeError("an encrypted column cannot be compared or sorted: use a blind index")

    comparator_factory = Comparator

    def __init__(self, context: str) -> None:
        super().__init__()
        self.context = context

    def process_bind_param(self, value: str | None, dialect: Dialect) -> bytes | None:
        return None if value is None else encrypt_bytes(value.encode(), self.context)

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> str | None:
        return None if value is None else decrypt_bytes(bytes(value), self.context).decode()

    def compare_values(self, x: Any, y: Any) -> bool:
        return bool(x == y)


class EncryptedJSON(EncryptedText):
    """A JSON value sealed at rest. Assign a new object to change it; changes in place are not noticed."""

    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> bytes | None:
        return (
            None
            if value is None
            else super().process_bind_param(json.dumps(value, ensure_ascii=False), dialect)
        )

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> Any:
        text = super().process_result_value(value, dialect)
        return None if text is None else json.loads(text)

"""Secrets on their way from a host to the control node, so that no verbose output of a connection shows them.

The key is random, used once, and travels as a parameter that is never logged. SHA-256 in counter mode hides, and an HMAC
keeps anybody from changing it.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

_BLOCK = 32


def seal(secrets: Mapping[str, Any], key: str) -> str:
    """Hexadecimal text that only open_sealed() with the same key can read."""
    text = json.dumps(secrets).encode("utf-8", "surrogatepass")
    hidden = _crossed(text, key)
    return (_signature(hidden, key) + hidden).hex()


def open_sealed(text: str, key: str) -> dict[str, Any]:
    """Raises ValueError when it was sealed with another key, or changed."""
    data = bytes.fromhex(text)
    signature, hidden = data[:_BLOCK], data[_BLOCK:]
    if not hmac.compare_digest(signature, _signature(hidden, key)):
        raise ValueError("the sealed secrets of the host can't be opened")
    try:
        found = json.loads(_crossed(hidden, key).decode("utf-8", "surrogatepass"))
    except RecursionError:
        raise ValueError("the sealed secrets of the host are nested too deep") from None
    if not isinstance(found, dict):
        raise ValueError("the sealed secrets of the host are no mapping")  # noqa: TRY004 - one error for one cause
    return found


def _crossed(text: bytes, key: str) -> bytes:
    blocks = range(0, len(text), _BLOCK)
    stream = b"".join(hashlib.sha256(f"{key}:{number}".encode()).digest() for number in blocks)
    return bytes(one ^ other for one, other in zip(text, stream))


def _signature(hidden: bytes, key: str) -> bytes:
    return hmac.new(key.encode(), hidden, hashlib.sha256).digest()

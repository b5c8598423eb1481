"""A box signs each frame that it pushes, over header and picture, with a key that only it and the site hold."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

SIGNATURE: Final = b"s"
"""The field of a stream entry beside header ``h`` and picture ``j``."""
_MEANING: Final = b"bearwatch frame\0"


@dataclass(frozen=True, slots=True)
class BoxIdentity:
    """Who a box is: its name, and the key with which it signs."""

    name: str
    key: bytes

    def signed(self, fields: Mapping[str, bytes]) -> dict[str, bytes]:
        """A frame's fields with its signature."""
        return {**fields, SIGNATURE.decode(): signature(self, fields["h"], fields["j"])}


def signature(identity: BoxIdentity, header: bytes, jpeg: bytes) -> bytes:
    """HMAC-SHA256 over whose frame it is, its header and its picture, each with its length."""
    made = hmac.new(identity.key, _MEANING, "sha256")
    for part in (identity.name.encode(), header, jpeg):
        made.update(len(part).to_bytes(8, "big"))
        made.update(part)
    return made.digest()


def is_signed_by(identity: BoxIdentity, fields: Mapping[bytes, bytes]) -> bool:
    """Whether a stream entry's signature is that of this box over exactly this header and picture."""
    expected = signature(identity, fields.get(b"h", b""), fields.get(b"j", b""))
    return hmac.compare_digest(fields.get(SIGNATURE, b""), expected)

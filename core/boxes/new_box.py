"""The credentials of a new box, and what is left of them when it is revoked."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace

from core.boxes.box_list import EdgeBox


@dataclass(frozen=True, slots=True)
class NewBox:
    """A box with the password that only it will hold."""

    box: EdgeBox
    password: str


def new_box(name: str, cameras: Sequence[str], now: float) -> NewBox:
    """With a fresh password and a fresh key."""
    password = secrets.token_urlsafe(32)
    known_by = hashlib.sha256(password.encode()).hexdigest()
    return NewBox(EdgeBox(name, tuple(dict.fromkeys(cameras)), secrets.token_hex(32), known_by, now), password)


def revoked(box: EdgeBox, now: float) -> EdgeBox:
    """The same without anything by which it could come back."""
    return replace(box, key="", password_sha256="", revoked_at=now)

"""The newest picture of a camera for people who look at it now: in Redis, and only while somebody looks."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final, Self, cast

import redis

from core import message_fields as read
from core.message_fields import MalformedMessage

ASKED_FOR_S: Final = 6.0
"""So long a reader shows pictures after it was asked to."""
KEPT_S: Final = 15
"""A picture that no newer one follows is forgotten after this."""
MOST_BYTES: Final = 4 * 1024 * 1024
_MOST_HEADER_BYTES: Final = 1024


@dataclass(frozen=True, slots=True)
class LivePicture:
    """One picture as a JPEG; ``taken_at`` is wall clock."""

    camera: str
    taken_at: float
    jpeg: bytes

    def pack(self) -> bytes:
        """A line of JSON, and the JPEG."""
        return json.dumps({"camera": self.camera, "taken_at": self.taken_at}).encode() + b"\n" + self.jpeg

    @classmethod
    def unpack(cls, raw: bytes) -> Self:
        """Raises :class:`MalformedMessage`."""
        end = raw.find(b"\n", 0, _MOST_HEADER_BYTES)
        if end < 0 or len(raw) > MOST_BYTES:
            raise MalformedMessage(f"no picture of a camera: {len(raw)} bytes without a header")
        fields = read.header_of(raw[:end])
        return cls(read.camera(fields), read.moment(fields, "taken_at"), raw[end + 1 :])


def put_live_picture(client: redis.Redis, picture: LivePicture) -> None:
    """Take the place of the one before. Raises redis-py's errors."""
    client.set(_key(picture.camera), picture.pack(), ex=KEPT_S)


def newest_live_pictures(client: redis.Redis, cameras: Collection[str]) -> dict[str, LivePicture]:
    """The newest picture of each camera that has one; what cannot be read is none. Raises redis-py's errors."""
    found: dict[str, LivePicture] = {}
    for raw in cast("Sequence[bytes | None]", client.mget([_key(camera) for camera in cameras])) if cameras else ():
        try:
            picture = LivePicture.unpack(raw) if raw is not None else None
        except MalformedMessage:
            continue  # of another release: the next one may be readable
        if picture is not None and picture.camera in cameras:
            found[picture.camera] = picture
    return found


def _key(camera: str) -> str:
    return f"live_picture:{camera}"

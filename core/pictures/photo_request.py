"""One picture to whichever detector runs, and its answer back: how the page has a photo scored without a network.

The picture waits under a key of its own that expires with the patience of whoever asked; a short list says which wait.
So nothing is kept, nothing piles up, and no two machines need the same clock.
"""

from __future__ import annotations

import base64
import json
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self, cast

import redis

from core.messages import Box

WAITING_KEY = "predict:waiting"
MOST_WAITING = 4
"""Photos that wait at the same time: 80 MB at the most. Whoever comes then is asked to try again."""
WAIT_S = 5.0
"""Within so many seconds somebody takes a photo, or nobody looks at it."""
LOOKED_AT_WITHIN_S = 25.0
"""And so long the one who has taken it may need: the first photo after a start waits until the model is read."""
_BLOCK_S = 1.0
"""One blocking read; shorter than the client's reply timeout."""
_KEEP_ANSWER_S = 30


class NoDetector(RuntimeError):
    """No detector has answered in time."""


class TooBusy(RuntimeError):
    """Too many photos wait already."""


@dataclass(frozen=True, slots=True)
class Photo:
    """A picture that waits for a detector."""

    id: str
    picture: bytes


@dataclass(frozen=True, slots=True)
class PhotoAnswer:
    """What the model says of a photo.

    ``verdict`` is the word for people: ``bear``, ``unknown animal`` or the likeliest label. ``probabilities`` belong to
    the part that decided, ``box``, in 0-1 coordinates of the picture. ``bear`` counts from ``threshold`` on, which is
    that of its light. ``picture`` and ``crop`` are JPEGs: the photo, no larger than a page needs it, and that part.
    """

    verdict: str
    label: str
    probabilities: dict[str, float]
    bear: float
    threshold: float
    infrared: bool
    unknown: bool
    unknown_score: float
    box: Box
    width: int
    height: int
    model: str
    picture: bytes
    crop: bytes

    @property
    def ranked(self) -> list[tuple[str, float]]:
        """Labels with their probabilities, likeliest first."""
        return sorted(self.probabilities.items(), key=lambda pair: -pair[1])

    def pack(self) -> bytes:
        """As JSON."""
        fields = {
            "verdict": self.verdict,
            "label": self.label,
            "probabilities": self.probabilities,
            "bear": self.bear,
            "threshold": self.threshold,
            "infrared": self.infrared,
            "unknown": self.unknown,
            "unknown_score": self.unknown_score,
            "box": self.box,
            "width": self.width,
            "height": self.height,
            "model": self.model,
            "picture": base64.b64encode(self.picture).decode(),
            "crop": base64.b64encode(self.crop).decode(),
        }
        return json.dumps(fields).encode()

    @classmethod
    def of(cls, found: Mapping[str, Any]) -> Self:
        """From the values of :meth:`pack`; raises KeyError, TypeError or ValueError for anything else."""
        x0, y0, x1, y1 = (float(value) for value in found["box"])
        return cls(
            verdict=found["verdict"],
            label=found["label"],
            probabilities=found["probabilities"],
            bear=found["bear"],
            threshold=found["threshold"],
            infrared=found["infrared"],
            unknown=found["unknown"],
            unknown_score=found["unknown_score"],
            box=(x0, y0, x1, y1),
            width=found["width"],
            height=found["height"],
            model=found["model"],
            picture=base64.b64decode(found["picture"], validate=True),
            crop=base64.b64decode(found["crop"], validate=True),
        )


class UnreadablePhoto(ValueError):
    """The detector could not decode it."""


def ask(client: redis.Redis, picture: bytes, wait_s: float = WAIT_S) -> PhotoAnswer:
    """Have a picture looked at. Blocks for about ``wait_s`` seconds if nobody takes it, :data:`LOOKED_AT_WITHIN_S` more
    if somebody does.

    Raises:
        TooBusy, NoDetector: try again; UnreadablePhoto: do not. redis-py's errors when the server is away or full.
    """
    if client.llen(WAITING_KEY) >= MOST_WAITING:
        raise TooBusy(f"{MOST_WAITING} photos wait already")
    photo = Photo(uuid.uuid4().hex, picture)
    pipe = client.pipeline(transaction=True)
    pipe.set(_photo_key(photo.id), picture, px=int(wait_s * 1000))
    pipe.rpush(WAITING_KEY, photo.id)
    pipe.execute()
    try:
        raw = _wait(client, photo, wait_s)
    finally:
        pipe = client.pipeline(transaction=True)
        pipe.lrem(WAITING_KEY, 0, photo.id)
        pipe.delete(_photo_key(photo.id))
        pipe.execute()
    if raw is None:
        raise NoDetector("no detector has answered in time")
    return _read(raw)


def wait_for_photo(client: redis.Redis, wait_s: float) -> bool:
    """Whether a photo waits, now or within ``wait_s`` seconds."""
    return client.blmove(WAITING_KEY, WAITING_KEY, int(wait_s), "LEFT", "LEFT") is not None


def take(client: redis.Redis) -> Photo | None:
    """The photo that has waited longest and is still waited for; None when there is none."""
    while (raw := client.lpop(WAITING_KEY)) is not None:
        photo_id = cast(bytes, raw).decode()
        picture = cast("bytes | None", client.getdel(_photo_key(photo_id)))
        if picture is not None:
            return Photo(photo_id, picture)
    return None


def packed(said: PhotoAnswer | UnreadablePhoto) -> bytes:
    """An answer as it travels."""
    return said.pack() if isinstance(said, PhotoAnswer) else json.dumps({"unreadable": str(said)}).encode()


def answer(client: redis.Redis, photo: Photo, said: PhotoAnswer | UnreadablePhoto | bytes) -> None:
    """Give the answer (or what :func:`packed` made of it) to whoever waits for it; it is forgotten soon when nobody
    does."""
    raw = said if isinstance(said, bytes) else packed(said)
    pipe = client.pipeline(transaction=True)
    pipe.rpush(_answer_key(photo.id), raw)
    pipe.expire(_answer_key(photo.id), _KEEP_ANSWER_S)
    pipe.execute()


def _wait(client: redis.Redis, photo: Photo, wait_s: float) -> bytes | None:
    began = time.monotonic()
    left_s = wait_s
    while left_s > 0:
        found = cast("tuple[bytes, bytes] | None", client.blpop([_answer_key(photo.id)], timeout=min(left_s, _BLOCK_S)))
        if found is not None:
            return found[1]
        taken = not client.exists(_photo_key(photo.id)) and photo.id.encode() not in _waiting(client)
        left_s = began + wait_s + LOOKED_AT_WITHIN_S * taken - time.monotonic()
    return None


def _waiting(client: redis.Redis) -> list[bytes]:
    return cast("list[bytes]", client.lrange(WAITING_KEY, 0, -1))


def _read(raw: bytes) -> PhotoAnswer:
    try:
        found = json.loads(raw)
        unreadable = found.get("unreadable")
        said = None if unreadable else PhotoAnswer.of(found)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise NoDetector(f"page and detector are of different releases: {error!r}") from error
    if said is None:
        raise UnreadablePhoto(unreadable)
    return said


def _photo_key(photo_id: str) -> str:
    return f"predict:photo:{photo_id}"


def _answer_key(photo_id: str) -> str:
    return f"predict:answer:{photo_id}"

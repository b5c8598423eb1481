"""What is asked of whoever reads a camera: full rate for a moment, pixels or a clip of its main stream.

A question is published, not queued: whoever reads that camera hears it, nobody else keeps it, and a question that no
reader hears is known to be unheard at once. An answer lies on a list of the one who asked, and is forgotten soon.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self, cast

import redis

from core import message_fields as read
from core.message_fields import Box, MalformedMessage

CHANNEL: Final = "readers"
MOST_BOXES: Final = 4
"""Parts of one picture in one question: a frame with motion has three crops at the most."""
MOST_CLIP_S: Final = 60.0
KEPT_S: Final = 30
"""An answer that nobody fetches is forgotten after this."""
MOST_ANSWERS: Final = 64
"""On one list; older ones fall off."""
_MOST_HEADER_BYTES: Final = 16 * 1024
MOST_BYTES: Final = 32 * 1024 * 1024
"""Of one answer: a clip of twenty seconds at twelve megabits a second."""


@dataclass(frozen=True, slots=True)
class SprintRequest:
    """Look at every picture of this camera for a moment: something suspicious was seen in it."""

    camera: str


@dataclass(frozen=True, slots=True)
class LiveRequest:
    """Show this camera's newest pictures for a few seconds (:mod:`core.pictures.live_pictures`): somebody looks."""

    camera: str


@dataclass(frozen=True, slots=True)
class PictureRequest:
    """Parts of the main stream's picture taken nearest to ``at``, at full resolution.

    The answer goes to the list ``reply_to``; after ``good_until`` nobody wants it any more. Times are wall clock.
    """

    id: str
    camera: str
    at: float
    boxes: tuple[Box, ...]
    reply_to: str
    good_until: float


@dataclass(frozen=True, slots=True)
class ClipRequest:
    """The main stream from ``since`` to ``until``, as it came from the camera, in a file that plays."""

    id: str
    camera: str
    since: float
    until: float
    reply_to: str
    good_until: float


ReaderRequest = SprintRequest | LiveRequest | PictureRequest | ClipRequest


@dataclass(frozen=True, slots=True)
class ReaderAnswer:
    """``why`` says in a sentence why there is nothing; then ``parts`` is empty.

    ``parts`` are JPEGs, one for each box that was asked for, or one MP4 file. ``taken_at`` is when the picture was
    taken or the clip begins, ``seconds`` how long a clip is. ``width`` and ``height`` are the main stream's.
    """

    id: str
    why: str = ""
    taken_at: float = 0.0
    seconds: float = 0.0
    width: int = 0
    height: int = 0
    parts: tuple[bytes, ...] = ()
    again: bool = False
    """Whether the same question may have a better answer in a moment."""

    def pack(self) -> bytes:
        """A line of JSON, and the parts one after another."""
        header = {
            "id": self.id,
            "why": self.why,
            "taken_at": self.taken_at,
            "seconds": self.seconds,
            "width": self.width,
            "height": self.height,
            "again": self.again,
            "sizes": [len(part) for part in self.parts],
        }
        return json.dumps(header).encode() + b"\n" + b"".join(self.parts)

    @classmethod
    def unpack(cls, raw: bytes) -> Self:
        """Raises :class:`MalformedMessage`."""
        end = raw.find(b"\n", 0, _MOST_HEADER_BYTES)
        if end < 0 or len(raw) > MOST_BYTES:
            raise MalformedMessage(f"no answer of a reader: {len(raw)} bytes without a header")
        fields = read.header_of(raw[:end])
        parts, at = [], end + 1
        for size in read.parts(fields, "sizes"):
            end = at + read.whole({"size": size}, "size", 0, MOST_BYTES)
            parts.append(raw[at:end])
            at = end
        if at != len(raw):
            raise MalformedMessage(f"an answer of {len(raw)} bytes whose parts have {at}")
        return cls(
            id=read.text(fields, "id"),
            why=read.text(fields, "why"),
            taken_at=read.moment(fields, "taken_at"),
            seconds=read.number(fields, "seconds", 0.0),
            width=read.whole(fields, "width", 0, read.MAX_SIDE_PX),
            height=read.whole(fields, "height", 0, read.MAX_SIDE_PX),
            parts=tuple(parts),
            again=read.flag(fields, "again", False),
        )


def new_id() -> str:
    """For one question."""
    return uuid.uuid4().hex


def ask_reader(client: redis.Redis, request: ReaderRequest) -> bool:
    """Publish a question; false when no reader is there to hear it. Raises redis-py's errors."""
    return bool(client.publish(CHANNEL, pack_request(request)))


def answer_request(client: redis.Redis, reply_to: str, answer: ReaderAnswer) -> None:
    """Leave the answer where it is waited for. Raises redis-py's errors."""
    pipe = client.pipeline(transaction=True)
    pipe.rpush(reply_to, answer.pack())
    pipe.ltrim(reply_to, -MOST_ANSWERS, -1)
    pipe.expire(reply_to, KEPT_S)
    pipe.execute()


def take_answers(client: redis.Redis, reply_to: str, count: int = 16) -> list[ReaderAnswer]:
    """The answers that are there, oldest first; what cannot be read is no answer. Raises redis-py's errors."""
    found = []
    for raw in cast("Sequence[bytes] | None", client.lpop(reply_to, count)) or ():
        try:
            found.append(ReaderAnswer.unpack(raw))
        except MalformedMessage:
            continue  # of another release: whoever asked goes on without it, in time
    return found


def wait_for_answer(client: redis.Redis, reply_to: str, wait_s: float) -> ReaderAnswer | None:
    """The next answer, within so many seconds. Raises redis-py's errors, and :class:`MalformedMessage`."""
    found = cast("tuple[bytes, bytes] | None", client.blpop([reply_to], timeout=wait_s))
    return None if found is None else ReaderAnswer.unpack(found[1])


def pack_request(request: ReaderRequest) -> bytes:
    """As JSON."""
    if isinstance(request, SprintRequest):
        return json.dumps({"ask": "sprint", "camera": request.camera}).encode()
    if isinstance(request, LiveRequest):
        return json.dumps({"ask": "live", "camera": request.camera}).encode()
    fields: dict[str, Any] = {
        "id": request.id,
        "camera": request.camera,
        "reply_to": request.reply_to,
        "good_until": request.good_until,
    }
    if isinstance(request, PictureRequest):
        fields |= {"ask": "picture", "at": request.at, "boxes": request.boxes}
    else:
        fields |= {"ask": "clip", "since": request.since, "until": request.until}
    return json.dumps(fields).encode()


def unpack_request(raw: bytes) -> ReaderRequest:
    """Raises :class:`MalformedMessage`."""
    fields = read.header_of(raw)
    kind = read.text(fields, "ask")
    if kind == "sprint":
        return SprintRequest(read.camera(fields))
    if kind == "live":
        return LiveRequest(read.camera(fields))
    if kind == "picture":
        boxes = tuple(read.box(box) for box in read.parts(fields, "boxes"))
        if not 1 <= len(boxes) <= MOST_BOXES:
            raise MalformedMessage(f"{len(boxes)} boxes are asked for; 1 to {MOST_BOXES} are answered")
        return PictureRequest(**_asked(fields), at=read.moment(fields, "at"), boxes=boxes)
    if kind == "clip":
        since, until = read.moment(fields, "since"), read.moment(fields, "until")
        if not 0.0 < until - since <= MOST_CLIP_S:
            raise MalformedMessage(
                f"a clip of {until - since:.0f} s is asked for; at most {MOST_CLIP_S:.0f} s are kept"
            )
        return ClipRequest(**_asked(fields), since=since, until=until)
    raise MalformedMessage(f"{kind!r} is nothing that a reader answers")


def _asked(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": read.text(fields, "id"),
        "camera": read.camera(fields),
        "reply_to": read.text(fields, "reply_to"),
        "good_until": read.moment(fields, "good_until"),
    }

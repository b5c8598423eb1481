"""What travels between the processes: a frame from a camera, and the same frame with its scores.

A message is a frozen dataclass with ``pack`` and ``unpack``: a small JSON header ``h`` and the JPEG ``j``, two fields
of one Redis Stream entry. Boxes are ``(x0, y0, x1, y1)`` in 0-1 coordinates of the frame, so that they survive any
change of resolution.

Streams outlive a release: a new worker finds entries of the old one, and an old worker may meet new ones. So fields are
only ever added, beside those that are there, and what a message lacks has a default.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self, TypeVar

from core import message_fields as read
from core.message_fields import CANARY, Box, MalformedMessage

__all__ = ["CANARY", "Box", "MalformedMessage"]

_Kind = TypeVar("_Kind", bound=StrEnum)

WHOLE_FRAME: Box = (0.0, 0.0, 1.0, 1.0)

OLD_THRESHOLD = 0.3
"""The bear score from which a frame agrees, for scores of a detector that did not say: it knew no other default."""


MAX_FEATURES = 256
"""Numbers that describe one crop."""


class EncounterKind(StrEnum):
    """What a visit, and the alert about it, is taken for."""

    BEAR = "bear"
    UNKNOWN_ANIMAL = "unknown_animal"
    """An animal that the model does not know: never silently "no bear", a ranger looks."""


MAX_AHEAD_S = 5.0
"""So far may the clock of the machine with the camera be ahead."""


class Reason(StrEnum):
    """Why a frame was sent."""

    MOTION = "motion"
    """Something moved inside the boxes."""
    KEEPALIVE = "keepalive"
    """Nothing moved for a while: a bear that sits still must be found too."""
    AUDIT = "audit"
    """The thumbnail of the minute, for contact sheets."""


def canary_camera(camera: str) -> str | None:
    """On which camera's path a frame was planted; None for a frame that a camera has taken."""
    return camera.removeprefix(CANARY) if camera.startswith(CANARY) else None


@dataclass(frozen=True, slots=True)
class Frame:
    """One analysed picture of one camera.

    ``captured_at`` is the moment of capture (stamped on arrival from the camera), never of processing.
    ``sequence`` counts the frames of one camera since its reader started. ``digest`` is the hash of the JPEG.
    """

    camera: str
    captured_at: float
    sequence: int
    digest: str
    boxes: tuple[Box, ...]
    reason: Reason
    width: int
    height: int
    jpeg: bytes

    @property
    def key(self) -> str:
        """Identity of the picture: the same key twice is the same picture delivered twice."""
        return f"{self.camera}:{self.captured_at:.6f}:{self.sequence}"

    def refuse_future(self, now: float) -> None:
        """Raise :class:`MalformedMessage` when it was captured more than :data:`MAX_AHEAD_S` after ``now``.

        Believed, it would make every true picture of its camera look late.
        """
        ahead_s = self.captured_at - now
        if ahead_s > MAX_AHEAD_S:
            raise MalformedMessage(
                f"camera {self.camera}: captured {ahead_s:.0f} s ahead of this machine's clock; set the clock of the "
                "machine that reads this camera"
            )

    def pack(self) -> dict[str, bytes]:
        """As the fields of a stream entry."""
        return {"h": _header(self), "j": self.jpeg}

    @classmethod
    def unpack(cls, fields: Mapping[bytes, bytes]) -> Self:
        """From the fields of a stream entry; raises :class:`MalformedMessage`."""
        return cls(**_frame_fields(_header_of(fields)), jpeg=read.picture(fields))


@dataclass(frozen=True, slots=True)
class CropScore:
    """What the network said of one crop of a frame."""

    box: Box
    bear: float
    """Probability that the crop shows a bear."""
    label: str
    label_probability: float
    unknown: bool = False
    """Whether the crop shows an animal, no bear, that the model does not know."""
    unknown_score: float = 0.0
    """The higher, the less like anything that the model knows; its unit belongs to the model."""
    features: bytes = b""
    """What the network made of it: a unit vector, 127 times, as int8; empty for a crop that comes to nothing."""


@dataclass(frozen=True, slots=True)
class FrameScores:
    """A frame with what the network said of it. The picture travels on: the tracker alone decides what is kept.

    ``infrared`` says by which light it was taken, ``threshold`` from which bear score on a frame of that light agrees:
    the tracker has no model and asks nobody. ``proven``: whether the detector recognised its known pictures when it
    last tried; if not, the frame does not count as watched.
    """

    frame: Frame
    crops: tuple[CropScore, ...]
    model: str
    scored_at: float
    infrared: bool = False
    threshold: float = OLD_THRESHOLD
    self_test_ok: bool = True

    @property
    def bear(self) -> float:
        """The frame's bear score: that of its best crop."""
        return max((crop.bear for crop in self.crops), default=0.0)

    @property
    def is_bear(self) -> bool:
        """Whether the frame shows a bear, as the model has it."""
        return bool(self.crops) and self.bear >= self.threshold

    @property
    def unknown(self) -> bool:
        """Whether the frame shows no bear, and an animal that the model does not know."""
        return not self.is_bear and any(crop.unknown for crop in self.crops)

    @property
    def unknown_score(self) -> float:
        """How strange the strangest unknown animal in the frame is; minus infinity when there is none."""
        return max((crop.unknown_score for crop in self.crops if crop.unknown), default=float("-inf"))

    @property
    def best(self) -> CropScore | None:
        """The crop that decided: the likeliest bear, or in a frame with an unknown animal the strangest animal."""
        if self.unknown:
            return max((crop for crop in self.crops if crop.unknown), key=lambda crop: crop.unknown_score)
        return max(self.crops, key=lambda crop: crop.bear, default=None)

    def shows(self, kind: EncounterKind) -> bool:
        """Whether the frame is one more witness of a visit of that kind. A bear is also an animal."""
        return self.is_bear or (kind is EncounterKind.UNKNOWN_ANIMAL and self.unknown)

    def pack(self) -> dict[str, bytes]:
        """As the fields of a stream entry."""
        extra = {
            "crops": [[list(c.box), c.bear, c.label, c.label_probability] for c in self.crops],
            "unknown": [[c.unknown, c.unknown_score] for c in self.crops],
            "features": [base64.b64encode(c.features).decode() for c in self.crops],
            "infrared": self.infrared,
            "threshold": self.threshold,
            "model": self.model,
            "scored_at": self.scored_at,
            "proven": self.self_test_ok,
        }
        return {"h": _header(self.frame, extra), "j": self.frame.jpeg}

    @classmethod
    def unpack(cls, fields: Mapping[bytes, bytes]) -> Self:
        """From the fields of a stream entry; raises :class:`MalformedMessage`."""
        header = _header_of(fields)
        return cls(
            frame=Frame(**_frame_fields(header), jpeg=read.picture(fields)),
            crops=tuple(_crops(header)),
            model=read.text(header, "model"),
            scored_at=read.moment(header, "scored_at"),
            infrared=read.flag(header, "infrared", False),
            threshold=read.number({"threshold": OLD_THRESHOLD, **header}, "threshold", 0.0, 1.0),
            self_test_ok=read.flag(header, "proven", True),
        )


class CameraHealth(StrEnum):
    """What a camera is worth right now."""

    LIVE = "live"
    STARTING = "starting"
    BLIND = "blind"


@dataclass(frozen=True, slots=True)
class CameraStatus:
    """What the reader of one camera says about it, about once a second.

    ``content_at`` is when the camera last showed something *new*: a frozen picture does not move it, however healthy
    the connection looks. Readers of this status must also look at ``reported_at``: a reader that died says nothing.
    """

    camera: str
    health: CameraHealth
    detail: str
    reported_at: float
    content_at: float | None
    width: int
    height: int
    source_fps: float
    analysed_fps: float
    reconnects: int
    sent: Mapping[str, int]
    dropped: Mapping[str, int]
    main_stream: str | None = None
    """Why nothing comes of its main stream, empty while it comes; None where it has none."""
    notice: str = ""
    """What people should know of it although it sees."""

    def pack(self) -> bytes:
        """As JSON."""
        fields = {
            "camera": self.camera,
            "sight": self.health,
            "detail": self.detail,
            "reported_at": self.reported_at,
            "content_at": self.content_at,
            "width": self.width,
            "height": self.height,
            "source_fps": self.source_fps,
            "analysed_fps": self.analysed_fps,
            "reconnects": self.reconnects,
            "sent": dict(self.sent),
            "dropped": dict(self.dropped),
            "main_stream": self.main_stream,
            "notice": self.notice,
        }
        return json.dumps(fields).encode()

    @classmethod
    def unpack(cls, raw: bytes) -> Self:
        """From JSON; raises :class:`MalformedMessage`."""
        fields = read.header_of(raw)
        return cls(
            camera=read.camera(fields),
            health=_one_of(CameraHealth, fields, "sight"),
            detail=read.text(fields, "detail", most=_LONGEST_DETAIL),
            reported_at=read.moment(fields, "reported_at"),
            content_at=None if fields.get("content_at") is None else read.moment(fields, "content_at"),
            width=read.whole(fields, "width", most=read.MAX_SIDE_PX),
            height=read.whole(fields, "height", most=read.MAX_SIDE_PX),
            source_fps=read.number(fields, "source_fps", 0.0),
            analysed_fps=read.number(fields, "analysed_fps", 0.0),
            reconnects=read.whole(fields, "reconnects"),
            sent=_counts(fields, "sent"),
            dropped=_counts(fields, "dropped"),
            main_stream=None
            if fields.get("main_stream") is None
            else read.text(fields, "main_stream", most=_LONGEST_DETAIL),
            notice=read.text({"notice": "", **fields}, "notice", most=_LONGEST_DETAIL),
        )

    def blind_reason(self, now: float, stale_after_s: float) -> str | None:
        """Why nobody may trust this camera now, or None when it sees. Blind is never "no bear".

        1. A reader that has not reported for ``stale_after_s`` seconds may be dead: blind.
        2. A reader that says blind or starting is believed.
        3. Content older than ``stale_after_s`` is blind, whatever the connection says.
        """
        if now - self.reported_at > stale_after_s:
            return f"its reader has not reported for {now - self.reported_at:.0f} s"
        if self.health is not CameraHealth.LIVE:
            return self.detail
        if self.content_at is None or now - self.content_at > stale_after_s:
            return "no new content"
        return None


def content_digest(jpeg: bytes) -> str:
    """Short hash of a picture's bytes (BLAKE2b, 128 bits)."""
    return hashlib.blake2b(jpeg, digest_size=16).hexdigest()


def _header(frame: Frame, extra: Mapping[str, Any] | None = None) -> bytes:
    header = {
        "camera": frame.camera,
        "captured_at": frame.captured_at,
        "sequence": frame.sequence,
        "digest": frame.digest,
        "boxes": frame.boxes,
        "reason": frame.reason,
        "width": frame.width,
        "height": frame.height,
        **(extra or {}),
    }
    return json.dumps(header, separators=(",", ":")).encode()


def _header_of(fields: Mapping[bytes, bytes]) -> dict[str, Any]:
    header = fields.get(b"h")
    if header is None:
        raise MalformedMessage("not a message: it has no header")
    return read.header_of(header)


def _frame_fields(header: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "camera": read.camera(header),
        "captured_at": read.moment(header, "captured_at"),
        "sequence": read.whole(header, "sequence", -read.MAX_COUNT),
        "digest": read.text(header, "digest"),
        "boxes": tuple(read.box(box) for box in read.parts(header, "boxes")),
        "reason": _one_of(Reason, header, "reason"),
        "width": read.whole(header, "width", 1, read.MAX_SIDE_PX),
        "height": read.whole(header, "height", 1, read.MAX_SIDE_PX),
    }


def _crops(header: Mapping[str, Any]) -> Iterator[CropScore]:
    crops = read.parts(header, "crops")
    unknown = read.parts({"unknown": [[False, 0.0]] * len(crops), **header}, "unknown")
    features = read.parts({"features": [""] * len(crops), **header}, "features")
    if len(crops) != len(features):
        raise MalformedMessage(f"{len(crops)} crops, and features of {len(features)}")
    if len(crops) != len(unknown):
        raise MalformedMessage(f"{len(crops)} crops, and {len(unknown)} of them with a word on unknown animals")
    for crop, strange, made_of_it in zip(crops, unknown, features, strict=True):
        box, bear, label, probability = _parts_of(crop, 4)
        is_unknown, score = _parts_of(strange, 2)
        yield CropScore(
            read.box(box),
            read.number_in(bear, "a bear score", 0.0, _ONE),
            read.text_in(label, "a label", read.MAX_LABEL),
            read.number_in(probability, "a label's probability", 0.0, _ONE),
            read.flag_in(is_unknown, "unknown"),
            read.number_in(score, "an unknown animal's score"),
            _features(made_of_it),
        )


def _features(value: Any) -> bytes:
    if not isinstance(value, str) or len(value) > 2 * MAX_FEATURES:
        raise MalformedMessage(f"a crop's features are no text of at most {2 * MAX_FEATURES} letters")
    try:
        found = base64.b64decode(value, validate=True)
    except ValueError as error:
        raise MalformedMessage("a crop's features are no base64") from error
    if len(found) > MAX_FEATURES:
        raise MalformedMessage(f"a crop has {len(found)} features; at most {MAX_FEATURES} are read")
    return found


_ONE = 1.0 + 1e-6
"""A probability after its rounding in single precision."""
_LONGEST_DETAIL = 1000


def _parts_of(value: Any, count: int) -> list[Any]:
    if not isinstance(value, list) or len(value) != count:
        raise MalformedMessage(f"what is said of a crop has not {count} parts")
    return value


def _one_of(kinds: type[_Kind], fields: Mapping[str, Any], name: str) -> _Kind:
    said = read.text(fields, name)
    try:
        return kinds(said)
    except ValueError as error:
        raise MalformedMessage(f"{name} is {said!r}; it is one of {', '.join(kinds)}") from error


def _counts(fields: Mapping[str, Any], name: str) -> dict[str, int]:
    counts = fields.get(name)
    if not isinstance(counts, dict) or len(counts) > _MOST_REASONS:
        raise MalformedMessage(f"{name} is no table of counts")
    return {read.text_in(reason, name, read.MAX_LABEL): read.whole(counts, reason) for reason in counts}


_MOST_REASONS = 64

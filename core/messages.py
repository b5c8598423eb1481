"""What travels between the processes: a frame from a camera, and the same frame with its scores.

A message is a frozen dataclass with ``pack`` and ``unpack``: a small JSON header ``h`` and the JPEG ``j``, two fields
of one Redis Stream entry. Boxes are ``(x0, y0, x1, y1)`` in 0-1 coordinates of the frame, so that they survive any
change of resolution.

Streams outlive a release: a new worker finds entries of the old one, and an old worker may meet new ones. So fields are
only ever added, beside those that are there, and what a message lacks has a default.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

Box = tuple[float, float, float, float]
WHOLE_FRAME: Box = (0.0, 0.0, 1.0, 1.0)

OLD_THRESHOLD = 0.3
"""The bear score from which a frame agrees, for scores of a detector that did not say: it knew no other default."""


class EncounterKind(StrEnum):
    """What a visit, and the alert about it, is taken for."""

    BEAR = "bear"
    UNKNOWN_ANIMAL = "unknown_animal"
    """An animal that the model does not know: never silently "no bear", a ranger looks."""


class Reason(StrEnum):
    """Why a frame was sent."""

    MOTION = "motion"
    """Something moved inside the boxes."""
    KEEPALIVE = "keepalive"
    """Nothing moved for a while: a bear that sits still must be found too."""
    AUDIT = "audit"
    """The thumbnail of the minute, for contact sheets."""


CANARY = "canary:"
"""Begins the camera of a test clip's frames: no camera can be named so, and whoever does not know it drops them."""


def canary_camera(camera: str) -> str | None:
    """On which camera's path a frame was planted; None for a frame that a camera has taken."""
    return camera.removeprefix(CANARY) if camera.startswith(CANARY) else None


class MalformedMessage(ValueError):
    """A stream entry that is not a message: it goes to the dead-letter stream."""


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

    def pack(self) -> dict[str, bytes]:
        """As the fields of a stream entry."""
        return {"h": _header(self), "j": self.jpeg}

    @classmethod
    def unpack(cls, fields: Mapping[bytes, bytes]) -> Self:
        """From the fields of a stream entry; raises :class:`MalformedMessage`."""
        header, jpeg = _read(fields)
        try:
            return cls(**_frame_fields(header), jpeg=jpeg)
        except (KeyError, TypeError, ValueError) as error:
            raise MalformedMessage(f"not a frame: {error}") from error


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
        header, jpeg = _read(fields)
        try:
            return cls(
                frame=Frame(**_frame_fields(header), jpeg=jpeg),
                crops=tuple(_crops(header)),
                model=str(header["model"]),
                scored_at=float(header["scored_at"]),
                infrared=bool(header.get("infrared", False)),
                threshold=float(header.get("threshold", OLD_THRESHOLD)),
                self_test_ok=bool(header.get("proven", True)),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise MalformedMessage(f"not a frame with scores: {error}") from error


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
        }
        return json.dumps(fields).encode()

    @classmethod
    def unpack(cls, raw: bytes) -> Self:
        """From JSON; raises :class:`MalformedMessage`."""
        try:
            fields = json.loads(raw)
            return cls(
                camera=fields["camera"],
                health=CameraHealth(fields["sight"]),
                detail=fields["detail"],
                reported_at=fields["reported_at"],
                content_at=fields["content_at"],
                width=fields["width"],
                height=fields["height"],
                source_fps=fields["source_fps"],
                analysed_fps=fields["analysed_fps"],
                reconnects=fields["reconnects"],
                sent=fields["sent"],
                dropped=fields["dropped"],
            )
        except (KeyError, TypeError, ValueError) as error:
            raise MalformedMessage(f"not a camera status: {error}") from error

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


def _read(fields: Mapping[bytes, bytes]) -> tuple[dict[str, Any], bytes]:
    try:
        header = json.loads(fields[b"h"])
        jpeg = fields[b"j"]
    except (KeyError, ValueError) as error:
        raise MalformedMessage(f"not a message: {error!r}") from error
    if not isinstance(header, dict):
        raise MalformedMessage("not a message: its header is not an object")
    return header, jpeg


def _frame_fields(header: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "camera": str(header["camera"]),
        "captured_at": float(header["captured_at"]),
        "sequence": int(header["sequence"]),
        "digest": str(header["digest"]),
        "boxes": tuple(_box(box) for box in header["boxes"]),
        "reason": Reason(header["reason"]),
        "width": int(header["width"]),
        "height": int(header["height"]),
    }


def _crops(header: Mapping[str, Any]) -> Iterator[CropScore]:
    crops = header["crops"]
    unknown = header.get("unknown", [[False, 0.0]] * len(crops))
    for (box, bear, label, probability), (is_unknown, score) in zip(crops, unknown, strict=True):
        yield CropScore(_box(box), float(bear), str(label), float(probability), bool(is_unknown), float(score))


def _box(values: Any) -> Box:
    x0, y0, x1, y1 = (float(value) for value in values)
    return (x0, y0, x1, y1)

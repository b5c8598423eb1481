"""What the cameras saw: encounters with their frames, and what each camera did in each hour."""

from __future__ import annotations

from sqlalchemy import BigInteger, ForeignKey, Index, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from core.messages import Box, EncounterKind
from db.models.base import Base
from db.models.place_tables import Camera


class Encounter(Base):
    """One visit of one animal to one camera, as the tracker saw it: a bear, or an animal that the model cannot name."""

    __tablename__ = "encounters"
    __table_args__ = (Index(None, "camera_id", "last_at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    camera_id: Mapped[str] = mapped_column(ForeignKey("cameras.id"))
    kind: Mapped[str] = mapped_column(String(20), default=EncounterKind.BEAR)
    first_at: Mapped[float]
    """Capture time of the first agreeing frame."""
    last_at: Mapped[float]
    """Capture time of the last agreeing frame so far."""
    decided_at: Mapped[float]
    """Capture time of the frame that made them enough."""
    closed_at: Mapped[float | None]
    """Capture time at which a quiet gap ended it; None while it is open."""
    recognised_at: Mapped[float | None]
    """Capture time of the frame that turned an unknown animal's visit into a bear's; None for every other. Its earlier
    frames are context then."""
    hits: Mapped[int]
    peak_score: Mapped[float]
    """The highest bear score."""
    unknown_score: Mapped[float | None]
    """Of an unknown animal: how strange the strangest frame is, in the model's own unit."""
    peak_box: Mapped[Box]
    cover: Mapped[str | None] = mapped_column(String(200))
    """Media key of its best frame; None when the disk was full."""
    label: Mapped[str] = mapped_column(String(40))
    zones: Mapped[list[str]]
    model: Mapped[str] = mapped_column(String(100))
    threshold: Mapped[float | None]
    """The bear score from which its best frame agreed; None in rows from before it was kept."""
    infrared: Mapped[bool | None]
    """Whether its best frame was taken by infra-red light; None in rows from before it was kept."""
    late: Mapped[bool]
    """Found in frames that waited out an outage."""
    held: Mapped[bool] = mapped_column(default=False)
    """An unknown animal's, without an alert of its own: its camera had raised one a short while before."""

    camera: Mapped[Camera] = relationship()
    recording: Mapped[Recording | None] = relationship()
    frames: Mapped[list[EncounterFrame]] = relationship(order_by="EncounterFrame.captured_at")


class EncounterFrame(Base):
    """One kept frame of an encounter: a few seconds of context before it, and what agreed."""

    __tablename__ = "encounter_frames"
    __table_args__ = (UniqueConstraint("encounter_id", "captured_at", "sequence"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    encounter_id: Mapped[int] = mapped_column(ForeignKey("encounters.id"), index=True)
    captured_at: Mapped[float]
    sequence: Mapped[int] = mapped_column(BigInteger)
    media: Mapped[str | None] = mapped_column(String(200))
    score: Mapped[float]
    box: Mapped[Box]
    """The crop that decided; the whole frame when nothing was found."""
    agrees: Mapped[bool]
    """True when the frame reached the threshold, false for context."""


class Recording(Base):
    """What the main stream of the camera showed of an encounter: one row once it is known, with or without files."""

    __tablename__ = "recordings"

    id: Mapped[int] = mapped_column(primary_key=True)
    encounter_id: Mapped[int] = mapped_column(ForeignKey("encounters.id"), unique=True)
    created_at: Mapped[float]
    still: Mapped[str | None] = mapped_column(String(200))
    """Media key of the deciding moment at full size; None when there is none (any more)."""
    still_at: Mapped[float | None]
    """When that picture was taken."""
    clip: Mapped[str | None] = mapped_column(String(200))
    """Media key of an MP4 file, as it came from the camera; None when there is none (any more)."""
    clip_at: Mapped[float | None]
    """When the clip begins."""
    clip_s: Mapped[float | None]
    why: Mapped[str] = mapped_column(Text)
    """Why something is missing, for people; empty when both were kept."""


class EncounterCrop(Base):
    """A crop that agreed in an encounter: where it was, and what the network made of it. The memory of a place is made
    of those whose alerts a ranger rejected."""

    __tablename__ = "encounter_crops"

    id: Mapped[int] = mapped_column(primary_key=True)
    encounter_id: Mapped[int] = mapped_column(ForeignKey("encounters.id"), index=True)
    box: Mapped[Box]
    infrared: Mapped[bool]
    model: Mapped[str] = mapped_column(String(100))
    """Whose features these are; those of another model say nothing."""
    features: Mapped[bytes] = mapped_column(LargeBinary)
    """A unit vector, 127 times, as int8."""


class CameraHour(Base):
    """What one camera did in one UTC hour: what audits sample and drift is measured on."""

    __tablename__ = "camera_hours"
    __table_args__ = (UniqueConstraint("camera_id", "hour_at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    camera_id: Mapped[str] = mapped_column(ForeignKey("cameras.id"))
    hour_at: Mapped[float]
    frames: Mapped[dict[str, int]]
    """Scored frames by reason."""
    histogram: Mapped[list[int]]
    """Frames by bear score, twenty equal bins from 0 to 1."""
    unknown: Mapped[dict[str, int]] = mapped_column(default=dict)
    """Of unknown animals: ``frames`` that show one, encounters ``raised`` as alerts and ``held`` back."""
    max_score: Mapped[float]
    minutes: Mapped[int] = mapped_column(BigInteger)
    """Bit n is set when minute n had at least one scored frame; in the other minutes nobody looked."""
    thumbnails: Mapped[list[str]]
    """Media keys of the minute's audit frames, in order."""
    scene_gap: Mapped[float | None]
    """How far the most different of them was from the camera's mean picture, in grey levels: a baseline. None while
    there was no mean picture."""

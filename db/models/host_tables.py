"""How machines and queues were, a row a minute, later a row an hour: what a heartbeat says, kept.

``minute`` is the number of whole minutes since 1970, so that the same integer division groups rows on every database.
A row that stands for more than a minute (``span`` minutes) holds the worst of them. What was not told is null.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base


class MachineSample(Base):
    """One machine in one minute; shares are 0-1, temperatures in degrees Celsius. No row: it was not heard."""

    __tablename__ = "machine_samples"

    minute: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    machine: Mapped[str] = mapped_column(String(80), primary_key=True)
    span: Mapped[int] = mapped_column(default=1)
    load: Mapped[float | None]
    """Running and waiting processes over the last minute, for each processor."""
    cpu_c: Mapped[float | None]
    memory_used: Mapped[float | None]
    disk_free: Mapped[float | None]
    gpus: Mapped[int | None]
    """How many GPUs answered."""
    gpus_expected: Mapped[int | None]
    throttled: Mapped[bool | None]
    """Whether heat or power slowed the processor or a GPU down."""


class GpuSample(Base):
    """One GPU of a machine in one minute, by its place in the driver's list."""

    __tablename__ = "gpu_samples"

    minute: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    machine: Mapped[str] = mapped_column(String(80), primary_key=True)
    gpu: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    span: Mapped[int] = mapped_column(default=1)
    celsius: Mapped[float]
    busy: Mapped[float | None]
    memory: Mapped[float | None]


class QueueSample(Base):
    """One shard in one minute in which Redis answered. No row: it did not, or nobody was there to ask it."""

    __tablename__ = "queue_samples"

    minute: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    shard: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    span: Mapped[int] = mapped_column(default=1)
    entries: Mapped[int]
    """Frames and scores that nobody had handled."""
    oldest_s: Mapped[float]
    """How long the oldest of them had waited."""
    jobs: Mapped[int]
    """Jobs of the whole site that waited."""


class CameraCount(Base):
    """What one camera's frames came to, as the counters stood when an hour began. They only grow until Redis is new."""

    __tablename__ = "camera_counts"

    hour_at: Mapped[float] = mapped_column(primary_key=True)
    camera_id: Mapped[str] = mapped_column(String(63), primary_key=True)
    sent: Mapped[int] = mapped_column(BigInteger)
    dropped: Mapped[int] = mapped_column(BigInteger)
    scored: Mapped[int] = mapped_column(BigInteger)

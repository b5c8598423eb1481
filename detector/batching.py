"""Which waiting frames go into the next batch, and which give way. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Token = TypeVar("Token")


@dataclass(frozen=True, slots=True)
class Waiting(Generic[Token]):
    """A frame that waits for the network; ``token`` is whatever the caller needs to finish it."""

    camera: str
    captured_at: float
    token: Token


@dataclass(frozen=True, slots=True)
class Choice(Generic[Token]):
    """The next batch, what still waits, and what is given up."""

    take: list[Waiting[Token]]
    wait: list[Waiting[Token]]
    drop: list[Waiting[Token]]


def choose(waiting: Sequence[Waiting[Token]], now: float, max_batch: int, fresh_s: float) -> Choice[Token]:
    """Choose the next batch.

    1. When everything fits into one batch, take everything, oldest first.
    2. When the oldest frame is still fresh, the backlog is a ripple: take the oldest, the rest waits its turn.
    3. Otherwise the detector is overloaded, and an old picture of a camera is worth nothing beside a newer one:
       drop each frame that is not fresh and has a newer one of the same camera behind it. Of what is left, take the
       newest of each camera first, the camera that has waited longest in front, so that no camera starves another.
    """
    ordered = sorted(waiting, key=lambda frame: frame.captured_at)
    if len(ordered) <= max_batch:
        return Choice(ordered, [], [])
    if now - ordered[0].captured_at <= fresh_s:
        return Choice(ordered[:max_batch], ordered[max_batch:], [])
    newest = {frame.camera: frame for frame in ordered}
    drop = [f for f in ordered if newest[f.camera] is not f and now - f.captured_at > fresh_s]
    dropped = set(map(id, drop))
    left = [frame for frame in ordered if id(frame) not in dropped]
    left.sort(key=lambda frame: (newest[frame.camera] is not frame, frame.captured_at))
    return Choice(left[:max_batch], left[max_batch:], drop)

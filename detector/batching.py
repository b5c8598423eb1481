"""Which waiting frames go into the next batch, and which give way. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Token = TypeVar("Token")


@dataclass(frozen=True, slots=True)
class Waiting(Generic[Token]):
    """A frame that waits for the network: ``crops`` is what it costs, ``token`` what the caller needs to finish it."""

    camera: str
    captured_at: float
    crops: int
    token: Token


@dataclass(frozen=True, slots=True)
class Choice(Generic[Token]):
    """The next batch, what still waits, and what is given up."""

    take: list[Waiting[Token]]
    wait: list[Waiting[Token]]
    discard: list[Waiting[Token]]


def choose(waiting: Sequence[Waiting[Token]], now: float, max_crops: int, fresh_s: float) -> Choice[Token]:
    """Choose the next batch: at least one frame, and not more than ``max_crops`` crops if it is more than one.

    1. When everything fits into one batch, take everything, oldest first.
    2. When the oldest frame is still fresh, the backlog is a ripple: take the oldest, the rest waits its turn. A still
       frame with its many tiles goes alone, so that moving frames wait for one of them at most.
    3. Otherwise the detector is overloaded, and an old picture of a camera is worth nothing beside a newer one:
       drop each frame that is not fresh and has a newer one of the same camera behind it. Of what is left, take the
       newest of each camera first, the camera that has waited longest in front, so that no camera starves another.
    """
    ordered = sorted(waiting, key=lambda frame: frame.captured_at)
    fits = _fitting(ordered, max_crops)
    if fits == len(ordered) or now - ordered[0].captured_at <= fresh_s:
        return Choice(ordered[:fits], ordered[fits:], [])
    newest = {frame.camera: frame for frame in ordered}
    discard = [f for f in ordered if newest[f.camera] is not f and now - f.captured_at > fresh_s]
    dropped = set(map(id, discard))
    left = [frame for frame in ordered if id(frame) not in dropped]
    left.sort(key=lambda frame: (newest[frame.camera] is not frame, frame.captured_at))
    fits = _fitting(left, max_crops)
    return Choice(left[:fits], left[fits:], discard)


def _fitting(frames: Sequence[Waiting[Token]], max_crops: int) -> int:
    """How many frames from the front fit into one batch; at least one, if there is one."""
    total = 0
    for count, frame in enumerate(frames):
        total += frame.crops
        if total > max_crops and count > 0:
            return count
    return len(frames)

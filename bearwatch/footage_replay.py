"""Recorded footage through the gate, the detector and the tracker of the live system, as fast as they go."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice

from core.config import Camera
from core.messages import Box, EncounterKind, Frame, FrameScores
from detector.classify import decode_jpeg, score_frames
from detector.engines.engine import Engine
from detector.tracking.tracker import (
    AlertRule,
    Change,
    Closed,
    Extended,
    Opened,
    Track,
    Upgraded,
    observe,
    subject_box,
    zones_of,
)

FRAMES_AT_ONCE = 32

Progress = Callable[[float], None]
"""Called with the time inside the recording that has been reached, in seconds."""


@dataclass(frozen=True, slots=True)
class RecordedEncounter:
    """One visit found in a recording; times are seconds from its beginning.

    ``threshold`` is the bear score from which its best frame agreed, ``infrared`` the light of that frame. A bear that
    was an unknown animal at first was that from ``unknown_s`` on.
    """

    camera: str
    kind: EncounterKind
    start_s: float
    end_s: float
    peak_score: float
    threshold: float
    infrared: bool
    unknown_s: float | None
    label: str
    box: Box
    zones: tuple[str, ...]
    cover_jpeg: bytes


def replay(
    frames: Iterable[Frame],
    engine: Engine,
    rule: AlertRule,
    camera: Camera,
    progress: Progress,
    threshold: float | None = None,
) -> list[RecordedEncounter]:
    """The encounters among the frames of one recording. ``threshold``: None for the model's own."""
    track, found = Track(), list[RecordedEncounter]()
    for scores in score(frames, engine, progress, threshold):
        track, changes = observe(track, scores, rule)
        for change in changes:
            _apply(found, change, scores.frame.camera, camera)
    return found


def score(
    frames: Iterable[Frame], engine: Engine, progress: Progress, threshold: float | None = None
) -> Iterator[FrameScores]:
    """Frames with their scores, many in one batch."""
    source = iter(frames)
    while batch := list(islice(source, FRAMES_AT_ONCE)):
        seen = [(decode_jpeg(frame.jpeg), frame.boxes, frame.reason) for frame in batch]
        for frame, scored in zip(batch, score_frames(engine, seen, threshold), strict=True):
            yield scored.scores(frame, engine.name, frame.captured_at)
        progress(batch[-1].captured_at)


def _apply(found: list[RecordedEncounter], change: Change, camera_name: str, camera: Camera) -> None:
    if isinstance(change, Opened):
        hits = change.draft.hits
        span = (hits[0].frame.captured_at, hits[-1].frame.captured_at)
        found.append(_encounter(camera_name, change.draft.kind, span, change.draft.cover, camera))
    elif isinstance(change, Upgraded):
        hits, unknown_s = change.draft.hits, found[-1].start_s
        span = (hits[0].frame.captured_at, max(found[-1].end_s, hits[-1].frame.captured_at))
        bear = _encounter(camera_name, change.draft.kind, span, change.draft.cover, camera)
        found[-1] = replace(bear, unknown_s=unknown_s)
    elif isinstance(change, Extended):
        last = found[-1]
        span = (last.start_s, max(last.end_s, change.hit.frame.captured_at))
        better = _encounter(camera_name, last.kind, span, change.hit, camera) if change.is_peak else last
        found[-1] = replace(better, end_s=span[1], unknown_s=last.unknown_s)
    else:
        assert isinstance(change, Closed)  # nothing to add: the end is the last agreeing frame


def _encounter(
    camera_name: str, kind: EncounterKind, span: tuple[float, float], cover: FrameScores, camera: Camera
) -> RecordedEncounter:
    box = subject_box(cover)
    return RecordedEncounter(
        camera=camera_name,
        kind=kind,
        start_s=span[0],
        end_s=span[1],
        peak_score=cover.bear,
        threshold=cover.threshold,
        infrared=cover.infrared,
        unknown_s=None,
        label=cover.best.label if cover.best else "bear",
        box=box,
        zones=tuple(zones_of(box, camera.zones)),
        cover_jpeg=cover.frame.jpeg,
    )

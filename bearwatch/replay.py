"""Recorded footage through the gate, the detector and the tracker of the live system, as fast as they go."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from core.config import Camera
from core.messages import Box, Frame, FrameScores
from detector.classify import classify, decode_jpeg
from detector.engine import Engine
from detector.tracker import AlertRule, Change, Closed, Extended, Opened, Track, observe, subject_box, zones_of
from ingest.recorded import IMAGE_SUFFIXES

VIDEO_SUFFIXES = frozenset((".mp4", ".mkv", ".avi", ".mov", ".m4v", ".webm", ".ts", ".mpg", ".mpeg", ".mjpg", ".mjpeg"))
FRAMES_AT_ONCE = 32

Progress = Callable[[float], None]
"""Called with the time inside the recording that has been reached, in seconds."""


@dataclass(frozen=True, slots=True)
class RecordedEncounter:
    """One visit found in a recording; times are seconds from its beginning."""

    camera: str
    start_s: float
    end_s: float
    peak_score: float
    label: str
    box: Box
    zones: tuple[str, ...]
    cover_jpeg: bytes


def recordings(path: Path) -> list[Path]:
    """What a path holds: the video itself, or each video and each folder of images below a folder, in order."""
    if not path.is_dir():
        return [path]
    below = sorted(file for file in path.rglob("*") if file.is_file())
    videos = [file for file in below if file.suffix.lower() in VIDEO_SUFFIXES]
    folders = {file.parent for file in below if file.suffix.lower() in IMAGE_SUFFIXES}
    return sorted([*videos, *folders])


def replay(
    frames: Iterable[Frame], engine: Engine, rule: AlertRule, camera: Camera, progress: Progress
) -> list[RecordedEncounter]:
    """The encounters among the frames of one recording."""
    track, found = Track(), list[RecordedEncounter]()
    for scores in score(frames, engine, progress):
        track, changes = observe(track, scores, rule)
        for change in changes:
            _apply(found, change, scores.frame.camera, camera)
    return found


def score(frames: Iterable[Frame], engine: Engine, progress: Progress) -> Iterator[FrameScores]:
    """Frames with their scores, many in one batch."""
    source = iter(frames)
    while batch := list(islice(source, FRAMES_AT_ONCE)):
        seen = [(decode_jpeg(frame.jpeg), frame.boxes, frame.reason) for frame in batch]
        for frame, crops in zip(batch, classify(engine, seen), strict=True):
            yield FrameScores(frame, tuple(crops), engine.name, frame.captured_at)
        progress(batch[-1].captured_at)


def _apply(found: list[RecordedEncounter], change: Change, camera_name: str, camera: Camera) -> None:
    if isinstance(change, Opened):
        hits, cover = change.draft.hits, change.draft.cover
        span = (hits[0].frame.captured_at, hits[-1].frame.captured_at)
        found.append(_encounter(camera_name, span, cover, camera))
    elif isinstance(change, Extended):
        last = found[-1]
        end_s = max(last.end_s, change.hit.frame.captured_at)
        better = _encounter(camera_name, (last.start_s, end_s), change.hit, camera) if change.is_peak else last
        found[-1] = replace(better, end_s=end_s)
    else:
        assert isinstance(change, Closed)  # nothing to add: the end is the last agreeing frame


def _encounter(camera_name: str, span: tuple[float, float], cover: FrameScores, camera: Camera) -> RecordedEncounter:
    box = subject_box(cover)
    return RecordedEncounter(
        camera=camera_name,
        start_s=span[0],
        end_s=span[1],
        peak_score=cover.bear,
        label=cover.best.label if cover.best else "bear",
        box=box,
        zones=tuple(zones_of(box, camera.zones)),
        cover_jpeg=cover.frame.jpeg,
    )

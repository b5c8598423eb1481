"""How good alerts are on footage whose truth is known: the gate, the network and the tracker of the live system.

Two kinds of footage: the staged cameras of :func:`exam_scenes`, drawn here, and any folder of recordings, each with
its truth beside it (``NAME.truth.json``, as ``bearwatch camera-sim --record`` writes it). A recording without such a
file is taken for footage without a bear.

The model stands beside what one gets without it: an alert whenever something moves, the same held to as few alerts as
the model makes, no alert ever, and the pretrained network.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bearwatch.footage_replay import Progress, score
from core.config import Camera, Detector, Motion
from core.messages import CropScore, EncounterKind, FrameScores, Reason
from detector.engines.engine import Engine
from detector.evaluate.event_figures import Alarm, TrueVisit, WatchedFootage, event_figures, rate_matched
from detector.tracking.tracker import AlertRule, Opened, Track, Upgraded, observe
from ingest.sources.footage import Source, find_footage
from ingest.sources.recorded import ReadTally, gate_frames, recording_s
from ingest.sources.stream import StreamFailure
from simulation.cameras.builtin import walk
from simulation.cameras.encode import prepare
from simulation.cameras.record import record
from simulation.cameras.scene import Disturbance, DisturbanceKind, Scene

log = logging.getLogger(__name__)

MODEL, MOTION, MATCHED, NEVER = "model", "every motion", "largest motions, as many as the model's alerts", "never"
TRUTH_SUFFIX = ".truth.json"
EXAM_LOOP_S = 150
_EXAM_FPS = 10
_QUIET_GAP_S = 5.0
"""Shorter than live: visits follow one another closely here, and each has to raise an alarm of its own."""


class FootageError(ValueError):
    """There is no footage, or the truth beside it cannot be read."""


@dataclass(frozen=True, slots=True)
class Recording:
    """A video or a folder of images, and who is in view when. ``seconds`` is its length."""

    name: str
    path: Path
    seconds: float
    visits: tuple[TrueVisit, ...]
    source: Source | None = None
    """What to read of ``path``; None for all there is."""


def exam_scenes() -> tuple[Scene, ...]:
    """Six staged cameras, three by day and three by infra-red night: brown and black bears near and far, and others.

    The demo's scenes are easier: there each bear walks by once, in good view.
    """
    weather: tuple[tuple[DisturbanceKind, ...], ...] = (
        ("branches", "rain", "cloud_shadow"),
        ("branches", "headlights", "flash"),
        ("rain", "exposure_step", "branches"),
        ("headlights", "branches", "rain"),
        ("cloud_shadow", "branches", "exposure_step"),
        ("branches", "flash", "rain"),
    )
    places = ("creek", "trail", "meadow")
    scenes = []
    for number, kinds in enumerate(weather):
        rows = [0.56 + 0.05 * ((turn * 2 + number) % 6) for turn in range(9)]
        cast = ("person", "bear", "boar", "black_bear", "deer", "dog", "bear", "elk", "black_bear")
        visits = tuple(
            walk(kind, 3.0 + 16.0 * turn, 10.0, round(row, 2), to_left=(turn + number) % 2 == 0)
            for turn, (kind, row) in enumerate(zip(cast, rows, strict=True))
        )
        storms = tuple(Disturbance(kind, 18.0 + 48.0 * turn, 12.0, 0.6) for turn, kind in enumerate(kinds))
        scenes.append(
            Scene(
                f"exam-{number + 1}",
                fps=_EXAM_FPS,
                light="infrared" if number % 2 else "day",
                place=places[number % 3],  # type: ignore[arg-type] # one of the known places
                loop_s=EXAM_LOOP_S,
                visits=visits,
                disturbances=storms,
                seed=50 + number,
            )
        )
    return tuple(scenes)


def staged(scenes: Iterable[Scene], folder: Path, progress: Callable[[str, float], None]) -> list[Recording]:
    """Draw the scenes and record one loop of each into the folder."""
    scenes = tuple(scenes)
    loops = prepare(scenes, progress=progress)
    found = []
    for scene in scenes:
        footage = folder / f"{scene.name}.mp4"
        record(loops[scene.name], footage, scene.loop_s)
        found.append(_recording(footage, scene.loop_s))
    return found


def read_footage(path: Path, fps: float) -> tuple[list[Recording], list[str]]:
    """The recordings at or below a path, with their truth; and what cannot be opened, each with the reason.

    Raises:
        FootageError: none can be opened, or a truth file cannot be read.
    """
    footage = find_footage(path)
    found = [_recording(source.path, recording_s(source, fps), name, source) for name, source in footage.sources]
    unreadable = [f"{each.file}: {each.why}" for each in (*footage.unreadable, *footage.skipped)]
    unreadable = [line for line in unreadable if TRUTH_SUFFIX not in line]
    if not found:
        raise FootageError(f"{path} holds neither videos nor images that can be read")
    return found, unreadable


def _recording(path: Path, seconds: float | None, name: str = "", source: Source | None = None) -> Recording:
    name = name or path.stem
    truth = path.with_name(path.name + TRUTH_SUFFIX) if path.is_dir() else path.with_suffix(TRUTH_SUFFIX)
    if not truth.is_file():
        return Recording(name, path, seconds or 0.0, (), source)
    try:
        said = json.loads(truth.read_text(encoding="utf-8"))
        visits = tuple(
            TrueVisit(str(v["kind"]), bool(v["is_bear"]), float(v["start_s"]), float(v["end_s"]))
            for v in said["visits"]
        )
        return Recording(name, path, float(seconds or said["seconds"]), visits, source)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FootageError(f"{truth} is not the truth of a recording: {error!r}") from error


def evaluate_events(
    found: Iterable[Recording],
    engines: Mapping[str, Engine],
    detector: Detector,
    progress: Callable[[str, str], Progress],
) -> dict[str, Any]:
    """What each system makes of the recordings, as values ready for JSON.

    ``engines`` are the networks by name; the first is the model, beside which motion alone is measured.
    ``progress(system, recording)`` gives the function that is told how far a recording is.

    Keys: ``systems`` (name to :func:`detector.evaluate.event_figures.event_figures`), ``by_light``: the same for the
    recordings by light, ``recordings``, ``visits`` (each bear visit and which system found it when).
    """
    found = list(found)
    rule = replace(AlertRule.of(detector), quiet_gap_s=min(detector.quiet_gap_s, _QUIET_GAP_S))
    watched: dict[str, list[WatchedFootage]] = {name: [] for name in (*engines, MOTION)}
    for recording in found:
        for place, (name, engine) in enumerate(engines.items()):
            frames = list(_scored(recording, engine, detector, progress(name, recording.name)))
            watched[name].append(_watched(recording, frames, rule))
            if place == 0:
                watched[MOTION].append(_watched(recording, [_moved(scores) for scores in frames], rule))
    model = next(iter(engines))
    alerts = sum(len(one.alarms) for one in watched[model])
    watched[MATCHED] = rate_matched(watched[MOTION], alerts)
    watched[NEVER] = [WatchedFootage(one.name, one.seconds, one.visits, []) for one in found]
    return {
        "model": engines[model].name,
        "systems": {name: event_figures(each) for name, each in watched.items()},
        "by_recording": {
            recording.name: {name: event_figures([each[place]]) for name, each in watched.items()}
            for place, recording in enumerate(found)
        },
        "recordings": [{"name": one.name, "seconds": one.seconds, "visits": len(one.visits)} for one in found],
        "rule": {"min_hits": rule.min_hits, "window_s": rule.window_s, "quiet_gap_s": rule.quiet_gap_s},
    }


def evaluate_staged(
    engines: Mapping[str, Engine],
    detector: Detector,
    drawing: Callable[[str, float], None],
    progress: Callable[[str, str], Progress],
) -> dict[str, Any]:
    """:func:`evaluate_events` on the staged cameras."""
    with TemporaryDirectory(prefix="bearwatch-exam-") as folder:
        return evaluate_events(staged(exam_scenes(), Path(folder), drawing), engines, detector, progress)


def _scored(recording: Recording, engine: Engine, detector: Detector, progress: Progress) -> Iterator[FrameScores]:
    camera = Camera(campsite="evaluation", url="file")
    tally = ReadTally()
    frames = gate_frames(recording.source or recording.path, recording.name, camera, Motion(), tally=tally)
    try:
        yield from score(frames, engine, progress, detector.threshold)
    except StreamFailure as failure:
        raise FootageError(f"{recording.path}: {failure}") from failure
    for unread in tally.unread:
        log.warning("%s: %s", unread.file, unread.why)


def _moved(scores: FrameScores) -> FrameScores:
    """The frame as one sees it who takes every motion for a bear: the larger what moved, the surer."""
    area = sum((x1 - x0) * (y1 - y0) for x0, y0, x1, y1 in scores.frame.boxes)
    moved = scores.frame.reason is Reason.MOTION and bool(scores.frame.boxes)
    crops = (CropScore(scores.frame.boxes[0], min(area, 1.0), "motion", 1.0),) if moved else ()
    return replace(scores, crops=crops, threshold=0.0)


def _watched(recording: Recording, frames: Iterable[FrameScores], rule: AlertRule) -> WatchedFootage:
    track, alarms, unknown = Track(), list[Alarm](), list[Alarm]()
    for scores in frames:
        track, changes = observe(track, scores, rule)
        for change in changes:
            if isinstance(change, Opened | Upgraded):
                draft = change.draft
                alarm = Alarm(draft.hits[-1].frame.captured_at, draft.cover.bear)
                (alarms if draft.kind is EncounterKind.BEAR else unknown).append(alarm)
    return WatchedFootage(recording.name, recording.seconds, recording.visits, alarms, unknown)

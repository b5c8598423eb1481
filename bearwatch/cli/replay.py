"""Run recorded footage through the very gate, detector and tracker of the live system, and print the encounters.

VIDEO_OR_FOLDER is a video file, a folder of images (the successive frames of one camera, in the order of their names),
or a folder that holds several of either. A file's content says what it is. Every file is accounted for: seen,
unreadable (in whole or in part, which ends the command with status 1), or skipped because it is no footage."""

from __future__ import annotations

import argparse
import json
import logging
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from bearwatch.footage_replay import RecordedEncounter, replay
from core.config import Camera, Detector, Motion
from core.config_file import load_config
from core.logs import configure_logging
from core.messages import EncounterKind
from core.settings import settings

if TYPE_CHECKING:
    from ingest.sources.footage import Source, Unread
    from ingest.sources.recorded import ReadTally

log = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The footage, and whose camera it is taken for."""
    parser.add_argument("footage", type=Path, metavar="VIDEO_OR_FOLDER")
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")
    parser.add_argument("--fps", type=float, default=None, help="frames analysed per second (default: 5, as live)")
    parser.add_argument("--config", type=Path, default=None, help="take detector and motion settings from this file")
    parser.add_argument("--camera", default=None, help="and masks, zones, fps and size from this camera of it")
    parser.add_argument(
        "--covers", type=Path, default=settings().bearwatch_data / "replay", help="folder for the best picture of each"
    )
    parser.add_argument(
        "--backbone", default=None, help="another model than the configuration names, as detector.backbone there"
    )
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default=settings().bearwatch_device)


def run(arguments: argparse.Namespace) -> int:
    """Exit status 0 when everything could be read, whatever was found."""
    configure_logging("replay", settings().bearwatch_log)
    try:
        camera, detector, motion = _settings(arguments)
    except (KeyError, ValueError) as error:
        print(f"bearwatch replay: {error.args[0]}", file=sys.stderr)
        return 2
    if not arguments.footage.exists():
        print(f"{arguments.footage} is not there", file=sys.stderr)
        return 1
    result = _replay_all(arguments, camera, detector, motion)
    bears = [row for row in result.encounters if row["kind"] == EncounterKind.BEAR]
    unknown = [row for row in result.encounters if row["kind"] != EncounterKind.BEAR]
    if arguments.json:
        print(json.dumps({"encounters": bears, "unknown_animals": unknown, **result.files()}))
    else:
        _print_table(bears, unknown, result)
    if not result.seen:
        print(f"{arguments.footage} holds neither videos nor images that can be read", file=sys.stderr)
    return 1 if result.unreadable or not result.seen else 0


def _settings(arguments: argparse.Namespace) -> tuple[Camera, Detector, Motion]:
    config = load_config(arguments.config) if arguments.config else None
    camera = Camera(campsite="replay", url="replay")
    if arguments.camera:
        if config is None:
            raise ValueError("--camera needs --config, the file in which that camera stands")
        if arguments.camera not in config.cameras:
            raise KeyError(f"no camera {arguments.camera!r} in {arguments.config}; it has {', '.join(config.cameras)}")
        camera = config.cameras[arguments.camera]
    if arguments.fps is not None:
        camera = Camera.model_validate({**camera.model_dump(), "fps": arguments.fps})
    detector = config.detector if config else Detector()
    if arguments.backbone is not None:
        try:
            detector = Detector.model_validate({**detector.model_dump(), "backbone": arguments.backbone})
        except ValidationError:
            raise ValueError(
                f"--backbone {arguments.backbone!r} is no model: write built-in, a bundle's directory with a / in it, "
                "or a network with its input size, as lite2@224"
            ) from None
    return camera, detector, config.motion if config else Motion()


@dataclass(slots=True)
class _Result:
    """What was found, and what became of every file. ``encounters`` and ``seen`` are rows of the JSON document."""

    encounters: list[dict[str, Any]] = field(default_factory=list)
    seen: list[dict[str, Any]] = field(default_factory=list)
    unreadable: list[Unread] = field(default_factory=list)
    skipped: list[Unread] = field(default_factory=list)

    def files(self) -> dict[str, Any]:
        """Every file: seen, unreadable (in whole or in part) and skipped."""
        rows = {"unreadable": self.unreadable, "skipped": self.skipped}
        return {
            "seen": self.seen,
            **{key: [{"file": str(u.file), "why": u.why} for u in of] for key, of in rows.items()},
        }


def _replay_all(arguments: argparse.Namespace, camera: Camera, detector: Detector, motion: Motion) -> _Result:
    from detector.engines.choose import choose_engine
    from detector.tracking.tracker import AlertRule
    from ingest.sources.footage import Unread, find_footage
    from ingest.sources.recorded import ReadTally, gate_frames, recording_s
    from ingest.sources.stream import StreamFailure

    footage = find_footage(arguments.footage)
    result = _Result(unreadable=footage.unreadable, skipped=footage.skipped)
    for each in (*footage.unreadable, *footage.skipped):
        print(f"{each.file}: {each.why}", file=sys.stderr)
    if not footage.sources:
        return result
    engine = choose_engine(arguments.device, detector.backbone, runtime=detector.engine)
    rule = AlertRule.of(detector).for_rate(camera.fps)
    for name, source in footage.sources:
        tally, found, crash = ReadTally(), list[RecordedEncounter](), list[Unread]()
        try:
            with _bar(name, recording_s(source, camera.fps)) as progress:
                frames = gate_frames(source, arguments.camera or name, camera, motion, tally=tally)
                found = replay(frames, engine, rule, camera, progress, detector.threshold)
        except StreamFailure as failure:
            if not tally.unread:
                crash = [Unread(source.path, str(failure))]
        except Exception as error:
            # The edge of one recording: whatever it holds, the others are read.
            log.exception("%s: reading it failed", source.path)
            crash = [Unread(source.path, f"reading it failed: {type(error).__name__}")]
        for unread in (*tally.unread, *crash):
            print(f"{unread.file}: {unread.why}", file=sys.stderr)
        result.unreadable += [*tally.unread, *crash]
        if tally.pictures and not crash:
            result.seen.append(_seen(name, source, tally))
        result.encounters += [_row(encounter, name, source.path, arguments.covers) for encounter in found]
    return result


def _seen(name: str, source: Source, tally: ReadTally) -> dict[str, Any]:
    return {
        "file": str(source.path),
        "recording": name,
        "pictures": tally.pictures,
        "broken": tally.broken,
        "seconds": round(tally.reached_s, 3),
    }


@contextmanager
def _bar(name: str, total_s: float | None) -> Iterator[Any]:
    """A progress bar on standard error; yields the function that moves it."""
    columns = TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed:.0f} s"), TimeElapsedColumn()
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(name, total=total_s)
        yield lambda reached_s: progress.update(task, completed=reached_s)
        if total_s:
            progress.update(task, completed=total_s)


def _row(encounter: RecordedEncounter, recording: str, file: Path, covers: Path) -> dict[str, Any]:
    name = re.sub(r"[^A-Za-z0-9_-]+", "_", recording)
    cover = covers / f"{name}-{encounter.start_s:.1f}s.jpg"
    covers.mkdir(parents=True, exist_ok=True)
    cover.write_bytes(encounter.cover_jpeg)
    return {
        "camera": encounter.camera,
        "file": str(file),
        "kind": encounter.kind,
        "start_s": round(encounter.start_s, 3),
        "end_s": round(encounter.end_s, 3),
        "unknown_s": None if encounter.unknown_s is None else round(encounter.unknown_s, 3),
        "peak_score": round(encounter.peak_score, 4),
        "threshold": round(encounter.threshold, 4),
        "light": "infrared" if encounter.infrared else "day",
        "label": encounter.label,
        "box": [round(value, 4) for value in encounter.box],
        "zones": list(encounter.zones),
        "cover": str(cover),
    }


def _print_table(bears: list[dict[str, Any]], unknown: list[dict[str, Any]], result: _Result) -> None:
    if not bears and result.seen:
        print("No encounter was found. That is what the model says; it does not prove that there was no bear.")
    for row in [*bears, *unknown]:
        zones = f"  in {', '.join(row['zones'])}" if row["zones"] else ""
        light = "by infra-red light" if row["light"] == "infrared" else "by day"
        print(
            f"{row['camera']}: {_what(row)} from {row['start_s']:.1f} s to {row['end_s']:.1f} s, "
            f"peak {row['peak_score']:.2f} of {row['threshold']:.2f} {light}{zones}  {row['cover']}"
        )
    print(
        f"Recordings read: {len(result.seen)}. Not read, in whole or in part: {len(result.unreadable)}. "
        f"Skipped, no footage: {len(result.skipped)}."
    )


def _what(row: dict[str, Any]) -> str:
    if row["kind"] == EncounterKind.UNKNOWN_ANIMAL:
        return f"an animal the model does not know (nearest: {row['label']})"
    unknown = f" (an unknown animal since {row['unknown_s']:.1f} s)" if row["unknown_s"] is not None else ""
    return f"{row['label']}{unknown}"

"""Run recorded footage through the very gate, detector and tracker of the live system, and print the encounters.

VIDEO_OR_FOLDER is a video file, a folder of images (the successive frames of one camera, in the order of their names),
or a folder that holds several of either."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from bearwatch.footage_replay import RecordedEncounter, recordings, replay
from core.config import Camera, Detector, Motion
from core.config_file import load_config
from core.logs import configure_logging
from core.messages import EncounterKind
from core.settings import settings


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
    sources = recordings(arguments.footage)
    if not sources:
        print(f"{arguments.footage} holds neither videos nor images", file=sys.stderr)
        return 1
    found, unreadable = _replay_all(sources, arguments, camera, detector, motion)
    rows = [_row(encounter, arguments.covers) for encounter in found]
    bears = [row for row in rows if row["kind"] == EncounterKind.BEAR]
    unknown = [row for row in rows if row["kind"] != EncounterKind.BEAR]
    if arguments.json:
        print(json.dumps({"encounters": bears, "unknown_animals": unknown, "unreadable": unreadable}))
    else:
        _print_table(bears, unknown)
    return 1 if unreadable else 0


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


def _replay_all(
    sources: list[Path], arguments: argparse.Namespace, camera: Camera, detector: Detector, motion: Motion
) -> tuple[list[RecordedEncounter], list[dict[str, str]]]:
    from detector.engines.choose import choose_engine
    from detector.tracking.tracker import AlertRule
    from ingest.recorded import gate_frames, recording_s
    from ingest.stream import StreamFailure

    engine = choose_engine(arguments.device, detector.backbone, runtime=detector.engine)
    rule = AlertRule.of(detector).for_rate(camera.fps)
    found, unreadable = list[RecordedEncounter](), list[dict[str, str]]()
    for source in sources:
        name = arguments.camera or source.stem
        try:
            with _bar(name, recording_s(source, camera.fps)) as progress:
                frames = gate_frames(source, name, camera, motion)
                found += replay(frames, engine, rule, camera, progress, detector.threshold)
        except StreamFailure as failure:
            print(f"{source}: {failure}", file=sys.stderr)
            unreadable.append({"file": str(source), "why": str(failure)})
    return found, unreadable


@contextmanager
def _bar(name: str, total_s: float | None) -> Iterator[Any]:
    """A progress bar on standard error; yields the function that moves it."""
    columns = TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed:.0f} s"), TimeElapsedColumn()
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(name, total=total_s)
        yield lambda reached_s: progress.update(task, completed=reached_s)
        if total_s:
            progress.update(task, completed=total_s)


def _row(encounter: RecordedEncounter, covers: Path) -> dict[str, Any]:
    name = re.sub(r"[^A-Za-z0-9_-]+", "_", encounter.camera)
    cover = covers / f"{name}-{encounter.start_s:.1f}s.jpg"
    covers.mkdir(parents=True, exist_ok=True)
    cover.write_bytes(encounter.cover_jpeg)
    return {
        "camera": encounter.camera,
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


def _print_table(bears: list[dict[str, Any]], unknown: list[dict[str, Any]]) -> None:
    if not bears:
        print("No encounter was found. That is what the model says; it does not prove that there was no bear.")
    for row in [*bears, *unknown]:
        zones = f"  in {', '.join(row['zones'])}" if row["zones"] else ""
        light = "by infra-red light" if row["light"] == "infrared" else "by day"
        print(
            f"{row['camera']}: {_what(row)} from {row['start_s']:.1f} s to {row['end_s']:.1f} s, "
            f"peak {row['peak_score']:.2f} of {row['threshold']:.2f} {light}{zones}  {row['cover']}"
        )


def _what(row: dict[str, Any]) -> str:
    if row["kind"] == EncounterKind.UNKNOWN_ANIMAL:
        return f"an animal the model does not know (nearest: {row['label']})"
    unknown = f" (an unknown animal since {row['unknown_s']:.1f} s)" if row["unknown_s"] is not None else ""
    return f"{row['label']}{unknown}"

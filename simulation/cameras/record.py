"""Writes a scene to a video file with its truth beside it, for replay tests and for looking at."""

from __future__ import annotations

import io
import json
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from simulation.cameras.encode import EncodedLoop, join_nals
from simulation.cameras.scene import Scene, truth

TRUTH_EVERY_S = 0.2


def record(loop: EncodedLoop, path: Path, seconds: float) -> Path:
    """Write the first ``seconds`` of a camera to ``path`` (the loop goes round as often as needed).

    The container follows the suffix (.mp4, .mkv ...). The truth goes to the same name with ``.truth.json``; its path is
    returned.
    """
    scene = loop.scene
    count = max(1, round(seconds * scene.fps))
    stream_of_units = io.BytesIO(b"".join(join_nals(loop.unit(index)) for index in range(count)))
    tick = Fraction(1, 90_000)
    with av.open(stream_of_units, "r", format="h264") as source, av.open(str(path), "w") as target:
        track = target.add_stream_from_template(source.streams.video[0])
        track.time_base = tick
        index = 0
        for packet in source.demux(video=0):
            if packet.size == 0:
                continue
            packet.stream = track
            packet.time_base = tick
            packet.pts = packet.dts = index * 90_000 // scene.fps
            packet.duration = 90_000 // scene.fps
            target.mux(packet)
            index += 1
    truth_path = path.with_suffix(".truth.json")
    truth_path.write_text(json.dumps(truth_document(scene, count / scene.fps), indent=1), encoding="utf-8")
    return truth_path


def truth_document(scene: Scene, seconds: float) -> dict[str, Any]:
    """Who is in view when, as JSON: visits with start and end in seconds and their boxes every ``TRUTH_EVERY_S``."""
    visits: list[dict[str, Any]] = []
    running: dict[str, dict[str, Any]] = {}
    for step in range(round(seconds / TRUTH_EVERY_S) + 1):
        t = round(step * TRUTH_EVERY_S, 3)
        seen = {item.kind: item for item in truth(scene, t)} if t < seconds else {}
        for kind in [kind for kind in running if kind not in seen]:
            running.pop(kind)
        for kind, item in seen.items():
            if kind not in running:
                running[kind] = {"kind": kind, "is_bear": item.is_bear, "start_s": t, "end_s": t, "boxes": []}
                visits.append(running[kind])
            running[kind]["end_s"] = t
            box = [round(value, 4) for value in asdict(item.box).values()]
            running[kind]["boxes"].append({"t": t, "box": box, "inside": round(item.inside, 3)})
    return {"camera": scene.name, "seconds": seconds, "fps": scene.fps, "light": scene.light, "visits": visits}

"""Loops that are drawn once, recordings, and the command `bearwatch camera-sim`."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import pytest

from simulation.cameras.encode import prepare
from simulation.cameras.scene import Scene
from tests.support.rtsp_viewing import GOP, SCENE, decoded, get, viewing


def test_a_loop_is_drawn_once_and_a_damaged_one_again(tmp_path: Path) -> None:
    scene = Scene("small", 160, 90, 5, loop_s=2)
    drawn: list[tuple[str, float]] = []
    first = prepare([scene], tmp_path, lambda name, share: drawn.append((name, share)))["small"]
    assert (drawn[0], drawn[-1]) == (("small", 0.0), ("small", 1.0))
    drawn.clear()
    assert prepare([scene], tmp_path, lambda name, share: drawn.append((name, share)))["small"] == first
    assert drawn == [("small", 1.0)]
    (kept,) = tmp_path.iterdir()
    kept.write_bytes(kept.read_bytes()[:-100])
    assert prepare([scene], tmp_path)["small"] == first
    assert [path.name for path in tmp_path.iterdir()] == [kept.name]


def test_a_viewer_can_start_at_every_key_frame_and_only_there(cache_dir: Path) -> None:
    loop = prepare([SCENE], cache_dir)["gate"]
    keys = [index for index in range(SCENE.frame_count) if loop.is_key(index)]
    assert keys == list(range(0, SCENE.frame_count, GOP))
    for key in keys[::4]:
        assert len(decoded(loop, range(key, key + GOP))) == GOP
    with pytest.raises(av.error.InvalidDataError):
        decoded(loop, range(1, GOP))


def test_the_command_plays_until_it_is_interrupted(cache_dir: Path, tmp_path: Path) -> None:
    file = tmp_path / "scenes.yaml"
    file.write_text("scenes: [{name: yard, width: 160, height: 90, fps: 5, loop_s: 2}]")
    options = ["--scene", str(file), "--rtsp-port", "0", "--control-port", "0", "--cache-dir", str(tmp_path), "--json"]
    with _command(options) as command:
        assert command.stdout is not None
        announced = json.loads(command.stdout.readline())
        with viewing(announced["cameras"]["yard"]) as client:
            assert client.shots(1)[0][1].shape == (90, 160)
        assert get(announced["control_url"] + "/cameras")["cameras"][0]["name"] == "yard"
        command.send_signal(signal.SIGINT)
        assert command.wait(timeout=60) == 0


def test_the_command_refuses_a_wrong_scene_with_a_sentence(tmp_path: Path) -> None:
    with _command(["--scene", "demo:attic"]) as command:
        _, complaint = command.communicate(timeout=60)
    assert command.returncode == 2
    assert "the demo has upper-creek, upper-trail, lower-meadow" in complaint


def test_a_recording_holds_the_asked_seconds_and_its_truth(cache_dir: Path, tmp_path: Path) -> None:
    file = tmp_path / "scenes.yaml"
    visits = "[{kind: fox, start_s: 1, duration_s: 1, path: [[0.4, 0.8], [0.6, 0.8]], height: 0.3}]"
    file.write_text(f"scenes: [{{name: yard, width: 160, height: 90, fps: 5, loop_s: 3, visits: {visits}}}]")
    out = tmp_path / "yard.mp4"
    options = ["--scene", str(file), "--cache-dir", str(tmp_path), "--record", str(out), "--seconds", "4.4"]
    with _command(options) as command:
        command.communicate(timeout=60)
    assert command.returncode == 0
    with av.open(str(out)) as container:
        moments = [frame.time for frame in container.decode(video=0)]
    assert moments == pytest.approx([index / 5 for index in range(22)], abs=0.001)
    truth = json.loads((tmp_path / "yard.truth.json").read_text())
    assert [(visit["kind"], visit["is_bear"]) for visit in truth["visits"]] == [("fox", False), ("fox", False)]
    assert [visit["start_s"] for visit in truth["visits"]] == pytest.approx([1.0, 4.0])
    assert truth["visits"][0]["end_s"] == pytest.approx(1.8)


@contextmanager
def _command(options: list[str]) -> Iterator[subprocess.Popen[str]]:
    """``bearwatch camera-sim`` in a process of its own."""
    program = (
        "import argparse, sys; from simulation.cameras import cli; p = argparse.ArgumentParser(); "
        "cli.add_arguments(p); sys.exit(cli.main(p.parse_args()))"
    )
    command = [sys.executable, "-c", program, *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()

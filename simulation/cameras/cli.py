"""``bearwatch camera-sim``: staged cameras on the command line."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import signal
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from simulation.cameras.builtin import demo_scenes, load_test_scenes
from simulation.cameras.encode import prepare
from simulation.cameras.fault_injection import CameraFault
from simulation.cameras.record import record
from simulation.cameras.scene import Scene
from simulation.cameras.scene_file import SceneError, load_scenes
from simulation.cameras.staged_server import CameraServer

RTSP_PORT = 8554
CONTROL_PORT = 8555


class _Interrupted(Exception):
    """Asked to stop while the scenes were still being drawn."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``bearwatch camera-sim``."""
    parser.description = (
        "Staged RTSP cameras with a known schedule of animals, weather and light. Every camera is also there as MJPEG, "
        f"and POST /cameras/NAME/fault/KIND on the control port makes it misbehave ({', '.join(CameraFault)})."
    )
    parser.add_argument(
        "--scene",
        action="append",
        metavar="SCENE",
        help="demo (three cameras, the default), demo:NAME (one of them), load:N (N cameras where somebody always "
        "walks) or a YAML file with 'scenes:'; may be given several times",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default %(default)s)")
    parser.add_argument("--rtsp-port", type=_port, default=RTSP_PORT, help="0 takes a free one (default %(default)s)")
    parser.add_argument(
        "--control-port", type=_port, default=CONTROL_PORT, help="JSON, trouble and MJPEG (default %(default)s)"
    )
    parser.add_argument(
        "--cache-dir", type=Path, help="where encoded scenes are kept (default: the user's cache folder)"
    )
    parser.add_argument("--json", action="store_true", help="announce the addresses, by name, as one line of JSON")
    parser.add_argument("--record", type=Path, metavar="OUT.mp4", help="write the scene to a file and exit")
    parser.add_argument("--seconds", type=float, help="how much to record (default: one loop)")


def main(args: argparse.Namespace) -> int:
    """Run with parsed arguments; the exit status, with a sentence on standard error where it is not 0."""
    try:
        scenes = find_scenes(args.scene or ["demo"])
        if args.record is not None:
            return _record(scenes, args.record, args.seconds, args.cache_dir)
        announce = _announce_json if args.json else _announce_text
        asyncio.run(serve(scenes, args.host, args.rtsp_port, args.control_port, announce, args.cache_dir))
    except SceneError as error:
        print(error, file=sys.stderr)
        return 2
    except BrokenPipeError:
        raise
    except OSError as error:
        print(f"camera-sim: {error}", file=sys.stderr)
        return 1
    return 0


def find_scenes(specs: Sequence[str]) -> tuple[Scene, ...]:
    """The scenes that ``--scene`` names. Raises SceneError for what cannot be understood."""
    scenes: list[Scene] = []
    for spec in specs:
        kind, _, rest = spec.partition(":")
        if kind == "demo":
            scenes += _demo(rest)
        elif kind == "load":
            if not rest.isdigit() or not 1 <= int(rest) <= 64:
                raise SceneError(f"--scene {spec}: expected load:N with N from 1 to 64")
            scenes += load_test_scenes(int(rest))
        else:
            scenes += load_scenes(Path(spec))
    for name, count in Counter(scene.name for scene in scenes).items():
        if count > 1:
            raise SceneError(f"--scene: {count} cameras would be named {name!r}; leave out or rename one")
    return tuple(scenes)


def _demo(name: str) -> list[Scene]:
    scenes = {scene.name: scene for scene in demo_scenes()}
    if not name:
        return list(scenes.values())
    if name not in scenes:
        raise SceneError(f"--scene demo:{name}: there is no such camera; the demo has {', '.join(scenes)}")
    return [scenes[name]]


async def serve(
    scenes: Sequence[Scene],
    host: str,
    rtsp_port: int,
    control_port: int,
    announce: Callable[[CameraServer], None],
    cache_dir: Path | None = None,
) -> None:
    """Prepare the scenes, play them until SIGINT or SIGTERM; ``announce`` is called once both ports are open."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        # Outside the main thread there are no signals to wait for; whoever runs this there cancels the task.
        with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
            loop.add_signal_handler(number, stop.set)

    def report(name: str, share: float) -> None:
        if stop.is_set():
            raise _Interrupted
        _report(name, share)

    try:
        loops = await asyncio.to_thread(prepare, scenes, cache_dir, report)
    except _Interrupted:
        return
    server = CameraServer(loops, host, rtsp_port, control_port)
    try:
        await server.start()
        announce(server)
        await stop.wait()
    finally:
        await server.stop()


def _record(scenes: Sequence[Scene], path: Path, seconds: float | None, cache_dir: Path | None) -> int:
    if seconds is not None and not 0 < seconds <= 86_400:
        raise SceneError(f"--seconds {seconds:g}: expected more than 0 and at most 86400")
    for name, loop in prepare(scenes, cache_dir, _report).items():
        target = path if len(scenes) == 1 else path.with_stem(f"{path.stem}-{name}")
        truth_path = record(loop, target, seconds or loop.scene.loop_s)
        print(f"{target} with its truth in {truth_path}")
    return 0


def _report(name: str, share: float) -> None:
    if sys.stderr.isatty():
        end = "\n" if share >= 1 else ""
        print(f"\rcamera-sim: drawing {name} {share:4.0%}", end=end, file=sys.stderr, flush=True)
    elif share in (0.0, 1.0):
        print(f"camera-sim: {name} {'is ready' if share else 'is being drawn'}", file=sys.stderr, flush=True)


def _announce_json(server: CameraServer) -> None:
    cameras = {name: server.url(name) for name in server.cameras}
    print(json.dumps({"control_url": f"http://{server.host}:{server.control_port}", "cameras": cameras}), flush=True)


def _announce_text(server: CameraServer) -> None:
    for name, camera in server.cameras.items():
        print(f"{name:16} {camera.scene.light:9} {server.url(name)}   {server.mjpeg_url(name)}")
    print(f"control          http://{server.host}:{server.control_port}/cameras   (Ctrl-C stops)", flush=True)


def _port(text: str) -> int:
    number = int(text)
    if not 0 <= number <= 65_535:
        raise argparse.ArgumentTypeError(f"{number} is no port; expected 0-65535")
    return number

"""The staged cameras as a running server: on an event loop of your own, or in a thread beside a test."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from simulation.cameras.control import HttpConnection, seen_as_json
from simulation.cameras.encode import EncodedLoop, Progress, prepare
from simulation.cameras.fault_injection import CameraFault
from simulation.cameras.rtsp import LARGEST_REQUEST, RtspConnection
from simulation.cameras.scene import Scene, Seen
from simulation.cameras.staged_camera import StagedCamera

log = logging.getLogger(__name__)

T = TypeVar("T")

STOP_TIMEOUT_S = 10
LAST_TURNS = 8
"""From accepting a connection to its callback asyncio takes three turns of its loop."""


class CameraServer:
    """All cameras behind one RTSP port and one HTTP port; port 0 takes a free one."""

    def __init__(
        self, loops: Mapping[str, EncodedLoop], host: str = "127.0.0.1", rtsp_port: int = 0, control_port: int = 0
    ) -> None:
        self.host, self.rtsp_port, self.control_port = host, rtsp_port, control_port
        # Spread within one frame: real cameras do not fire together.
        self.cameras = {
            name: StagedCamera(loop, phase_s=(index * 0.37 % 1) / loop.scene.fps)
            for index, (name, loop) in enumerate(loops.items())
        }
        self._servers: list[asyncio.Server] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = False

    async def start(self) -> None:
        """Open both ports and start to play. Raises OSError, with the port in it, when a port is taken."""
        rtsp = await asyncio.start_server(self._on_rtsp, self.host, self.rtsp_port, limit=LARGEST_REQUEST)
        self._servers.append(rtsp)
        self.rtsp_port = rtsp.sockets[0].getsockname()[1]
        http = await asyncio.start_server(self._on_http, self.host, self.control_port, limit=LARGEST_REQUEST)
        self._servers.append(http)
        self.control_port = http.sockets[0].getsockname()[1]
        for camera in self.cameras.values():
            self._keep(camera.play())

    async def stop(self) -> None:
        """Close the ports, hang up on every viewer, end every task."""
        self._stopping = True
        for server in self._servers:
            server.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for server in self._servers:
            await server.wait_closed()
        # A few more turns of the loop: transports close their sockets, and who had just come in is turned away.
        for _ in range(LAST_TURNS):
            await asyncio.sleep(0)

    def url(self, name: str) -> str:
        """RTSP address of a camera."""
        return f"rtsp://{self.host}:{self.rtsp_port}/{name}"

    def mjpeg_url(self, name: str) -> str:
        """MJPEG address of a camera."""
        return f"http://{self.host}:{self.control_port}/cameras/{name}/mjpeg"

    def describe(self, camera: StagedCamera) -> dict[str, Any]:
        """Everything about one camera, ready for JSON."""
        name = camera.scene.name
        return {
            "name": name,
            "url": self.url(name),
            "mjpeg_url": self.mjpeg_url(name),
            "light": camera.scene.light,
            "fault": camera.fault.value,
            "elapsed_s": round(camera.elapsed_s(), 3),
            "loop_s": camera.scene.loop_s,
            "viewers": len(camera.viewers),
            "in_view": seen_as_json(camera),
            "visits": [asdict(visit) for visit in camera.scene.visits],
        }

    def _keep(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a staged camera's task failed", exc_info=error)

    def _on_rtsp(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._stopping:
            writer.close()
            return
        self._keep(RtspConnection(self.cameras, reader, writer).serve())

    def _on_http(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._stopping:
            writer.close()
            return
        self._keep(HttpConnection(self.cameras, self.describe, reader, writer).serve())


class StagedCameras:
    """Cameras in a background thread, for tests:

    with StagedCameras([scene]) as cams:
        open_somehow(cams.url(scene.name))
        cams.trouble(scene.name, "freeze")

    ``elapsed_s`` and ``truth`` count from the start of the cameras, which is the end of ``__enter__``.
    """

    def __init__(
        self,
        scenes: Sequence[Scene],
        *,
        cache_dir: Path | None = None,
        host: str = "127.0.0.1",
        rtsp_port: int = 0,
        control_port: int = 0,
        progress: Progress | None = None,
    ) -> None:
        self._scenes, self._cache_dir, self._progress = tuple(scenes), cache_dir, progress
        self._address = (host, rtsp_port, control_port)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._server: CameraServer | None = None

    def __enter__(self) -> Self:
        loops = prepare(self._scenes, self._cache_dir, self._progress)
        self._server = CameraServer(loops, *self._address)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="staged-cameras", daemon=True)
        self._thread.start()
        try:
            self._call(self._server.start())
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def _close(self) -> None:
        assert self._server is not None
        assert self._loop is not None
        assert self._thread is not None
        self._call(self._server.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(STOP_TIMEOUT_S)
        self._loop.close()

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(scene.name for scene in self._scenes)

    @property
    def control_url(self) -> str:
        """Base address of the HTTP door."""
        return f"http://{self._running.host}:{self._running.control_port}"

    def url(self, name: str) -> str:
        """RTSP address of a camera."""
        self._camera(name)
        return self._running.url(name)

    def mjpeg_url(self, name: str) -> str:
        """MJPEG address of a camera."""
        self._camera(name)
        return self._running.mjpeg_url(name)

    def fault(self, name: str, kind: CameraFault | str) -> None:
        """Begin a trouble at once; ``none`` heals from the next key frame, usually within a second."""
        camera, fault = self._camera(name), CameraFault(kind)
        self._call(_soon(lambda: camera.set_fault(fault)))

    def truth(self, name: str) -> tuple[Seen, ...]:
        """Who is in view of a healthy camera now."""
        return self._call(_soon(self._camera(name).truth_now))

    def elapsed_s(self, name: str) -> float:
        """Seconds since the camera started."""
        return self._call(_soon(self._camera(name).elapsed_s))

    def viewers(self, name: str) -> int:
        """How many clients the camera is sending to."""
        camera = self._camera(name)
        return self._call(_soon(lambda: len(camera.viewers)))

    @property
    def _running(self) -> CameraServer:
        if self._server is None:
            raise RuntimeError("the staged cameras are not running; use them in a with statement")
        return self._server

    def _camera(self, name: str) -> StagedCamera:
        cameras = self._running.cameras
        if name not in cameras:
            raise KeyError(f"no staged camera {name!r}; there are: {', '.join(cameras)}")
        return cameras[name]

    def _call(self, work: Coroutine[Any, Any, T]) -> T:
        assert self._loop is not None
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(STOP_TIMEOUT_S)


async def _soon(work: Callable[[], T]) -> T:
    """Run a plain function on the event loop's thread."""
    return work()

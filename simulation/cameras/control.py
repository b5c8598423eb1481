"""A small HTTP door beside the RTSP one: what is on, trouble on command, and every camera as MJPEG.

GET  /cameras                            all cameras as JSON: addresses, trouble, elapsed seconds, who is in view
POST /cameras/<name>/fault/<kind>      begin a trouble; ``none`` heals
GET  /cameras/<name>/mjpeg               the live picture as multipart JPEG, about five a second
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
from collections.abc import Callable, Mapping
from dataclasses import asdict
from http import HTTPStatus
from typing import Any

import av
import cv2
import numpy as np

from simulation.cameras.encode import join_nals
from simulation.cameras.fault_injection import CameraFault, StagedPicture
from simulation.cameras.staged_camera import StagedCamera

log = logging.getLogger(__name__)

MJPEG_FPS = 5
JPEG_QUALITY = 80
BOUNDARY = "staged"
SLOW_VIEWER_BYTES = 1 << 20


class HttpConnection:
    """One request on one connection; an MJPEG viewer stays until it leaves."""

    def __init__(
        self,
        cameras: Mapping[str, StagedCamera],
        describe: Callable[[StagedCamera], dict[str, Any]],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._cameras, self._describe_camera = cameras, describe
        self._reader, self._writer = reader, writer

    async def serve(self) -> None:
        try:
            head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            method, path, *_ = [*head.split("\r\n")[0].split(), "", ""]
            await self._answer(method, path.partition("?")[0].strip("/").split("/"))
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            log.debug("an HTTP client left or sent no request")
        finally:
            self._writer.close()

    async def _answer(self, method: str, steps: list[str]) -> None:
        if steps[0] != "cameras" or len(steps) not in (1, 3, 4):
            return await self._reply(HTTPStatus.NOT_FOUND, {"error": "unknown address; begin with GET /cameras"})
        if len(steps) == 1 and method == "GET":
            cameras = [self._describe_camera(camera) for camera in self._cameras.values()]
            return await self._reply(HTTPStatus.OK, {"cameras": cameras})
        camera = self._cameras.get(steps[1]) if len(steps) > 1 else None
        if len(steps) > 1 and camera is None:
            names = ", ".join(self._cameras)
            return await self._reply(HTTPStatus.NOT_FOUND, {"error": f"no camera {steps[1]!r}; there are: {names}"})
        if camera is not None and method == "POST" and len(steps) == 4 and steps[2] == "fault":
            return await self._trouble(camera, steps[3])
        if camera is not None and method == "GET" and steps[2:] == ["mjpeg"]:
            return await self._mjpeg(camera)
        return await self._reply(HTTPStatus.METHOD_NOT_ALLOWED, {"error": f"{method} is not possible here"})

    async def _trouble(self, camera: StagedCamera, kind: str) -> None:
        if kind not in list(CameraFault):
            kinds = ", ".join(CameraFault)
            return await self._reply(HTTPStatus.BAD_REQUEST, {"error": f"no trouble {kind!r}; there are: {kinds}"})
        camera.set_fault(CameraFault(kind))
        return await self._reply(HTTPStatus.OK, self._describe_camera(camera))

    async def _reply(self, status: HTTPStatus, document: dict[str, Any]) -> None:
        body = json.dumps(document).encode()
        head = (
            f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        self._writer.write(head.encode() + body)
        await self._writer.drain()

    async def _mjpeg(self, camera: StagedCamera) -> None:
        if not camera.accepts_viewers:
            return await self._reply(HTTPStatus.NOT_FOUND, {"error": f"camera {camera.scene.name!r} refuses viewers"})
        self._writer.write(
            b"HTTP/1.1 200 OK\r\nCache-Control: no-store\r\nConnection: close\r\n"
            b"Content-Type: multipart/x-mixed-replace; boundary=" + BOUNDARY.encode() + b"\r\n\r\n"
        )
        viewer = MjpegViewer(camera, self._writer)
        camera.viewers.add(viewer)
        try:
            while await self._reader.read(1024):
                continue
        finally:
            camera.viewers.discard(viewer)
        return None


class MjpegViewer:
    """Decodes what the camera sends, trouble and all, and passes on every third picture or so as JPEG."""

    def __init__(self, camera: StagedCamera, writer: asyncio.StreamWriter) -> None:
        decoder = av.CodecContext.create("h264", "r")
        assert isinstance(decoder, av.VideoCodecContext)
        decoder.thread_count = 1
        self._decoder, self._writer, self._camera = decoder, writer, camera
        self._every = max(1, round(camera.scene.fps / MJPEG_FPS))
        self._count = 0
        self._waits_for_key = True

    def show(self, picture: StagedPicture) -> None:
        if self._writer.is_closing() or (self._waits_for_key and not picture.is_key):
            return
        self._waits_for_key = False
        jpeg = self._jpeg(picture)
        self._count += 1
        if jpeg is None or self._writer.transport.get_write_buffer_size() > SLOW_VIEWER_BYTES:
            return
        part = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
        self._writer.write(part.encode() + jpeg + b"\r\n")

    def hang_up(self, reset: bool) -> None:
        self._writer.transport.abort()

    def _jpeg(self, picture: StagedPicture) -> bytes | None:
        """The picture as JPEG when it is the turn of one; noise bytes while the camera sends garbage."""
        is_turn = self._count % self._every == 0
        if self._camera.fault is CameraFault.GARBAGE:
            self._waits_for_key = True
            return random.randbytes(2_000) if is_turn else None
        try:
            frames = self._decoder.decode(av.Packet(join_nals(picture.nals)))
        except av.FFmpegError as error:
            log.debug("waiting for a key frame: %s", error)
            self._waits_for_key = True
            return None
        if not is_turn or not frames:
            return None
        bgr = np.asarray(frames[-1].to_ndarray(format="bgr24"), np.uint8)
        done, coded = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
        return coded.tobytes() if done else None


def seen_as_json(camera: StagedCamera) -> list[dict[str, Any]]:
    """Who is in view now, for the JSON answer."""
    return [asdict(seen) for seen in camera.truth_now()]

"""The RTSP side of the staged cameras (RFC 2326): one connection per viewer, video interleaved on it."""

from __future__ import annotations

import asyncio
import base64
import logging
import random
import re
import socket
import struct
import time
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from simulation.cameras.fault_injection import StagedPicture
from simulation.cameras.rtp import CLOCK_HZ, PAYLOAD_TYPE, Packetizer
from simulation.cameras.staged_camera import StagedCamera

log = logging.getLogger(__name__)

LARGEST_REQUEST = 16_384
FULL_BUFFER = 4 << 20
"""Bytes waiting for a slow viewer beyond which pictures are left out until the next key frame."""
REPORT_EVERY = 5 * CLOCK_HZ
METHODS = "OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN, GET_PARAMETER"


class BadRequest(Exception):
    """Bytes that are no RTSP request."""


@dataclass(frozen=True)
class Request:
    method: str
    url: str
    headers: Mapping[str, str]
    """Names in small letters."""


async def read_request(reader: asyncio.StreamReader) -> Request | None:
    """The next request; interleaved packets of the viewer (receiver reports) are skipped. None at the end."""
    while True:
        first = await reader.read(1)
        if not first:
            return None
        if first == b"$":
            _, length = struct.unpack("!BH", await reader.readexactly(3))
            await reader.readexactly(length)
        elif first not in b"\r\n":
            break
    head = (first + await reader.readuntil(b"\r\n\r\n")).decode("utf-8", "replace")
    start, *lines = head.split("\r\n")
    words = start.split()
    if len(words) != 3 or not words[2].startswith("RTSP/"):
        raise BadRequest(start[:80])
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    length = int(headers.get("content-length", "0"))
    if length > LARGEST_REQUEST:
        raise BadRequest(f"a body of {length} bytes")
    await reader.readexactly(length)
    return Request(words[0].upper(), words[1], headers)


def session_description(camera: StagedCamera, host: str) -> str:
    """SDP: one H.264 track."""
    sps, pps = camera.loop.parameter_sets
    sets = ",".join(base64.b64encode(part).decode() for part in (sps, pps))
    lines = (
        "v=0", f"o=- 1 1 IN IP4 {host}", f"s={camera.scene.name} (staged)", f"c=IN IP4 {host}", "t=0 0",
        "a=control:*", "a=range:npt=now-", f"m=video 0 RTP/AVP {PAYLOAD_TYPE}",
        f"a=rtpmap:{PAYLOAD_TYPE} H264/{CLOCK_HZ}",
        f"a=fmtp:{PAYLOAD_TYPE} packetization-mode=1;profile-level-id={sps[1:4].hex()};sprop-parameter-sets={sets}",
        f"a=framerate:{camera.scene.fps}", "a=control:trackID=0",
    )  # fmt: skip
    return "\r\n".join(lines) + "\r\n"


class RtspConnection:
    """One viewer: answers its requests and, once it plays, hands it pictures from the next key frame on."""

    def __init__(
        self, cameras: Mapping[str, StagedCamera], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._cameras = cameras
        self._reader, self._writer = reader, writer
        self._session = f"{random.getrandbits(32):08x}"
        self._packets: Packetizer | None = None
        self._camera: StagedCamera | None = None
        self._waits_for_key = True
        self._base = random.getrandbits(32)
        self._report_due = 0

    async def serve(self) -> None:
        """Answer requests until the viewer leaves."""
        try:
            while (request := await read_request(self._reader)) is not None:
                self._answer(request)
                await self._writer.drain()
                if request.method == "TEARDOWN":
                    break
        except (BadRequest, ValueError, asyncio.LimitOverrunError) as error:
            log.info("hanging up on a viewer that does not speak RTSP: %s", error)
        except (ConnectionError, asyncio.IncompleteReadError):
            log.debug("a viewer left without a word")
        finally:
            self._leave()
            self._writer.close()

    def show(self, picture: StagedPicture) -> None:
        if self._packets is None or self._writer.is_closing():
            return
        if self._writer.transport.get_write_buffer_size() > FULL_BUFFER:
            self._waits_for_key = True
        if self._waits_for_key and not picture.is_key:
            return
        self._waits_for_key = False
        timestamp = self._base + picture.ticks
        self._writer.write(self._packets.picture(picture.nals, timestamp))
        if picture.ticks >= self._report_due:
            self._report_due = picture.ticks + REPORT_EVERY
            self._writer.write(self._packets.sender_report(timestamp, time.time()))

    def hang_up(self, reset: bool) -> None:
        if reset:
            raw: socket.socket | None = self._writer.get_extra_info("socket")
            if raw is not None:
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()

    def _leave(self) -> None:
        if self._camera is not None:
            self._camera.viewers.discard(self)
        self._camera = None

    def _answer(self, request: Request) -> None:
        if request.method == "OPTIONS":
            return self._reply(request, 200, {"Public": METHODS})
        camera = self._wanted(request.url)
        if camera is None or not camera.accepts_viewers:
            return self._reply(request, 404)
        if request.method == "DESCRIBE":
            return self._describe(request, camera)
        if request.method == "SETUP":
            return self._set_up(request)
        if request.method == "PLAY":
            return self._play(request, camera)
        if request.method in ("GET_PARAMETER", "TEARDOWN"):
            if request.method == "TEARDOWN":
                self._leave()
            return self._reply(request, 200, {"Session": self._session})
        return self._reply(request, 501, {"Public": METHODS})

    def _wanted(self, url: str) -> StagedCamera | None:
        name = unquote(urlsplit(url).path).strip("/").split("/")[0]
        return self._cameras.get(name)

    def _describe(self, request: Request, camera: StagedCamera) -> None:
        host = str(self._writer.get_extra_info("sockname")[0])
        base = request.url.rstrip("/") + "/"
        headers = {"Content-Base": base, "Content-Type": "application/sdp"}
        self._reply(request, 200, headers, session_description(camera, host))

    def _set_up(self, request: Request) -> None:
        asked = request.headers.get("transport", "")
        if "TCP" not in asked.upper():
            return self._reply(request, 461)
        found = re.search(r"interleaved=(\d+)", asked)
        channel = min(int(found.group(1)), 254) if found else 0
        ssrc = random.getrandbits(32)
        self._packets = Packetizer(ssrc, random.getrandbits(16), channel)
        transport = f"RTP/AVP/TCP;unicast;interleaved={channel}-{channel + 1};ssrc={ssrc:08X}"
        return self._reply(request, 200, {"Transport": transport, "Session": f"{self._session};timeout=60"})

    def _play(self, request: Request, camera: StagedCamera) -> None:
        if self._packets is None:
            return self._reply(request, 455)
        start = (self._base + camera.ticks) & 0xFFFFFFFF
        info = f"url={request.url.rstrip('/')}/trackID=0;seq={self._packets.sequence};rtptime={start}"
        headers = {"Session": self._session, "Range": "npt=now-", "RTP-Info": info}
        self._reply(request, 200, headers)
        self._leave()
        self._camera = camera
        camera.viewers.add(self)

    def _reply(self, request: Request, status: int, headers: Mapping[str, str] | None = None, body: str = "") -> None:
        reasons = {
            200: "OK",
            404: "Not Found",
            455: "Method Not Valid In This State",
            461: "Unsupported Transport",
            501: "Not Implemented",
        }
        lines = [f"RTSP/1.0 {status} {reasons[status]}", f"CSeq: {request.headers.get('cseq', '0')}"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        if body:
            lines.append(f"Content-Length: {len(body.encode())}")
        self._writer.write(("\r\n".join(lines) + "\r\n\r\n" + body).encode())

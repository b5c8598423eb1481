"""Open a camera's address, and say in a sentence why that failed."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import av
import av.error
from av.codec.hwaccel import HWAccel
from av.container import InputContainer
from av.video.stream import VideoStream

from core.redaction import shown_address
from ingest.sources.ffmpeg_limits import MAX_PIXELS, limits, refusal
from ingest.sources.stream_tracks import footage_tracks

OPEN_TIMEOUT_S = 8.0
"""Cameras need up to four seconds to answer everything that opening asks."""

FILE_OPTIONS = {"ignore_editlist": "1"}
"""What an edit list hides (a trimmed start) was seen by the camera."""


class StreamFailure(Exception):
    """A stream cannot be opened, broke off or makes no sense; the message is for people and holds no credentials."""


def is_file(url: str) -> bool:
    """Whether an address is a file: it then plays as a camera, over and over."""
    return urlsplit(url).scheme in ("", "file")


def open_stream(
    url: str, read_timeout_s: float, open_timeout_s: float = OPEN_TIMEOUT_S, hwaccel: HWAccel | None = None
) -> InputContainer:
    """Open an address for reading, every wait bounded. Raises :class:`StreamFailure`."""
    timeouts = None if is_file(url) else (open_timeout_s, read_timeout_s)
    try:
        options = limits(url) | _options(url, read_timeout_s)
        container = av.open(_path(url), mode="r", options=options, timeout=timeouts, hwaccel=hwaccel)
    except (av.error.FFmpegError, OSError, ValueError) as error:
        why = refusal(url, error) or explain(error, f"no answer within {open_timeout_s:.0f} s")
        raise StreamFailure(why) from error
    if not footage_tracks(container):
        container.close()
        raise StreamFailure(f"{shown_address(url)} carries no video that can be decoded")
    return container


def open_recording(file: Path) -> InputContainer:
    """Open a video file, and nothing that it may point to. Raises :class:`StreamFailure`."""
    try:
        container = av.open(f"file:{file}", mode="r", options=limits("file:") | FILE_OPTIONS)
    except av.error.InvalidDataError as error:
        raise StreamFailure("no video that can be read: cut off before its index, damaged, or unknown") from error
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise StreamFailure(explain(error, "no answer")) from error
    if not footage_tracks(container):
        container.close()
        raise StreamFailure("carries no video that can be decoded")
    return container


def prepare(stream: VideoStream, threads: int = 1) -> None:
    """Decode as little as possible. A live camera gets one thread: more threads hold more pictures back (0: all)."""
    context = stream.codec_context
    context.thread_count = threads
    context.thread_type = "NONE" if threads == 1 else "AUTO"
    context.options = {"skip_loop_filter": "all", "max_pixels": str(MAX_PIXELS)}


def explain(error: BaseException, when_interrupted: str) -> str:
    """Why FFmpeg gave up, for people. Its own messages hold the address with its password: they are not used."""
    for kind, sentence in _SENTENCES:
        if isinstance(error, kind):
            return sentence
    if isinstance(error, (av.error.ExitError, TimeoutError)):
        return when_interrupted
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    if isinstance(error, av.error.FFmpegError) and error.strerror:
        return error.strerror.lower()
    return type(error).__name__


_SENTENCES: tuple[tuple[type[BaseException], str], ...] = (
    (av.error.ConnectionRefusedError, "connection refused: is the camera on, and is this its port?"),
    (av.error.HTTPUnauthorizedError, "the camera refused the user name or password (401)"),
    (av.error.HTTPForbiddenError, "the camera forbids this (403): has this user the right to see the stream?"),
    (av.error.HTTPNotFoundError, "the camera has no such stream (404): check the path of the address"),
    (av.error.HTTPServerError, "the camera reports an error of its own (5xx)"),
    (av.error.FileNotFoundError, "no such file"),
    (av.error.EOFError, "the stream ended"),
    (av.error.InvalidDataError, "what arrives is not video that can be read"),
    (av.error.ProtocolNotFoundError, "this kind of address is not supported by the installed FFmpeg"),
)


def _path(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme == "file":
        return f"file:{parts.netloc}{parts.path}"
    return f"file:{url}" if is_file(url) else url


def _options(url: str, read_timeout_s: float) -> dict[str, str]:
    """FFmpeg's options. Its own socket time-out also covers what PyAV's does not: the farewell when closing."""
    microseconds = str(int(read_timeout_s * 1e6))
    scheme = urlsplit(url).scheme
    if scheme in ("rtsp", "rtsps"):
        # The address says what the stream is; probing would cost seconds and hold pictures back.
        return {"rtsp_transport": "tcp", "timeout": microseconds, "analyzeduration": "0", "probesize": "32"}
    if scheme in ("http", "https"):
        return {"timeout": microseconds, "rw_timeout": microseconds}
    return FILE_OPTIONS

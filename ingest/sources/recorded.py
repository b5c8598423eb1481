"""Recorded footage, through the very gate, sampler and JPEG step of a live camera, faster than real time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import av.error
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from core.config import Camera, Motion
from core.messages import Frame
from ingest.scene.frames import FrameMaker
from ingest.scene.motion import PRIME_PICTURES
from ingest.scene.picture import ImagePicture, Luma, Picture
from ingest.sources.footage import Footage, ImageSequence, Source, Unread, VideoTrack, find_footage
from ingest.sources.pace import FrameRateLimiter
from ingest.sources.playback import MediaTimeline
from ingest.sources.still import BrokenStill, read_still
from ingest.sources.stream import StreamFailure, open_recording, prepare
from ingest.sources.video import VideoPicture, pixel_aspect

USUAL_FPS = 25.0
LONGEST_PAUSE_S = 3600.0
"""A longer gap between two pictures of one recording is a broken timestamp."""
PRIME_S = 10.0
"""The gate learns the background of a recording from its first seconds."""
LEAST_TO_PRIME = 5
TOLERATED_S = 1.0
"""So much of a video may be broken or missing before its file counts as not wholly read."""
TOLERATED_SHARE = 0.02


@dataclass(frozen=True, slots=True)
class Recorded:
    """One picture of a recording and its time since the recording's start."""

    time_s: float
    picture: Picture


@dataclass(slots=True)
class ReadTally:
    """What came of reading one recording: pictures that were decoded, those that were broken, and how far it went."""

    pictures: int = 0
    broken: int = 0
    reached_s: float = 0.0
    step_s: float = 1 / USUAL_FPS
    unread: list[Unread] = field(default_factory=list)

    def end(self, source: Source) -> None:
        """Everything that could be read of a recording has been read: say what is missing.

        Raises :class:`ingest.sources.stream.StreamFailure` when that is all of it.
        """
        if not self.pictures:
            why = "; ".join(sorted({each.why for each in self.unread})) or "opened, but no picture can be decoded"
            raise StreamFailure(why)
        if isinstance(source, ImageSequence):
            return
        read_s = self.reached_s + self.step_s
        tolerated_s = max(TOLERATED_S, TOLERATED_SHARE * (source.seconds or 0.0))
        if source.seconds is not None and source.seconds - read_s > tolerated_s:
            why = f"cut off: the first {read_s:.1f} of {source.seconds:.1f} s can be read"
            self.unread.append(Unread(source.file, why))
        elif source.pictures and (source.pictures - self.pictures - self.broken) * self.step_s > tolerated_s:
            why = f"cut off or damaged: {self.pictures} of the {source.pictures} pictures it names can be read"
            self.unread.append(Unread(source.file, why))
        if self.broken * self.step_s > tolerated_s:
            whole = self.pictures + self.broken
            self.unread.append(Unread(source.file, f"{self.broken} of about {whole} pictures are broken"))


def read_recording(
    recording: Path | Source, fps: float, width: int, height: int, tally: ReadTally | None = None
) -> Iterator[Recorded]:
    """Pictures of a video file (any container) or of a folder of images, to be sent no larger than given.

    A video is sampled to ``fps`` by its timestamps, or by counting pictures where those are broken. The images of a
    folder are the successive frames of one camera at ``fps``; one that cannot be read takes its time all the same.
    ``tally`` is told what was read and what was not.
    Raises :class:`ingest.sources.stream.StreamFailure` when there is nothing to read.
    """
    source = _source(recording) if isinstance(recording, Path) else recording
    tally = ReadTally() if tally is None else tally
    if isinstance(source, ImageSequence):
        yield from _images(source, fps, width, height, tally)
    else:
        yield from _video(source, fps, width, height, tally)
    tally.end(source)


def recording_s(recording: Path | Source, fps: float) -> float | None:
    """How long a recording is, when that is known without reading it."""
    source = _source(recording) if isinstance(recording, Path) else recording
    return len(source.files) / fps if isinstance(source, ImageSequence) else source.seconds


def gate_frames(
    recording: Path | Source,
    name: str,
    camera: Camera,
    settings: Motion,
    start_at: float = 0.0,
    tally: ReadTally | None = None,
) -> Iterator[Frame]:
    """The frames that a camera would have sent of this recording; ``captured_at`` counts from ``start_at``.

    1. Learn the background from the first seconds, so that an animal in them is seen, too.
    2. Read again from the start, as from a camera: the first pictures are sent whole in any case.
    """
    source = _source(recording) if isinstance(recording, Path) else recording
    maker = FrameMaker(name, camera, settings)
    background = _first_pictures(source, camera)
    if len(background) >= LEAST_TO_PRIME:
        maker.gate.prime(background)
    for recorded in read_recording(source, camera.fps, camera.width, camera.height, tally):
        yield from maker.frames_of(recorded.picture, start_at + recorded.time_s)


def _source(path: Path) -> Source:
    """The one recording that a path stands for: a video's first track, or the images right inside a folder."""
    found: Footage = find_footage(path)
    sources = [source for _, source in found.sources if not path.is_dir() or isinstance(source, ImageSequence)]
    if not sources:
        lost = next((each.why for each in found.unreadable), "no pictures")
        raise StreamFailure(f"{path} holds no images" if path.is_dir() else lost)
    return sources[0]


def _first_pictures(source: Source, camera: Camera) -> list[Luma]:
    """Up to ``PRIME_PICTURES`` small pictures spread over the first seconds."""
    pictures: list[Luma] = []
    with suppress(StreamFailure):  # whoever reads it again from the start is told what could not be read
        for recorded in read_recording(source, min(camera.fps, PRIME_PICTURES / PRIME_S), camera.width, camera.height):
            if recorded.time_s > PRIME_S or len(pictures) == PRIME_PICTURES:
                break
            pictures.append(recorded.picture.small.copy())
    return pictures


def _video(track: VideoTrack, fps: float, width: int, height: int, tally: ReadTally) -> Iterator[Recorded]:
    container = open_recording(track.file)
    try:
        stream = next(each for each in container.streams.video if each.index == track.index)
        prepare(stream, threads=0)
        tally.step_s = 1.0 / float(stream.average_rate or USUAL_FPS)
        timeline = MediaTimeline(tally.step_s, LONGEST_PAUSE_S)
        limiter = FrameRateLimiter(fps)
        scaler = VideoReformatter()
        for frame in _decoded(container, stream, tally):
            time_s = timeline.advance(frame.time if frame.pts is not None else None)
            tally.pictures += 1
            tally.reached_s = time_s
            if limiter.due(time_s):
                limiter.took(time_s)
                yield Recorded(time_s, VideoPicture(frame, scaler, width, height, pixel_aspect(stream)))
    finally:
        container.close()


def _decoded(container: InputContainer, stream: VideoStream, tally: ReadTally) -> Iterator[VideoFrame]:
    """All frames that can be decoded whole, as of a live camera; broken ones are counted and passed over."""
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets)
        except (StopIteration, av.error.EOFError):
            return
        except (av.error.FFmpegError, OSError):
            tally.unread.append(Unread(Path(container.name.removeprefix("file:")), "reading breaks off: damaged data"))
            return
        try:
            frames = packet.decode()
        except av.error.EOFError:
            return
        except av.error.FFmpegError:
            tally.broken += 1
            continue
        for frame in frames:
            if frame.is_corrupt:
                tally.broken += 1
            else:
                yield frame


def _images(sequence: ImageSequence, fps: float, width: int, height: int, tally: ReadTally) -> Iterator[Recorded]:
    for number, file in enumerate(sequence.files):
        try:
            image = read_still(file)
        except (BrokenStill, OSError) as error:
            why = str(error) if isinstance(error, BrokenStill) else f"cannot be read: {error.strerror}"
            tally.broken += 1
            tally.unread.append(Unread(file, why))
            continue
        tally.pictures += 1
        tally.reached_s = number / fps
        yield Recorded(number / fps, ImagePicture(image, width, height))

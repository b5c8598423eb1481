"""Which of a container's streams is footage: not its cover picture, not its thumbnails."""

from __future__ import annotations

from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

_ORNAMENTS = Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.still_image
LEAST_SHARE = 0.02
"""A track with fewer pictures than this share of the longest one's is a thumbnail track, whatever it calls itself."""


def footage_tracks(container: InputContainer) -> list[VideoStream]:
    """The streams with moving pictures, in the container's order; those that only illustrate it are left out.

    A container of nothing but such pictures gives them: they are all that there is to see.
    """
    usable = [stream for stream in container.streams.video if stream.codec_context is not None]
    moving = [stream for stream in usable if not stream.disposition & _ORNAMENTS]
    most = max((stream.frames for stream in moving), default=0)
    if most:
        moving = [stream for stream in moving if stream.frames == 0 or stream.frames >= LEAST_SHARE * most]
    return moving or usable


def main_track(container: InputContainer) -> VideoStream:
    """The stream to watch where only one can be, of a container with one at least."""
    tracks = footage_tracks(container)
    preferred = [stream for stream in tracks if stream.disposition & Disposition.default]
    return (preferred or tracks)[0]

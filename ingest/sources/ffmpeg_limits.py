"""What FFmpeg may open for an address, and how large a picture it may decode.

A camera is not trusted: somebody may have taken it over, or put another machine in its place. FFmpeg by itself follows
where it points: a redirect, a playlist and its key, a session description, a list of files. Each would have this
machine, which stands inside the park's network, fetch what the camera asks for. So each kind of address gets the
protocols that it needs and no other, no redirect, and none of the formats that name other files.

What is left: RTSP has redirects of its own that FFmpeg always follows, to RTSP servers only.
"""

from __future__ import annotations

import errno
from typing import Final
from urllib.parse import urlsplit

import av

MAX_PIXELS: Final = 25_000_000
"""As for every picture from outside: three times 4K."""

PROTOCOLS: Final = {
    "rtsp": "rtsp,rtp,udp,tcp",
    "rtsps": "rtsp,rtsps,rtp,udp,tcp,tls",
    "http": "http,tcp",
    "https": "https,tls,tcp",
    "": "file",
    "file": "file",
}
"""By the kind of address; nothing else is opened, whatever an answer or a file says."""

POINTING: Final = frozenset(
    {
        *("hls", "applehttp", "dash", "webm_dash_manifest", "concat", "ffconcat", "imf", "sdp", "rtsp", "rtp", "sap"),
        *("lavfi", "vapoursynth", "avisynth", "tee", "fifo", "ffmetadata"),
    }
)
"""Formats that name other files or addresses."""


def limits(url: str) -> dict[str, str]:
    """FFmpeg's options for an address."""
    scheme = urlsplit(url).scheme
    options = {"protocol_whitelist": PROTOCOLS.get(scheme, "file"), "max_pixels": str(MAX_PIXELS)}
    if scheme not in ("rtsp", "rtsps"):
        options["format_whitelist"] = _SELF_CONTAINED
    if scheme in ("http", "https"):
        options["max_redirects"] = "0"
    return options


def refusal(url: str, error: BaseException) -> str | None:
    """Why an address was not opened, if it may be one of these limits; None for any other reason."""
    scheme = urlsplit(url).scheme
    if scheme in ("rtsp", "rtsps") or not isinstance(error, OSError | ValueError):
        return None
    number = getattr(error, "errno", None)
    if number == errno.EINVAL:
        return (
            "what arrives is no video of its own: playlists and lists of other files or addresses are not followed; "
            "write the address of the stream itself"
        )
    if number == errno.EIO and scheme in ("http", "https"):
        return "it broke off, or sends elsewhere: redirects are not followed; write the address that it leads to"
    return None


def _self_contained() -> str:
    names = {name for names in av.formats_available for name in names.split(",")}
    return ",".join(sorted(names - POINTING))


_SELF_CONTAINED: Final = _self_contained()

"""Decoding by a graphics chip where the configuration asks for it, and by the processor where that does not work.

What the installed FFmpeg was built with is asked first, then the device itself: a camera is never lost to a driver.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final

import av.error
from av import Codec
from av.codec.hwaccel import HWAccel, hwdevices_available

from core.config import HardwareDecoding

_TRIED: Final = ("cuda", "vaapi")
"""What `auto` takes the first of."""
_ASKED_WITH: Final = "h264"


@dataclass(frozen=True, slots=True)
class Decoding:
    """By what a camera's pictures are decoded: a device's kind or None for the processor, and why, for people."""

    device: str | None
    notice: str = ""

    def accelerator(self) -> HWAccel | None:
        """What FFmpeg needs for it; its pictures come back to ordinary memory."""
        return None if self.device is None else HWAccel(self.device, allow_software_fallback=True)


def decoding_for(wanted: HardwareDecoding) -> Decoding:
    """By what a camera with that setting is decoded on this machine."""
    if wanted == "none":
        return Decoding(None)
    kinds = _TRIED if wanted == "auto" else (wanted,)
    missing = []
    for kind in kinds:
        why = why_not(kind)
        if why is None:
            return Decoding(kind)
        missing.append(f"{kind}: {why}")
    return Decoding(None, f"decoded by the processor, not as `hwaccel: {wanted}` asks ({'; '.join(missing)})")


@cache
def why_not(kind: str) -> str | None:
    """Why a kind of device cannot be used in this process, in a few words; None when it can."""
    if kind not in hwdevices_available():
        return "the installed FFmpeg was built without it"
    try:
        HWAccel(kind).create(Codec(_ASKED_WITH, "r"))
    except (av.error.FFmpegError, NotImplementedError, OSError, RuntimeError, ValueError):
        return "no such device, or no right to use it"
    return None

"""RTP for H.264 (RFC 6184) framed for RTSP's own connection (RFC 2326, section 10.12)."""

from __future__ import annotations

import struct
from collections.abc import Sequence

CLOCK_HZ = 90_000
PAYLOAD_TYPE = 96
LARGEST_PAYLOAD = 1400
NTP_EPOCH_S = 2_208_988_800
"""Seconds between 1900 and 1970."""


def payloads(nals: Sequence[bytes], largest: int = LARGEST_PAYLOAD) -> list[bytes]:
    """Cut the NAL units of one picture into RTP payloads: whole where they fit, fragments (FU-A) where not."""
    pieces: list[bytes] = []
    for nal in nals:
        if len(nal) <= largest:
            pieces.append(nal)
            continue
        indicator, kind = (nal[0] & 0xE0) | 28, nal[0] & 0x1F
        step = largest - 2
        last = 1 + (len(nal) - 2) // step * step
        for at in range(1, len(nal), step):
            edge = (0x80 if at == 1 else 0) | (0x40 if at == last else 0)
            pieces.append(bytes((indicator, edge | kind)) + nal[at : at + step])
    return pieces


class Packetizer:
    """Numbers the packets of one viewer's stream."""

    def __init__(self, ssrc: int, first_sequence: int, channel: int) -> None:
        self.ssrc = ssrc
        self.sequence = first_sequence & 0xFFFF
        self.channel = channel
        self._packets = 0
        self._octets = 0

    def picture(self, nals: Sequence[bytes], timestamp: int) -> bytes:
        """One picture as interleaved packets, ready to be written; ``timestamp`` in 1/90000 s, taken modulo 2**32."""
        parts: list[bytes] = []
        pieces = payloads(nals)
        for number, piece in enumerate(pieces, start=1):
            marker = 0x80 if number == len(pieces) else 0
            head = struct.pack(
                "!BBHBBHII",
                0x24, self.channel, 12 + len(piece),
                0x80, marker | PAYLOAD_TYPE, self.sequence, timestamp & 0xFFFFFFFF, self.ssrc,
            )  # fmt: skip
            parts += (head, piece)
            self.sequence = (self.sequence + 1) & 0xFFFF
            self._octets += len(piece)
        self._packets += len(pieces)
        return b"".join(parts)

    def sender_report(self, timestamp: int, wall_s: float) -> bytes:
        """RTCP: which moment of the clock on the wall (seconds since 1970) this timestamp means."""
        seconds = int(wall_s)
        return struct.pack(
            "!BBHBBHIIIIII",
            0x24, self.channel + 1, 28,
            0x80, 200, 6, self.ssrc,
            seconds + NTP_EPOCH_S, int((wall_s - seconds) * 2**32), timestamp & 0xFFFFFFFF,
            self._packets & 0xFFFFFFFF, self._octets & 0xFFFFFFFF,
        )  # fmt: skip

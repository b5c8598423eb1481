"""RTP packets and access units: what is cut up comes together again."""

from __future__ import annotations

import random
import struct

import pytest

from simulation.cameras.encode import join_nals, split_nals
from simulation.cameras.rtp import NTP_EPOCH_S, Packetizer, payloads


def reassembled(pieces: list[bytes]) -> list[bytes]:
    """What a receiver makes of payloads (RFC 6184, sections 5.6 and 5.8)."""
    nals: list[bytearray] = []
    for piece in pieces:
        if piece[0] & 31 != 28:
            nals.append(bytearray(piece))
        elif piece[1] & 0x80:
            nals.append(bytearray([piece[0] & 0xE0 | piece[1] & 0x1F]) + piece[2:])
        else:
            nals[-1] += piece[2:]
    return [bytes(nal) for nal in nals]


def packets(stream: bytes) -> list[tuple[int, bytes]]:
    """Interleaved packets as (channel, packet)."""
    found = []
    while stream:
        mark, channel, length = struct.unpack("!BBH", stream[:4])
        assert mark == 0x24
        found.append((channel, stream[4 : 4 + length]))
        stream = stream[4 + length :]
    return found


@pytest.mark.parametrize("size", [1, 99, 100, 101, 196, 197, 198, 199, 1000])
def test_a_unit_of_any_size_survives_being_cut(size: int) -> None:
    nal = bytes([0x65]) + random.Random(size).randbytes(size - 1)
    pieces = payloads([nal], largest=100)
    assert max(len(piece) for piece in pieces) <= 100
    assert reassembled(pieces) == [nal]


def test_only_the_last_fragment_carries_the_end_bit() -> None:
    pieces = payloads([bytes([0x65]) + bytes(350)], largest=100)
    assert [piece[1] >> 6 for piece in pieces] == [2, 0, 0, 1]


def test_the_marker_closes_the_picture_and_sequence_numbers_wrap() -> None:
    sender = Packetizer(ssrc=7, first_sequence=65_535, channel=2)
    sent = packets(sender.picture([b"\x67aa", b"\x68bb", b"\x65cc"], timestamp=2**32 + 5))
    heads = [struct.unpack("!BBHII", packet[:12]) for _, packet in sent]
    assert [head[1] for head in heads] == [96, 96, 96 | 0x80]
    assert [head[2] for head in heads] == [65_535, 0, 1]
    assert {head[3] for head in heads} == {5}
    assert {channel for channel, _ in sent} == {2}


def test_a_sender_report_counts_what_was_sent_and_tells_the_time() -> None:
    sender = Packetizer(ssrc=7, first_sequence=0, channel=0)
    sender.picture([b"\x65abc"], timestamp=90_000)
    ((channel, report),) = packets(sender.sender_report(90_000, wall_s=1000.5))
    assert channel == 1
    assert struct.unpack("!IIIIII", report[4:28]) == (7, 1000 + NTP_EPOCH_S, 2**31, 90_000, 1, 4)


def test_units_joined_with_start_codes_come_apart_again() -> None:
    nals = (b"\x67\x00\x01", b"\x68\x02", b"\x65\x00\x00\x03\x01\x80")
    assert split_nals(join_nals(nals)) == nals

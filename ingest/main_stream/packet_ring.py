"""The last seconds of a stream as they came from the camera, compressed. Pure, and safe for several threads."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from threading import Lock
from typing import Final

RING_S: Final = 20.0
"""Longer than a clip with its seconds before, and than an alert needs to be written."""
RING_BYTES: Final = 16 * 1024 * 1024
"""Twenty seconds of six megabits a second; a stream with more is kept for a shorter time."""


@dataclass(frozen=True, slots=True)
class StreamHead:
    """What has to be known of a stream to read its packets: a NUT file with its first key frame, and its time base.

    Packets of another connection have another head.
    """

    codec: str
    nut: bytes
    time_base: Fraction


@dataclass(frozen=True, slots=True)
class KeptPacket:
    """One compressed picture. ``arrived_at`` is wall clock, ``came_at`` the steady one."""

    data: bytes
    pts: int | None
    dts: int | None
    is_key: bool
    arrived_at: float
    came_at: float
    head: StreamHead


class PacketRing:
    """Keeps whole groups of pictures, each from a key frame on: without that none of them could be shown."""

    def __init__(self, longest_s: float = RING_S, most_bytes: int = RING_BYTES) -> None:
        self._longest_s = longest_s
        self._most_bytes = most_bytes
        self._lock = Lock()
        self._groups: deque[list[KeptPacket]] = deque()
        self._bytes = 0
        self._overflowed = 0

    def put(self, packet: KeptPacket) -> None:
        """Take one more; the oldest groups go when the newest packets alone fill the time or the space.

        A group that alone needs more than the space is dropped whole, and counted: the next key frame begins anew.
        """
        with self._lock:
            if packet.is_key:
                self._groups.append([])
            elif not self._groups:
                return  # nothing before a key frame can be shown
            self._groups[-1].append(packet)
            self._bytes += len(packet.data)
            while len(self._groups) > 1 and self._too_much(packet.came_at):
                self._bytes -= sum(len(each.data) for each in self._groups.popleft())
            if self._bytes > self._most_bytes:
                self._overflowed += sum(map(len, self._groups))
                self._groups.clear()
                self._bytes = 0

    def _too_much(self, now: float) -> bool:
        return self._bytes > self._most_bytes or now - self._groups[1][0].came_at >= self._longest_s

    def take_overflowed(self) -> int:
        """Packets dropped for want of space since this was asked last."""
        with self._lock:
            overflowed, self._overflowed = self._overflowed, 0
        return overflowed

    def load(self) -> tuple[float, int]:
        """Seconds and bytes that are kept."""
        with self._lock:
            if not self._groups:
                return 0.0, 0
            return self._groups[-1][-1].came_at - self._groups[0][0].came_at, self._bytes

    def up_to(self, at: float) -> list[KeptPacket]:
        """The group of pictures in which that moment lies, up to the picture taken then; the first group if it lies
        before all that is kept. Empty when nothing is kept."""
        groups = self._snapshot()
        if not groups:
            return []
        group = next((each for each in reversed(groups) if each[0].arrived_at <= at), groups[0])
        until = max(at, group[0].arrived_at)
        return [packet for packet in group if packet.arrived_at <= until]

    def between(self, since: float, until: float) -> list[KeptPacket]:
        """The pictures of that time and those before them back to a key frame, all of one connection: the newest."""
        groups = self._snapshot()
        before = [number for number, group in enumerate(groups) if group[0].arrived_at <= since]
        packets = list(_flat(groups[before[-1] if before else 0 :], until))
        return [packet for packet in packets if packet.head is packets[-1].head]

    def _snapshot(self) -> list[list[KeptPacket]]:
        with self._lock:
            return [list(group) for group in self._groups]


def _flat(groups: list[list[KeptPacket]], until: float) -> Iterator[KeptPacket]:
    return (packet for packet in chain.from_iterable(groups) if packet.arrived_at <= until)

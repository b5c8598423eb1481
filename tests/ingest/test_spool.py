"""Frames wait for Redis within bounds, the newest first."""

from __future__ import annotations

from threading import Thread

from core.messages import Frame
from ingest.spool import FRESH_S, OVERHEAD_BYTES, Batch, Spool
from tests.support.factories import T0, frame


def frames(count: int, start: float = 0.0, size: int = 1000) -> list[Frame]:
    """Frames a tenth of a second apart, each with ``size`` bytes of picture."""
    return [
        frame(at=T0 + start + number / 10, sequence=number, picture=bytes([number % 256]) * size)
        for number in range(count)
    ]


def sequences(batch: Batch | None) -> list[int]:
    """Which frames a batch holds."""
    return [] if batch is None else [item.sequence for item in batch.frames]


def test_fresh_frames_come_out_in_order_and_in_bounded_batches() -> None:
    spool = Spool()
    for item in frames(10):
        assert spool.put(item) == []
    first = spool.take(T0 + 1.0, most=6)
    assert first is not None
    assert not first.late
    assert sequences(first) == [0, 1, 2, 3, 4, 5]
    assert sequences(spool.take(T0 + 1.0, most=6)) == [6, 7, 8, 9]
    assert spool.take(T0 + 1.0, most=6) is None


def test_frames_that_waited_are_late_and_come_after_fresh_ones() -> None:
    spool = Spool()
    for item in frames(30):
        spool.put(item)
    now = T0 + 3.0 + FRESH_S - 1.05  # frames 20 to 29 are still fresh
    fresh, late = spool.take(now, most=50), spool.take(now, most=50)
    assert fresh is not None
    assert late is not None
    assert (fresh.late, sequences(fresh)) == (False, list(range(20, 30)))
    assert (late.late, sequences(late)) == (True, list(range(20)))


def test_a_full_spool_drops_its_oldest_frames_and_says_which() -> None:
    spool = Spool(max_bytes=5 * (1000 + OVERHEAD_BYTES))
    dropped = [lost.sequence for item in frames(8) for lost in spool.put(item)]
    assert dropped == [0, 1, 2]
    assert spool.load() == (5, 5 * (1000 + OVERHEAD_BYTES))
    assert sequences(spool.take(T0 + 1.0, most=50)) == [3, 4, 5, 6, 7]


def test_late_frames_give_way_before_fresh_ones() -> None:
    spool = Spool(max_bytes=4 * (1000 + OVERHEAD_BYTES))
    for item in frames(4):
        spool.put(item)
    taken = spool.take(T0 + 10.0, most=1)
    assert taken is not None
    assert taken.late
    spool.put_back(taken, taken.frames)
    dropped = [lost.sequence for item in frames(2, start=10.0) for lost in spool.put(item)]
    assert dropped == [0, 1]
    assert sequences(spool.take(T0 + 10.2, most=50)) == [0, 1]  # the two fresh ones


def test_what_could_not_be_sent_comes_out_first_again() -> None:
    spool = Spool()
    for item in frames(6):
        spool.put(item)
    batch = spool.take(T0 + 1.0, most=3)
    assert batch is not None
    assert spool.put_back(batch, batch.frames) == []
    assert sequences(spool.take(T0 + 1.0, most=50)) == [0, 1, 2, 3, 4, 5]


def test_late_frames_keep_their_order_after_a_failed_attempt() -> None:
    spool = Spool()
    for item in frames(6):
        spool.put(item)
    batch = spool.take(T0 + 10.0, most=2)
    assert batch is not None
    spool.put_back(batch, batch.frames)
    assert sequences(spool.take(T0 + 10.0, most=50)) == [0, 1, 2, 3, 4, 5]


def test_a_spool_that_is_full_of_returned_frames_stays_within_bounds() -> None:
    spool = Spool(max_bytes=3 * (1000 + OVERHEAD_BYTES))
    for item in frames(3):
        spool.put(item)
    batch = spool.take(T0 + 0.5, most=3)
    assert batch is not None
    for item in frames(2, start=1.0):
        spool.put(item)
    lost = spool.put_back(batch, batch.frames)
    assert len(lost) == 2
    assert spool.load()[1] <= 3 * (1000 + OVERHEAD_BYTES)


def test_waiting_ends_as_soon_as_a_frame_arrives() -> None:
    spool = Spool()
    waiter = Thread(target=spool.wait, args=(30.0,))
    waiter.start()
    spool.put(frames(1)[0])
    waiter.join(5.0)
    assert not waiter.is_alive()


def test_nothing_is_lost_or_doubled_between_threads() -> None:
    spool = Spool()
    seen: list[int] = []

    def drain() -> None:
        while len(seen) < 400:
            spool.wait(0.2)
            batch = spool.take(T0, most=16)
            if batch is not None:
                seen.extend(sequences(batch))

    reader = Thread(target=drain)
    reader.start()
    for item in frames(400, size=10):
        spool.put(item)
    reader.join(10.0)
    assert seen == list(range(400))

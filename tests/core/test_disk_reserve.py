"""Space is kept for alerts, given up when the disk is full, and the state of the disk has a name."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from core.machine.disk_reserve import FILE_NAME, PICTURES_LEAVE_BYTES, DiskReserve, DiskState, free_bytes, state_of
from core.media import MediaFull, MediaStore

MB = 1 << 20


@pytest.mark.parametrize(
    ("free_mb", "held", "state"),
    [(500, True, "ok"), (20, True, "ok"), (19, True, "low"), (1, True, "full"), (9, False, "full"), (12, False, "low")],
)
def test_so_much_space_means_this(free_mb: int, held: bool, state: str) -> None:
    assert state_of(free_mb * MB, 10 * MB, held) == state


def test_the_reserve_is_held_given_up_and_held_again(tmp_path: Path) -> None:
    left = {"bytes": 0}
    filling = DiskReserve(tmp_path, 4 * MB, lambda folder: min(free_bytes(folder), left["bytes"]))
    file = tmp_path / FILE_NAME
    assert filling.tend() is DiskState.FULL
    assert not file.exists()
    left["bytes"] = 100 * MB
    assert filling.tend() is DiskState.OK
    assert os.stat(file).st_blocks * 512 >= 4 * MB, "the space is not only promised"
    left["bytes"] = 5 * MB
    assert filling.tend() is DiskState.LOW
    assert file.exists()
    left["bytes"] = MB
    filling.tend()
    assert not file.exists()
    left["bytes"] = 3 * MB  # what the reserve has made free is for alerts: all is not well again
    assert filling.tend() is DiskState.FULL
    left["bytes"] = 100 * MB
    assert filling.tend() is DiskState.OK
    assert file.exists()


def test_a_reserve_is_a_small_part_of_a_small_disk_and_can_be_left_out(tmp_path: Path) -> None:
    assert DiskReserve(tmp_path, 0).tend() is DiskState.OK
    assert not (tmp_path / FILE_NAME).exists()
    assert DiskReserve(tmp_path / "not" / "yet", MB).tend() is not None


def test_no_picture_takes_the_last_of_the_space(tmp_path: Path) -> None:
    store = MediaStore(tmp_path)
    assert store.get(store.put("creek", 1.8e9, b"\xff\xd8 picture")) is not None

    class NearlyFull(MediaStore):
        def free_bytes(self) -> int:
            return PICTURES_LEAVE_BYTES

    with pytest.raises(MediaFull, match="no space left for pictures"):
        NearlyFull(tmp_path).put("creek", 1.8e9, b"\xff\xd8 another")

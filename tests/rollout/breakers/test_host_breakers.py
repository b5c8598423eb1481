"""How a machine is doing, as psutil, the kernel's own files and nvidia-smi tell."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from core.machine.gpus import Gpu, Gpus, parse_gpus, read_gpus
from core.machine.host import MachineReporter, facts, hottest_c, times_throttled
from core.redis_client import connect


def test_this_machine_can_be_read(tmp_path: Path) -> None:
    found = facts(tmp_path)
    assert found["load"] >= 0
    assert 0 < found["memory_used"] < 1
    assert 0 <= found["disk_free"] <= 1
    assert found["gpus_expected"] >= found["gpus"]


def test_memory_counts_what_is_available_not_what_is_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = {"MemTotal": 1000, "MemFree": 10, "MemAvailable": 600, "Buffers": 5, "Cached": 5, "Shmem": 0, "Active": 400,
            "Inactive": 100, "Slab": 0}  # fmt: skip
    (tmp_path / "meminfo").write_text("".join(f"{name}: {kilobytes} kB\n" for name, kilobytes in told.items()))
    monkeypatch.setattr(psutil, "PROCFS_PATH", str(tmp_path))
    assert facts(tmp_path)["memory_used"] == pytest.approx(0.4)


def test_the_hottest_credible_sensor_counts() -> None:
    assert hottest_c([48.0, 71.5, -274.0, 655.35]) == 71.5
    assert hottest_c([-274.0]) is None
    assert hottest_c([]) is None


@pytest.mark.parametrize(
    ("told", "gpus"),
    [
        ("64, 30, 1024, 4096, 0x0000000000000001\n71, 50, 0, 4096, 0x0000000000000020\n",
         Gpus((Gpu(64.0, 0.3, 0.25, False), Gpu(71.0, 0.5, 0.0, True)))),
        ("64, [N/A], [N/A], 4096, [N/A]\n", Gpus((Gpu(64.0),))),
        ("[Unknown Error], [Unknown Error]\n71, 50\n", Gpus((Gpu(71.0, 0.5),))),
        ("", Gpus()),
    ],
)  # fmt: skip
def test_a_gpu_in_trouble_does_not_count(told: str, gpus: Gpus) -> None:
    assert parse_gpus(told) == gpus


def test_all_gpus_together_are_as_hot_as_the_hottest() -> None:
    gpus = parse_gpus("64, 30, 1, 4, 0x1\n71, 50, 1, 4, 0x1\n")
    assert (gpus.count, gpus.hottest_c, gpus.busy, gpus.throttled) == (2, 71.0, 0.4, False)
    assert (Gpus().hottest_c, Gpus().busy, Gpus().throttled) == (None, None, None)


def test_a_driver_that_fails_has_no_gpus() -> None:
    assert read_gpus("false") == Gpus()
    assert read_gpus("no-such-program") == Gpus()


def test_a_driver_that_does_not_know_the_reasons_is_asked_for_the_rest(tmp_path: Path) -> None:
    program = tmp_path / "smi"
    program.write_text('#!/bin/sh\ncase "$1" in *reasons*) exit 2;; *) echo "64, 30, 1024, 4096";; esac\n')
    program.chmod(0o755)
    assert read_gpus(str(program)) == Gpus((Gpu(64.0, 0.3, 0.25, None),))


def test_heat_that_slows_the_processor_is_counted_where_the_system_counts(tmp_path: Path) -> None:
    file = tmp_path / "cpu0" / "thermal_throttle" / "package_throttle_count"
    assert times_throttled(tmp_path) is None
    file.parent.mkdir(parents=True)
    file.write_text("7\n")
    assert times_throttled(tmp_path) == 7


def test_a_processor_counts_as_slowed_for_a_minute_after_its_count_rose(tmp_path: Path) -> None:
    reporter = MachineReporter(connect("unix:///nobody"), tmp_path)
    assert [reporter._slowed(count, at) for count, at in ((7, 0.0), (8, 10.0), (8, 60.0), (8, 71.0), (None, 80.0))] == [
        False, True, True, False, None,
    ]  # fmt: skip


def test_a_gpu_that_falls_off_the_bus_is_missing_not_unknown(tmp_path: Path) -> None:
    assert facts(tmp_path, expected_gpus=64)["gpus_expected"] == 64

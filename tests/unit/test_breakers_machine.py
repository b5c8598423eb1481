"""How a machine is doing, from the system's own files."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.machine import Gpus, facts, hottest_c, memory_used, parse_gpus, read_gpus


def test_this_machine_can_be_read(tmp_path: Path) -> None:
    found = facts(tmp_path)
    assert found["load"] >= 0
    assert 0 < found["memory_used"] < 1
    assert 0 <= found["disk_free"] <= 1
    assert found["gpus_expected"] >= found["gpus"]


def test_memory_counts_what_is_available_not_what_is_free(tmp_path: Path) -> None:
    file = tmp_path / "meminfo"
    file.write_text("MemTotal:       1000 kB\nMemFree:          10 kB\nMemAvailable:    600 kB\n")
    assert memory_used(file) == pytest.approx(0.4)
    assert memory_used(tmp_path / "nothing") is None


def test_the_hottest_credible_sensor_counts(tmp_path: Path) -> None:
    for name, value in (("thermal/thermal_zone0/temp", "48000"), ("hwmon/hwmon1/temp1_input", "71500\n"),
                        ("hwmon/hwmon1/temp2_input", "-274000"), ("hwmon/hwmon2/temp1_input", "n/a")):  # fmt: skip
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(value)
    assert hottest_c(tmp_path) == 71.5
    assert hottest_c(tmp_path / "nothing") is None


@pytest.mark.parametrize(
    ("told", "gpus"),
    [
        ("64, 30\n71, 50\n", Gpus(2, 71.0, 0.4)),
        ("64, [N/A]\n", Gpus(1, 64.0, None)),
        ("[Unknown Error], [Unknown Error]\n71, 50\n", Gpus(1, 71.0, 0.5)),
        ("", Gpus(0, None, None)),
    ],
)
def test_a_gpu_in_trouble_does_not_count(told: str, gpus: Gpus) -> None:
    assert parse_gpus(told) == gpus


def test_a_driver_that_fails_has_no_gpus() -> None:
    assert read_gpus(["false"]) == Gpus(0, None, None)
    assert read_gpus(["no-such-program"]) == Gpus(0, None, None)


def test_a_gpu_that_falls_off_the_bus_is_missing_not_unknown(tmp_path: Path) -> None:
    assert facts(tmp_path, expected_gpus=64)["gpus_expected"] == 64

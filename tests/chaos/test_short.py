"""Faults come when a bear has just come before every camera: each visit has exactly one alert afterwards."""

from __future__ import annotations

from pathlib import Path

from tests.support.chaos.staged_park import StagedPark, is_small_disk, staged_park

NAMES = ("tracker", "detector", "controller", "jobs")


def disk_and_detector(park: StagedPark) -> None:
    """Nothing can be written any more, and nothing is scored for seconds."""
    if is_small_disk(park):
        park.fill_disk()
    park.kill("detector")


def test_each_visit_has_one_alert_whatever_dies_meanwhile(tmp_path: Path) -> None:
    with staged_park(tmp_path, NAMES) as park:
        park.walk_by(lambda site: site.kill("tracker", "jobs"))
        park.wait_until_seen()
        park.clock_s["creek"] = 2.5  # somebody has set the clocks of readers, both ways
        park.clock_s["trail"] = -0.8
        park.walk_by(StagedPark.kill_redis)
        park.wait_until_seen()
        park.clock_s = dict.fromkeys(park.clock_s, 0.0)
        park.walk_by(disk_and_detector)
        park.kill("controller")
        park.free_disk()
        park.wait_until_seen()
        assert park.faults_of_the_record() == []

"""Every kind of fault once, while a bear is before every camera: each visit has exactly one alert afterwards."""

from __future__ import annotations

from pathlib import Path

from tests.support.staged_park import StagedPark, is_small_disk, staged_park

NAMES = ("tracker", "detector", "controller", "jobs")


def test_each_visit_has_one_alert_whatever_dies_meanwhile(tmp_path: Path) -> None:
    with staged_park(tmp_path, NAMES) as park:
        park.walk_by(lambda site: site.kill("tracker", "jobs"))
        park.wait_until_seen()
        park.clock_s["creek"] = 2.5  # somebody sets the clock of a reader, both ways
        park.clock_s["trail"] = -0.8
        park.walk_by(StagedPark.kill_redis)
        park.wait_until_seen()
        park.clock_s = dict.fromkeys(park.clock_s, 0.0)
        small = is_small_disk(park)
        park.walk_by(StagedPark.fill_disk if small else lambda site: site.kill("controller"))
        park.kill("controller")
        park.free_disk()
        park.walk_by(lambda site: site.kill("detector"))
        park.wait_until_seen()
        assert park.faults_of_the_record() == []

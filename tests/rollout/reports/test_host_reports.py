"""Is any machine in trouble, and is the money running out: the daily report over days that were written down."""

from __future__ import annotations

import csv
import io
import xml.etree.ElementTree as ET
from datetime import date
from pathlib import Path

import pytest

from core.config import Config
from core.site_config import Costs
from db.models import CameraCount, DeliveryStatus, GpuSample, MachineSample, QueueSample
from db.session import Database
from rollout.breakers.telemetry_snapshot import TelemetrySnapshot
from rollout.reports.archive import Archive
from rollout.reports.build import make
from rollout.reports.document import Kind, Panels, Report, Status
from rollout.reports.render.html_report import as_html
from rollout.reports.render.machine_readable import as_csv, as_json
from rollout.reports.render.plots import svg
from tests.support.host_days import DAY, DAY_S, MINUTE, START, machine_rows, queue_rows, write
from tests.support.rollout.evidence_rows import add_hours
from tests.support.rollout.report_season import NOW, SITES, add_delivery, asked

NOTHING = TelemetrySnapshot(NOW, True)
"""Redis answers, and no machine reports now."""


def report(
    database: Database, config: Config, first: str = DAY, last: str = DAY, told: TelemetrySnapshot = NOTHING
) -> Report:
    """The daily report."""
    with database.read() as session:
        return make(Kind.DAILY, asked(session, config, SITES, first, last, NOW, told))


def host_answer(found: Report) -> tuple[Status, str]:
    """The answer to the question."""
    return next((each.light, each.words) for each in found.answers if each.key == "machines")


def plots(found: Report) -> dict[str, Panels]:
    """The plots over time."""
    every = [plot for section in found.sections for plot in section.plots]
    return {plot.key: plot for plot in every if isinstance(plot, Panels)}


def test_a_day_within_all_limits_is_fine(database: Database, config: Config) -> None:
    write(database, QueueSample, queue_rows(MINUTE, range(1440)))
    write(database, MachineSample, machine_rows(MINUTE, range(1440)))
    found = report(database, config)
    assert host_answer(found) == (Status.GREEN, "1 machine, all within limits.")
    (row,) = found.table("machines").rows
    assert row[:3] == ("ridge", "within limits", 1.0)
    assert found.table("queues_past").rows == (("shard 0", 90.0, 6, 1, 1440),)


@pytest.mark.parametrize(
    ("hot", "light", "words"),
    [
        (range(600, 605), Status.RED, "ridge: processor °C 99 at 2 Feb 10:00, 5 min beyond 97."),
        (range(600, 603), Status.AMBER, "ridge: processor °C 99 at 2 Feb 10:00."),
    ],
)
def test_what_is_beyond_a_limit_as_long_as_its_breaker_waits_wants_somebody_to_act(
    sqlite_database: Database, config: Config, hot: range, light: Status, words: str
) -> None:
    write(sqlite_database, QueueSample, queue_rows(MINUTE, range(1440)))
    rows = machine_rows(MINUTE, range(1440), cpu_c=lambda n: 99.0 if n in hot else 55.0)
    write(sqlite_database, MachineSample, rows)
    assert host_answer(report(sqlite_database, config)) == (light, words)


def test_the_limit_is_that_of_the_plans_own_breaker(sqlite_database: Database, config: Config) -> None:
    write(sqlite_database, QueueSample, queue_rows(MINUTE, range(30)))
    write(sqlite_database, MachineSample, machine_rows(MINUTE, range(30), cpu_c=75.0))
    breakers = {"machine": {"when": "cpu_c >= 70 for 5m", "scope": "region"}}
    strict = Config.model_validate(
        {**config.model_dump(mode="json", exclude={"rollout"}), "rollout": {"breakers": breakers}}
    )
    found = report(sqlite_database, strict)
    assert host_answer(found)[0] is Status.RED
    assert ("limit 70", 70.0) in plots(found)["machine_ridge"].panels[1].limits


def test_a_machine_that_fell_silent_is_said_so_and_a_gap_for_all_is_not_its_fault(
    sqlite_database: Database, config: Config
) -> None:
    there = [n for n in range(1440) if not 200 <= n < 300]  # nobody wrote anything down
    write(sqlite_database, QueueSample, queue_rows(MINUTE, there))
    write(sqlite_database, MachineSample, machine_rows(MINUTE, there))
    write(sqlite_database, MachineSample, machine_rows(MINUTE, [n for n in there if n < 842], "creek"))
    write(sqlite_database, MachineSample, machine_rows(MINUTE, [n for n in there if n % 40], "falls"))
    found = report(sqlite_database, config)
    assert host_answer(found) == (Status.RED, "creek: silent since 2 Feb 14:01; falls: silent for 33 min.")
    heard = {row[0]: row[2] for row in found.table("machines").rows}
    assert heard == {"creek": pytest.approx(742 / 1340), "ridge": 1.0, "falls": pytest.approx(1307 / 1340)}


def test_a_gap_is_drawn_as_a_gap(sqlite_database: Database, config: Config) -> None:
    there = [n for n in range(1440) if not 200 <= n < 300]
    write(sqlite_database, QueueSample, queue_rows(MINUTE, there))
    write(sqlite_database, MachineSample, machine_rows(MINUTE, there, cpu_c=None))
    plot = plots(report(sqlite_database, config))["machine_ridge"]
    drawn = svg(plot)
    ET.fromstring(drawn)
    assert drawn.count('class="plot-gap"') == 3  # load, memory, disk; of the processor's heat there is no line at all
    assert drawn.count('class="plot-line"') == 6
    assert ">no data<" in drawn
    assert ">06:00<" in drawn
    assert len(plot.panels[0].series[0][1]) <= 240


def test_each_gpu_has_its_line_and_the_hottest_counts(sqlite_database: Database, config: Config) -> None:
    write(sqlite_database, QueueSample, queue_rows(MINUTE, range(60)))
    write(sqlite_database, MachineSample, machine_rows(MINUTE, range(60), gpus=2, gpus_expected=2, throttled=False))
    rows = [
        {"minute": MINUTE + n, "machine": "ridge", "gpu": gpu, "span": 1, "celsius": 60.0 + 30 * gpu, "busy": 0.9,
         "memory": 0.5} for n in range(60) for gpu in (0, 1)
    ]  # fmt: skip
    write(sqlite_database, GpuSample, rows)
    found = report(sqlite_database, config)
    assert "GPU °C 90 at 2 Feb 00:00, 60 min beyond 87" in host_answer(found)[1]
    heat = next(panel for panel in plots(found)["machine_ridge"].panels if panel.key == "gpu_c")
    assert [name for name, _ in heat.series] == ["GPU 0", "GPU 1"]
    assert heat.limits == (("limit 87", 87.0),)


def test_a_gpu_that_fell_off_the_bus_and_heat_that_slows_are_named(sqlite_database: Database, config: Config) -> None:
    write(sqlite_database, QueueSample, queue_rows(MINUTE, range(60)))
    rows = machine_rows(MINUTE, range(60), gpus=1, gpus_expected=2, throttled=lambda n: n < 12)
    write(sqlite_database, MachineSample, rows)
    words = host_answer(report(sqlite_database, config))[1]
    assert words == "ridge: only 1 of 2 GPUs answered, slowed down by heat or power for 12 min."


def test_a_disk_that_shrinks_says_when_it_will_be_full(database: Database, config: Config) -> None:
    first = MINUTE - 3 * 1440
    write(database, QueueSample, queue_rows(first, range(0, 4 * 1440, 10)))
    rows = machine_rows(first, range(0, 4 * 1440, 10), disk_free=lambda n: 0.5 - 0.05 * n / 1440)
    write(database, MachineSample, rows)
    found = report(database, config)
    light, words = host_answer(found)
    assert light is Status.RED
    assert "disk full in 6 days at this pace" in words
    (row,) = found.table("disks").rows
    assert row[2] == pytest.approx(0.05, rel=0.02)
    assert "full in 6 days" in str(plots(found)["machine_ridge"].panels[-1].label)


def test_days_that_nobody_wrote_down_are_not_called_fine(sqlite_database: Database, config: Config) -> None:
    found = report(sqlite_database, config)
    assert host_answer(found) == (Status.GREY, "Nobody can say: no machine has reported.")
    assert found.figure("frames_dropped").value is None


def test_old_days_are_drawn_from_their_hours(sqlite_database: Database, config: Config) -> None:
    hours = range(0, 1440, 60)
    write(sqlite_database, QueueSample, [{**row, "span": 60} for row in queue_rows(MINUTE, hours)])
    rows = machine_rows(MINUTE, hours, load=lambda n: 9.0 if n == 600 else 0.4)
    write(sqlite_database, MachineSample, [{**row, "span": 60} for row in rows])
    found = report(sqlite_database, config)
    assert host_answer(found) == (Status.RED, "ridge: load per processor 9 at 2 Feb 10:00, 60 min beyond 8.")
    assert svg(plots(found)["machine_ridge"]).count('class="plot-line"') == 4
    assert found.table("machines").rows[0][2] == 1.0


def test_frames_are_counted_from_hour_to_hour_over_a_restart_of_redis(
    sqlite_database: Database, config: Config
) -> None:
    stood = ((100, 0, 100), (400, 5, 390), (50, 1, 49))
    write(
        sqlite_database,
        CameraCount,
        [
            {"hour_at": START + 3600.0 * n, "camera_id": "upper-creek", "sent": s, "dropped": d, "scored": a}
            for n, (s, d, a) in enumerate(stood)
        ],
    )
    found = report(sqlite_database, config)
    assert found.table("frames").rows == (("Creek", 350, 6, 339),)
    assert (found.figure("frames_dropped").value, found.figure("frames_dropped").n) == (6, 356)


def test_costs_stand_day_by_day_beside_the_budget(sqlite_database: Database, config: Config) -> None:
    priced = config.model_copy(update={"costs": Costs(camera_day=1.5, gpu_hour=0.2, message=0.05, budget_day=9.0)})
    with sqlite_database.write() as session:
        add_hours(session, START - 2 * DAY_S, 24, thumbnails=0)
        for status in range(3):
            add_delivery(session, START + 600 * status, DeliveryStatus.SENT)
    write(sqlite_database, QueueSample, queue_rows(MINUTE - 1440, range(2 * 1440)))
    write(sqlite_database, MachineSample, machine_rows(MINUTE, range(720), gpus=2, gpus_expected=2))
    found = report(sqlite_database, priced)
    rows = found.table("cost_days").rows
    assert [row[0] for row in rows] == ["2027-02-02", "2027-02-01", "2027-01-31"]
    assert [row[2] for row in rows] == pytest.approx([4.5 + 24 * 0.2 + 3 * 0.05, 4.5, 4.5])
    assert rows[0][3] == pytest.approx(9.45 / 9.0)
    assert [row[5] for row in rows] == pytest.approx([1.0, 0.0, 0.0])  # two GPUs for half of the day
    panel = plots(found)["cost_days"].panels[0]
    assert panel.limits == (("budget 3", 3.0),)
    assert [value for _, value in panel.series[0][1]] == pytest.approx([1.5, 1.5, 3.15])


def test_plots_go_along_in_json_csv_and_the_file_for_mail(sqlite_database: Database, config: Config) -> None:
    write(sqlite_database, QueueSample, queue_rows(MINUTE, range(30)))
    write(sqlite_database, MachineSample, machine_rows(MINUTE, range(30), "<ridge>"))
    found = report(sqlite_database, config)
    section = next(each for each in as_json(found)["sections"] if each["key"] == "machines")
    assert section["plots"][0]["panels"][0]["series"][0][1][0][1] == 0.4
    rows = [row for row in csv.DictReader(io.StringIO(as_csv(found))) if row["what"] == "point"]
    first = next(row for row in rows if row["column"] == "load")
    assert (first["item"], float(first["row"]), first["value"]) == ("machine_<ridge>", START, "0.4")
    page = as_html(found)
    assert "<ridge>" not in page
    assert "&lt;ridge&gt;" in page


def test_stored_reports_go_when_their_time_is_over(tmp_path: Path) -> None:
    for day in ("2026-01-01", "2027-01-01", "not-a-day"):
        (tmp_path / day).mkdir()
        (tmp_path / day / "upper-pines.json").write_text("{}")
    archive = Archive(tmp_path)
    assert archive.forget(date(2027, 1, 1)) == 1
    assert sorted(each.name for each in tmp_path.iterdir()) == ["2027-01-01", "not-a-day"]

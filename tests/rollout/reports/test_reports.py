"""The four reports over a season in a database: what they say, and what they do not claim to know."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select

from core.config import Config
from core.site_config import Costs
from db.models import AlertStatus, AnalysisReason, Delivery, NightExperiment, Watch
from db.session import Database
from rollout.breakers.telemetry_snapshot import TelemetrySnapshot
from rollout.control.analysis import run_analysis
from rollout.control.analysis_store import store
from rollout.reports.archive import Archive
from rollout.reports.build import make, usual_period
from rollout.reports.document import Course, Kind, Report, Status
from rollout.reports.nightly import write_finished
from rollout.reports.period import midnight, parse_day
from rollout.reports.render.html_report import as_html
from rollout.stages.event_store import load
from rollout.stages.spec_file import plan_from
from tests.support.rollout.evidence_rows import add_bear, add_hours
from tests.support.rollout.report_season import DAY_S, EVENING, FIRST, LAST, NOW, SITES, asked, filled, snapshot

ROOT = Path(__file__).parents[3]
ZONE = "America/Los_Angeles"
BUSY = "2027-02-02"
"""The day with messages and a breaker."""


@pytest.fixture
def season(sqlite_database: Database) -> Database:
    """Three weeks."""
    return filled(sqlite_database)


def _report(
    database: Database,
    config: Config,
    kind: Kind,
    campsites: tuple[str, ...] = SITES,
    day: str | None = None,
    told: TelemetrySnapshot | None = None,
    everything: bool = True,
) -> Report:
    with database.read() as session:
        return make(kind, asked(session, config, campsites, day or FIRST, day or LAST, NOW, told, everything))


def _lights(report: Report) -> dict[str, Status]:
    return {answer.key: answer.light for answer in report.answers}


def _words(report: Report, key: str) -> str:
    return next(answer.words for answer in report.answers if answer.key == key)


def test_the_shadow_report_sets_model_and_ranger_side_by_side(season: Database, config: Config) -> None:
    report = _report(season, config, Kind.SHADOW)
    recall = report.figure("recall_blind")
    assert recall.value == pytest.approx(15 / 16)
    assert recall.n == 16  # one bear came while the watch was handed over
    assert recall.low == pytest.approx(0.736, abs=0.001)
    assert "15 of 16 bear-nights" in _words(report, "sees")
    assert _lights(report)["sees"] is Status.AMBER
    pairs = report.table("pairs")
    assert [(row[3], row[4]) for row in pairs.rows[:2]] == [("ranger", 21.0), ("model", 59.0)]
    assert len(pairs.rows) == 15
    assert [row[0] for row in report.table("missed").rows] == [EVENING + 11 * DAY_S]
    said = [row[3] for row in report.table("alone").rows]
    assert said == ["not a bear", "not a bear", "a bear", "nobody has decided", "a bear"]
    assert report.figure("false_alarms_per_camera_day").n == pytest.approx(62.625)
    assert report.figure("time_to_detect_p50_s").value == pytest.approx(21.0)
    assert report.figure("recall_motion_only").value is not None
    assert report.figure("recall_mean_picture").why == "there is no mean picture of this time"


def test_the_counterfactual_says_which_warnings_would_have_gone_out(season: Database, config: Config) -> None:
    report = _report(season, config, Kind.SHADOW)
    assisted, automatic = report.table("warnings_assisted"), report.table("warnings_automatic")
    assert len(assisted.rows) == report.figure("assisted_warnings").value == 17
    assert report.figure("assisted_false").value == 0
    assert len(automatic.rows) == report.figure("automatic_warnings").value == 19
    assert report.figure("automatic_false").value == 1
    false = next(row for row in automatic.rows if row[3] == "false")
    assert false[5] == pytest.approx(EVENING + 3 * DAY_S + 15 * 3600 + 301 + 10)  # taken back after the undo time
    assert "1 would have been vetoed in time" in report.figure("automatic_warnings").note
    first, second = automatic.rows[0], automatic.rows[1]
    assert [first[4], second[4]] == pytest.approx([-41.0, 39.0])
    assert report.figure("automatic_silent").value == 1
    assert report.figure("automatic_precision").low == pytest.approx(0.70, abs=0.01)


def test_sensitivity_stands_beside_the_recall(season: Database, config: Config) -> None:
    report = _report(season, config, Kind.SHADOW)
    odds = {row[0]: row[1] for row in report.table("dependence").rows}
    assert list(odds) == [
        "they miss independently (odds ratio 1)",
        "the odds of a miss double (odds ratio 2)",
        "the odds of a miss are four times as high (odds ratio 4)",
    ]
    assert [row[0] for row in report.table("gaps").rows] == ["30 min, as used", "10 min", "60 min"]
    assert report.figure("chance_match").value == 0.0
    assert "audits know 0 of the 5 bears" in report.table("dependence").note
    assert "at 76" in _words(report, "sees")


@pytest.mark.parametrize(("status", "light"), [(AlertStatus.OPEN, Status.AMBER), (AlertStatus.REJECTED, Status.RED)])
def test_alerts_that_wait_for_a_decision_ask_for_one_and_rejected_ones_raise_the_alarm(
    sqlite_database: Database, config: Config, status: AlertStatus, light: Status
) -> None:
    with sqlite_database.write() as session:
        add_hours(session, EVENING, 2)
        add_bear(session, EVENING + 600, status=status)
    report = _report(sqlite_database, config, Kind.SHADOW)
    assert _lights(report)["false_alarms"] is light
    assert "The rollout plan allows 0.5" in _words(report, "false_alarms")


def test_an_empty_database_is_not_enough_data_everywhere_and_never_good_news(
    sqlite_database: Database, config: Config
) -> None:
    with sqlite_database.read() as session:
        nothing = TelemetrySnapshot(NOW, False)
        reports = [make(kind, replace(asked(session, config), snapshot=nothing)) for kind in Kind]
    shadow, daily, loop, plan = reports
    assert {answer.light for answer in (*shadow.answers, *loop.answers)} == {Status.GREY}
    assert _lights(daily) == {
        "complaints": Status.GREEN, "machines": Status.GREY, "costs": Status.GREY, "holding": Status.RED,
    }  # fmt: skip
    assert "seen 0.0% of the time" in _words(daily, "holding")
    assert plan.table("stages").rows == ()


def test_the_daily_report_answers_its_three_questions_first(season: Database, config: Config) -> None:
    priced = config.model_copy(update={"costs": Costs(camera_day=1.5, gpu_hour=0.2, message=0.05, budget_day=9.0)})
    report = _report(season, priced, Kind.DAILY, day=BUSY)
    assert [answer.question for answer in report.answers[:3]] == [
        "Are campers complaining?", "Is any machine in trouble?", "Are costs running away?",
    ]  # fmt: skip
    assert _lights(report) == {
        "complaints": Status.AMBER, "machines": Status.AMBER, "costs": Status.RED, "holding": Status.RED,
    }  # fmt: skip
    assert "A machine breaker tripped 1 time" in _words(report, "machines")
    assert "105% of the budget" in _words(report, "costs")  # 3 cameras, a GPU all day, 3 messages
    assert report.figure("cost_total").value == pytest.approx(3 * 1.5 + 24 * 0.2 + 3 * 0.05)
    assert report.figure("cost_per_camera_day").n == 3
    assert report.figure("complaints_per_camera_day").high == pytest.approx(1.58, abs=0.01)
    assert (report.figure("deliveries_failed").value, report.figure("deliveries_late").value) == (1, 1)
    assert [row[1] for row in report.table("breakers").rows] == ["gpu_temp"]


def test_machines_are_judged_by_what_they_say(season: Database, config: Config) -> None:
    hot = _report(season, config, Kind.DAILY, day="2027-01-20", told=snapshot(gpu_c=92.0, disk_free=0.05))
    assert _lights(hot)["machines"] is Status.RED
    assert _words(hot, "machines") == "ridge: GPU °C 92, free disk 5%."
    fine = _report(season, config, Kind.DAILY, day="2027-01-20")
    assert (_lights(fine)["machines"], _lights(fine)["holding"]) == (Status.GREEN, Status.GREEN)


def test_latency_has_a_bound_where_there_are_enough_clips(season: Database, config: Config) -> None:
    report = _report(season, config, Kind.DAILY)
    half, _, most = (report.figure(f"planted_p{share}_s") for share in (50, 90, 99))
    assert half.n == 99
    assert half.high is not None
    assert half.value is not None
    assert half.high > half.value
    assert (most.high, most.sure) == (None, "no bound: too few")
    assert report.figure("canary_clip_recall").value == pytest.approx(0.99)


def test_who_watched_when_is_said_with_a_forgotten_watch_cut_off(season: Database, config: Config) -> None:
    with season.write() as session:
        start = EVENING + 19 * DAY_S
        session.add(Watch(campsite_id="upper-pines", user_id=1, started_at=start, ended_at=None, ends_at=start + 600.0))
    report = _report(season, config, Kind.DAILY, day=BUSY)
    (row,) = report.table("watches").rows
    assert row[:2] == ("day-ranger", "Upper Pines")
    assert row[4] == pytest.approx(600.0)
    shares = {row[0]: row[2] for row in report.table("watched").rows}
    assert shares == {"Upper Pines": pytest.approx(600 / 86400), "Lower Pines": 0.0}


def test_a_report_about_one_campsite_names_no_other(season: Database, config: Config) -> None:
    for kind in Kind:
        report = _report(season, config, kind, ("upper-pines",), everything=False)
        text = repr(report)
        assert [name for name in ("Lower Pines", "lower-", "Meadow") if name in text] == [], kind
    assert "gpu_temp" not in repr(_report(season, config, Kind.DAILY, ("upper-pines",), day=BUSY, everything=False))


def test_the_loop_report_shows_attention_beside_bears(season: Database, config: Config) -> None:
    report = _report(season, config, Kind.LOOP)
    rows = {row[0]: row for row in report.table("effort").rows}
    assert rows["Upper Pines"][1] == 14
    assert rows["Upper Pines"][2] == pytest.approx(14 / 19)
    assert rows["Lower Pines"][6] == pytest.approx((5 / 20) / (5 / 20 + 11 / 48), abs=0.02)  # bears for each hour
    assert report.figure("selected_label_share").value == pytest.approx(19 / 35)
    assert report.figure("loop_e").value is None  # fewer than twenty reviews before any bear
    lights = [row[:4] for row in report.table("calibration").rows]
    assert lights[:2] == [("Upper Pines", "day", 3, 1), ("Upper Pines", "night", 11, 11)]
    assert report.figure("calibration_error").value is None  # the truth of too few hours is known
    changes = report.table("changes").rows
    assert [row[0] for row in changes] == ["stage started: one-site"]
    assert changes[0][2] in ("nothing beyond chance", "not enough data")


def test_on_and_off_nights_say_what_the_help_adds(season: Database, config: Config) -> None:
    with season.write() as session:
        for number, sites in enumerate((["upper-pines"], ["upper-pines", "lower-pines"])):
            session.add(
                NightExperiment(name=f"help {number}", campsites=sites, first_night=FIRST, nights=12, block=4,
                                seed=f"seed-{number}", created_at=EVENING - DAY_S, created_by_id=1, ended_at=None)
            )  # fmt: skip
    rows = _report(season, config, Kind.LOOP).table("experiments").rows
    assert [(row[0], row[2]) for row in rows] == [("help 0", 12), ("help 1", 24)]
    assert rows[0][3:6] == (1.0, 1.0, 0.0)  # a bear in each of these nights
    assert rows[0][9] == "nothing beyond chance"
    limited = _report(season, config, Kind.LOOP, ("upper-pines",), everything=False)
    assert [row[0] for row in limited.table("experiments").rows] == ["help 0"]


def test_the_rollout_report_draws_each_gates_course_from_the_analyses_that_were_stored(
    season: Database, config: Config
) -> None:
    """The report works nothing out again where there is an analysis: it says when, and shows the way there."""
    plan = plan_from(config)
    for days in (3, 2):
        with season.read() as session:
            found = run_analysis(session, plan, load(session), NOW - days * DAY_S)
        with season.write() as session:
            store(session, plan, found, AnalysisReason.HOURLY)
    report = _report(season, config, Kind.ROLLOUT)
    section = next(section for section in report.sections if section.key == "analysis")
    drawn = {plot.key: plot for plot in section.plots if isinstance(plot, Course)}
    assert [point.at for point in drawn["encounters_blind >= 46"].points] == [NOW - 3 * DAY_S, NOW - 2 * DAY_S]
    assert "Evidence was last worked out Tue 2 Feb 2027" in section.words[0]
    assert report.table("gates").title == "The gates of shadow at the last analysis"
    assert as_html(report).count('<svg class="course"') == len(drawn) >= 2


def test_the_plan_report_tells_its_history(season: Database, config: Config) -> None:
    report = _report(season, config, Kind.ROLLOUT)
    (run,) = report.table("stages").rows
    assert (run[0], run[1], run[2]) == ("one-site", "assisted", "Upper Pines")
    assert run[5] == pytest.approx(2 * DAY_S)
    assert run[6:8] == ("breaker gpu_temp", "lead, owner")
    assert report.figure("time_live_s").value == pytest.approx(2 * DAY_S)
    assert [row[3] for row in report.table("analysis").rows] == ["recall_blind: not enough", "granted"]
    (handover,) = report.table("handovers").rows
    assert handover[4:6] == (1, "sam")
    assert handover[6] == pytest.approx(420.0)
    assert "The longest took 7 min" in _words(report, "handovers")
    assert [row[1] for row in report.table("approvals").rows] == ["lead"]
    assert len(report.table("gates").rows) > 0


def test_without_days_each_report_takes_its_usual_ones(season: Database, config: Config) -> None:
    with season.read() as session:
        usual = {kind: usual_period(session, kind, ZONE, NOW, None, None) for kind in Kind}
    assert (usual[Kind.DAILY].first.isoformat(), usual[Kind.DAILY].last.isoformat()) == ("2027-02-03", "2027-02-03")
    assert usual[Kind.SHADOW].first.isoformat() == "2027-01-08"
    assert usual[Kind.ROLLOUT].first.isoformat() == "2027-01-13"  # when the rollout began


def test_the_finished_day_is_stored_once_for_each_campsite_and_what_is_red_is_paged(
    season: Database, config: Config, tmp_path: Path
) -> None:
    archive, staff = Archive(tmp_path / "reports"), ["json://127.0.0.1:9/staff"]
    midnight_after = midnight(parse_day("2027-02-03"), ZONE)

    def write(at: float) -> int:
        return write_finished(season, config, plan_from(config), archive, snapshot(at), staff, at)

    assert write(midnight_after + 60) == 0  # what belongs to the day may still be on its way
    assert write(midnight_after + 900) == 2
    assert write(midnight_after + 4500) == 0
    stored = {each.campsite: each for each in archive.listed(SITES)}
    assert (stored["upper-pines"].day, stored["upper-pines"].light) == (BUSY, Status.RED)
    assert [each.campsite for each in archive.listed(["lower-pines"])] == ["lower-pines"]
    with season.read() as session:
        pages = session.scalars(select(Delivery).where(Delivery.key.startswith("daily:"))).all()
    assert [(page.key, page.target) for page in pages] == [(f"daily:{BUSY}:upper-pines", staff[0])]
    text = archive.text(parse_day(BUSY), "upper-pines", "html")
    assert text is not None
    assert "Lower Pines" not in text


def test_before_its_first_day_a_campsite_has_no_report_and_nobody_is_paged(
    sqlite_database: Database, config: Config, tmp_path: Path
) -> None:
    archive = Archive(tmp_path)
    assert write_finished(sqlite_database, config, plan_from(config), archive, snapshot(), ["json://x"], NOW) == 0


def test_half_a_stored_report_is_none(tmp_path: Path) -> None:
    folder = tmp_path / "2027-02-02"
    folder.mkdir()
    (folder / "upper-pines.json").write_text('{"light": "act"')
    (folder / "upper-pines.html.part").write_text("<html>")
    archive = Archive(tmp_path)
    assert archive.listed(SITES) == []
    assert archive.text(parse_day(BUSY), "upper-pines", "html") is None


def test_the_command_writes_words_html_csv_and_json(tmp_path: Path, sqlite_database: Database) -> None:
    file = tmp_path / "bearwatch.yaml"
    file.write_text(
        "regions: {sierra: {timezone: America/Los_Angeles}}\n"
        "campsites: {upper-pines: {region: sierra, name: Upper Pines}}\n"
        "cameras: {upper-creek: {campsite: upper-pines, url: 'rtsp://127.0.0.1:1/creek'}}\n"
    )
    env = {**os.environ, "BEARWATCH_DATA": str(tmp_path), "REDIS_URL": "redis://127.0.0.1:9"}

    page, sheet = tmp_path / "daily.html", tmp_path / "daily.csv"
    words = ["daily", "--html", str(page), "--csv", str(sheet), "--json", "--config", str(file)]
    command = [sys.executable, "-m", "bearwatch", "report", *words]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["answers"][0]["question"] == "Are campers complaining?"
    assert page.read_text().startswith("<!doctype html>")
    assert sheet.read_text().splitlines()[0].startswith("section,what,item")

"""What reports are made of: days, percentiles, blind minutes, machines, and how they are written down."""

from __future__ import annotations

import csv
import io
import json
import xml.etree.ElementTree as ET
from datetime import date
from math import inf
from random import Random

import pytest

from rollout.base.metrics import Measured
from rollout.breakers.telemetry_snapshot import TelemetrySnapshot
from rollout.reports.document import (
    Answer,
    Column,
    Figure,
    Form,
    Kind,
    Report,
    ReportPlace,
    Section,
    Spot,
    Spots,
    Status,
    Steps,
    table,
)
from rollout.reports.metric_figures import figure
from rollout.reports.period import BadPeriod, parse_day, period
from rollout.reports.render.html_report import as_html
from rollout.reports.render.machine_readable import CSV_COLUMNS, as_csv, as_json
from rollout.reports.render.number_format import interval, number, said, seconds
from rollout.reports.render.plots import svg
from rollout.reports.sections.camera_coverage import Spell, seeing
from rollout.reports.sections.host_status import machines
from rollout.reports.sections.percentiles import percentiles, upper

ZONE = "America/Los_Angeles"
NOW = 1_800_000_000.0
"""Friday 15 January 2027, midnight in California."""


def test_a_day_is_as_long_as_the_clocks_make_it() -> None:
    later = NOW + 400 * 86400
    assert period(date(2027, 3, 14), date(2027, 3, 14), ZONE, later).days == pytest.approx(23 / 24)
    assert period(date(2027, 11, 7), date(2027, 11, 7), ZONE, later).days == pytest.approx(25 / 24)


def test_a_day_that_is_not_over_ends_now_and_says_so() -> None:
    found = period(date(2027, 1, 14), date(2027, 1, 20), ZONE, NOW + 3600)
    assert (found.end, found.running) == (NOW + 3600, True)
    assert found.words.endswith("so far")


@pytest.mark.parametrize(
    ("first", "last", "says"),
    [
        (date(2027, 1, 3), date(2027, 1, 2), "exchange them"),
        (date(2027, 1, 16), date(2027, 1, 16), "has not begun"),
        (date(2000, 1, 1), date(2027, 1, 1), "too many"),
    ],
)
def test_a_period_that_cannot_be_says_what_to_write(first: date, last: date, says: str) -> None:
    with pytest.raises(BadPeriod, match=says):
        period(first, last, ZONE, NOW)


@pytest.mark.parametrize("text", ["", "yesterday", "2027-1-2", "20270102", "2027-02-30", "0001-01-01"])
def test_what_is_no_date_is_said(text: str) -> None:
    with pytest.raises(BadPeriod, match="2027-01-15"):
        parse_day(text)


def test_a_percentiles_bound_needs_enough_values() -> None:
    assert upper([1.0] * 4, 0.5) is None
    assert upper([1.0, 2.0, 3.0, 4.0, 5.0], 0.5) == 5.0
    assert (upper([1.0] * 28, 0.9), upper([1.0] * 29, 0.9)) == (None, 1.0)
    assert (upper([1.0] * 298, 0.99), upper([1.0] * 299, 0.99)) == (None, 1.0)


def test_a_percentiles_bound_holds_as_often_as_it_says() -> None:
    rng, holds = Random(7), 0
    for _ in range(400):
        bound = upper(sorted(rng.random() for _ in range(60)), 0.9)
        holds += bound is not None and bound >= 0.9
    assert holds / 400 >= 0.93


def test_without_values_a_percentile_is_not_enough_data() -> None:
    half, *_ = percentiles("alert", "Capture to queue", [], "alerts", "no alert was raised")
    assert (half.value, said(half), half.why) == (None, "not enough data", "no alert was raised")


def test_blind_spells_are_found_across_hours_and_at_both_ends() -> None:
    full = (1 << 60) - 1
    hours = {3600: full & ~(0b11111 << 57), 7200: full & ~0b11}
    found = seeing("creek", hours, 3600.0, 3 * 3600.0 + 600)
    assert found.spells == (Spell("creek", 3600 + 57 * 60, 7200 + 120), Spell("creek", 10800, 11400))
    assert (found.wanted, found.seen) == (130, 60 + 60 - 3 - 2)
    assert found.longest_s == 600


def test_a_gap_of_two_minutes_is_in_the_uptime_only() -> None:
    found = seeing("creek", {0: ((1 << 60) - 1) & ~(0b11 << 30)}, 0.0, 3600.0)
    assert (found.spells, found.seen) == ((), 58)


@pytest.mark.parametrize(
    ("facts", "light", "says"),
    [
        ({"cpu_c": 60, "disk_free": 0.5, "gpus": 1, "gpus_expected": 1}, Status.GREEN, ""),
        ({"cpu_c": 99}, Status.RED, "processor °C 99"),
        ({"disk_free": 0.05}, Status.AMBER, "free disk 5%"),
        ({"disk_free": 0.01, "cpu_c": 90}, Status.RED, "free disk 1%"),
        ({"gpus": 0, "gpus_expected": 1}, Status.RED, "0 of 1 GPUs answer"),
        ({"cpu_c": None, "load": True}, Status.GREEN, ""),
    ],
)
def test_a_machine_says_what_is_wrong_with_it(facts: dict[str, object], light: Status, says: str) -> None:
    (found,) = machines(
        TelemetrySnapshot(NOW, True, {}, {"machine:ridge": {"at": NOW - 5, **facts}, "jobs": {"at": NOW}})
    )
    assert (found.name, found.light) == ("ridge", light)
    assert (found.wrong[0] if found.wrong else "") == says


def test_a_machine_that_fell_silent_is_not_fine() -> None:
    (found,) = machines(TelemetrySnapshot(NOW, True, {}, {"machine:ridge": {"at": NOW - 300, "cpu_c": 40}}))
    assert (found.light, found.wrong) == (Status.RED, ("it has fallen silent",))


def test_a_metric_keeps_its_bound_its_n_and_what_is_missing() -> None:
    recall = figure(Measured("recall_blind", 11 / 12, {"cp_lower": 0.661, "eprocess": 3.0}, 12, "bear-nights"))
    assert (said(recall), interval(recall)) == ("91.7%", "at least 66.1% (one-sided 95%)")
    assert (recall.n, recall.of) == (12, "bear-nights")
    rate = figure(Measured("false_alarms_per_camera_day", 0.1, {"poisson_upper": 0.2, "quasipoisson_upper": 0.3}, 40))
    assert interval(rate) == "at most 0.3 (one-sided 95%)"
    nothing = figure(Measured("recall_blind", None, why="keep watching"))
    assert (said(nothing), interval(nothing), nothing.why) == ("not enough data", "", "keep watching")


def test_numbers_are_written_as_people_read_them() -> None:
    assert [seconds(s) for s in (0, 0.42, 45, 300, -300, 9000, 200000)] == [
        "0 s", "0.4 s", "45 s", "5 min", "-5 min", "2.5 h", "2.3 days",
    ]  # fmt: skip
    assert [number(v, Form.NUMBER) for v in (12, 1234567, 0.04794, inf)] == ["12", "1,234,567", "0.0479", "inf"]
    assert [number(v, Form.SHARE) for v in (0.938, 1.0, 1.05)] == ["93.8%", "100.0%", "105%"]


HOSTILE = "<script>alert(1)</script>\"'&"


def _report() -> Report:
    columns = (Column("what", "What"), Column("n", "How many", Form.NUMBER), Column("at", "When", Form.TIME))
    section = Section(
        "part",
        HOSTILE,
        (HOSTILE,),
        (Figure("a", HOSTILE, None, why=HOSTILE), Figure("b", "E-value", inf, low=1.0, sure="one-sided 95%", n=3)),
        (
            Spots("spots", HOSTILE, (Spot(HOSTILE, 0.5, 0.4, None), Spot("none", None)), most=None),
            Steps("steps", "E", "bears", "e-value", ((0, 1), (1, 30.0), (2, inf)), Form.NUMBER, Form.NUMBER, log=True),
        ),
        (table("rows", HOSTILE, columns, [("=HYPERLINK(1)", 2, NOW), (HOSTILE, None, None)], "nothing"),),
    )
    days = period(date(2027, 1, 14), date(2027, 1, 14), ZONE, NOW + 9)
    answer = Answer("q", HOSTILE, Status.RED, HOSTILE)
    return Report(
        Kind.DAILY, "Daily", days, (ReportPlace("up", HOSTILE),), NOW, (answer,), (section,), limits=(HOSTILE,)
    )


def test_html_is_one_file_without_scripts_and_escapes_everything() -> None:
    text = as_html(_report())
    assert "<script" not in text
    assert "src=" not in text
    assert "href=" not in text
    assert "@import" not in text
    assert text.count("&lt;script&gt;") >= 8
    assert "not enough data" in text


def test_every_light_is_text_and_not_colour_alone() -> None:
    assert "■ act:" in as_html(_report())


def test_json_is_json_and_infinity_is_null() -> None:
    found = json.loads(json.dumps(as_json(_report()), allow_nan=False))
    assert (found["kind"], found["light"], found["first_day"]) == ("daily", "act", "2027-01-14")
    nothing, endless = found["sections"][0]["figures"]
    assert (nothing["value"], nothing["said"]) == (None, "not enough data")
    assert endless["value"] is None
    assert found["sections"][0]["plots"][1]["points"][2] == [2, None]


def test_csv_has_one_line_a_figure_and_a_cell_and_no_formulas() -> None:
    rows = list(csv.DictReader(io.StringIO(as_csv(_report()))))
    assert tuple(rows[0]) == CSV_COLUMNS
    figures = {row["item"]: row for row in rows if row["what"] == "figure"}
    assert (figures["a"]["value"], figures["b"]["low"], figures["b"]["n"]) == ("not enough data", "1.0", "3")
    cells = [row["value"] for row in rows if row["what"] == "cell"]
    assert cells == ["'=HYPERLINK(1)", "2", str(NOW), HOSTILE, "", ""]


def test_plots_are_well_formed_whatever_the_values() -> None:
    for plot in _report().sections[0].plots:
        drawn = ET.fromstring(svg(plot))
        assert drawn.get("role") == "img"
        assert drawn.get("aria-label")
        assert "nan" not in svg(plot)
        assert "inf" not in svg(plot)


def test_a_long_table_says_how_much_it_leaves_out() -> None:
    found = table("rows", "Rows", (Column("n", "N", Form.NUMBER),), [(n,) for n in range(250)], "nothing")
    assert (len(found.rows), found.left_out) == (200, 50)

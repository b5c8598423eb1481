"""The course of a gate from analysis to analysis: a small picture, and the same in words."""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ET
from itertools import pairwise

import hypothesis.strategies as st
from hypothesis import given, settings

from rollout.control.analysis_store import Point
from rollout.reports.document import AnalysisPoint, Course, Form
from rollout.reports.gate_history import course_of
from rollout.reports.render.gate_history_chart import WIDE, in_words
from rollout.reports.render.plots import svg
from rollout.stages.spec import Gate
from tests.support.factories import T0

ZONE = "America/Los_Angeles"
HOSTILE = '<b>&"'

VALUES = st.one_of(st.none(), st.floats(allow_nan=True, allow_infinity=True))


@given(
    points=st.lists(st.tuples(st.floats(1.6e9, 2e9), VALUES, VALUES, st.booleans()), max_size=8),
    limit=st.one_of(st.none(), st.floats(-10, 1e6)),
    form=st.sampled_from((Form.SHARE, Form.NUMBER)),
    log=st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_a_course_is_well_formed_and_says_the_same_in_words(
    points: list[tuple[float, float | None, float | None, bool]], limit: float | None, form: Form, log: bool
) -> None:
    results = tuple(AnalysisPoint(*each) for each in sorted(points, key=lambda each: each[0]))
    plot = Course("key", HOSTILE, results, limit, ZONE, form, log=log)
    drawn, words = svg(plot), in_words(plot)
    with_value = [each for each in results if each.value is not None and not math.isnan(each.value)]
    assert bool(drawn) == (len(with_value) >= 2)
    assert words.startswith(HOSTILE)
    if not drawn:
        return
    picture = ET.fromstring(drawn)
    assert (picture.get("role"), picture.get("aria-label")) == ("img", words)
    for stroke in picture.iter():
        assert not re.search(r"nan|inf|e[+-]", " ".join(stroke.get(key, "") for key in ("d", "cx", "cy")))
        assert all(-1 <= float(number) <= WIDE + 1 for number in re.findall(r"[-.0-9]+", stroke.get("d", "")))


def test_a_course_has_a_gap_where_an_analysis_found_nothing() -> None:
    values = (0.7, 0.8, None, 0.9, 0.95)
    results = tuple(AnalysisPoint(T0 + hour * 3600.0, value, value and value - 0.2, hour == 4)
                   for hour, value in enumerate(values))  # fmt: skip
    plot = Course("k", "Recall", results, 0.9, ZONE, Form.SHARE)
    assert svg(plot).count("course-line") == svg(plot).count("course-band") == 2
    assert in_words(plot) == (
        "Recall, from 15 Jan 00:00 to 15 Jan 04:00: estimate from 70.0% to 95.0%, its bound from 50.0% to "
        "75.0%, demanded 90.0%. It passed at 1 of 5 analysis runs shown; at the last it passes."
    )


def test_an_e_value_has_a_course_of_its_own_on_powers_of_ten() -> None:
    """The estimate of an e-process is a share and its limit an e-value: only the latter is drawn."""
    gate = Gate(metric="recall_blind_cumulative", bound="eprocess", e_min=20, r0=0.9)
    points = [Point(T0 + day * 86400.0, "inconclusive", 0.95, 10.0**day) for day in range(4)]
    plot = course_of(gate, points, ZONE)
    assert (plot.limit, plot.log, plot.of) == (20, True, "e-value")
    (line,) = re.findall(r'class="course-line" d="M([^"]+)"', svg(plot))
    heights = [float(point.split()[1]) for point in line.split("L")]
    steps = [before - after for before, after in pairwise(heights)]
    assert len(steps) == 3
    assert max(steps) - min(steps) < 0.2, "ten times as much is one step up"
    assert "e-value from 1 to 1,000, demanded 20." in in_words(plot)


def test_without_a_bound_the_estimate_alone_is_drawn() -> None:
    gate = Gate(metric="missed_sightings", op="==", value=0)
    points = [Point(T0, "passed", 0.0, 0.0), Point(T0 + 3600, "failed", 1.0, 1.0)]
    plot = course_of(gate, points, ZONE)
    assert "course-band" not in svg(plot)
    assert "course-passes" not in svg(plot)
    assert "bound" not in in_words(plot)


def test_one_analysis_has_no_course() -> None:
    gate = Gate(metric="missed_sightings", op="==", value=0)
    plot = course_of(gate, [Point(T0, "passed", 0.0, 0.0)], ZONE)
    assert svg(plot) == ""
    assert in_words(course_of(gate, [], ZONE)) == "Sightings that the model missed: no analysis has found a value yet."

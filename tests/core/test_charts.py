"""Charts: values lie where their scale says, whatever they are; nothing is clipped or overlaps, all is escaped."""

from __future__ import annotations

import ast
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import inf, nan
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings
from jinja2 import Environment

from core.charts.axes import EDGE, SHARES, WIDE, Axis, LimitLine, PlotArea, grid_across, width
from core.charts.line import Band, Dot, Line, Panel, line_chart, runs, unit_square
from core.charts.rows import Bar, IntervalRow, Row, row_chart
from core.charts.scale import LARGEST, Scale, time_ticks
from core.charts.strip import Mark, ruler, strip
from core.charts.svg import Svg

ROOT = Path(__file__).parents[2]
PRODUCT = ("core", "db", "rollout", "ingest", "detector", "review_ui", "bearwatch")
HOSTILE = "<script>'\"&\x00\x1b\ud800"
ANY = st.floats(allow_nan=True, allow_infinity=True)


def drawn(svg: Svg, kind: str) -> list[ET.Element]:
    """The elements that have this among their classes."""
    return [each for each in ET.fromstring(svg).iter() if kind in each.get("class", "").split()]


def numbers(element: ET.Element) -> list[float]:
    """All numbers of a path."""
    return [float(found) for found in re.findall(r"-?\d+(?:\.\d+)?", element.get("d", ""))]


def tag(element: ET.Element) -> str:
    """An element's name without its namespace."""
    return element.tag.rpartition("}")[2]


# Scales


def test_a_value_lies_at_its_share_of_the_scale_and_one_beyond_lies_on_its_end() -> None:
    assert [Scale(10, 20).share(value) for value in (0, 10, 12.5, 20, inf)] == [0, 0, 0.25, 1, 1]
    assert [Scale(0.1, 1000, log=True).share(value) for value in (-5, 0.1, 1, 100, inf)] == [0, 0, 0.25, 0.75, 1]


@pytest.mark.parametrize(
    ("values", "high", "ticks"),
    [
        ((), 1.0, [0.0, 0.25, 0.5, 0.75, 1.0]),
        ((0.31,), 0.4, [0.0, 0.1, 0.2, 0.3, 0.4]),
        ((37, 2), 40, [0, 10, 20, 30, 40]),
        ((100,), 100, [0, 25, 50, 75, 100]),
        ((1300,), 1500, [0, 500, 1000, 1500]),
    ],
)
def test_one_rule_for_ticks_round_steps_and_a_tick_at_both_ends(
    values: Sequence[float], high: float, ticks: list[float]
) -> None:
    scale = Scale.of(values)
    assert [scale.low, scale.high] == pytest.approx([0, high])
    assert scale.ticks() == pytest.approx(ticks)


@given(st.lists(ANY, max_size=6), st.integers(2, 6))
def test_a_scale_holds_all_its_values_in_few_round_steps(values: list[float], most: int) -> None:
    scale = Scale.of(values, most=most)
    kept = [min(LARGEST, max(-LARGEST, value)) for value in values if value == value]
    room = (scale.high - scale.low) * 1e-6
    assert scale.low <= min([0.0, *kept]) + room
    assert scale.high >= max([0.0, *kept]) - room
    ticks = scale.ticks(most)
    assert 2 <= len(ticks) <= most + 2  # the ends were rounded outwards
    assert all(0 <= scale.share(tick) <= 1 for tick in ticks)


@given(st.lists(ANY, max_size=6))
def test_a_logarithmic_scale_has_few_ticks_at_powers_of_ten(values: list[float]) -> None:
    scale = Scale.of(values, log=True)
    ticks = scale.ticks()
    assert 2 <= len(ticks) <= 6
    assert all(f"{tick:e}".startswith("1.000000e") for tick in ticks)
    steps = [scale.share(after) - scale.share(before) for before, after in pairwise(ticks)]
    assert max(steps) - min(steps) < 1e-9, "ten times as much is always the same step"


def test_time_has_ticks_on_the_wall_clock_also_when_it_is_changed() -> None:
    night = 1762063200.0  # 2 Nov 2025, 00:00 in Los Angeles, where 01:00 comes twice
    zone = "America/Los_Angeles"
    night = next(at for at, _ in time_ticks(1762000000.0, 1762500000.0, zone) if at > night - 90000)
    found = time_ticks(night, night + 25 * 3600, zone)
    assert [said for _, said in found][:4] == ["00:00", "06:00", "12:00", "18:00"]
    days = time_ticks(1760000000.0, 1760000000.0 + 30 * 86400, zone)
    assert 5 <= len(days) <= 8
    assert all(re.fullmatch(r"\d{1,2} (Oct|Nov)", said) for _, said in days)


# Lines


def test_points_lie_where_they_belong_and_a_step_holds_until_the_next() -> None:
    line = Line([(0.0, 0.0), (0.5, 0.25), (1.0, 1.0)])
    frame = _frame(unit_square("t", "x", "y", [line]))
    (path,) = drawn(unit_square("t", "x", "y", [line]), "plot-line")
    assert numbers(path) == pytest.approx([number for point in line.points for number in frame.at(point)], abs=0.06)
    (steps,) = drawn(unit_square("t", "x", "y", [Line(line.points, steps=True)]), "plot-line")
    assert steps.get("d", "").count("H") == steps.get("d", "").count("V") == 2
    assert numbers(steps)[2:4] == pytest.approx(frame.at((0.5, 0.25)), abs=0.06)


def _frame(svg: Svg) -> PlotArea:
    """The field between the outermost lines of the grid."""
    grid = [numbers(each) for each in drawn(svg, "plot-grid")]
    across = sorted(x for (x, *_), each in zip(grid, drawn(svg, "plot-grid"), strict=True) if "V" in each.get("d", ""))
    up = sorted(y for (_, y, *_), each in zip(grid, drawn(svg, "plot-grid"), strict=True) if "H" in each.get("d", ""))
    return PlotArea(across[0], across[-1], up[0], up[-1])


def test_a_line_has_a_gap_where_there_is_no_value_or_nothing_for_long() -> None:
    points = [(0.0, 1.0), (60.0, 1.0), (400.0, 2.0), (460.0, 2.0)]
    assert [len(run) for run in runs(points, 180.0)] == [2, 2]
    assert list(runs([], 180.0)) == []
    axis, panel = Axis(Scale(0, 500)), Axis(Scale(0, 2))
    far = line_chart("t", axis, [Panel(panel, [Line(points, gap=180.0)], gaps=[(60.0, 400.0)])])
    assert len(drawn(far, "plot-line")) == 2
    (gap,) = drawn(far, "plot-gap")
    first, last = (numbers(path) for path in drawn(far, "plot-line"))
    assert float(gap.get("x", "")) == pytest.approx(first[2], abs=0.1)
    assert float(gap.get("x", "")) + float(gap.get("width", "")) == pytest.approx(last[0], abs=0.2)
    unknown = line_chart("t", axis, [Panel(panel, [Line([(0, 1), (60, nan), (400, 2)])])])
    assert len(drawn(unknown, "plot-line")) == 2


def test_a_level_line_has_two_ends_and_a_lonely_point_can_be_seen() -> None:
    (level,) = drawn(unit_square("t", "x", "y", [Line([(n / 9, 0.5) for n in range(10)])]), "plot-line")
    assert len(numbers(level)) == 4
    (lonely,) = drawn(unit_square("t", "x", "y", [Line([(0.5, 0.5)])]), "plot-line")
    assert lonely.get("d", "").endswith("h2")


def test_each_point_has_its_dot_and_an_empty_line_draws_nothing() -> None:
    lines = [Line([(0, 0), (1, 1)], "<one>", dots=True), Line([], "none", "plot-line series-1")]
    svg = unit_square("a & b", "x", "y", lines)
    assert len(drawn(svg, "plot-dot")) == 2
    assert [title for each in drawn(svg, "plot-line") if (title := each.findtext("{*}title"))] == ["<one>"]


def test_a_panel_without_points_says_so_and_several_share_what_is_across() -> None:
    axis = Axis(Scale(0, 1))
    svg = line_chart("t", axis, [Panel(axis, [Line([(0, 0), (1, 1)])], "One"), Panel(axis, [], "Two")])
    said = ["".join(each.itertext()) for each in drawn(svg, "plot-tick")]
    assert said.count("no data") == 1
    assert said.count("0.25") == 2, "once up, once across"


# Rows


def test_an_interval_reaches_from_bound_to_bound_and_says_its_numbers() -> None:
    svg = row_chart("t", [Row("all", [IntervalRow(0.5, 0.25, 0.75, "model")])], SHARES, [LimitLine(0.05, "5%")])
    frame = PlotArea(EDGE, WIDE - EDGE, 0, 0)
    (interval,) = drawn(svg, "plot-interval")
    (dot,) = [each for each in ET.fromstring(svg).iter() if tag(each) == "circle"]
    assert [numbers(interval)[0], numbers(interval)[2]] == pytest.approx([frame.x(0.25), frame.x(0.75)], abs=0.1)
    assert float(dot.get("cx", "")) == pytest.approx(frame.x(0.5), abs=0.1)
    assert numbers(drawn(svg, "plot-limit")[0])[0] == pytest.approx(frame.x(0.05), abs=0.1)
    assert ET.fromstring(svg).findtext("{*}desc") == "all: model 50% (25% to 75%)"


def test_bars_are_as_long_as_their_values_and_what_they_say_has_room() -> None:
    rows = [Row("dead camera", [Bar(value, f"{value:g} seconds", name, kind) for value, name, kind in (
        (10.0, "road", "plot-main"), (1000.0, "none", "series-1"))])]  # fmt: skip
    svg = row_chart("t", rows, Axis(Scale(1, 1000, log=True)))
    *_, short, long = (float(each.get("width", "")) for each in ET.fromstring(svg).iter() if tag(each) == "rect")
    assert short == pytest.approx(long / 3, abs=0.1)
    (said,) = [each for each in drawn(svg, "plot-tick") if each.text == "1000 seconds"]
    assert float(said.get("x", "")) + width("1000 seconds") <= WIDE
    assert [each.text for each in drawn(svg, "plot-label")] == ["road", "none", "dead camera"], "with a legend"


# Strips


def test_marks_lie_in_their_place_are_never_too_narrow_and_may_be_links() -> None:
    marks = [Mark(100, 300, "mark-watch", "olga watched", 24), Mark(999.5, 1000, "mark-visit-open", href="/a?b=1&c=2")]
    root = ET.fromstring(strip(marks, 550.0))
    watch, visit = (each for each in root.iter() if tag(each) == "rect")
    assert [watch.get(key) for key in ("x", "y", "width", "height")] == ["100", "24", "200", "16"]
    assert watch.findtext("title") == "olga watched"
    assert (visit.get("x"), visit.get("width")) == ("997", "3")
    assert [each.get("href") for each in root.iter() if tag(each) == "a"] == ["/a?b=1&c=2"]
    (cursor,) = [each for each in root.iter() if each.get("class") == "cursor"]
    assert cursor.get("d") == "M550 0V40"
    assert root.get("aria-hidden") == "true"
    assert [(each.get("x"), each.text) for each in ET.fromstring(ruler([(125.0, "15")]))] == [("12.50%", "15")]


# All of them

CHARTS = {
    "line": lambda value, said: line_chart(said, Axis(Scale.of([value])), [
        Panel(Axis(Scale.of([value], log=True)), [Line([(0, 1), (value, value)], said, steps=True, dots=True)], said,
              [LimitLine(value, said)], [Band([(0, 1)], [(0, 2)])], [Dot((0, 1), "plot-trip")])], said),
    "square": lambda value, said: unit_square(said, said, said, [Line([(0, 0), (value, value)], said)]),
    "rows": lambda value, said: row_chart(said, [Row(said, [IntervalRow(value, 0, value, said), Bar(value, said, said)],
                                                     said)], SHARES, [LimitLine(value, said)]),
    "alone": lambda value, said: row_chart(said, [], SHARES, alone=True),
}  # fmt: skip


@pytest.mark.parametrize("name", CHARTS)
@given(value=ANY.filter(lambda value: value == value), said=st.one_of(st.just(HOSTILE), st.text(max_size=60)))
@settings(max_examples=40, deadline=None)
def test_a_chart_is_well_formed_and_within_its_box_whatever_the_values(name: str, value: float, said: str) -> None:
    svg = CHARTS[name](value, said)
    root = ET.fromstring(svg.encode())
    assert root.get("role") == "img"
    assert root.get("aria-label") is not None
    left, top, wide, high = map(float, root.get("viewBox", "").split())
    for each in root.iter():
        drawing = " ".join(each.get(key, "") for key in ("d", "x", "y", "cx", "cy", "width", "height"))
        assert not re.search(r"nan|inf|e[+-]", drawing)
        for x in (float(each.get(key, "0")) for key in ("x", "cx") if each.get(key)):
            assert left <= x <= left + wide
        for y in (float(each.get(key, "0")) for key in ("y", "cy") if each.get(key)):
            assert top <= y <= top + high


def test_a_template_takes_a_chart_as_it_is_and_everything_in_it_is_escaped() -> None:
    svg = unit_square(HOSTILE, HOSTILE, HOSTILE, [Line([(0, 0)], HOSTILE)])
    page = Environment(autoescape=True).from_string("{{ svg }}{{ other }}").render(svg=svg, other="<b>")
    assert page == f"{svg}&lt;b&gt;"
    assert "<script" not in svg
    assert (
        ET.fromstring(svg).get("aria-label")
        == "<script>'\"&\N{REPLACEMENT CHARACTER}" + 2 * "\N{REPLACEMENT CHARACTER}"
    )


def test_a_chart_that_stands_alone_bears_its_title_and_its_colours() -> None:
    svg = row_chart("How it went", [Row("all", [IntervalRow(0.5)])], SHARES, alone=True)
    assert [each.text for each in drawn(svg, "plot-title")] == ["How it went"]
    assert "stroke" in "".join(each.text or "" for each in ET.fromstring(svg).iter() if tag(each) == "style")
    assert "<style" not in row_chart("How it went", [], SHARES)


@given(st.integers(2, 40), st.integers(1, 14))
def test_names_along_an_axis_never_touch_and_none_is_cut_off(count: int, letters: int) -> None:
    frame = PlotArea(40, WIDE - EDGE, 0, 100, Scale(0, count - 1))
    axis = Axis(frame.across, chosen=[(n, "8" * letters) for n in range(count)])
    places = []
    for each in grid_across(frame, axis, 90, lines=False):
        x, half = float(each.get("x", "")), width("8" * letters) / 2
        begin = {"start": x, "middle": x - half, "end": x - 2 * half}[each.get("text-anchor", "")]
        places.append((begin, begin + 2 * half))
    assert places[0][0] >= 0
    assert places[-1][1] <= WIDE
    assert all(before[1] < after[0] for before, after in pairwise(places))


# The house


def handwritten(tree: ast.AST) -> Iterator[str]:
    """Pieces of SVG among the texts of a module, but not in what documents it."""
    documents = {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documents:
            yield from re.findall(r"</?(?:svg|path|polyline|polygon|rect|circle|line|g)\b", node.value)


def test_nobody_else_writes_svg_by_hand() -> None:
    modules = {path: ast.parse(path.read_text()) for room in PRODUCT for path in (ROOT / room).rglob("*.py")}
    assert len(modules) > 300
    found = {str(path.relative_to(ROOT)): [*handwritten(tree)] for path, tree in modules.items()}
    assert {path: pieces for path, pieces in found.items() if pieces} == {}
    assert {*handwritten(ast.parse('"""<svg>"""\nx = f"<path d={x}/>"\ny = "<rect/>"'))} == {"<path", "<rect"}


def test_templates_hold_icons_and_what_lies_over_pictures_but_no_charts() -> None:
    """A chart would have numbers of the page in its shapes; an icon has none. What lies over a photograph may."""
    found = {}
    for path in (ROOT / "review_ui" / "templates").glob("*.html"):
        svgs = re.findall(r"<svg.*?</svg>", path.read_text(), re.DOTALL)
        charts = [svg for svg in svgs if "{{" in re.sub(r'(?:class|aria-label)="[^"]*"', "", svg)]
        if charts:
            found[path.name] = [re.sub(r'<svg class="([^" ]*).*', r"\1", svg, flags=re.DOTALL) for svg in charts]
    assert found == {"camera.html": ["overlay"], "macros.html": ["overlay", "crop"], "night.html": ["swatch"]}

"""From sightings to visits to bear-nights, and which of them the model saw."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from rollout.evidence.camera_days import HourlyBaseline, NightIndex, SeenHour, alarm_hours, by_picture, camera_nights
from rollout.evidence.comparison import (
    EvidenceRule,
    JudgedVisit,
    SightedVisit,
    clusters,
    during,
    judge,
    nights,
    overlaps,
)
from rollout.evidence.matching import (
    Detection,
    MatchRule,
    chance_by_shifting,
    corrected,
    match,
    timelines,
)
from rollout.evidence.stats.intervals import ALWAYS, Interval, difference, holds, intersection, total, touches, union
from rollout.evidence.stats.visits import SeenVisit, Visit, is_dark, night_of, visits_of

ZONE = "America/Los_Angeles"
T0 = 1_800_000_000.0


def _at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(ZONE)).timestamp()


def _seen(
    number: int, start: float, end: float | None = None, site: str = "upper", camera: str | None = None
) -> SeenVisit:
    return SeenVisit(number, site, camera, start, start if end is None else end)


def _visit(start: float, site: str = "upper", camera: str | None = None) -> Visit:
    return Visit(site, start, start, (_seen(1, start, site=site, camera=camera),))


def _detection(number: int, at: float, lasts: float = 30.0, site: str = "upper", camera: str = "creek") -> Detection:
    return Detection(number, site, camera, at, at + 1.0, at + lasts)


def test_what_is_seen_without_a_long_gap_is_one_visit_whoever_saw_it() -> None:
    seen = [_seen(1, 0, 100), _seen(2, 50, 60), _seen(3, 1900), _seen(4, 3701), _seen(5, 10, site="lower")]
    found = visits_of(seen)
    assert [[each.id for each in visit.seen] for visit in found] == [[5], [1, 2, 3], [4]]
    assert (found[1].start, found[1].end) == (0, 1900)
    assert len(visits_of(seen, gap_s=600)) == 4


def test_short_gaps_make_many_visits_of_one() -> None:
    """Two thousand visits with pauses of four minutes inside: 5 min makes 2.4 times too many, 30 min about right."""
    rng = np.random.default_rng(1)
    starts = np.cumsum(rng.exponential(8 * 3600, 2000))
    seen: list[SeenVisit] = []
    for start in starts.tolist():
        moments = start + np.concatenate([[0.0], np.cumsum(rng.exponential(240, 5))])
        seen += [_seen(len(seen), float(moment)) for moment in moments]
    many, few, one = (len(visits_of(seen, gap_s)) for gap_s in (300.0, 1800.0, 3600.0))
    assert many / 2000 > 2.2
    assert few == pytest.approx(1876, rel=0.05)
    assert one == pytest.approx(1766, rel=0.05)


def test_a_bear_night_lasts_from_noon_to_noon_also_when_the_clocks_change() -> None:
    assert night_of(_at("2027-07-14T12:00"), ZONE) == "2027-07-14"
    assert night_of(_at("2027-07-15T11:59"), ZONE) == "2027-07-14"
    assert night_of(_at("2026-11-01T11:59"), ZONE) == "2026-10-31"  # 25 hours after the noon before
    assert night_of(_at("2026-03-08T12:00"), ZONE) == "2026-03-08"  # 23 hours after
    assert [is_dark(_at(f"2027-07-14T{clock}"), ZONE) for clock in ("19:59", "20:00", "05:59", "06:00")] == [
        False,
        True,
        True,
        False,
    ]


def test_numbered_nights_are_the_same_nights() -> None:
    index = NightIndex({"upper": ZONE})
    rng = np.random.default_rng(2)
    moments = (_at("2026-10-20T00:00") + rng.uniform(0, 20 * 86400, 300)).tolist()
    names = {(index.of("upper", at), night_of(at, ZONE)) for at in moments}
    assert len(names) == len({number for number, _ in names}) == len({name for _, name in names})


def test_the_model_may_be_a_little_earlier_and_ten_minutes_later() -> None:
    visits = [_visit(T0)]
    for offset, lasts, matches in (
        (-120, 1, True),
        (-122, 1, False),
        (598, 1, True),
        (600, 1, False),
        (-900, 790, True),
    ):
        found = match(visits, timelines([_detection(1, T0 + offset, lasts)]))
        assert (found[0] is not None) is matches, offset


def test_another_campsite_is_no_match_nor_another_camera_than_the_one_named() -> None:
    lines = timelines([_detection(1, T0), _detection(2, T0, site="lower")])
    whichever = MatchRule(same_camera=False)
    assert match([_visit(T0, camera="trail")], lines, whichever)[0] is not None
    assert match([_visit(T0, camera="trail")], lines) == [None]
    assert match([_visit(T0, camera="creek")], lines)[0] is not None
    assert match([_visit(T0)], lines)[0] is not None
    assert match([_visit(T0, site="nowhere")], lines, whichever) == [None]
    days_later = [_visit(T0 + 4 * 86400, camera="trail")]
    assert chance_by_shifting(days_later, lines) == 0.0
    assert chance_by_shifting(days_later, lines, whichever) == pytest.approx(1 / 4), "one of the four days before it"
    assert chance_by_shifting([_visit(T0 + 3600)], lines) is None, "there is no other day to ask"


def test_one_detection_sees_one_visit_and_as_many_as_possible_are_matched() -> None:
    visits = [_visit(T0), _visit(T0 + 300)]
    alone = match(visits, timelines([_detection(1, T0 + 290)]))
    assert [each is not None for each in alone] == [False, True]  # the nearer one
    # The nearest for both is the first; only the first visit can have the second one too late for it.
    both = match(visits, timelines([_detection(1, T0 + 310), _detection(2, T0 + 880)]))
    assert [each.id if each else None for each in both] == [1, 2]


def test_matching_many_competing_visits_is_the_best_there_is() -> None:
    """Against brute force: as many matches as possible, then the least distance."""
    from itertools import permutations

    rng = np.random.default_rng(3)
    for _ in range(25):
        visits = [_visit(T0 + float(at)) for at in np.sort(rng.uniform(0, 1500, 4))]
        detections = [_detection(n, T0 + float(at), 10) for n, at in enumerate(rng.uniform(-200, 2100, 4))]
        lines = timelines(detections)
        found = match(visits, lines)

        def cost(chosen: tuple[int, ...], pairs: list[tuple[Visit, Detection]]) -> tuple[int, float]:
            fit = [
                abs(pairs[k][1].alert_at - pairs[k][0].start)
                for k in range(len(chosen))
                if pairs[k][1].alert_at <= pairs[k][0].start + 600 and pairs[k][1].last_at >= pairs[k][0].start - 120
            ]
            return (-len(fit), sum(fit))

        best = min(
            cost(order, [(visits[k], detections[order[k]]) for k in range(4)]) for order in permutations(range(4))
        )
        matched = [(visit, detection) for visit, detection in zip(visits, found, strict=True) if detection]
        assert len({detection.id for _, detection in matched}) == len(matched)
        assert -len(matched) == best[0]
        assert sum(abs(d.alert_at - v.start) for v, d in matched) == pytest.approx(best[1])


def test_chance_alone_matches_as_often_as_the_formula_says() -> None:
    false_alarms_in_the_window = 2 * 4 * 720 / 86400
    by_formula = 1 - np.exp(-false_alarms_in_the_window)
    assert by_formula == pytest.approx(0.0645, abs=0.001)
    rng = np.random.default_rng(4)
    noise = [_detection(n, float(at), 0.0) for n, at in enumerate(rng.uniform(0, 60 * 86400, 60 * 8))]
    visits = [_visit(float(at)) for at in rng.uniform(86400, 59 * 86400, 400)]
    assert chance_by_shifting(visits, timelines(noise)) == pytest.approx(by_formula, abs=0.015)
    assert chance_by_shifting([], timelines(noise)) is None


def test_recall_without_chance_matches_is_the_true_one() -> None:
    """A noisy model with true recall .795: raw .857, corrected .796."""
    rng = np.random.default_rng(5)
    days, count, recall = 600, 1200, 0.795
    starts = np.sort(rng.uniform(0, days * 86400, count))
    seen = rng.random(count) < recall
    real = [_detection(n, float(at) + 20.0) for n, at in enumerate(starts[seen])]
    rate = 0.357 / 720  # events a second that give a chance match three times in ten
    times = rng.uniform(0, days * 86400, rng.poisson(rate * days * 86400))
    noise = [_detection(10_000 + n, float(at), 0.0) for n, at in enumerate(times)]
    visits = [_visit(float(at)) for at in starts]
    lines = timelines([*real, *noise])
    raw = sum(line is not None for line in match(visits, lines)) / count
    chance = chance_by_shifting(visits, timelines(noise))
    assert chance is not None
    assert raw == pytest.approx(0.857, abs=0.025)
    assert corrected(raw, chance) == pytest.approx(seen.mean(), abs=0.02)
    assert corrected(0.2, 0.5) == 0.0


def test_intervals_add_meet_and_part() -> None:
    a = [Interval(5, 8), Interval(0, 3), Interval(2, 4), Interval(9, 9)]
    assert union(a) == (Interval(0, 4), Interval(5, 8))
    assert total(a) == 7
    assert intersection(a, [Interval(3, 6), Interval(7, 100)]) == (Interval(3, 4), Interval(5, 6), Interval(7, 8))
    assert difference(a, [Interval(1, 2), Interval(6, 7)]) == (
        Interval(0, 1),
        Interval(2, 4),
        Interval(5, 6),
        Interval(7, 8),
    )
    assert difference(a, ALWAYS) == ()
    assert [holds(union(a), at) for at in (-1, 0, 3.9, 4, 5, 8)] == [False, True, True, False, True, False]
    assert [touches(union(a), *span) for span in ((-2, -1), (-2, 0), (4, 4.5), (4, 5), (8, 9))] == [
        False,
        True,
        False,
        True,
        False,
    ]


RULE = EvidenceRule()
ZONES = {"upper": ZONE, "lower": ZONE}


def _judged(times: list[str], detections: list[Detection]) -> list[JudgedVisit]:
    sightings = [SightedVisit(n, "upper", None, _at(text), True) for n, text in enumerate(times)]
    return judge(sightings, timelines(detections), ZONES, RULE)


def test_the_first_visit_of_a_bear_night_counts() -> None:
    times = ["2027-07-14T21:00", "2027-07-14T23:00", "2027-07-15T02:00", "2027-07-15T22:00"]
    judged = _judged(times, [_detection(1, _at("2027-07-14T23:00")), _detection(2, _at("2027-07-15T22:01"))])
    assert [each.hit for each in judged] == [False, True, False, True]
    assert [each.hit for each in nights(judged)] == [False, True]
    assert clusters(judged) == ([1, 1], [3, 1])
    assert [each.time_to_alert_s for each in judged] == [None, 1.0, None, 61.0]


def test_a_visit_of_the_model_near_a_sighting_is_no_visit_of_its_own() -> None:
    judged = _judged(["2027-07-14T21:00"], [])
    late = _detection(1, _at("2027-07-14T21:25"))
    alone = _detection(2, _at("2027-07-14T23:00"))
    by_day = _detection(3, _at("2027-07-15T08:00"))
    found = overlaps(judged, [late, alone, by_day], ZONES, RULE)
    assert (found["dark"].ranger_only, found["dark"].model_only, found["dark"].both) == (1, 1, 0)
    assert found["light"].model_only == 1


def test_only_the_time_that_counts_counts() -> None:
    sightings = [SightedVisit(n, "upper", None, float(n), True) for n in range(5)]
    assert [each.id for each in during(sightings, {"upper": [Interval(1, 3)], "lower": ALWAYS})] == [1, 2]
    assert during(sightings, {}) == []


def test_the_motion_baseline_raises_as_many_alarms_as_the_model() -> None:
    hours = [SeenHour("creek", "upper", hour * 3600.0, 60, motion) for hour, motion in enumerate((0, 5, 90, 40))]
    baseline = HourlyBaseline(hours, alarms=2)
    assert baseline.least == 40
    sees = [
        baseline.sees(_visit(at), MatchRule()) for at in (600.0, 3600.0, 2 * 3600.0 - 700, 2 * 3600.0 - 500, 13000.0)
    ]
    assert sees == [False, False, False, True, True]
    assert not HourlyBaseline(hours, alarms=0).sees(_visit(2 * 3600.0), MatchRule())
    assert alarm_hours([("creek", 10.0), ("creek", 20.0), ("trail", 10.0), ("creek", 3700.0)]) == 3


def test_the_mean_picture_raises_its_alarms_where_pictures_differ_most() -> None:
    gaps = (None, 4.0, 31.0, 12.0)
    hours = [SeenHour("creek", "upper", hour * 3600.0, 60, 0, gap) for hour, gap in enumerate(gaps)]
    baseline = HourlyBaseline(hours, 1, by_picture)
    assert baseline.least == 31.0
    assert [baseline.sees(_visit(hour * 3600.0 + 1800), MatchRule()) for hour in range(4)] == [
        False,
        False,
        True,
        False,
    ]
    assert HourlyBaseline(hours[:1], 3, by_picture).least is None


def test_exposure_is_the_time_in_which_a_camera_was_seen() -> None:
    begin = _at("2027-07-14T12:00")
    hours = [SeenHour("creek", "upper", begin + hour * 3600, 60 if hour < 24 else 30, 0) for hour in range(48)]
    exposure = camera_nights(hours, NightIndex(ZONES))
    assert sorted(exposure.values()) == pytest.approx([0.5, 1.0])

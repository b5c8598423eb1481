"""One visit is one encounter."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from core.messages import CropScore, EncounterKind, FrameScores, Reason
from detector.tracking.tracker import (
    AlertRule,
    Closed,
    Extended,
    Opened,
    Track,
    Tracks,
    Upgraded,
    decide,
    expire,
    observe,
    subject_box,
    zones_of,
)
from tests.support.factories import T0, frame, scored, strange

RULE = AlertRule(min_hits=3, unknown_hits=4, window_s=3.0, quiet_gap_s=60.0, context_s=3.0)


def run(scores: list[FrameScores], track: Track | None = None) -> tuple[Track, list[object]]:
    """Feed frames to one track; returns it with all changes."""
    track = track or Track()
    changes: list[object] = []
    for one in scores:
        track, found = observe(track, one, RULE)
        changes += found
    return track, changes


def visit(start: float, seconds: float, bear: float = 0.9) -> list[FrameScores]:
    """A bear in view, five frames a second."""
    return [scored(bear, at=start + step / 5) for step in range(int(seconds * 5))]


def test_two_agreeing_frames_are_not_enough_and_three_are() -> None:
    _track, changes = run(visit(T0, 0.4))
    assert changes == []
    _track, changes = run(visit(T0, 0.6))
    assert [type(change) for change in changes] == [Opened]


def test_agreeing_frames_must_be_close_together() -> None:
    assert decide([scored(0.9, at=T0 + 12 * step) for step in range(5)], RULE) is None


def test_a_score_on_the_threshold_agrees() -> None:
    assert decide([scored(0.5, at=T0 + step / 5) for step in range(3)], RULE) is not None
    assert decide([scored(0.499, at=T0 + step / 5) for step in range(3)], RULE) is None


def test_a_bear_in_view_for_a_minute_is_one_encounter() -> None:
    _track, changes = run(visit(T0, 60))
    assert sum(isinstance(change, Opened) for change in changes) == 1
    assert sum(isinstance(change, Extended) for change in changes) == 60 * 5 - 3


def test_a_bear_behind_a_bush_for_half_a_minute_is_still_the_same_visit() -> None:
    _track, changes = run([*visit(T0, 5), *visit(T0 + 5, 30, bear=0.1), *visit(T0 + 35, 5)])
    assert sum(isinstance(change, Opened) for change in changes) == 1


def test_a_quiet_gap_ends_the_visit_and_the_next_bear_is_a_new_one() -> None:
    _track, changes = run([*visit(T0, 2), *visit(T0 + 120, 2)])
    kinds = [type(change) for change in changes if not isinstance(change, Extended)]
    assert kinds == [Opened, Closed, Opened]
    closed = next(change for change in changes if isinstance(change, Closed))
    assert closed.closed_at == pytest.approx(T0 + 1.8 + 60)


def test_a_visit_ends_even_when_the_camera_goes_silent() -> None:
    track, _changes = run(visit(T0, 2))
    track, changes = expire(track, T0 + 100, RULE)
    assert [type(change) for change in changes] == [Closed]
    assert expire(track, T0 + 200, RULE)[1] == []


def test_the_same_frame_twice_changes_nothing() -> None:
    twice = [one for one in visit(T0, 2) for _ in range(2)]
    assert run(twice) == run(visit(T0, 2))


def test_the_minutes_thumbnail_is_no_second_witness() -> None:
    frames = visit(T0, 0.4)
    thumbnail = scored(0.9, at=frames[-1].frame.captured_at, reason=Reason.AUDIT)
    _track, changes = run([*frames, thumbnail])
    assert changes == []


def test_frames_out_of_order_open_the_encounter_too() -> None:
    first, second, third = visit(T0, 0.6)
    _track, changes = run([second, first, third])
    assert [type(change) for change in changes] == [Opened]
    opened = changes[0]
    assert isinstance(opened, Opened)
    assert [hit.frame.captured_at for hit in opened.draft.hits] == [s.frame.captured_at for s in (first, second, third)]


def test_the_seconds_before_are_kept_as_context() -> None:
    _track, changes = run([*visit(T0, 10, bear=0.05), *visit(T0 + 10, 0.6)])
    opened = changes[0]
    assert isinstance(opened, Opened)
    times = [scores.frame.captured_at - T0 for scores in opened.draft.context]
    assert min(times) == pytest.approx(7.4)
    assert max(times) == pytest.approx(9.8)


def test_an_endless_visit_does_not_fill_the_disk_but_its_best_frame_is_always_kept() -> None:
    frames = [*visit(T0, 600, bear=0.8), scored(0.99, at=T0 + 600)]
    _track, changes = run(frames)
    extended = [change for change in changes if isinstance(change, Extended)]
    assert sum(change.keep for change in extended) <= 61
    assert extended[-1].keep
    assert extended[-1].is_peak


def test_a_frame_from_before_an_outage_gets_a_track_of_its_own() -> None:
    tracks = Tracks()
    fresh = scored(0.1, at=T0 + 100)
    tracks.by_key[tracks.key_for(fresh, RULE)] = observe(Track(), fresh, RULE)[0]
    assert tracks.key_for(scored(0.9, at=T0), RULE) == ("upper-creek", True)
    assert tracks.key_for(scored(0.9, at=T0 + 99), RULE) == ("upper-creek", False)


def test_the_box_on_the_page_is_what_moved_inside_the_deciding_crop() -> None:
    moved = (0.42, 0.5, 0.58, 0.8)
    elsewhere = (0.9, 0.1, 0.95, 0.2)
    crop = CropScore((0.3, 0.3, 0.7, 0.9), 0.9, "bear", 0.9)
    assert subject_box(FrameScores(frame(boxes=(moved, elsewhere)), (crop,), "m", T0)) == moved
    assert subject_box(FrameScores(frame(boxes=(elsewhere,)), (crop,), "m", T0)) == crop.box


def test_an_animal_is_in_a_zone_when_its_feet_are() -> None:
    zones = {"tents": [(0.0, 0.5), (1.0, 0.5), (1.0, 1.0), (0.0, 1.0)], "sky": [(0.0, 0.0), (1.0, 0.0), (0.5, 0.4)]}
    assert zones_of((0.4, 0.2, 0.6, 0.7), zones) == ["tents"]
    assert zones_of((0.4, 0.0, 0.6, 0.2), zones) == ["sky"]
    assert zones_of((0.4, 0.3, 0.6, 0.45), zones) == []


def stranger(start: float, seconds: float, unknown: float = 5.0) -> list[FrameScores]:
    """An animal that the model does not know, five frames a second."""
    return [strange(start + step / 5, unknown) for step in range(int(seconds * 5))]


def kinds(changes: list[object]) -> list[object]:
    """What was opened and recognised, in turn."""
    return [(type(change), change.draft.kind) for change in changes if isinstance(change, Opened | Upgraded)]


def test_each_frame_brings_the_threshold_by_which_it_agrees() -> None:
    by_day = [scored(0.4, at=T0 + step / 5, threshold=0.5) for step in range(5)]
    by_night = [scored(0.4, at=T0 + step / 5, threshold=0.35) for step in range(5)]
    assert decide(by_day, RULE) is None
    assert decide(by_night, RULE) is not None


def test_an_animal_the_model_does_not_know_is_one_visit_of_its_own_kind() -> None:
    _track, changes = run([*stranger(T0, 20), *stranger(T0 + 20, 5)])
    assert kinds(changes) == [(Opened, EncounterKind.UNKNOWN_ANIMAL)]
    _track, changes = run(stranger(T0, 0.6))
    assert changes == []


def test_its_strangest_frame_is_the_cover() -> None:
    _track, changes = run([*stranger(T0, 0.4), strange(T0 + 0.4, unknown=9.0), *stranger(T0 + 0.6, 0.6)])
    opened = changes[0]
    assert isinstance(opened, Opened)
    assert opened.draft.cover.frame.captured_at == pytest.approx(T0 + 0.4)
    better = strange(T0 + 1.4, unknown=11.0)
    _track, changes = run([better], run(stranger(T0, 1.2))[0])
    assert isinstance(changes[-1], Extended)
    assert changes[-1].is_peak


def test_an_unknown_animal_that_turns_out_to_be_a_bear_is_the_same_visit() -> None:
    _track, changes = run([*stranger(T0, 2), *visit(T0 + 2, 2)])
    assert kinds(changes) == [(Opened, EncounterKind.UNKNOWN_ANIMAL), (Upgraded, EncounterKind.BEAR)]
    upgraded = next(change for change in changes if isinstance(change, Upgraded))
    assert [hit.frame.captured_at - T0 for hit in upgraded.draft.hits] == pytest.approx([2.0, 2.2, 2.4])


def test_a_bear_that_is_seen_badly_for_a_while_stays_a_bear() -> None:
    track, changes = run([*visit(T0, 2), *stranger(T0 + 2, 10)])
    assert kinds(changes) == [(Opened, EncounterKind.BEAR)]
    assert track.visit is not None
    assert track.visit.last_at == pytest.approx(T0 + 1.8)


def test_a_few_bear_frames_among_unknown_ones_keep_the_visit_open() -> None:
    track, changes = run([*stranger(T0, 2), *visit(T0 + 50, 0.4), *stranger(T0 + 100, 2)])
    assert kinds(changes) == [(Opened, EncounterKind.UNKNOWN_ANIMAL)]
    assert track.visit is not None


def test_one_frame_alone_keeps_no_visit_open() -> None:
    """A boar and a fox between four bears: single frames that the model is sure of, the others say what they are."""
    bears = [frame for start in (0, 90, 180, 270) for frame in visit(T0 + start, 10)]
    others = [frame for at in (30, 65, 120, 150, 215, 240) for frame in animal_taken_for_a_bear_once(T0 + at)]
    _track, changes = run(sorted([*bears, *others], key=lambda scores: scores.frame.captured_at))
    found = [type(change) for change in changes if not isinstance(change, Extended)]
    assert found == [Opened, Closed] * 3 + [Opened]
    ends = [change.last_at - T0 for change in changes if isinstance(change, Closed)]
    assert ends == pytest.approx([9.8, 99.8, 189.8])


def test_not_even_where_nothing_else_is_sent() -> None:
    _track, changes = run(
        [*visit(T0, 2), *(scored(0.95, at=T0 + 20 * step) for step in range(1, 9)), *visit(T0 + 170, 2)]
    )
    assert sum(isinstance(change, Opened) for change in changes) == 2


def test_frames_that_waited_for_others_count_once_these_have_come() -> None:
    _track, changes = run([*visit(T0, 2), *visit(T0 + 30, 0.6)])
    extended = [change.hit.frame.captured_at - T0 for change in changes if isinstance(change, Extended)]
    assert extended[-3:] == pytest.approx([30.0, 30.2, 30.4])
    _track, changes = run([*visit(T0, 2), *visit(T0 + 30, 0.4)])
    assert sum(isinstance(change, Extended) for change in changes) == 7


def test_one_strange_frame_keeps_no_visit_open_either() -> None:
    _track, changes = run([*stranger(T0, 2), strange(T0 + 50), *stranger(T0 + 100, 2)])
    assert kinds(changes) == [(Opened, EncounterKind.UNKNOWN_ANIMAL)] * 2


def test_a_bear_seen_badly_for_a_minute_counts_as_one_seen_well_for_a_second() -> None:
    badly = visit(T0, 60, bear=0.35)  # the threshold is .5
    assert run(visit(T0, 2, bear=0.35))[1] == []
    _track, changes = run(badly)
    assert kinds(changes) == [(Opened, EncounterKind.BEAR)]
    opened = next(change for change in changes if isinstance(change, Opened))
    assert opened.draft.hits[-1].frame.captured_at < T0 + 30
    assert all(hit.bear == 0.35 for hit in opened.draft.hits)
    assert _track.visit is not None
    assert _track.visit.last_at == badly[-1].frame.captured_at


def test_a_boar_a_little_below_the_threshold_for_some_seconds_opens_nothing_until_one_frame_reaches_it() -> None:
    boar = visit(T0, 8, bear=0.4)  # the threshold is .5
    assert run(boar)[1] == []
    assert kinds(run([*boar, scored(0.5, at=T0 + 8.2)])[1]) == [(Opened, EncounterKind.BEAR)]


def test_what_hardly_ever_looks_like_a_bear_opens_nothing_however_long_it_stays() -> None:
    _track, changes = run(visit(T0, 600, bear=0.25))
    assert changes == []


def test_two_frames_two_seconds_apart_say_as_much_as_three_in_a_row() -> None:
    slow = [scored(0.6, at=T0 + 2 * step) for step in range(5)]
    _track, changes = run(slow)
    assert kinds(changes) == [(Opened, EncounterKind.BEAR)]
    opened = changes[0]
    assert isinstance(opened, Opened)
    assert [hit.frame.captured_at - T0 for hit in opened.draft.hits] == [0.0, 2.0]


@pytest.mark.parametrize("fps", [0.1, 0.5, 1, 2, 5, 10, 30])
def test_the_rule_of_a_slow_camera_can_be_met(fps: float) -> None:
    rule = RULE.for_rate(fps)
    assert rule.can_fire(fps)
    assert opens(lambda at: scored(0.5, at=at), fps, rule)
    assert opens(lambda at: strange(at), fps, rule)


def opens(seen: Callable[[float], FrameScores], fps: float, rule: AlertRule) -> bool:
    """Whether what is seen in every frame opens an encounter."""
    track = Track()
    for step in range(max(10, int(2 * fps))):
        track, changes = observe(track, seen(T0 + step / fps), rule)
        if any(isinstance(change, Opened) for change in changes):
            return True
    return False


def test_a_rule_that_asks_for_more_than_a_camera_gives_says_so() -> None:
    assert not RULE.can_fire(0.1)  # a picture in ten seconds, three seconds of window
    assert RULE.for_rate(0.1).can_fire(0.1)
    assert not RULE.for_rate(0.02).can_fire(0.02)
    assert RULE.for_rate(5) == RULE


def animal_taken_for_a_bear_once(start: float) -> list[FrameScores]:
    """Two seconds of an animal of which one frame is taken for a bear."""
    return [scored(0.95 if step == 5 else 0.05, at=start + step / 5) for step in range(10)]


def test_a_branch_that_no_crop_takes_for_an_animal_opens_nothing() -> None:
    _track, changes = run([scored(0.1, at=T0 + step / 5) for step in range(50)])
    assert changes == []

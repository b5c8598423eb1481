"""What holds for every sequence of frames, however they arrive."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from core.messages import EncounterKind, FrameScores
from detector.tracking.tracker import AlertRule, Change, Closed, Extended, Opened, Track, Upgraded, bear_level, observe
from tests.support.factories import T0, scored

RULE = AlertRule(min_hits=3, unknown_hits=4, window_s=3.0, quiet_gap_s=20.0, context_s=2.0)
BEAR, UNKNOWN = EncounterKind.BEAR, EncounterKind.UNKNOWN_ANIMAL

frames = st.lists(
    st.builds(
        lambda step, bear, unknown: scored(bear, at=T0 + step / 5, unknown=unknown),
        st.integers(0, 600),
        st.sampled_from([0.0, 0.49, 0.5, 0.95]),
        st.sampled_from([None, None, 1.0, 7.5]),
    ),
    max_size=80,
    unique_by=lambda s: s.frame.captured_at,
).map(lambda found: sorted(found, key=lambda s: s.frame.captured_at))


def changes_of(sequence: list[FrameScores]) -> list[Change]:
    """Everything that a fresh track says of a sequence."""
    track = Track()
    changes: list[Change] = []
    for scores in sequence:
        track, found = observe(track, scores, RULE)
        changes += found
    return changes


def enough(hits: Sequence[float], wanted: int) -> bool:
    """Whether so many of these moments ever lie within one window."""
    return any(last - first <= RULE.window_s for first, last in zip(hits, hits[wanted - 1 :], strict=False))


def in_a_row(sequence: Sequence[FrameScores], wanted: int) -> bool:
    """Whether so many frames that show a bear ever follow one another at five a second or less, with none between."""
    return any(
        all(s.bear >= s.threshold for s in row)
        and row[-1].frame.captured_at - row[0].frame.captured_at <= RULE.window_s
        for row in (sequence[place : place + wanted] for place in range(len(sequence) - wanted + 1))
    )


@given(frames)
def test_encounters_open_are_recognised_and_close_in_turn(sequence: list[FrameScores]) -> None:
    kind: EncounterKind | None = None
    for change in changes_of(sequence):
        if isinstance(change, Opened):
            assert kind is None
            kind = change.draft.kind
        elif isinstance(change, Upgraded):
            assert kind is UNKNOWN
            kind = BEAR
        else:
            assert change.kind is kind
            kind = None if isinstance(change, Closed) else kind


@given(frames)
def test_nothing_that_speaks_against_a_bear_ever_counts_as_one(sequence: list[FrameScores]) -> None:
    for change in changes_of(sequence):
        if isinstance(change, Opened | Upgraded) and change.draft.kind is BEAR:
            assert all(bear_level(hit) > 0 for hit in change.draft.hits)
            agreeing = [hit for hit in change.draft.hits if hit.bear >= hit.threshold]
            assert len(agreeing) == len(change.draft.hits) or len(agreeing) < RULE.min_hits
        elif isinstance(change, Extended) and change.kind is BEAR:
            assert bear_level(change.hit) > 0


@given(frames)
def test_what_begins_as_an_unknown_animal_shows_one_in_every_agreeing_frame_and_no_bear(
    sequence: list[FrameScores],
) -> None:
    for change in changes_of(sequence):
        if isinstance(change, Opened) and change.draft.kind is UNKNOWN:
            assert len(change.draft.hits) >= RULE.unknown_hits
            assert all(hit.unknown and hit.bear < hit.threshold for hit in change.draft.hits)


@given(frames, st.data())
def test_a_frame_delivered_again_at_once_changes_nothing(sequence: list[FrameScores], data: st.DataObject) -> None:
    doubled = [s for s in sequence for _ in range(data.draw(st.integers(1, 2)))]
    assert changes_of(doubled) == changes_of(sequence)


@given(frames)
def test_agreeing_frames_in_a_row_are_never_missed(sequence: list[FrameScores]) -> None:
    """Whatever unknown animals are about: it opens a bear's encounter, or makes one of those a bear's."""
    told = any(isinstance(c, Opened | Upgraded) and c.draft.kind is BEAR for c in changes_of(sequence))
    assert told or not in_a_row(sequence, RULE.min_hits)


@given(frames)
def test_no_frame_opens_or_extends_a_visit_alone(sequence: list[FrameScores]) -> None:
    """Every frame that does has another one that speaks for it within a few seconds."""
    speaking = [s.frame.captured_at for s in sequence if bear_level(s) > 0 or s.unknown]
    for change in changes_of(sequence):
        for at in _moments(change):
            assert any(0 < abs(at - other) <= 5 * RULE.window_s for other in speaking)


def _moments(change: Change) -> list[float]:
    if isinstance(change, Opened | Upgraded):
        return [hit.frame.captured_at for hit in change.draft.hits]
    return [change.hit.frame.captured_at] if isinstance(change, Extended) else []


@given(frames, st.randoms(use_true_random=False))
def test_the_order_of_arrival_within_the_window_does_not_matter_to_the_evidence(
    sequence: list[FrameScores], random: Random
) -> None:
    first = sequence[0].frame.captured_at if sequence else 0.0
    near = [s for s in sequence if s.frame.captured_at - first <= RULE.window_s]
    shuffled = random.sample(near, len(near))
    assert told_bear(shuffled) or not told_bear(near)


def told_bear(sequence: list[FrameScores]) -> bool:
    """Whether a bear is told of."""
    return any(isinstance(c, Opened | Upgraded) and c.draft.kind is BEAR for c in changes_of(sequence))


@given(frames)
def test_frames_of_an_unknown_animal_are_never_silently_no_bear(sequence: list[FrameScores]) -> None:
    """Enough of them open an encounter, unless a visit is with the ranger already."""
    strange = [s.frame.captured_at for s in sequence if s.unknown]
    opened = any(isinstance(change, Opened) for change in changes_of(sequence))
    assert opened or not enough(strange, RULE.unknown_hits)


@given(frames)
def test_unknown_animals_change_nothing_about_bears(sequence: list[FrameScores]) -> None:
    """The moments at which a bear is told are those of a tracker that knows of no unknown animals, or more."""

    def told(of: list[FrameScores]) -> set[float]:
        return {
            change.draft.hits[-1].frame.captured_at
            for change in changes_of(of)
            if isinstance(change, Opened | Upgraded) and change.draft.kind is BEAR
        }

    without = [scored(s.bear, at=s.frame.captured_at) for s in sequence]
    first = min(told(without), default=None)
    assert first == min(told(sequence), default=None)

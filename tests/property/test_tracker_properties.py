"""What holds for every sequence of frames, however they arrive."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from core.messages import FrameScores
from detector.tracker import AlertRule, Closed, Extended, Opened, Track, observe
from tests.factories import T0, scored

RULE = AlertRule(threshold=0.5, min_hits=3, window_s=3.0, quiet_gap_s=20.0, context_s=2.0)

frames = st.lists(
    st.builds(
        lambda step, bear: scored(bear, at=T0 + step / 5),
        st.integers(0, 600),
        st.sampled_from([0.0, 0.49, 0.5, 0.95]),
    ),
    max_size=80,
    unique_by=lambda s: s.frame.captured_at,
).map(lambda found: sorted(found, key=lambda s: s.frame.captured_at))


def changes_of(sequence: list[FrameScores]) -> list[object]:
    """Everything that a fresh track says of a sequence."""
    track = Track()
    changes: list[object] = []
    for scores in sequence:
        track, found = observe(track, scores, RULE)
        changes += found
    return changes


@given(frames)
def test_encounters_open_and_close_in_turn(sequence: list[FrameScores]) -> None:
    is_open = False
    for change in changes_of(sequence):
        if isinstance(change, Opened):
            assert not is_open
            is_open = True
        elif isinstance(change, Closed):
            assert is_open
            is_open = False
        else:
            assert is_open


@given(frames)
def test_nothing_below_the_threshold_ever_counts(sequence: list[FrameScores]) -> None:
    for change in changes_of(sequence):
        if isinstance(change, Opened):
            assert all(hit.bear >= RULE.threshold for hit in change.draft.hits)
            assert all(context.bear < RULE.threshold for context in change.draft.context)
        elif isinstance(change, Extended):
            assert change.hit.bear >= RULE.threshold


@given(frames, st.data())
def test_a_frame_delivered_again_at_once_changes_nothing(sequence: list[FrameScores], data: st.DataObject) -> None:
    doubled = [s for s in sequence for _ in range(data.draw(st.integers(1, 2)))]
    assert changes_of(doubled) == changes_of(sequence)


@given(frames)
def test_three_agreeing_frames_in_the_window_are_never_missed(sequence: list[FrameScores]) -> None:
    hits = [s.frame.captured_at for s in sequence if s.bear >= RULE.threshold]
    enough = any(last - first <= RULE.window_s for first, last in zip(hits, hits[2:], strict=False))
    assert any(isinstance(change, Opened) for change in changes_of(sequence)) == enough

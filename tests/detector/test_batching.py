"""Which frames go first, and which give way."""

from __future__ import annotations

from detector.batching import Waiting, choose
from tests.support.factories import T0


def waiting(*frames: tuple[str, float]) -> list[Waiting[None]]:
    """Frames of one crop each, by camera and age in seconds."""
    return [Waiting(camera, T0 - age, 1, None) for camera, age in frames]


def names(frames: list[Waiting[None]]) -> list[tuple[str, float]]:
    """Back to camera and age."""
    return [(frame.camera, round(T0 - frame.captured_at, 3)) for frame in frames]


def test_what_fits_is_taken_oldest_first_however_old_it_is() -> None:
    choice = choose(waiting(("a", 0.1), ("a", 9.0)), T0, max_crops=8, fresh_s=1.0)
    assert names(choice.take) == [("a", 9.0), ("a", 0.1)]
    assert choice.discard == []


def test_a_ripple_of_fresh_frames_drops_nothing() -> None:
    frames = waiting(*(("a", 0.9 - step / 10) for step in range(5)))
    choice = choose(frames, T0, max_crops=2, fresh_s=1.0)
    assert (len(choice.take), len(choice.wait), len(choice.discard)) == (2, 3, 0)


def test_under_overload_the_newest_frame_of_each_camera_wins() -> None:
    frames = waiting(("a", 5.0), ("a", 4.0), ("a", 0.2), ("b", 3.0), ("b", 0.1), ("c", 6.0))
    choice = choose(frames, T0, max_crops=3, fresh_s=1.0)
    assert names(choice.take) == [("c", 6.0), ("a", 0.2), ("b", 0.1)]
    assert sorted(names(choice.discard)) == [("a", 4.0), ("a", 5.0), ("b", 3.0)]


def test_a_busy_camera_cannot_starve_a_quiet_one() -> None:
    frames = waiting(*(("busy", step / 10) for step in range(50)), ("quiet", 0.0))
    choice = choose(frames, T0, max_crops=2, fresh_s=1.0)
    assert ("quiet", 0.0) in names(choice.take)


def test_every_frame_is_taken_kept_or_dropped_and_none_twice() -> None:
    frames = waiting(*((camera, age / 3) for age in range(20) for camera in "abc"))
    choice = choose(frames, T0, max_crops=4, fresh_s=1.0)
    together = names(choice.take) + names(choice.wait) + names(choice.discard)
    assert sorted(together) == sorted(names(frames))


def test_a_still_frame_with_its_tiles_goes_alone() -> None:
    frames = [Waiting("a", T0 - 0.3, 10, None), *waiting(("b", 0.2), ("c", 0.1))]
    choice = choose(frames, T0, max_crops=8, fresh_s=1.0)
    assert names(choice.take) == [("a", 0.3)]
    assert names(choose(choice.wait, T0, max_crops=8, fresh_s=1.0).take) == [("b", 0.2), ("c", 0.1)]

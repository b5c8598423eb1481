"""The bounds of a night: frames come first, breakers end it, time and memory are limited, and all of it is said."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from detector.nightly.guard import Guard, Limits, NightEnded, NightInterrupted, frozen_by, refuse_full_disk
from rollout.breakers.trip_scope import EVERYTHING
from rollout.breakers.trips import Action, Trip


@dataclass
class Heard:
    """What was said of the progress, and a clock that sleeping moves."""

    said: list[str] = field(default_factory=list)
    now: float = 0.0

    def say(self, stage: str, done: int = 0, total: int = 0) -> None:
        self.said.append(f"{stage} {done}/{total}")

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def guard_of(
    heard: Heard,
    waiting: Callable[[], int | None] = lambda: 0,
    frozen: Callable[[], str | None] = lambda: None,
    stopped: Callable[[], bool] = lambda: False,
    limits: Limits = Limits(600.0, 1_000_000, 100),
) -> Guard:
    return Guard(limits, heard, waiting, frozen, stopped, heard.sleep, lambda: heard.now)  # type: ignore[arg-type]


def test_training_waits_until_half_of_the_frames_are_gone_and_the_pause_does_not_count() -> None:
    heard, queue = Heard(), iter([300, 90, 60, 50])
    guard = guard_of(heard, lambda: next(queue))
    guard.between("training", 3, 10)
    assert guard.paused_s == 6.0
    assert guard.worked_s == 0.0
    assert heard.said[0] == "training 3/10"
    assert heard.said[1] == "pausing, 300 frames wait (training) 3/10"


def test_an_unknown_queue_holds_nobody_up() -> None:
    guard_of(Heard(), lambda: None).between("training", 1, 2)


def test_a_process_that_is_asked_to_end_ends_even_while_it_pauses() -> None:
    heard = Heard()
    with pytest.raises(NightInterrupted, match="asked to end after 1 of 2"):
        guard_of(heard, lambda: 1000, stopped=lambda: heard.now > 3).between("training", 1, 2)


def test_time_is_bounded() -> None:
    heard = Heard()
    guard = guard_of(heard, limits=Limits(60.0, 1_000_000, 100))
    guard.between("training", 0, 9)
    heard.now = 61.0
    with pytest.raises(NightEnded, match=r"1 minutes were over after 4 of 9: lower `learning.labels_per_night`"):
        guard.between("training", 4, 9)


def test_memory_is_bounded() -> None:
    with pytest.raises(NightEnded, match=r"MB after 1 of 9, `learning.memory_mb` allows 1"):
        guard_of(Heard(), limits=Limits(60.0, 1, 100)).between("training", 1, 9)


def test_it_looks_every_two_seconds_and_not_at_every_step() -> None:
    heard = Heard()
    guard = guard_of(heard)
    for step in range(1, 100):
        heard.now += 0.1
        guard.between("training", step, 100)
    assert 4 <= len(heard.said) <= 6


def trip(breaker: str, action: Action = Action.PAGE) -> Trip:
    return Trip(1, breaker, EVERYTHING, action, 0.0, 1.0, 0.5, "too much of it")


@pytest.mark.parametrize("breaker", ["loop", "drift"])
def test_a_breaker_of_the_feedback_loop_freezes_learning_whatever_else_it_does(breaker: str) -> None:
    assert f"the breaker {breaker} is open" in (frozen_by([trip("latency"), trip(breaker)]) or "")


def test_so_does_any_breaker_that_holds_and_no_other() -> None:
    assert frozen_by([]) is None
    assert frozen_by([trip("latency"), trip("camera_loss", Action.LIMIT)]) is None
    assert "too much of it" in (frozen_by([trip("latency", Action.HOLD)]) or "")


def test_a_breaker_that_opens_in_the_night_ends_it() -> None:
    heard, open_now = Heard(), list[str]()
    guard = guard_of(heard, frozen=lambda: open_now[0] if open_now else None)
    guard.between("training", 0, 9)
    open_now.append("the breaker loop is open")
    heard.now = 31.0
    with pytest.raises(NightEnded, match="stopped after 5 of 9: the breaker loop is open"):
        guard.between("training", 5, 9)


def test_a_disk_without_room_is_refused_before_anything_is_written(full_disk: object) -> None:
    from pathlib import Path

    with pytest.raises(NightEnded, match="free some space"):
        refuse_full_disk(Path(str(full_disk)) / "not" / "there" / "yet")

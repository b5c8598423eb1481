"""What is sent, and why."""

from __future__ import annotations

from itertools import pairwise
from random import Random

import pytest

from core.config import Motion
from core.messages import Box, Reason
from ingest.scene.motion import STILL, MotionResult
from ingest.scene.sampler import KEEPALIVE_FRAMES, EmitDecision, Sampler

BOX: Box = (0.2, 0.4, 0.4, 0.7)
MOVING = MotionResult((BOX,), True, False)
GLOBAL = MotionResult((), False, True)
STEP_S = 0.2


@pytest.fixture
def sampler() -> Sampler:
    """The usual settings: keepalive every 10 s, audit every 60 s."""
    return Sampler(Motion())


def run(sampler: Sampler, results: list[MotionResult], start: float = 100.0) -> list[tuple[float, EmitDecision]]:
    """Everything sent of a row of pictures, with its time since the start."""
    sent = []
    for number, result in enumerate(results):
        since = number * STEP_S
        sent += [(round(since, 1), sending) for sending in sampler.decide(result, start + since)]
    return sent


def times(sent: list[tuple[float, EmitDecision]], reason: Reason) -> list[float]:
    """When something was sent for this reason."""
    return [at for at, sending in sent if sending.reason is reason]


def test_the_very_first_pictures_are_sent_whole(sampler: Sampler) -> None:
    sent = run(sampler, [STILL] * 10)
    assert times(sent, Reason.KEEPALIVE) == [0.0, 0.2, 0.4][:KEEPALIVE_FRAMES]


def test_a_still_camera_sends_a_few_whole_pictures_every_ten_seconds(sampler: Sampler) -> None:
    sent = run(sampler, [STILL] * 155)
    starts = [at for at in times(sent, Reason.KEEPALIVE) if at % 10 == 0]
    assert starts == [0.0, 10.0, 20.0, 30.0]
    assert len(times(sent, Reason.KEEPALIVE)) == 4 * KEEPALIVE_FRAMES
    assert not times(sent, Reason.MOTION)


@pytest.mark.parametrize(("fps", "apart"), [(30, 5 / 30), (15, 0.2), (10, 0.2), (5, 0.2), (2, 0.5), (0.5, 2.0)])
def test_whole_pictures_of_a_fast_camera_are_as_far_apart_as_those_of_any(
    sampler: Sampler, fps: float, apart: float
) -> None:
    taken = [number / fps for number in range(max(int(3 * fps), 4))]
    sent = [at for at in taken for each in sampler.decide(STILL, at) if each.reason is Reason.KEEPALIVE]
    assert sent == pytest.approx([0.0, apart, 2 * apart])


def test_every_moving_picture_is_sent_with_its_boxes(sampler: Sampler) -> None:
    run(sampler, [STILL] * 5)
    sent = run(sampler, [MOVING] * 20, start=101.0)
    assert [sending.boxes for _, sending in sent] == [(BOX,)] * 20
    assert all(sending.reason is Reason.MOTION for _, sending in sent)


def test_a_subject_that_halts_is_sent_for_a_second_more_where_it_was(sampler: Sampler) -> None:
    run(sampler, [STILL] * 5)
    sent = run(sampler, [MOVING, MOVING, *[STILL] * 20], start=101.0)
    motion = [(at, sending.boxes) for at, sending in sent if sending.reason is Reason.MOTION]
    assert [at for at, _ in motion] == [0.0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.2]
    assert all(boxes == (BOX,) for _, boxes in motion)


def test_a_sitting_bear_is_looked_for_even_while_branches_move_but_less_often(sampler: Sampler) -> None:
    sent = run(sampler, [MOVING] * 325)
    starts = [at for at in times(sent, Reason.KEEPALIVE) if at % 30 == 0]
    assert starts == [0.0, 30.0, 60.0]
    assert len(times(sent, Reason.KEEPALIVE)) == 3 * KEEPALIVE_FRAMES
    assert all(sending.boxes == (BOX,) for _, sending in sent if sending.reason is Reason.KEEPALIVE)


def test_when_motion_ends_the_camera_is_soon_looked_at_as_a_whole(sampler: Sampler) -> None:
    run(sampler, [MOVING] * 75)
    sent = run(sampler, [STILL] * 20, start=115.0)
    assert 1.0 <= times(sent, Reason.KEEPALIVE)[0] <= 1.4


def test_a_keepalive_does_not_take_the_first_seconds_of_a_visit(sampler: Sampler) -> None:
    run(sampler, [STILL] * 49)  # the next keepalive would be due with the first motion
    sent = run(sampler, [MOVING] * 20, start=110.0)
    assert [sending.reason for _, sending in sent] == [Reason.MOTION] * 20


def test_a_change_of_the_whole_picture_is_sent_whole_at_once(sampler: Sampler) -> None:
    run(sampler, [STILL] * 20)
    sent = run(sampler, [GLOBAL, STILL, STILL, STILL], start=104.0)
    assert times(sent, Reason.KEEPALIVE) == [0.0, 0.2, 0.4]
    assert all(sending.boxes == () for _, sending in sent)


def test_boxes_from_before_a_global_change_are_forgotten(sampler: Sampler) -> None:
    run(sampler, [MOVING] * 10)
    sent = run(sampler, [GLOBAL, STILL, STILL], start=102.0)
    assert all(sending.boxes == () for _, sending in sent)


def test_a_flickering_lamp_does_not_flood(sampler: Sampler) -> None:
    sent = run(sampler, [GLOBAL] * 50)
    assert len(sent) - 1 <= 10 * KEEPALIVE_FRAMES  # one audit besides


def test_an_audit_thumbnail_goes_out_every_minute_besides_everything_else(sampler: Sampler) -> None:
    sent = run(sampler, [MOVING] * 605)
    audits = [(at, sending) for at, sending in sent if sending.reason is Reason.AUDIT]
    assert [at for at, _ in audits] == [0.0, 60.0, 120.0]
    assert all(sending.thumbnail and sending.boxes == () for _, sending in audits)
    others = [at for at, sending in sent if sending.reason is not Reason.AUDIT]
    assert all(round(later - earlier, 1) == STEP_S for earlier, later in pairwise(others))


def test_only_audits_are_thumbnails(sampler: Sampler) -> None:
    sent = run(sampler, [*[STILL] * 60, *[MOVING] * 60])
    assert all(sending.thumbnail == (sending.reason is Reason.AUDIT) for _, sending in sent)


@pytest.mark.parametrize("seed", range(5))
def test_whatever_moves_a_camera_that_sees_is_never_silent_for_longer_than_a_keepalive(
    sampler: Sampler, seed: int
) -> None:
    """Authority depends on this: a healthy camera has a picture handled at least every ten seconds."""
    dice = Random(seed)
    results: list[MotionResult] = []
    while len(results) < 3000:
        results += [dice.choice((STILL, MOVING, GLOBAL))] * dice.randint(1, 120)
    sent_at = sorted({at for at, sending in run(sampler, results) if sending.reason is not Reason.AUDIT})
    assert max(later - earlier for earlier, later in pairwise(sent_at)) <= Motion().keepalive_s + STEP_S

"""One run at a time, whoever asks; and none whose process is dead keeps the next one out."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest
from sqlalchemy import update

from db.ledger import verify
from db.models import LearningRun, LearningStatus, LearningTrigger
from db.session import Database
from detector.nightly.run_store import (
    SILENT_AFTER_S,
    AlreadyLearning,
    RunProgress,
    claim,
    finish,
    last_night,
    last_trained,
    own_name,
    recent_runs,
)

NOW = 1_800_000_000.0
BY_HAND = LearningTrigger.PERSON


def held_by(database: Database, holder: str, at: float = NOW) -> None:
    with database.write() as session:
        session.execute(update(LearningRun).values(holder=holder, heartbeat_at=at))


def test_a_second_run_is_refused_and_told_of_the_first(database: Database) -> None:
    first = claim(database, BY_HAND, 1, NOW)
    RunProgress(database, first.id, lambda: NOW).say("training", 4, 9)
    with pytest.raises(AlreadyLearning, match=f"run {first.id} is at it already .*: training, 4 of 9; one at a time"):
        claim(database, LearningTrigger.NIGHTLY, 1, NOW + 1)
    with database.read() as session:
        assert len(recent_runs(session)) == 1


def test_a_run_whose_process_is_dead_is_taken_over_at_once_with_its_number_and_moment(database: Database) -> None:
    first = claim(database, BY_HAND, 7, NOW)
    child = subprocess.Popen([sys.executable, "-c", "pass"])
    child.wait()
    held_by(database, f"{platform.node()[:80]}:{child.pid}:{NOW:.0f}")
    again = claim(database, LearningTrigger.NIGHTLY, 1, NOW + 60)
    assert again.resumed
    assert (again.id, again.labels_until, again.seed) == (first.id, NOW, 7)


def test_another_process_that_got_the_number_of_a_dead_one_is_not_taken_for_it(database: Database) -> None:
    claim(database, BY_HAND, 1, NOW)
    held_by(database, f"{platform.node()[:80]}:{os.getpid()}:12345")
    assert claim(database, BY_HAND, 1, NOW + 60).resumed


def test_a_run_on_another_machine_is_believed_until_it_has_been_silent(database: Database) -> None:
    claim(database, BY_HAND, 1, NOW)
    held_by(database, "a-machine:elsewhere:4:12345")
    with pytest.raises(AlreadyLearning, match="a-machine:elsewhere:4"):
        claim(database, BY_HAND, 1, NOW + SILENT_AFTER_S - 1)
    assert claim(database, BY_HAND, 1, NOW + SILENT_AFTER_S).resumed


def test_whoever_was_taken_over_stops_when_it_speaks_next(database: Database) -> None:
    run = claim(database, BY_HAND, 1, NOW)
    progress = RunProgress(database, run.id, lambda: NOW)
    held_by(database, "another:1:1")
    with pytest.raises(AlreadyLearning, match="was taken over by another:1"):
        progress.say("training", 1, 2)


def test_an_ended_run_keeps_its_lineage_and_stands_in_the_ledger(database: Database) -> None:
    run = claim(database, LearningTrigger.NIGHTLY, 3, NOW)
    with database.write() as session:
        facts = {"challenger": "c" * 64, "champion": "a" * 64, "verdict": {"passed": False}}
        finish(session, run.id, LearningStatus.REJECTED, "not better", NOW + 100, facts)
    with database.read() as session:
        row = recent_runs(session)[0]
        assert (row.status, row.said, row.ended_at, row.challenger) == ("rejected", "not better", NOW + 100, "c" * 64)
        assert verify(session).broken_at is None
        assert last_night(session) == NOW
    assert claim(database, BY_HAND, 1, NOW + 200).id != run.id


def test_new_labels_are_those_since_the_last_run_that_came_to_a_verdict(database: Database) -> None:
    ends = (LearningStatus.REJECTED, LearningStatus.PASSED, LearningStatus.SKIPPED, LearningStatus.FAILED)
    for day, status in enumerate(ends):
        with database.read() as session:
            assert last_trained(session) == (None, NOW, NOW + 86400, NOW + 86400)[day]
        run = claim(database, BY_HAND, 1, NOW + 86400 * day)
        with database.write() as session:
            finish(session, run.id, status, "", NOW + 86400 * day + 60)
    with database.read() as session:
        assert last_trained(session) == NOW + 86400


def test_progress_is_written_every_few_seconds_and_every_new_stage_at_once(database: Database) -> None:
    now = [NOW]
    run = claim(database, BY_HAND, 1, NOW)
    progress = RunProgress(database, run.id, lambda: now[0])

    def shown() -> tuple[str, int]:
        with database.read() as session:
            row = recent_runs(session)[0]
            return row.stage, row.done

    progress.say("training", 1, 100)
    progress.say("training", 2, 100)
    assert shown() == ("training", 1)
    now[0] += 6
    progress.say("training", 30, 100)
    assert shown() == ("training", 30)
    progress.say("judging", 0, 10)
    assert shown() == ("judging", 0)
    assert own_name().split(":")[-2] == str(os.getpid())

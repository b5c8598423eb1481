"""The jobs begin the learning run at midnight, once a night, in a process of its own; and the command beside it."""

from __future__ import annotations

import json
import shutil
import threading
import time
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select, update

from bearwatch import nightly_learning
from bearwatch.cli import learn as learn_command
from bearwatch.cli import main
from bearwatch.nightly_learning import is_due, last_midnight, learn_tonight, stop_learning
from core.clock import now_s
from core.config import Config
from core.settings import settings
from db.models import LearningRun, LearningStatus, LearningTrigger
from db.session import Database
from detector.nightly.run_store import SILENT_AFTER_S, claim, finish
from tests.support.waiting import wait_for

PACIFIC = ZoneInfo("America/Los_Angeles")
CONFIG = """
regions: {sierra: {timezone: America/Los_Angeles}}
campsites: {upper-pines: {region: sierra}, lower-pines: {region: sierra}}
cameras:
  upper-creek: {campsite: upper-pines, url: "rtsp://127.0.0.1:1/creek"}
  lower-meadow: {campsite: lower-pines, url: "rtsp://127.0.0.1:1/meadow"}
"""


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=PACIFIC).timestamp()


def due(database: Database, config: Config, when: str) -> bool:
    with database.read() as session:
        return is_due(session, config, at(when))


def nightly(database: Database, when: str) -> int:
    run = claim(database, LearningTrigger.NIGHTLY, 1, at(when))
    with database.write() as session:
        finish(session, run.id, LearningStatus.SKIPPED, "", at(when))
    return run.id


def test_it_is_due_once_a_night_from_midnight_on_by_the_clock_of_the_campsites(
    sqlite_database: Database, config: Config
) -> None:
    assert due(sqlite_database, config, "2027-01-15 00:00:05")
    assert not due(sqlite_database, config, "2027-01-15 06:00:01")
    assert not due(sqlite_database, config, "2027-01-14 23:59:00")
    nightly(sqlite_database, "2027-01-15 00:00:10")
    assert not due(sqlite_database, config, "2027-01-15 00:05:00")
    assert due(sqlite_database, config, "2027-01-16 00:01:00")


def test_a_run_by_hand_in_the_evening_does_not_stand_for_the_night(sqlite_database: Database, config: Config) -> None:
    run = claim(sqlite_database, LearningTrigger.PERSON, 1, at("2027-01-15 00:30"))
    assert not due(sqlite_database, config, "2027-01-15 00:31")
    with sqlite_database.write() as session:
        finish(session, run.id, LearningStatus.SKIPPED, "", at("2027-01-15 00:32"))
    assert due(sqlite_database, config, "2027-01-15 00:33")


def test_a_run_whose_process_died_goes_on_at_any_time_of_the_day(sqlite_database: Database, config: Config) -> None:
    claim(sqlite_database, LearningTrigger.NIGHTLY, 1, at("2027-01-15 00:00:10"))
    assert not due(sqlite_database, config, "2027-01-15 00:02")
    with sqlite_database.write() as session:
        session.execute(update(LearningRun).values(heartbeat_at=at("2027-01-15 11:00") - SILENT_AFTER_S - 1))
    assert due(sqlite_database, config, "2027-01-15 11:00")


def test_who_does_not_want_it_has_peace(sqlite_database: Database, config: Config) -> None:
    never = config.model_copy(update={"learning": config.learning.model_copy(update={"nightly": False})})
    assert not due(sqlite_database, never, "2027-01-15 00:00:05")


@pytest.mark.parametrize(
    ("now", "hours"), [("2026-11-01 23:00", 24), ("2027-03-14 23:00", 22), ("2027-01-15 00:00", 0)]
)
def test_midnight_is_right_on_days_of_23_and_25_hours(now: str, hours: int, config: Config) -> None:
    assert at(now) - last_midnight(config, at(now)) == hours * 3600


def test_of_several_zones_that_of_most_campsites_counts(config: Config) -> None:
    regions = {**config.regions, "east": config.regions["sierra"].model_copy(update={"timezone": "America/New_York"})}
    site = config.campsites["upper-pines"].model_copy(update={"region": "east"})
    campsites = {**config.campsites, "a": site, "b": site, "c": site}
    several = config.model_copy(update={"regions": regions, "campsites": campsites})
    now = at("2027-01-15 22:00")
    assert now - last_midnight(several, now) == 3600


@pytest.fixture
def folder(tmp_path: Path, migrated_file: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A site's folder with a configuration, and the environment that names them."""
    shutil.copy(migrated_file, tmp_path / "bearwatch.sqlite3")
    (tmp_path / "bearwatch.yaml").write_text(CONFIG)
    monkeypatch.setenv("BEARWATCH_DATA", str(tmp_path))
    monkeypatch.setenv("BEARWATCH_CONFIG", str(tmp_path / "bearwatch.yaml"))
    settings.cache_clear()
    # What a process of its own does to itself, the one with all the tests does not.
    monkeypatch.setattr(learn_command, "step_back", lambda: None)
    monkeypatch.setattr(learn_command, "stop_on_signals", threading.Event)
    return tmp_path


def rows(folder: Path) -> list[LearningRun]:
    database = Database(f"sqlite:///{folder / 'bearwatch.sqlite3'}")
    try:
        with database.read() as session:
            return list(session.scalars(select(LearningRun)))
    finally:
        database.close()


def test_the_job_begins_a_process_that_says_how_it_ended(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nightly_learning, "BEGINS_WITHIN_S", 30 * 3600.0)
    began = time.monotonic()
    assert learn_tonight() == 1
    assert time.monotonic() - began < 20
    try:
        wait_for(lambda: [row.status for row in rows(folder)] == ["skipped"], 120)
    finally:
        stop_learning()
    (row,) = rows(folder)
    assert row.trigger == "nightly"
    assert row.said.startswith("0 new labels may train, 50 are needed")
    assert learn_tonight() == 0


def test_the_command_says_what_came_of_it_and_status_what_was(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["learn", "status"]) == 0
    assert "It has not run yet." in capsys.readouterr().out
    assert main(["learn", "--now", "--json"]) == 0
    row = json.loads(capsys.readouterr().out)
    assert (row["status"], row["trigger"], row["seed"]) == ("skipped", "person", 1)
    assert main(["learn", "status"]) == 0
    assert "skipped: 0 new labels may train, 50 are needed" in capsys.readouterr().out
    assert main(["learn", "status", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["nightly"]
    assert [each["id"] for each in told["runs"]] == [row["id"]]


def test_a_second_command_is_refused_in_words(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    database = Database(f"sqlite:///{folder / 'bearwatch.sqlite3'}")
    claim(database, LearningTrigger.NIGHTLY, 1, now_s())
    database.close()
    assert main(["learn", "--now"]) == 1
    assert "one at a time" in capsys.readouterr().err
    assert main(["learn", "status"]) == 0
    assert "running, beginning" in capsys.readouterr().out


@pytest.mark.parametrize("words", [["learn"], ["learn", "status", "--now"]])
def test_a_command_that_says_nothing_or_two_things_is_refused(
    words: list[str], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    assert "`bearwatch learn --now` or `bearwatch learn status`" in capsys.readouterr().err
    assert rows(folder) == []

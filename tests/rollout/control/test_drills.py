"""The manual-watch drill: paged like a handover, passed once somebody has taken over, and asked for when it is due."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest
from sqlalchemy import select

from bearwatch.cli import drill as command
from core.config import Config
from db.ledger import verify
from db.models import Campsite, Delivery, LedgerEntry, User
from db.session import Database
from rollout.control.drills import Finish, NoSuchDrill, begin_drill, finish_drill, overdue, remind
from tests.support.cast import add_user
from tests.support.factories import T0

DAY_S = 86400.0
STAFF = ["json://127.0.0.1:9/staff"]


def _begin(database: Database, at: float) -> int:
    with database.write() as session:
        leader = session.scalar(select(User)) or add_user(session, "lead-ranger", "lead_ranger")
        return begin_drill(session, session.get_one(Campsite, "upper-pines"), leader, STAFF, at).id


def _finish(database: Database, drill: int, finish: Finish, at: float) -> None:
    with database.write() as session:
        finish_drill(session, drill, finish, session.scalars(select(User)).one(), at)


def test_a_drill_pages_those_on_call_and_says_that_it_is_one(sqlite_database: Database) -> None:
    _begin(sqlite_database, T0)
    with sqlite_database.read() as session:
        (told,) = session.scalars(select(Delivery))
        assert (told.kind, told.audience, told.title) == ("page", "staff", "DRILL: take over the watch at Upper Pines")


def test_only_a_drill_that_somebody_answered_counts(sqlite_database: Database) -> None:
    sites = ["upper-pines", "lower-pines"]
    failed = _begin(sqlite_database, T0)
    _finish(sqlite_database, failed, Finish(False, None, "the telephone was off"), T0 + 600)
    with sqlite_database.read() as session:
        assert overdue(session, sites, 30 * DAY_S, T0 + 700) == sites
    passed = _begin(sqlite_database, T0 + 800)
    with pytest.raises(ValueError, match="after how many seconds"):
        _finish(sqlite_database, passed, Finish(True, None), T0 + 900)
    _finish(sqlite_database, passed, Finish(True, 95.0), T0 + 900)
    with sqlite_database.read() as session:
        assert overdue(session, sites, 30 * DAY_S, T0 + 800 + 30 * DAY_S) == ["lower-pines"]
        assert overdue(session, sites, 30 * DAY_S, T0 + 801 + 30 * DAY_S) == sites
        told = select(LedgerEntry.kind).where(LedgerEntry.kind.like("drill%")).order_by(LedgerEntry.seq)
        kinds = list(session.scalars(told))
        assert kinds == ["drill.begun", "drill.finished"] * 2
        assert verify(session).broken_at is None
    with pytest.raises(NoSuchDrill):
        _finish(sqlite_database, passed, Finish(False, None), T0 + 1000)


def test_an_overdue_drill_is_paged_about_once_a_week(sqlite_database: Database) -> None:
    monday = T0 // (7 * DAY_S) * 7 * DAY_S
    with sqlite_database.write() as session:
        for hours in (0, 6, 160, 170):
            assert remind(session, ["upper-pines"], 30 * DAY_S, STAFF, monday + 3600 * hours) == ["upper-pines"]
        assert len(list(session.scalars(select(Delivery)))) == 2


def test_the_command_says_what_to_write(
    sqlite_database: Database, config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    with sqlite_database.write() as session:
        add_user(session, "lead-ranger", "lead_ranger")
    monkeypatch.setenv("DATABASE_URL", str(sqlite_database.url))
    file = tmp_path / "bearwatch.yaml"
    file.write_text(
        "regions: {sierra: {timezone: UTC}}\ncampsites: {upper-pines: {region: sierra}}\n"
        "cameras: {c: {campsite: upper-pines, url: a.mp4}}\n"
    )

    def call(*words: str) -> int:
        parser = argparse.ArgumentParser()
        command.add_arguments(parser)
        return command.run(parser.parse_args([*words, "--config", str(file)]))

    assert call("begin", "--campsite", "upper-pines") == 2
    assert "--as" in capsys.readouterr().err
    assert call("begin", "--as", "lead-ranger", "--campsite", "moon") == 2
    assert "lower-pines, upper-pines" in capsys.readouterr().err
    assert call("begin", "--as", "lead-ranger", "--campsite", "upper-pines") == 0
    assert "Drill 1 at Upper Pines has begun; nobody on call has an address" in capsys.readouterr().out
    assert call("passed", "--as", "lead-ranger", "--drill", "1") == 2
    assert call("passed", "--as", "lead-ranger", "--drill", "1", "--after", "80", "--note", "went well") == 0
    capsys.readouterr()
    assert call("list") == 0
    assert "upper-pines  passed, taken over after 80 s  went well" in capsys.readouterr().out

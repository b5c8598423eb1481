"""The rollout on the command line: who may what, and what is said."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import select

from bearwatch.cli import main
from core.clock import now_s
from core.settings import settings as current_settings
from db.models import AuthorityLease, Camera, CanaryRun, Mode, RolloutEvent, User
from db.places import sync_places
from db.session import Database
from review_ui.auth.accounts import MAX_FAILURES_PAIR
from review_ui.auth.passwords import hash_password
from rollout.authority.freshness import check_freshness
from rollout.control.service import perform
from rollout.stages import commands as c
from rollout.stages.spec_file import load_plan
from tests.support.cast import grant, require_freshness, seen
from tests.support.rollout.rollout_plans import DIGEST, EVERYBODY, settings

PASSWORD = "four-quiet-otters-swim"
HASH = hash_password(PASSWORD)


@pytest.fixture
def place(tmp_path: Path, sqlite_database: Database, monkeypatch: pytest.MonkeyPatch) -> Database:
    """A database and a configuration that the command line finds, with people who have passwords."""
    file = tmp_path / "plan.yaml"
    file.write_text(yaml.safe_dump(settings().model_dump(mode="json", exclude_unset=True), sort_keys=False))
    monkeypatch.setenv("DATABASE_URL", str(sqlite_database.url))
    monkeypatch.setenv("BEARWATCH_CONFIG", str(file))
    monkeypatch.setenv("BEARWATCH_PASSWORD", PASSWORD)
    with sqlite_database.write() as session:
        sync_places(session, settings())
        session.add_all(User(name=p.name, password_hash=HASH, role=p.roles[0], created_at=1.0) for p in EVERYBODY)
    plan = load_plan(file)
    for command in (c.PlanChanged(), c.ModelChanged(DIGEST)):
        perform(sqlite_database, plan, command, 1_700_000_000.0)
    return sqlite_database


def rollout(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, Any]]:
    """Run a command; its exit status and what it said as JSON."""
    status = main(["rollout", *words, "--json"])
    return status, json.loads(capsys.readouterr().out)


def test_status_shows_the_plan_as_a_picture_with_what_is_missing(
    place: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["rollout", "status"]) == 0
    said = capsys.readouterr().out
    assert "● shadow" in said
    assert "○ one-campsite-one-day" in said
    assert "In the way to one-campsite-one-day:" in said
    assert "recall_blind (cp_lower) >= 0.9" in said


def test_status_names_the_cameras_whose_authority_rests(place: Database, capsys: pytest.CaptureFixture[str]) -> None:
    now = now_s()
    assert rollout(capsys, "status")[1]["paused"] == []
    with place.write() as session:
        camera, campsite = session.execute(select(Camera.id, Camera.campsite_id).limit(1)).one()
        grant(session, campsite, Mode.ASSISTED, now - 100, now + 3600)
        require_freshness(session, campsite)
        session.get_one(AuthorityLease, campsite).only_cameras = [camera]
        seen(session, camera, now - 40, now - 3600)
    check_freshness(place, now, lambda: lambda name: "no tracker reports")
    (found,) = rollout(capsys, "status")[1]["paused"]
    names = {"name": camera, "campsite_name": campsite}
    assert found == {"camera": camera, "campsite": campsite, **names, "since": now - 10, "why": "no tracker reports"}
    assert main(["rollout", "status"]) == 0
    said = capsys.readouterr().out
    assert re.search(
        rf"NOT WATCHED {camera} \({campsite}\): its warnings are paused since .*: no tracker reports", said
    )


def test_plan_changes_nothing_and_counts_what_each_stage_takes(
    place: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    with place.read() as session:
        before = session.query(RolloutEvent).count()
    status, said = rollout(capsys, "plan")
    assert status == 0
    needs = {d["metric"]: d["need"] for d in said["stages"][0]["demands"]}
    assert (needs["encounters_blind"], needs["recall_blind"]) == (46, 41)
    with place.read() as session:
        assert session.query(RolloutEvent).count() == before
        assert session.query(CanaryRun).count() == 0


def test_a_wish_to_go_on_is_held_with_its_reasons(place: Database, capsys: pytest.CaptureFixture[str]) -> None:
    status, said = rollout(capsys, "promote", "--as", "olga")
    assert (status, said["done"], said["phase"]) == (1, False, "shadow")
    assert any("must agree" in why for why in said["why"])


def test_an_approval_needs_the_persons_own_password(
    place: Database, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert rollout(capsys, "approve", "--as", "lena")[1]["events"][0]["kind"] == "approved"
    monkeypatch.setenv("BEARWATCH_PASSWORD", "a-guess-in-the-dark")
    status, said = rollout(capsys, "approve", "--as", "omar")
    assert (status, said["done"]) == (1, False)
    assert "not the password of omar" in said["why"][0]


def test_wrong_passwords_at_the_command_line_are_counted_from_one_call_to_the_next(
    place: Database, redis_url: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDIS_URL", redis_url)
    monkeypatch.setenv("BEARWATCH_PASSWORD", "a-guess-in-the-dark")
    for _ in range(MAX_FAILURES_PAIR):
        assert "not the password of omar" in rollout(capsys, "approve", "--as", "omar")[1]["why"][0]
    monkeypatch.setenv("BEARWATCH_PASSWORD", PASSWORD)
    assert "too many failed logins" in rollout(capsys, "approve", "--as", "omar")[1]["why"][0]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("promote",), "needs --as with your account"),
        (("promote", "--as", "nobody"), "no account 'nobody'"),
        (("approve", "--as", "adam"), "none of the roles that count"),
        (("ack", "--as", "rosa"), "no watch to take over"),
        (("narrow", "--as", "rosa"), "nothing is live"),
        (("reset", "--as", "lena", "--cause", "it was the cable"), "open: none"),
        (("extend", "--as", "olga", "--longer", "soon"), "no duration"),
    ],
)
def test_what_cannot_be_done_is_refused_with_a_reason(
    place: Database, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], why: str
) -> None:
    status, said = rollout(capsys, *words)
    assert status == 1
    assert why in said["why"][0]


def test_stop_needs_no_account_and_no_good_configuration(place: Database, capsys: pytest.CaptureFixture[str]) -> None:
    file = current_settings().bearwatch_config
    file.write_text(file.read_text() + "nonsense: 1\n")
    status, said = rollout(capsys, "stop", "--reason", "a fire")
    assert (status, said["done"]) == (0, True)
    assert [event["kind"] for event in said["events"]] == ["killed", "breaker_opened"]


def test_a_hold_keeps_the_rollout_where_it_is_and_is_closed_by_two(
    place: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    status, said = rollout(capsys, "hold", "--reason", "the lead ranger is away", "--as", "rosa")
    assert (status, [event["latch"] for event in said["events"]]) == (0, ["hold"])
    assert main(["rollout", "status"]) == 0
    assert "held by rosa: the lead ranger is away" in capsys.readouterr().out
    for who in ("lena", "omar"):
        status, _said = rollout(capsys, "reset", "--breaker", "hold", "--cause", "she is back again", "--as", who)
        assert status == 0
    assert rollout(capsys, "verify")[0] == 0


def test_status_can_be_watched_until_somebody_has_seen_enough(place: Database) -> None:
    watching = subprocess.Popen(
        [sys.executable, "-m", "bearwatch", "rollout", "status", "--watch", "--json"], stdout=subprocess.PIPE, text=True
    )
    try:
        assert watching.stdout is not None
        first, second = (json.loads(watching.stdout.readline()) for _ in range(2))
    finally:
        watching.send_signal(signal.SIGINT)
        watching.communicate(timeout=30)
    assert first["phase"] == second["phase"] == "shadow"
    assert watching.returncode == 0


def test_two_people_close_a_breaker_and_the_plan_is_proved(place: Database, capsys: pytest.CaptureFixture[str]) -> None:
    rollout(capsys, "stop", "--as", "adam")
    rollout(capsys, "reset", "--as", "lena", "--cause", "a rehearsal of the stop")
    assert rollout(capsys, "reset", "--as", "omar", "--cause", "a rehearsal of the stop")[0] == 0
    status, said = rollout(capsys, "history")
    kinds = [event["kind"] for event in said["events"]]
    assert kinds[:3] == ["mode_confirmed", "breaker_closed", "approved"]
    status, said = rollout(capsys, "verify")
    assert (status, said["problems"]) == (0, [])


def test_a_changed_event_is_found(place: Database, capsys: pytest.CaptureFixture[str]) -> None:
    with place.write() as session:
        row = session.get_one(RolloutEvent, 1)
        row.body = row.body.replace('"name":"rollout"', '"name":"other"')
    status, said = rollout(capsys, "verify")
    assert status == 1
    assert "event 1 says something else than the ledger" in said["problems"]

"""Freshness in the database: what authority reads, what is written down of gaps, what an alert may do without it."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select, update

from core.config import Config
from core.config_file import ConfigError
from db.ledger import verify
from db.models import AuthorityLease, FreshnessGap, LedgerEntry, Mode, Verdict
from db.session import Database
from rollout.alerting.outbox import sweep
from rollout.authority.authority import advising, authority, granted
from rollout.authority.freshness import Watermark, check_freshness, paused_s, read_watermarks, store_watermarks
from rollout.stages.spec_file import plan_from
from tests.support.alerting_site import OutwardStage, outward_stage
from tests.support.cast import grant, require_freshness, seen
from tests.support.factories import T0
from tests.support.rollout.rollout_plans import settings

UPPER, CREEK, TRAIL = "upper-pines", "upper-creek", "upper-trail"


@pytest.fixture
def live(database: Database) -> Database:
    """Upper Pines warns automatically, and both of its cameras have been watched for an hour."""
    _live(database)
    return database


def _live(database: Database) -> None:
    with database.write() as session:
        grant(session, UPPER, Mode.AUTOMATIC, T0 - 1000, T0 + 10_000)
        require_freshness(session, UPPER)
        seen(session, CREEK, T0)
        seen(session, TRAIL, T0)


def mode(database: Database, camera: str | None, at: float) -> Mode:
    with database.read() as session:
        return authority(session, UPPER, at, camera)


def gaps(database: Database) -> list[tuple[str, float, float | None, str | None]]:
    with database.read() as session:
        rows = session.scalars(select(FreshnessGap).order_by(FreshnessGap.id))
        return [(gap.camera_id, gap.lost_at - T0, gap.over_at and gap.over_at - T0, gap.over) for gap in rows]


def test_authority_rests_by_itself_to_the_second_and_the_grant_stands(live: Database) -> None:
    assert mode(live, CREEK, T0 + 30.0) is Mode.AUTOMATIC
    assert mode(live, CREEK, T0 + 30.1) is Mode.SHADOW
    with live.read() as session:
        assert granted(session, UPPER, T0 + 60, CREEK) is Mode.AUTOMATIC
        assert advising(session, UPPER), "rangers go on being told of every alert"
    assert mode(live, None, T0 + 60) is Mode.AUTOMATIC, "a campsite is asked for its grant, a camera for its freshness"


def test_a_camera_that_was_never_watched_has_no_authority(live: Database) -> None:
    with live.write() as session:
        grant(session, "lower-pines", Mode.AUTOMATIC, T0 - 10, T0 + 100)
        require_freshness(session, "lower-pines")
        assert authority(session, "lower-pines", T0, "lower-meadow") is Mode.SHADOW


def test_what_is_written_down_is_never_made_older(live: Database) -> None:
    with live.write() as session:
        store_watermarks(
            session,
            {CREEK: Watermark(T0 - 5, T0 - 5), TRAIL: Watermark(T0 + 5, T0 - 60), "lower-meadow": Watermark(T0, T0)},
        )
    with live.read() as session:
        found = read_watermarks(session, (CREEK, TRAIL, "lower-meadow"))
    assert (found[CREEK].captured_at, found[TRAIL].captured_at) == (T0, T0 + 5)
    assert found["lower-meadow"] == Watermark(T0, T0)


def test_each_gap_is_written_down_once_with_its_cause_and_its_end(live: Database) -> None:
    with live.write() as session:
        seen(session, TRAIL, T0 + 85)
    assert check_freshness(live, T0 + 30) == []
    assert check_freshness(live, T0 + 31, lambda: lambda camera: f"{camera}: chewed") == [
        "upper-creek is not watching: upper-creek: chewed"
    ]
    assert check_freshness(live, T0 + 32) == []
    with live.write() as session:
        seen(session, CREEK, T0 + 70, steady_since=T0 + 60)
    assert check_freshness(live, T0 + 74) == [], "its pictures have not come for long enough"
    assert check_freshness(live, T0 + 75) == ["upper-creek is watching again"]
    assert gaps(live) == [(CREEK, 30.0, 75.0, "sight")]
    with live.read() as session:
        assert paused_s(session, [UPPER], T0 + 40, T0 + 1000) == {CREEK: 35.0}
        assert paused_s(session, [UPPER], T0 + 75, T0 + 1000) == {}
        kinds = list(session.scalars(select(LedgerEntry.kind).order_by(LedgerEntry.seq)))
        assert verify(session).broken_at is None
    assert kinds == ["sight.lost", "sight.returned"]


def test_a_gap_that_is_not_over_counts_up_to_now(live: Database) -> None:
    check_freshness(live, T0 + 31)
    with live.read() as session:
        assert paused_s(session, [UPPER], T0, T0 + 90) == {CREEK: 60.0, TRAIL: 60.0}


def test_where_authority_ends_the_question_ends_with_it(live: Database) -> None:
    check_freshness(live, T0 + 31)
    with live.write() as session:
        session.execute(update(AuthorityLease).values(without_cameras=[CREEK]))
    assert check_freshness(live, T0 + 40) == ["upper-creek has no authority any more"]
    assert gaps(live) == [(CREEK, 30.0, 40.0, "authority"), (TRAIL, 30.0, None, None)]


@pytest.fixture
def stage(sqlite_database: Database, config: Config, tmp_path: Path) -> OutwardStage:
    """The same, with somebody to warn."""
    made = outward_stage(sqlite_database, config, tmp_path)
    _live(sqlite_database)
    return made


def test_a_bear_that_tears_down_the_camera_is_warned_of_all_the_same(stage: OutwardStage) -> None:
    alert = stage.bear(CREEK, T0)
    assert stage.outbox() == [("warning", "pending")]
    stage.say(alert, Verdict.BEAR, T0 + 200)
    assert mode(stage.database, CREEK, T0 + 200) is Mode.SHADOW
    sweep(stage.database, T0 + 201)
    assert ("warning", "cancelled") in stage.outbox(), "the one that waited for a veto"
    assert [status for _kind, status in stage.outbox()].count("cancelled") == 1


def test_what_a_camera_that_is_not_fresh_finds_warns_nobody_by_itself_but_rangers_are_told(stage: OutwardStage) -> None:
    stage.bear(CREEK, T0 + 100)
    assert stage.outbox() == []
    assert stage.outbox("rangers") == [("advisory", "pending")]


def test_a_plan_cannot_ask_for_pictures_sooner_than_a_quiet_camera_sends_them() -> None:
    with pytest.raises(ConfigError, match=r"shorter than two keepalives.*write 23s or more"):
        plan_from(settings(defaults={"freshness": {"within": "20s"}}))
    assert plan_from(settings(defaults={"freshness": {"within": "23s"}})).defaults.freshness.within.nominal_s == 23


def test_the_key_of_before_is_read_and_makes_the_same_plan() -> None:
    former = "sight"
    before = plan_from(settings(defaults={former: {"within": "23s"}}))
    assert before.defaults.freshness.within.nominal_s == 23
    assert before.digest == plan_from(settings(defaults={"freshness": {"within": "23s"}})).digest
    with pytest.raises(
        ConfigError, match=r"defaults\.sight\.withn: unknown key; known here: back_after, clips_every, within"
    ):
        plan_from(settings(defaults={former: {"withn": "23s"}}))

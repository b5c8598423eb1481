"""Blind watch hours and nights without the model: drawn at random, shown to people, and kept by the alert rules."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select

from core.config import Config
from core.media import MediaStore
from db.models import AuthorityLease, Delivery, Mode, RandomWatch, Role, UserCampsite, Verdict
from db.session import Database
from rollout.alerting.alerts import Decision, decide
from rollout.alerting.recipients import Recipients
from rollout.alerting.send_policy import advised, camera_mode
from rollout.evidence.on_off_nights import NightPlan, schedule
from rollout.evidence.stats.visits import night_of
from rollout.evidence.weekly_watches import WEEK_S, draw_week, next_week
from tests.support.cast import add_user, grant, open_encounter
from tests.support.factories import T0
from tests.support.pages import Stage

ZONE = "America/Los_Angeles"
UPPER = ("upper-pines",)
CAMPERS = "json://127.0.0.1:9/campers"
RANGERS = "json://127.0.0.1:9/rangers"


def _plan(on: bool) -> NightPlan:
    """Two nights from now on, with or without the model's help in the first."""
    night = night_of(T0, ZONE)
    plans = (NightPlan(UPPER, night, 2, 2, str(seed)) for seed in range(99))
    return next(plan for plan in plans if plan.is_on("upper-pines", night) is on)


def _outside(config: Config) -> Config:
    rollout = {"notify": [CAMPERS], "rangers": [RANGERS]}
    return Config.model_validate({**config.model_dump(mode="json", exclude={"rollout"}), "rollout": rollout})


def test_next_weeks_hours_are_drawn_once_before_the_week_begins(sqlite_database: Database) -> None:
    start, end = next_week(T0)
    assert start > T0
    assert end - start == WEEK_S
    with sqlite_database.write() as session:
        first = {row.id for row in draw_week(session, T0)}
        again = draw_week(session, T0 + 3600)
        rows = list(session.scalars(select(RandomWatch)))
    assert {row.id for row in rows} == first
    assert {row.id for row in again} <= first
    assert all(row.starts_at > T0 for row in rows)
    assert any(row.starts_at < start for row in rows), "at the very first time what is left of this week is drawn too"
    assert sum(start <= row.starts_at < end for row in rows) == 2
    with sqlite_database.write() as session:
        later = draw_week(session, start + 10)
    assert all(end <= row.starts_at < end + WEEK_S for row in later)


def test_the_page_shows_drawn_hours_at_ones_own_campsites(page: Stage) -> None:
    ranger = page.person("day-ranger")
    assert "No hour is drawn yet." in ranger.get("/experiments").text
    now = page.clock.now
    with page.database.write() as session:
        for campsite, starts_at in (
            ("upper-pines", now - 600),
            ("lower-pines", now + 7200),
            ("upper-pines", now - 9e3),
        ):
            session.add(
                RandomWatch(campsite_id=campsite, starts_at=starts_at, ends_at=starts_at + 3600, probability=0.1,
                            seed="1", drawn_at=now - 1e5)
            )  # fmt: skip
        session.add(UserCampsite(user_id=page.user_id("day-ranger"), campsite_id="upper-pines"))
    text = ranger.get("/experiments").text
    assert "Lower Pines" not in text
    assert "nobody watched" in text
    assert '<strong>now</strong>, <a href="/">go on watch</a>' in text
    hours = ranger.get("/api/v1/experiments").json()["hours"]
    assert [(hour["state"], hour["watched_share"]) for hour in hours] == [("over", 0.0), ("now", None)]


def test_an_operator_schedules_nights_and_rangers_are_not_told_what_comes(page: Stage) -> None:
    olga, ranger = page.person("olga", Role.OPERATOR), page.person("day-ranger")
    form = {"name": "does it help", "campsite": "upper-pines", "first_night": "2027-01-20", "nights": "8", "block": "4"}
    assert ranger.post("/experiments", data=form).status_code == 403
    assert olga.post("/experiments", data=form).headers["location"] == "/experiments?done=scheduled"
    for wrong, words in (
        ({}, "of this name is there already"),
        ({"name": "other", "first_night": "2027-01-14"}, "has not begun"),
        ({"name": "other", "first_night": "soon"}, "is no night"),
        ({"name": "other", "block": "3"}, "even number"),
        ({"name": "other", "campsite": "nowhere"}, "campsites that are yours"),
        ({"name": "other"}, "some of these nights already"),
    ):
        answer = olga.post("/experiments", data={**form, **wrong})
        assert answer.status_code == 422, wrong
        assert words in answer.text, wrong
    nights = ranger.get("/api/v1/experiments").json()["experiments"][0]["sites"][0]["nights"]
    assert {night["help"] for night in nights} == {"sealed"}
    nights = olga.get("/api/v1/experiments").json()["experiments"][0]["sites"][0]["nights"]
    assert sorted(night["help"] for night in nights) == ["off"] * 4 + ["on"] * 4
    assert olga.post("/experiments/1/end").status_code == 303
    assert olga.post("/api/v1/experiments/1/end").status_code == 404
    assert "ended" in ranger.get("/experiments").text


@pytest.mark.parametrize(("on", "said"), [(True, ["advisory", "warning"]), (False, [])])
def test_in_an_off_night_nobody_is_told_by_the_system(
    sqlite_database: Database, config: Config, tmp_path: Path, on: bool, said: list[str]
) -> None:
    config = _outside(config)
    with sqlite_database.write() as session:
        user = add_user(session).id
        schedule(session, "does it help", _plan(on), user, 0.0)
        grant(session, "upper-pines", Mode.ASSISTED, T0 - 1000, T0 + 10_000)
    open_encounter(sqlite_database, config, MediaStore(tmp_path))
    with sqlite_database.write() as session:
        confirmed = Decision(1, user, Verdict.BEAR, 1, "a-decision", False)
        decide(session, confirmed, Recipients.of(config), T0 + 30)
        assert [row.kind for row in session.scalars(select(Delivery).order_by(Delivery.id))] == said
        assert camera_mode(session, "lower-pines", "lower-meadow", T0) is Mode.SHADOW


def test_a_watch_that_is_handed_over_is_advised_in_off_nights_too(sqlite_database: Database) -> None:
    with sqlite_database.write() as session:
        schedule(session, "does it help", _plan(on=False), add_user(session).id, 0.0)
        grant(session, "upper-pines", Mode.AUTOMATIC, T0 - 1000, T0 + 10_000)
        assert camera_mode(session, "upper-pines", "upper-creek", T0) is Mode.SHADOW
        assert not advised(session, "upper-pines", T0)
        session.get_one(AuthorityLease, "upper-pines").expires_at = T0 - 1
        session.flush()
        assert advised(session, "upper-pines", T0)


def test_whoever_watches_in_an_off_night_watches_blind_although_the_stage_is_live(page: Stage) -> None:
    ranger = page.person("day-ranger")
    assert ranger.post("/watches", data={"campsite": "upper-pines"}).status_code == 303
    alert = page.alert("upper-creek")
    with page.database.write() as session:
        grant(session, "upper-pines", Mode.ASSISTED, page.clock.now - 10, page.clock.now + 3600)
    assert ranger.get(f"/alerts/{alert}").status_code == 200
    with page.database.write() as session:
        schedule(session, "does it help", _plan(on=False), page.user_id("day-ranger"), 0.0)
    assert ranger.get(f"/alerts/{alert}").status_code == 404
    with page.database.write() as session:
        session.get_one(AuthorityLease, "upper-pines").expires_at = page.clock.now - 1
    assert ranger.get(f"/alerts/{alert}").status_code == 200, "a watch that is handed over is advised in every night"

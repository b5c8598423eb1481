"""Whoever could have been shown what the model saw is not blind to it, and the sighting says why."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from db.models import Alert, Encounter, Sighting
from review_ui.auth.access_scope import REVEAL_S
from review_ui.live.exposure import CLEAN_S
from rollout.evidence.sealed_sightings import intact_seal
from tests.support.blindness_leaks import go_on_watch, log_sighting
from tests.support.factories import T0
from tests.support.pages import Stage


def _last(page: Stage) -> Sighting:
    with page.database.read() as session:
        sighting = session.scalars(select(Sighting).order_by(Sighting.id.desc()).limit(1)).one()
        assert intact_seal(sighting)
        session.expunge(sighting)
    return sighting


def test_a_ranger_who_confirms_an_alert_and_then_starts_a_watch_is_not_blind(page: Stage) -> None:
    """One alert confirmed, another open on the page, Start, and seven seconds later a sighting."""
    confirmed = page.alert("upper-creek", at=T0 - 7200)
    page.alert("upper-trail", at=T0 - 5400)
    ranger = page.person("day-ranger")
    page.clock.now = T0
    shown = ranger.get(f"/api/v1/alerts/{confirmed}").json()
    decision = {"verdict": "bear", "seen_version": shown["version"], "idempotency_key": "a-decision"}
    assert ranger.post(f"/api/v1/alerts/{confirmed}/decisions", json=decision).status_code in (200, 201)
    go_on_watch(ranger)
    page.clock.now += 7
    assert "counts as blind from" in ranger.get("/").text
    address = log_sighting(ranger)
    sighting = _last(page)
    assert not sighting.blind
    assert sighting.not_blind_why is not None
    assert sighting.not_blind_why.startswith("until the watch began at ")
    assert sighting.not_blind_why in ranger.get(address).text
    assert ranger.get(f"/api/v1{address}").json()["not_blind_why"] == sighting.not_blind_why


@pytest.mark.parametrize(("ago_s", "blind"), [(60.0, False), (CLEAN_S - 60, False), (CLEAN_S + 120, True)])
def test_a_watch_begins_blind_only_after_a_clean_interval(page: Stage, ago_s: float, blind: bool) -> None:
    alert = page.alert("upper-creek", at=T0 - ago_s)
    _decide_long_ago(page, alert)
    page.clock.now = T0
    ranger = page.person("day-ranger")
    go_on_watch(ranger)
    page.clock.now += 60
    log_sighting(ranger)
    assert _last(page).blind is blind


def _decide_long_ago(page: Stage, alert: int) -> None:
    """Somebody rejected it at once: it stands in no queue any more."""
    page.clock.now += 5
    other = page.person("ben")
    shown = other.get(f"/api/v1/alerts/{alert}").json()
    with page.database.read() as session:
        page.clock.now = session.get_one(Alert, alert).created_at + 5
    decision = {"verdict": "bear", "seen_version": shown["version"], "idempotency_key": f"decision-{alert}"}
    assert other.post(f"/api/v1/alerts/{alert}/decisions", json=decision).status_code in (200, 201)


def test_after_half_an_hour_of_watching_one_is_blind_again_but_not_to_the_animal_that_was_shown(page: Stage) -> None:
    alert = page.alert("upper-creek", at=T0 - 60)
    page.clock.now = T0
    ranger = page.person("day-ranger")
    go_on_watch(ranger)
    with page.database.write() as session:
        encounter = session.scalars(select(Encounter).join(Alert).where(Alert.id == alert)).one()
        encounter.last_at = T0 + CLEAN_S - 60  # it stays on
    page.clock.now += CLEAN_S + 60
    log_sighting(ranger, key="the same animal")
    assert not _last(page).blind
    page.clock.now += REVEAL_S + CLEAN_S + 60
    log_sighting(ranger, key="half an hour after its view closed")
    assert _last(page).blind


def test_at_another_campsite_a_watch_begins_blind_at_once(page: Stage) -> None:
    page.alert("upper-creek", at=T0 - 60)
    page.clock.now = T0
    ranger = page.person("day-ranger")
    go_on_watch(ranger, "lower-pines")
    page.clock.now += 7
    assert "counts as blind from" not in ranger.get("/").text
    log_sighting(ranger, "lower-pines")
    assert (_last(page).blind, _last(page).not_blind_why) == (True, None)


@pytest.mark.parametrize(("minutes", "blind"), [("14", True), ("16", False), ("300", False)])
def test_what_is_entered_late_is_not_blind(page: Stage, minutes: str, blind: bool) -> None:
    page.clock.now = T0 - 8 * 3600
    ranger = page.person("day-ranger")
    go_on_watch(ranger)
    page.clock.now = T0
    log_sighting(ranger, minutes=minutes)
    sighting = _last(page)
    assert sighting.blind is blind
    assert (sighting.not_blind_why is None) is blind
    assert blind or f"entered {minutes} minutes after" in str(sighting.not_blind_why)

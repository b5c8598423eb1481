"""Where a stage reaches some cameras of a campsite only, a watcher there is blind to the others, and to no more."""

from __future__ import annotations

from sqlalchemy import select

from db.models import AuthorityLease, LedgerEntry, Mode, Sighting
from review_ui.auth.access_scope import REVEAL_S, access_scopes, current_blindings
from review_ui.live.page_events import happenings
from rollout.base.scopes import Place
from rollout.evidence.matching import MatchRule
from rollout.stages.event_store import append, load
from rollout.stages.events import HandoverBegan
from tests.support.blindness_leaks import cover_of, go_on_watch, ways_in
from tests.support.cast import grant
from tests.support.factories import T0
from tests.support.pages import Stage


def _live_for(page: Stage, *cameras: str) -> None:
    """A stage that reaches some cameras of the campsite only."""
    now = page.clock.now
    with page.database.write() as session:
        grant(session, "upper-pines", Mode.ASSISTED, now - 10, now + 3500)
        session.get_one(AuthorityLease, "upper-pines").only_cameras = list(cameras)


def test_where_only_some_cameras_advise_every_way_to_the_others_is_closed(either: Stage) -> None:
    shadow, live = either.alert("upper-creek", at=T0 - 500), either.alert("upper-trail", at=T0 - 400)
    covers = {alert: cover_of(either, alert) for alert in (shadow, live)}
    _live_for(either, "upper-trail")
    day_ranger = either.person("day-ranger")
    go_on_watch(day_ranger)
    assert all(ways_in(day_ranger, live, covers[live]).values()), ways_in(day_ranger, live, covers[live])
    assert "What the model sees on Creek is hidden from you" in day_ranger.get("/").text
    hidden = ways_in(day_ranger, shadow, covers[shadow])
    assert {way for way, open_ in hidden.items() if open_} <= {"count", "API list"}, hidden  # of the other one
    assert [a["id"] for a in day_ranger.get("/api/v1/alerts").json()["alerts"]] == [live]
    assert f"/alerts/{shadow}" not in day_ranger.get(f"/alerts/{live}").text  # nor as a neighbour
    assert day_ranger.get("/api/v1/me").json()["blind_to"] == ["upper-pines"]
    night = day_ranger.get("/api/v1/nights/2027-01-14").json()["cameras"]
    assert {c["camera"]: (c["hidden"], len(c["visits"])) for c in night if c["campsite"] == "upper-pines"} == {
        "upper-creek": (True, 0),
        "upper-trail": (False, 1),
    }
    for at, camera in ((T0 - 500, "upper-creek"), (T0 - 400, "upper-trail")):
        shots = day_ranger.get(f"/api/v1/nights/2027-01-14/frames?at={at}").json()
        assert [s["camera"] for s in shots if s["picture"]] == ([camera] if camera == "upper-trail" else []), shots
    assert day_ranger.post("/watches/1/end").status_code == 303
    assert all(ways_in(day_ranger, shadow, covers[shadow]).values())


def test_live_events_and_devices_are_told_of_the_cameras_that_advise_alone(page: Stage) -> None:
    _live_for(page, "upper-trail")
    day_ranger = page.person("day-ranger")
    go_on_watch(day_ranger)
    page.alert("upper-creek"), page.alert("upper-trail")
    account = page.account("day-ranger")
    with page.database.read() as session:
        scope = access_scopes(session, [account], page.clock.now, MatchRule())[account.session]
        rows = session.scalars(select(LedgerEntry).where(LedgerEntry.kind == "alert.raised")).all()
        told = [each.camera for each in happenings(session, rows) if each.may_reach(account, scope)]
    assert told == ["upper-trail"]


def test_a_sighting_counts_as_blind_there_only_for_a_camera_that_does_not_advise(page: Stage) -> None:
    _live_for(page, "upper-trail")
    day_ranger = page.person("day-ranger")
    go_on_watch(day_ranger)
    page.clock.now += 120
    for number, camera in enumerate(("", "upper-trail", "upper-creek")):
        seen = {"campsite": "upper-pines", "camera": camera or None, "seen_at": page.clock(),
                "idempotency_key": f"a-sighting-{number}"}  # fmt: skip
        assert day_ranger.post("/api/v1/sightings", json=seen).status_code == 201
    with page.database.read() as session:
        assert [s.blind for s in session.scalars(select(Sighting).order_by(Sighting.id))] == [False, False, False]
        first = current_blindings(session, page.clock.now, MatchRule())[(page.user_id("day-ranger"), "upper-pines")]
    assert first.windows  # the first sighting opened a view: blind is over
    page.clock.now += REVEAL_S + 300
    seen = {"campsite": "upper-pines", "camera": "upper-creek", "seen_at": page.clock(), "idempotency_key": "alone-now"}
    assert day_ranger.post("/api/v1/sightings", json=seen).json()["blind"] is True


def test_a_camera_that_has_left_the_stage_is_hidden_only_once_a_ranger_has_taken_over(page: Stage) -> None:
    alert = page.alert("upper-creek")
    _live_for(page, "upper-trail")
    day_ranger = page.person("day-ranger")
    go_on_watch(day_ranger)
    assert day_ranger.get(f"/alerts/{alert}").status_code == 404
    began = HandoverBegan(
        at=page.clock.now, by="olga", handover=1, cause="demoted", places=(Place("upper-pines", ("upper-creek",)),),
        from_stage="one-campsite-one-day", to="rosa", next_at=page.clock.now + 300, cameras=("upper-creek",),
    )  # fmt: skip
    with page.database.write() as session:
        append(session, load(session), [began], ["olga"])
    assert day_ranger.get(f"/alerts/{alert}").status_code == 200

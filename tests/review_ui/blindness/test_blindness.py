"""On watch in a shadow stage, nothing that the model says about the campsite reaches the ranger, whatever they try."""

from __future__ import annotations

from fastapi.testclient import TestClient
from sqlalchemy import select

from db.models import Encounter, LedgerEntry, Mode, Role, Sighting, Watch
from review_ui.auth.access_scope import REVEAL_S, access_scope, access_scopes, current_blindings
from review_ui.auth.accounts import Account
from review_ui.auth.rights import Right
from review_ui.auth.tokens import make_token
from review_ui.watch.periodic_tasks import round_of
from review_ui.web.alert_cards import GROWS_FOR_S
from rollout.evidence.matching import MatchRule
from tests.support.blindness_leaks import cover_of, go_on_watch, log_sighting, ways_in
from tests.support.cast import grant
from tests.support.factories import T0
from tests.support.pages import Stage

RULE = MatchRule()


def test_on_watch_every_way_to_the_alert_is_closed_and_afterwards_every_way_is_open(either: Stage) -> None:
    alert = either.alert("upper-creek")
    cover = cover_of(either, alert)
    day_ranger = either.person("day-ranger")
    go_on_watch(day_ranger)
    assert not any(ways_in(day_ranger, alert, cover).values()), ways_in(day_ranger, alert, cover)
    assert "hidden from you" in day_ranger.get("/").text
    assert day_ranger.post("/watches/1/end").status_code == 303
    assert all(ways_in(day_ranger, alert, cover).values()), ways_in(day_ranger, alert, cover)


def test_a_page_follows_an_open_visit_and_a_watchers_page_does_not_know_that_there_is_one(page: Stage) -> None:
    page.alert("upper-creek")
    day_ranger = page.person("day-ranger")
    assert "data-grows" in day_ranger.get("/fragments/watch").text
    page.clock.now += GROWS_FOR_S
    assert "data-grows" not in day_ranger.get("/fragments/watch").text, "no tracker is left to close it"
    page.clock.now -= GROWS_FOR_S
    go_on_watch(day_ranger)
    assert "data-grows" not in day_ranger.get("/fragments/watch").text
    with page.database.write() as session:
        session.scalars(select(Encounter)).one().closed_at = T0 + 30
    assert "data-grows" not in page.person("night-ranger").get("/fragments/watch").text


def test_what_is_hidden_cannot_be_told_from_what_does_not_exist(page: Stage) -> None:
    alert = page.alert("upper-creek")
    day_ranger = page.person("day-ranger")
    go_on_watch(day_ranger)
    hidden, nothing = day_ranger.get(f"/alerts/{alert}"), day_ranger.get("/alerts/987654")
    assert hidden.status_code == nothing.status_code == 404
    assert hidden.text.replace(str(alert), "N") == nothing.text.replace("987654", "N").replace(str(alert), "N")


def test_only_the_watched_campsite_is_hidden_and_only_from_its_watcher(page: Stage) -> None:
    upper, lower = page.alert("upper-creek"), page.alert("lower-meadow")
    day_ranger, ben = page.person("day-ranger"), page.person("ben")
    go_on_watch(day_ranger)
    assert [a["id"] for a in day_ranger.get("/api/v1/alerts").json()["alerts"]] == [lower]
    assert [a["id"] for a in ben.get("/api/v1/alerts").json()["alerts"]] == [upper, lower]


def test_a_sealed_sighting_opens_the_view_for_ten_minutes(either: Stage) -> None:
    alert = either.alert("upper-creek", at=T0)
    cover = cover_of(either, alert)
    day_ranger = either.person("day-ranger")
    go_on_watch(day_ranger)
    log_sighting(day_ranger)
    assert all(ways_in(day_ranger, alert, cover).values())
    either.clock.now += REVEAL_S - 1
    assert all(ways_in(day_ranger, alert, cover).values())
    either.clock.now += 2
    assert not any(ways_in(day_ranger, alert, cover).values())


def test_a_made_up_sighting_opens_its_own_moment_and_not_the_night(either: Stage) -> None:
    before = either.alert("upper-creek", at=T0 - RULE.before_s - 30)
    during = either.alert("upper-creek", at=T0 + 30)
    day_ranger = either.person("day-ranger")
    either.clock.now = T0 + 40
    go_on_watch(day_ranger)
    log_sighting(day_ranger)  # "just now": T0 + 40
    either.clock.now += 60
    later = either.alert("upper-trail", at=T0 + 90)
    covers = {alert: cover_of(either, alert) for alert in (before, during, later)}
    assert all(ways_in(day_ranger, during, covers[during]).values())
    assert all(ways_in(day_ranger, later, covers[later]).values())  # it may be the animal that was seen
    for way, open_ in ways_in(day_ranger, before, covers[before]).items():
        # The first two see the other alerts; the staged alerts of one camera share one and the same picture.
        assert open_ is (way in ("count", "API list", "picture")), way
    assert [a["id"] for a in day_ranger.get("/api/v1/alerts").json()["alerts"]] == [during, later]
    assert day_ranger.get(f"/alerts/{during}").text.count(f"/alerts/{before}") == 0  # nor as a neighbour


def test_what_comes_long_after_a_sighting_stays_hidden_while_its_view_is_open(page: Stage) -> None:
    day_ranger = page.person("day-ranger")
    page.clock.now = T0 - 3600
    go_on_watch(day_ranger)
    page.clock.now = T0
    log_sighting(day_ranger, minutes="30")
    alert = page.alert("upper-creek", at=T0 - 1800 + RULE.after_s + 5)
    assert not any(ways_in(day_ranger, alert, cover_of(page, alert)).values())
    earlier = page.alert("upper-trail", at=T0 - 1800 + RULE.after_s - 5)
    assert all(ways_in(day_ranger, earlier, cover_of(page, earlier)).values())


def test_a_made_up_sighting_stays_in_the_record_with_its_author(page: Stage) -> None:
    day_ranger = page.person("day-ranger")
    go_on_watch(day_ranger)
    log_sighting(day_ranger, key="made-up-1")
    log_sighting(day_ranger, key="made-up-2")
    with page.database.read() as session:
        sealed = session.scalars(select(LedgerEntry).where(LedgerEntry.kind == "sighting.sealed")).all()
    assert [entry.actor for entry in sealed] == [f"user:{page.user_id('day-ranger')}"] * 2
    assert ['"blind":true' in entry.body for entry in sealed] == [True, False]  # the first view was open by then


def test_a_forgotten_watch_ends_by_itself_and_says_so(either: Stage) -> None:
    alert = either.alert("upper-creek")
    day_ranger = either.person("day-ranger")
    go_on_watch(day_ranger)
    started = either.clock.now
    either.clock.now += 10 * 3600 - 60
    assert "Still watching" not in either.person("day-ranger").get("/").text
    either.clock.now += 120
    assert "Still watching Upper Pines?" in either.person("day-ranger").get("/").text
    either.clock.now = started + 14 * 3600 + 1
    day_ranger = either.person("day-ranger")
    assert "End watch" not in day_ranger.get("/").text
    assert day_ranger.get(f"/alerts/{alert}").status_code == 200
    either.clock.now += 3600
    for _ in range(2):
        round_of(either.app.state.site)
    with either.database.read() as session:
        watch = session.scalars(select(Watch)).one()
        ended = session.scalars(select(LedgerEntry.body).where(LedgerEntry.kind == "watch.ended")).all()
    assert (watch.ended_at, watch.ended_because) == (started + 14 * 3600, "forgotten")
    assert len(ended) == 1


def test_whoever_is_still_there_watches_on(page: Stage) -> None:
    day_ranger = page.person("day-ranger")
    go_on_watch(day_ranger)
    page.clock.now += 13 * 3600
    assert page.person("ben").post("/watches/1/still").status_code == 303  # not his: nothing happens
    assert day_ranger.post("/watches/1/still").status_code == 303
    page.clock.now += 13 * 3600
    assert "End watch" in page.person("day-ranger").get("/").text


def test_on_watch_a_program_of_the_ranger_sees_nothing_either(page: Stage) -> None:
    alert = page.alert("upper-creek")
    day_ranger = page.person("day-ranger")
    go_on_watch(day_ranger)
    with page.database.write() as session:
        owner = Account(page.user_id("day-ranger"), "day-ranger", Role.RANGER, "")
        token = make_token(session, owner, "a way around", [Right.VIEW], [], 1, page.clock.now).secret
    program = TestClient(page.app, headers={"Authorization": f"Bearer {token}"}, follow_redirects=False)
    assert program.get("/api/v1/alerts").json()["alerts"] == []
    assert program.get(f"/api/v1/alerts/{alert}").status_code == 404
    assert program.get(cover_of(page, alert)).status_code == 404
    assert program.get("/api/v1/me").json()["blind_to"] == ["upper-pines"]


def test_a_sighting_elsewhere_or_before_the_watch_opens_nothing(page: Stage) -> None:
    alert = page.alert("upper-creek")
    cover = cover_of(page, alert)
    day_ranger = page.person("day-ranger")
    log_sighting(day_ranger, "upper-pines", key="before-the-watch")
    page.clock.now += 1
    go_on_watch(day_ranger)
    log_sighting(day_ranger, "lower-pines", key="at-the-other-one")
    assert not any(ways_in(day_ranger, alert, cover).values())


def test_where_people_act_on_the_model_nobody_is_blind(page: Stage) -> None:
    alert = page.alert("upper-creek")
    day_ranger = page.person("day-ranger")
    go_on_watch(day_ranger)
    with page.database.write() as session:
        grant(session, "upper-pines", Mode.ASSISTED, page.clock.now - 10, page.clock.now + 50)
    assert day_ranger.get(f"/alerts/{alert}").status_code == 200
    page.clock.now += 60  # the lease runs out: the model goes on advising until a ranger has taken over
    assert day_ranger.get(f"/alerts/{alert}").status_code == 200
    with page.database.write() as session:
        grant(session, "upper-pines", Mode.SHADOW, page.clock.now, page.clock.now + 9999)
    assert day_ranger.get(f"/alerts/{alert}").status_code == 404


def test_a_sighting_counts_as_blind_only_when_the_view_was_hidden_all_along(either: Stage) -> None:
    day_ranger = either.person("day-ranger")
    log_sighting(day_ranger, key="not-on-watch")
    either.clock.now += 60
    go_on_watch(day_ranger)
    either.clock.now += 120
    log_sighting(day_ranger, key="seen-before-the-watch-began", minutes="3")
    with either.database.read() as session:
        assert [s.blind for s in session.scalars(select(Sighting).order_by(Sighting.id))] == [False, False]
    either.clock.now += REVEAL_S + 60
    log_sighting(day_ranger, key="on-watch-blind", minutes="0")
    log_sighting(day_ranger, key="while-the-view-is-open", minutes="0")
    either.clock.now += REVEAL_S + 60
    log_sighting(day_ranger, key="seen-while-it-was-open", minutes="2")
    with either.database.read() as session:
        blind = [s.blind for s in session.scalars(select(Sighting).order_by(Sighting.id))]
    assert blind == [False, False, True, False, False]


def test_whether_the_model_saw_it_is_hidden_again_when_the_view_closes(page: Stage) -> None:
    page.alert("upper-creek", at=T0)
    day_ranger = page.person("day-ranger")
    go_on_watch(day_ranger)
    sighting = log_sighting(day_ranger)
    assert "The model saw it" in day_ranger.get(sighting).text
    assert day_ranger.get(f"/api/v1{sighting}").json()["match"] is not None
    page.clock.now += REVEAL_S + 1
    assert "The model saw it" not in day_ranger.get(sighting).text
    assert day_ranger.get(f"/api/v1{sighting}").json()["match"] is None


def test_watchers_do_not_read_one_anothers_sightings(page: Stage) -> None:
    ben = page.person("ben")
    sighting = log_sighting(ben)
    day_ranger = page.person("day-ranger")
    assert sighting in day_ranger.get("/sightings").text
    go_on_watch(day_ranger)
    assert sighting not in day_ranger.get("/sightings").text
    assert day_ranger.get(sighting).status_code == 404
    assert day_ranger.get(f"/api/v1{sighting}").status_code == 404
    assert ben.get(sighting).status_code == 200


def test_a_doubled_click_is_one_watch_and_nobody_ends_somebody_elses(either: Stage) -> None:
    day_ranger, ben = either.person("day-ranger"), either.person("ben")
    go_on_watch(day_ranger)
    go_on_watch(day_ranger)
    assert day_ranger.get("/").text.count("End watch") == 1
    ben.post("/watches/1/end")
    assert "End watch" in day_ranger.get("/").text
    assert day_ranger.post("/watches", data={"campsite": "no-such-campsite"}).status_code == 303


def test_one_rule_answers_for_one_and_for_all(either: Stage) -> None:
    day_ranger, ben = either.person("day-ranger"), either.person("ben")
    go_on_watch(day_ranger, "upper-pines")
    go_on_watch(ben, "lower-pines")
    now = either.clock.now
    one = Account(either.user_id("day-ranger"), "day-ranger", Role.RANGER, "his")
    other = Account(either.user_id("ben"), "ben", Role.RANGER, "hers")
    with either.database.read() as session:
        scopes = access_scopes(session, [one, other], now, RULE)
        assert {name: scope.hidden for name, scope in scopes.items()} == {
            "his": {"upper-pines"},
            "hers": {"lower-pines"},
        }
        assert access_scope(session, one, now, RULE).hidden == {"upper-pines"}
        assert current_blindings(session, now, RULE)[(one.id, "upper-pines")].since == now


def test_an_encounter_without_its_alert_is_hidden_too(page: Stage) -> None:
    """The picture of an encounter is the model's choice, whether or not an alert came of it."""
    page.alert("upper-trail")
    with page.database.read() as session:
        cover = session.scalars(select(Encounter.cover)).one()
    day_ranger = page.person("day-ranger")
    assert day_ranger.get(f"/media/{cover}").status_code == 200
    go_on_watch(day_ranger)
    assert day_ranger.get(f"/media/{cover}").status_code == 404

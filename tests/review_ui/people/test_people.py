"""Administration: who works here, what they may do and where, and the end of it."""

from __future__ import annotations

import re
from html import unescape

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from db.ledger import verify
from db.models import LedgerEntry, Role, User, Watch
from review_ui.auth.accounts import ensure_first_account
from review_ui.people.administration import Admin, AdministrationRefused, change_person, deactivate
from tests.support.pages import PASSWORD, Stage

ADMIN = Admin("test")


def _admin(page: Stage) -> TestClient:
    return page.person("admin", Role.ADMINISTRATOR)


def _password(text: str) -> str:
    found = re.search(r'class="secret"><code>([^<]+)</code>', text)
    assert found, text
    return unescape(found[1])


def _user(page: Stage, name: str) -> User:
    with page.database.read() as session:
        return session.scalars(select(User).where(User.name == name)).one()


def test_somebody_new_comes_in_with_a_password_that_opens_the_account_once(either: Stage) -> None:
    admin = _admin(either)
    added = admin.post("/people", data={"name": " night-ranger ", "role": "ranger", "campsite": ["upper-pines"]})
    assert added.status_code == 200
    newcomer = either.stranger()
    arrival = newcomer.post("/login", data={"name": "night-ranger", "password": _password(added.text)})
    assert arrival.headers["location"] == "/account"
    newcomer.post("/account/password", data={"new": PASSWORD, "again": PASSWORD})
    assert newcomer.get("/api/v1/me").json()["campsites"] == ["upper-pines"]
    assert "Lower Pines" not in newcomer.get("/").text
    with either.database.read() as session:
        kinds = session.scalars(select(LedgerEntry.kind).order_by(LedgerEntry.seq)).all()
        assert verify(session).broken_at is None
    assert kinds == ["user.add", "user.password"]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"name": "ADMIN"}, "already"),
        ({"name": "   "}, "Write a name"),
        ({"name": "a\0b"}, "Write a name"),
        ({"name": "x" * 81}, "Write a name"),
        ({"name": "new", "campsite": ["nowhere"]}, "from the list"),
        ({"name": "new", "role": "administrator", "campsite": ["upper-pines"]}, "sees every campsite"),
    ],
)
def test_somebody_who_cannot_be_added_is_explained(page: Stage, fields: dict[str, str], words: str) -> None:
    answer = _admin(page).post("/people", data={"role": "ranger", **fields})
    assert (answer.status_code, words in answer.text) == (422, True)
    with page.database.read() as session:
        assert session.scalars(select(User.name)).all() == ["admin"]


def test_a_name_is_text_wherever_it_stands(page: Stage) -> None:
    name = '<script>alert(1)</script> & "Bo\'"'
    admin, named = _admin(page), page.person(name)
    alert = page.alert()
    decision = {"verdict": "unsure", "seen_version": "1", "idempotency_key": "a-decision-key"}
    named.post(f"/alerts/{alert}/decision", data=decision)
    reset = admin.post(f"/people/{page.user_id(name)}/password").text
    pages = [admin.get(path).text for path in ("/people", "/", f"/alerts/{alert}")]
    for text in (*pages, reset, page.stranger().post("/login", data={"name": name, "password": "wrong"}).text):
        assert "<script>alert" not in text
        assert "&lt;script&gt;" in text


def test_a_limit_to_campsites_holds_at_once_in_every_open_browser(page: Stage) -> None:
    ranger = page.person()
    alert = page.alert("lower-meadow")
    assert ranger.get(f"/alerts/{alert}").status_code == 200
    number = page.user_id()
    _admin(page).post(f"/people/{number}", data={"role": "ranger", "campsite": ["upper-pines"]})
    assert ranger.get(f"/alerts/{alert}").status_code == 404
    _admin(page).post(f"/people/{number}", data={"role": "ranger"})
    assert ranger.get(f"/alerts/{alert}").status_code == 200


def test_whoever_loses_access_is_out_everywhere_and_off_watch(page: Stage) -> None:
    ranger = page.person()
    ranger.post("/watches", data={"campsite": "upper-pines"})
    number = page.user_id()
    assert _admin(page).post(f"/people/{number}/deactivate").headers["location"] == f"/people/{number}?done=deactivated"
    assert ranger.get("/").status_code == 303
    with page.database.read() as session:
        watch = session.scalars(select(Watch)).one()
        assert (watch.ended_at, watch.ended_because) == (page.clock(), "access")
    back = _admin(page).post(f"/people/{number}/activate")
    assert page.stranger().post("/login", data={"name": "day-ranger", "password": PASSWORD}).status_code == 401
    fresh = page.stranger().post("/login", data={"name": "day-ranger", "password": _password(back.text)})
    assert fresh.headers["location"] == "/account"


def test_a_new_password_ends_whatever_was_open(page: Stage) -> None:
    ranger = page.person()
    answer = _admin(page).post(f"/people/{page.user_id()}/password")
    assert ranger.get("/").status_code == 303
    assert _password(answer.text) not in _admin(page).get(f"/people/{page.user_id()}").text


def test_signing_somebody_out_everywhere_lets_them_log_in_again(page: Stage) -> None:
    ranger = page.person()
    assert _admin(page).post(f"/people/{page.user_id()}/revoke").status_code == 303
    assert ranger.get("/").status_code == 303
    assert page.stranger().post("/login", data={"name": "day-ranger", "password": PASSWORD}).status_code == 303


def test_there_is_always_an_administrator_left(page: Stage) -> None:
    admin = _admin(page)
    number = page.user_id("admin")
    own = admin.post(f"/people/{number}/deactivate")
    assert (own.status_code, "your own access" in own.text) == (422, True)
    last = admin.post(f"/people/{number}", data={"role": "ranger"})
    assert (last.status_code, "last administrator" in last.text) == (422, True)
    page.person("second", Role.ADMINISTRATOR)
    with page.database.write() as session:
        deactivate(session, ADMIN, page.user_id("second"), page.clock())
    with pytest.raises(AdministrationRefused, match="last administrator"), page.database.write() as session:
        change_person(session, ADMIN, number, Role.RANGER, (), page.clock())
    assert _user(page, "admin").role == Role.ADMINISTRATOR


@pytest.mark.parametrize("number", ["987654", "0", "99999999999999999999"])
@pytest.mark.parametrize("action", ["", "/deactivate", "/activate", "/password", "/revoke", "/second-factor"])
def test_somebody_who_is_not_there_is_not_found(page: Stage, number: str, action: str) -> None:
    assert _admin(page).post(f"/people/{number}{action}", data={"role": "ranger"}).status_code == 404


def test_people_are_managed_over_the_api_too(page: Stage) -> None:
    admin = _admin(page)
    made = admin.post("/api/v1/people", json={"name": "night-ranger", "campsites": ["upper-pines"]})
    number = made.json()["id"]
    assert made.status_code == 201
    changed = admin.put(f"/api/v1/people/{number}", json={"role": "lead_ranger", "campsites": []})
    assert (changed.json()["role"], changed.json()["campsites"]) == ("lead_ranger", [])
    again = admin.post("/api/v1/people", json={"name": "night-ranger"})
    assert (again.status_code, again.headers["content-type"]) == (422, "application/problem+json")
    assert admin.post(f"/api/v1/people/{number}/deactivate").status_code == 204
    assert admin.post("/api/v1/people/987654/deactivate").status_code == 404
    first = admin.get("/api/v1/people?limit=1").json()
    second = admin.get(f"/api/v1/people?limit=1&after={first['next_after']}").json()
    assert [p["name"] for p in first["people"] + second["people"]] == ["admin", "night-ranger"]


def test_the_first_account_has_to_choose_its_own_password(page: Stage) -> None:
    first = ensure_first_account(page.database, None)
    assert first is not None
    owner = page.stranger()
    assert owner.post("/login", data={"name": first[0], "password": first[1]}).headers["location"] == "/account"
    assert owner.get("/people").headers["location"] == "/account"
    owner.post("/account/password", data={"new": PASSWORD, "again": PASSWORD})
    assert owner.get("/people").status_code == 200

"""Every way in, for every role: the right, the campsite, the blinding. ``tests/support/rights_table.py`` says what
must be.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from db.models import Encounter, Role, Sighting, User, UserCampsite
from review_ui.auth.accounts import Account
from review_ui.auth.rights import RIGHTS, Right
from review_ui.auth.tokens import GRANTABLE, make_token
from review_ui.rendering.routes import every_route
from tests.support.pages import Stage
from tests.support.rights_table import DOORS, FILTERED, HIDDEN, SIGNED_IN, Door

MINE, OTHER = "upper-pines", "lower-pines"
CAMERAS = {MINE: "upper-creek", OTHER: "lower-meadow"}
NAMES_OF_OTHER = ("lower-pines", "Lower Pines", "lower-meadow", "Meadow")
NOT_LET_IN = (401, 403)


@dataclass(frozen=True)
class Things:
    """What the walk asks about at one campsite, by the names of the parameters in the paths."""

    campsite: str
    parameters: Mapping[str, str]

    def address(self, path: str) -> str:
        """A route's path with its parameters filled in; what is not a thing of a campsite does not exist."""
        return re.sub(r"\{(\w+)(:\w+)?\}", lambda found: self.parameters.get(found[1], "987654"), path)

    def filled(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """What is sent."""
        return {k: v.replace("{campsite}", self.campsite) if isinstance(v, str) else v for k, v in fields.items()}


def _things(page: Stage, campsite: str) -> Things:
    """An alert with its picture and a sighting, made by somebody who is not asking."""
    alert = page.alert(CAMERAS[campsite])
    seen = {"campsite": campsite, "animal": "bear", "number": "1", "when": "now", "idempotency_key": f"at-{campsite}"}
    assert page.person("somebody-else").post("/sightings", data=seen).status_code == 303
    with page.database.read() as session:
        cover = session.scalars(select(Encounter.cover).where(Encounter.camera_id == CAMERAS[campsite])).one()
        sighting = session.scalars(select(Sighting.id).where(Sighting.campsite_id == campsite)).one()
    parameters = {"alert_id": str(alert), "key": str(cover), "sighting_id": str(sighting), "date": "2027-01-15"}
    return Things(campsite, {**parameters, "campsite": campsite, "camera": CAMERAS[campsite]})


def _limited(page: Stage, role: Role) -> TestClient:
    """Somebody of a role who may see one campsite only."""
    browser = page.person(f"a {role}", role)
    with page.database.write() as session:
        session.add(UserCampsite(user_id=page.user_id(f"a {role}"), campsite_id=MINE))
    return browser


def _knock(browser: TestClient, key: tuple[str, str], things: Things) -> tuple[int, str]:
    method, path = key
    door = DOORS[key]
    json = things.filled(door.json) if door.json is not None else None
    form = things.filled(door.form) if door.json is None and method != "GET" else None
    answer = browser.request(method, things.address(path), json=json, data=form)
    return answer.status_code, answer.text if "text" in answer.headers.get("content-type", "") else str(answer.content)


def _routes(page: Stage) -> set[tuple[str, str]]:
    return {
        (method, route.path) for route in every_route(page.app) for method in route.methods or () if method != "HEAD"
    }


def _let_in(door: Door, role: Role) -> bool:
    return door.right in (None, SIGNED_IN) or door.right in RIGHTS[role]


def test_every_route_is_in_the_table(page: Stage) -> None:
    routes = _routes(page)
    assert routes - set(DOORS) == set(), "write these routes into tests/support/rights_table.py"
    assert set(DOORS) - routes == set(), "these routes are gone; take them out of tests/support/rights_table.py"


def test_a_stranger_gets_nowhere_that_is_not_for_everybody(page: Stage) -> None:
    things = _things(page, MINE)
    stranger = page.stranger()
    for (method, path), door in DOORS.items():
        answer = stranger.request(method, things.address(path))
        refused = answer.status_code == 401 or answer.headers.get("location", "").startswith("/login?next=")
        if door.right is not None:
            assert refused, f"{method} {path} answered {answer.status_code} to a stranger"


@pytest.mark.parametrize("role", list(Role))
def test_every_role_gets_what_its_rights_say_at_its_own_campsites(page: Stage, role: Role) -> None:
    mine, other = _things(page, MINE), _things(page, OTHER)
    person = _limited(page, role)
    for (method, path), door in DOORS.items():
        if door.right is None:
            continue
        if not _let_in(door, role):
            assert _knock(person, (method, path), mine)[0] == 403, f"{role} got through {method} {path}"
            continue
        if door.streams:
            continue
        status, text = _knock(person, (method, path), mine)
        assert status not in NOT_LET_IN, f"{role} was refused at {method} {path}: {status}"
        assert status < 500, f"{method} {path} broke: {text}"
        if door.elsewhere is HIDDEN:
            assert status != 404, f"{role} does not find a thing of their own campsite at {method} {path}"
            assert _knock(person, (method, path), other)[0] == 404, f"{role} sees another campsite at {method} {path}"
        if door.elsewhere is FILTERED:
            told = [name for name in NAMES_OF_OTHER if name in text]
            assert told == [], f"{method} {path} tells {role} of another campsite: {told}"


def test_whoever_is_not_limited_sees_every_campsite(page: Stage) -> None:
    mine, other = _things(page, MINE), _things(page, OTHER)
    person = page.person("at large", Role.ADMINISTRATOR)
    for key, door in DOORS.items():
        if door.elsewhere is HIDDEN:
            assert _knock(person, key, mine)[0] != 404
            assert _knock(person, key, other)[0] != 404
    assert all(name in person.get("/").text for name in ("Lower Pines", "Meadow", "Creek"))


def test_a_token_opens_what_it_was_given_and_nothing_else(page: Stage) -> None:
    mine, other = _things(page, MINE), _things(page, OTHER)
    program = _program(page, {Right.VIEW}, [MINE])
    for (method, path), door in DOORS.items():
        if door.right is None or door.streams:
            continue
        status, text = _knock(program, (method, path), mine)
        assert (status == 403) is (door.right != Right.VIEW), f"a token at {method} {path}: {status}"
        if door.right == Right.VIEW and door.elsewhere is HIDDEN:
            assert _knock(program, (method, path), other)[0] == 404, f"a token sees another campsite at {method} {path}"
        if door.right == Right.VIEW and door.elsewhere is FILTERED:
            assert not any(name in text for name in NAMES_OF_OTHER), f"{method} {path} tells a token too much"


def test_on_watch_no_page_at_all_shows_anything_of_the_alert(page: Stage) -> None:
    """An administrator may open every page, and goes on watch like everybody else."""
    things = _things(page, MINE)
    person = page.person("on watch", Role.ADMINISTRATOR)
    assert person.post("/watches", data={"campsite": MINE}).status_code == 303
    program = _program(page, set(GRANTABLE), [], owner="on watch")
    picture = things.parameters["key"].rpartition("/")[2]
    number = things.parameters["alert_id"]
    told = re.compile(rf"{re.escape(picture)}|/alerts/{number}\b|\"alert\": ?\d|\"score\": ?0\.|>0\.90?<")
    for (method, path), door in DOORS.items():
        if method != "GET" or door.streams or path == "/api/v1/openapi.json":
            continue  # the description shows made-up alerts
        for browser in (person, program):
            status, text = _knock(browser, (method, path), things)
            if door.elsewhere is HIDDEN:
                assert status in (403, 404), f"{method} {path} shows a watcher what is hidden"
            assert told.search(text) is None, f"{method} {path} tells a watcher: {told.search(text)}"


def _program(page: Stage, rights: set[Right], campsites: list[str], owner: str = "an administrator") -> TestClient:
    """A program with a token of an administrator, or of somebody who is there already."""
    if owner == "an administrator":
        page.person(owner, Role.ADMINISTRATOR)
    with page.database.write() as session:
        user = session.scalars(select(User).where(User.name == owner)).one()
        account = Account(user.id, user.name, Role(user.role), "")
        secret = make_token(session, account, "a program", rights, campsites, 1, page.clock.now).secret
    return TestClient(page.app, follow_redirects=False, headers={"Authorization": f"Bearer {secret}"})

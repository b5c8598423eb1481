"""Alerts are found again by place, day, light, animal, decision and people, and nothing that is hidden is found."""

from __future__ import annotations

import csv
import io
import re

import pytest

from db.models import Alert, AlertStatus, Encounter, Verdict
from tests.support.factories import T0
from tests.support.pages import Stage

DAY_S = 86400.0


def found(page: Stage, query: str = "", name: str = "day-ranger") -> list[int]:
    """The numbers on the page, in their order."""
    text = page.person(name).get(f"/alerts{query}").text
    return [int(number) for number in re.findall(r'<a class="card" href="/alerts/(\d+)"', text)]


def decided(page: Stage, alert: int, verdict: Verdict, name: str) -> None:
    body = {"verdict": verdict, "seen_version": 1, "idempotency_key": f"key-of-alert-{alert}"}
    assert page.person(name).post(f"/api/v1/alerts/{alert}/decisions", json=body).status_code == 200


@pytest.fixture
def three(page: Stage) -> tuple[int, int, int]:
    """Two of one camera, a day apart, and one of another campsite's by infra-red light."""
    first, second = page.alert("upper-creek", T0), page.alert("upper-creek", T0 + DAY_S)
    third = page.alert("lower-meadow", T0 + 2 * DAY_S)
    with page.database.write() as session:
        encounter = session.get_one(Encounter, session.get_one(Alert, third).encounter_id)
        encounter.infrared, encounter.model = True, "night-model"
    page.clock.now = T0 + 3 * DAY_S
    return first, second, third


def test_the_newest_stands_first(page: Stage, three: tuple[int, int, int]) -> None:
    assert found(page) == [*reversed(three)]


def test_each_filter_finds_what_it_says_and_together_they_narrow(page: Stage, three: tuple[int, int, int]) -> None:
    first, second, third = three
    decided(page, first, Verdict.BEAR, "day-ranger")
    decided(page, second, Verdict.NOT_A_BEAR, "night-ranger")
    assert found(page, "?camera=upper-creek") == [second, first]
    assert found(page, "?campsite=lower-pines") == [third]
    assert found(page, "?status=open") == [third]
    assert found(page, "?status=confirmed") == [first]
    assert found(page, "?by=night-ranger") == [second]
    assert found(page, "?light=infrared") == [third]
    assert found(page, "?model=night-model") == [third]
    assert found(page, "?kind=unknown_animal") == []
    assert found(page, "?camera=upper-creek&status=rejected&light=&by=") == [second]
    assert found(page, "?camera=upper-creek&campsite=lower-pines") == []


def test_a_day_is_that_of_the_campsites_clock(page: Stage, three: tuple[int, int, int]) -> None:
    first, second, _third = three
    # 2027-01-15 08:00 UTC is midnight at the campsites.
    assert found(page, "?first_day=2027-01-15&last_day=2027-01-15") == [first]
    assert found(page, "?last_day=2027-01-16") == [second, first]
    assert found(page, "?first_day=0001-01-01&last_day=9999-12-31") == [*reversed(three)]


@pytest.mark.parametrize(
    "query", ["?status=maybe", "?first_day=yesterday", "?light=moon", "?before=0", f"?camera={'x' * 80}"]
)
def test_what_cannot_be_asked_is_said(page: Stage, query: str) -> None:
    assert page.person().get(f"/alerts{query}").status_code == 422
    assert page.person().get(f"/api/v1/alerts{query.replace('before', 'limit')}").status_code == 422


def test_pages_of_many_leave_none_out_and_show_none_twice(page: Stage) -> None:
    numbers = [page.alert("upper-creek", T0 + 3600.0 * hour) for hour in range(50)]
    page.clock.now = T0 + 60 * 3600.0
    first = found(page)
    assert len(first) == 48
    assert first + found(page, f"?before={first[-1]}") == numbers[::-1]
    assert f"/alerts?before={first[-1]}" in page.person().get("/alerts").text


def test_nothing_of_a_campsite_that_one_watches_blind_is_found(page: Stage, three: tuple[int, int, int]) -> None:
    _first, _second, third = three
    watcher = page.person("watcher")
    assert watcher.post("/api/v1/watches", json={"campsite": "upper-pines"}).status_code == 201
    for query in ("", "?camera=upper-creek", "?status=open", "?first_day=2027-01-01"):
        assert not {*found(page, query, "watcher")} & {*three[:2]}
    assert found(page, "", "watcher") == [third]
    assert "upper-creek" not in watcher.get("/alerts.csv").text


def test_the_export_holds_what_the_page_shows_and_no_formula(page: Stage, three: tuple[int, int, int]) -> None:
    first, second, third = three
    with page.database.write() as session:
        session.get_one(Encounter, session.get_one(Alert, third).encounter_id).model = "=1+1"
    answer = page.person().get("/alerts.csv")
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [int(row["alert"]) for row in rows] == [third, second, first]
    assert rows[0]["model"] == "'=1+1"
    assert rows[2]["local_time"] == "2027-01-15T00:00:00-0800"
    assert {row["status"] for row in rows} == {AlertStatus.OPEN}
    assert [
        row["alert"] for row in csv.DictReader(io.StringIO(page.person().get("/alerts.csv?camera=lower-meadow").text))
    ] == [str(third)]


def test_programs_ask_the_same(page: Stage, three: tuple[int, int, int]) -> None:
    first, second, _third = three
    got = page.person().get("/api/v1/alerts?camera=upper-creek&light=").json()["alerts"]
    assert [each["id"] for each in got] == [first, second]


def test_the_form_remembers_what_was_asked(page: Stage, three: tuple[int, int, int]) -> None:
    text = page.person().get("/alerts?camera=upper-creek&status=open&first_day=2027-01-01").text
    assert '<option value="upper-creek" selected>' in text
    assert '<option value="open" selected>' in text
    assert 'value="2027-01-01"' in text
    assert 'href="/alerts.csv?campsite' not in text
    assert "/alerts.csv?camera=upper-creek&amp;status=open&amp;first_day=2027-01-01" in text

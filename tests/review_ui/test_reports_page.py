"""The pages and the API of reports: who may read of what, downloads, and dates that cannot be."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from db.models import MachineSample, QueueSample, Role, UserCampsite
from rollout.reports.archive import Archive
from rollout.reports.build import make
from rollout.reports.document import Kind
from tests.support.host_days import MINUTE, machine_rows, queue_rows, write
from tests.support.pages import Stage
from tests.support.rollout.report_season import NOW, asked, filled

KINDS = [kind.value for kind in Kind]


@pytest.fixture
def page(page: Stage) -> Stage:
    """The page three weeks later."""
    filled(page.database)
    page.clock.now = NOW + 60
    return page


def _limited(page: Stage, campsite: str = "upper-pines") -> TestClient:
    browser = page.person("county auditor", Role.AUDITOR)
    with page.database.write() as session:
        session.add(UserCampsite(user_id=page.user_id("county auditor"), campsite_id=campsite))
    return browser


def _store(page: Stage, campsite: str, day: str = "2027-02-02") -> None:
    with page.database.read() as session:
        report = make(Kind.DAILY, asked(session, page.config, (campsite,), day, day, everything=False))
    Archive(page.app.state.site.settings.bearwatch_data / "reports").write(report)


def test_every_report_is_a_page_within_its_budget(page: Stage) -> None:
    lead = page.person("lead", Role.LEAD_RANGER)
    for kind in KINDS:
        answer = lead.get(f"/reports/{kind}")
        assert answer.status_code == 200
        assert "Upper Pines, Lower Pines" in answer.text
        assert len(answer.content) < 60_000
        assert "style=" not in answer.text
        assert "<script>" not in answer.text


def test_a_day_that_was_written_down_is_drawn_on_the_page(page: Stage) -> None:
    """Three machines, whose load never stands still."""
    write(page.database, QueueSample, queue_rows(MINUTE, range(1440)))
    for name in ("ridge", "creek", "falls"):
        rows = machine_rows(MINUTE, [n for n in range(1440) if n % 400 > 30], name, load=lambda n: 0.3 + n % 53 / 40)
        write(page.database, MachineSample, rows)
    answer = page.person("lead", Role.LEAD_RANGER).get("/reports/daily?from=2027-02-02&to=2027-02-02")
    assert answer.text.count('aria-label="ridge: Load per processor') == 1
    assert 'class="plot-gap"' in answer.text
    assert "style=" not in answer.text
    assert len(answer.content) < 110_000


def test_the_page_takes_days_and_a_campsite_and_keeps_them(page: Stage) -> None:
    lead = page.person("lead", Role.LEAD_RANGER)
    text = lead.get("/reports/daily?from=2027-02-02&to=2027-02-02&campsite=upper-pines").text
    assert "Tuesday 2 February 2027" in text
    assert 'value="2027-02-02"' in text
    assert '<option value="upper-pines" selected>' in text
    assert "1 warning to campers failed" in text


def test_days_that_cannot_be_are_said_on_the_page_and_in_the_api(page: Stage) -> None:
    lead = page.person("lead", Role.LEAD_RANGER)
    for query, says in (
        ("from=2027-02-03&to=2027-02-01", "exchange them"),
        ("from=tomorrow", "write it as 2027-01-15"),
        ("from=2030-01-01&to=2030-01-02", "has not begun yet"),
    ):
        shown, told = lead.get(f"/reports/shadow?{query}"), lead.get(f"/api/v1/reports/shadow?{query}")
        assert (shown.status_code, told.status_code) == (422, 422)
        assert says in shown.text.lower()
        assert says in told.json()["detail"].lower()


def test_a_ranger_has_no_right_to_reports(page: Stage) -> None:
    ranger = page.person("day-ranger", Role.RANGER)
    for path in ("/reports", "/reports/shadow", "/reports/shadow/csv", "/api/v1/reports", "/api/v1/reports/loop"):
        assert ranger.get(path).status_code == 403, path
    assert 'href="/reports"' not in ranger.get("/").text


def test_whoever_is_limited_reads_of_their_campsites_alone(page: Stage) -> None:
    browser = _limited(page)
    for kind in KINDS:
        for path in (f"/reports/{kind}", f"/reports/{kind}/csv", f"/reports/{kind}/html", f"/api/v1/reports/{kind}"):
            answer = browser.get(path)
            assert answer.status_code == 200, path
            assert [name for name in ("Lower Pines", "lower-", "Meadow") if name in answer.text] == [], path
        assert browser.get(f"/reports/{kind}?campsite=lower-pines").status_code == 404
        assert browser.get(f"/api/v1/reports/{kind}?campsite=lower-pines").status_code == 404


def test_on_a_blind_watch_no_report_speaks_of_the_campsite(page: Stage) -> None:
    _store(page, "upper-pines")
    lead = page.person("lead", Role.LEAD_RANGER)
    assert lead.post("/watches", data={"campsite": "upper-pines"}).status_code == 303
    stored = "/reports/stored/2027-02-02/upper-pines/html"
    for kind in KINDS:
        assert lead.get(f"/api/v1/reports/{kind}?campsite=upper-pines").status_code == 404
        assert lead.get(f"/reports/{kind}/csv?campsite=upper-pines").status_code == 404
        told = lead.get(f"/api/v1/reports/{kind}").json()
        assert [place["id"] for place in told["campsites"]] == ["lower-pines"]
        assert "upper-" not in lead.get(f"/api/v1/reports/{kind}").text
        assert "nothing of it is in this report" in lead.get(f"/reports/{kind}").text
    assert "There is nothing that you may read now" in lead.get("/reports/shadow?campsite=upper-pines").text
    assert lead.get(stored).status_code == 404
    assert lead.get("/api/v1/reports").json() | {"kinds": []} == {
        "kinds": [], "daily": [], "next_before": None, "blind_to": ["upper-pines"],
    }  # fmt: skip
    _end_all(page, lead)
    assert lead.get(stored).status_code == 200


def _end_all(page: Stage, browser: TestClient) -> None:
    for each in browser.get("/api/v1/watches").json()["watches"]:
        assert browser.post(f"/watches/{each['id']}/end").status_code == 303


def test_downloads_are_files_and_the_api_says_the_same(page: Stage) -> None:
    lead = page.person("lead", Role.LEAD_RANGER)
    for suffix, kind in (("csv", "text/csv"), ("json", "application/json"), ("html", "text/html")):
        answer = lead.get(f"/reports/shadow/{suffix}?from=2027-01-14&to=2027-02-03")
        assert answer.headers["content-type"].startswith(kind)
        name = f'attachment; filename="bearwatch-shadow-2027-01-14-2027-02-03.{suffix}"'
        assert answer.headers["content-disposition"] == name
    told = lead.get("/api/v1/reports/shadow?from=2027-01-14&to=2027-02-03").json()
    file = lead.get("/reports/shadow/json?from=2027-01-14&to=2027-02-03").json()
    assert told == file
    recall = next(f for s in told["sections"] for f in s["figures"] if f["key"] == "recall_blind")
    assert (recall["value"], recall["n"]) == (pytest.approx(15 / 16), 16)
    assert lead.get("/reports/shadow/pdf").status_code == 404
    assert lead.get("/reports/weekly").status_code == 404


def test_stored_days_are_offered_with_their_state_in_words(page: Stage) -> None:
    _store(page, "upper-pines")
    _store(page, "lower-pines")
    limited, lead = _limited(page), page.person("lead", Role.LEAD_RANGER)
    text = lead.get("/reports").text
    assert "■ act" in text
    assert "/reports/stored/2027-02-02/lower-pines/html" in text
    assert lead.get("/api/v1/reports/daily/2027-02-02/lower-pines").json()["light"] == "not known"
    assert [each["campsite"] for each in limited.get("/api/v1/reports").json()["daily"]] == ["upper-pines"]
    for path in ("/reports/stored/2027-02-02/lower-pines/json", "/api/v1/reports/daily/2027-02-02/lower-pines"):
        assert limited.get(path).status_code == 404
    for path in ("/reports/stored/2027-02-02/..%2F..%2Fx/json", "/reports/stored/nonsense/upper-pines/json"):
        assert lead.get(path).status_code == 404

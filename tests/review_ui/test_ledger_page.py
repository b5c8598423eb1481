"""The ledger page: everything that happened, to whom it may be told, with the proof that nobody has changed it."""

from __future__ import annotations

import hashlib
import json

from sqlalchemy import text

from db.ledger import ASK_EVERY, GENESIS, record, verify
from db.models import Role, UserCampsite
from tests.support.factories import T0
from tests.support.pages import Stage


def _entries(page: Stage, count: int, kind: str = "test.thing", campsite: str | None = "upper-pines") -> None:
    with page.database.write() as session:
        for number in range(count):
            body = {"markup": "<b>", "number": number}
            record(
                session,
                at=T0 + number,
                kind=kind,
                subject=f"thing:{number}",
                actor="test",
                campsite=campsite,
                body=body,
            )


def test_the_ledger_is_read_page_by_page_and_filtered(page: Stage) -> None:
    _entries(page, 120)
    _entries(page, 3, "test.other", "lower-pines")
    auditor = page.person("ina", Role.AUDITOR)
    first = auditor.get("/ledger").text
    assert "thing:119" in first
    assert "thing:60<" not in first
    assert "&lt;b&gt;" in first
    first_page = auditor.get("/api/v1/ledger?limit=100").json()
    rest = auditor.get(f"/api/v1/ledger?limit=100&before={first_page['next_before']}").json()
    assert [len(first_page["entries"]), len(rest["entries"]), rest["next_before"]] == [100, 23, None]
    assert f"before={first_page['entries'][49]['seq']}" in first
    only = auditor.get("/api/v1/ledger?kind=test.other").json()["entries"]
    assert {each["kind"] for each in only} == {"test.other"}
    assert len(auditor.get("/api/v1/ledger?campsite=lower-pines").json()["entries"]) == 3
    begins = auditor.get("/api/v1/ledger?subject=thing:11").json()["entries"]
    assert [each["subject"] for each in begins] == [*(f"thing:{n}" for n in range(119, 109, -1)), "thing:11"]
    assert auditor.get("/api/v1/ledger?subject=%25").json()["entries"] == []
    assert "Nothing fits this choice." in auditor.get("/ledger?kind=nothing").text


def test_the_proof_is_one_button(page: Stage) -> None:
    _entries(page, 5)
    auditor = page.person("ina", Role.AUDITOR)
    proved = auditor.post("/ledger/verify").text
    assert "Unbroken" in proved
    assert "5 entries" in proved
    answer = auditor.post("/api/v1/ledger/verify").json()
    assert (answer["unbroken"], answer["complete"], answer["entries"]) == (True, True, 5)
    with page.database.write() as session:
        session.execute(text("UPDATE ledger SET actor = 'somebody' WHERE seq = 3"))
    broken = auditor.post("/ledger/verify").text
    assert "Broken at entry 3" in broken
    assert auditor.post("/api/v1/ledger/verify").json()["broken_at"] == 3


def test_a_walk_that_takes_too_long_is_broken_off_and_says_so(page: Stage) -> None:
    _entries(page, ASK_EVERY + 5)
    with page.database.read() as session:
        found = verify(session, lambda: True)
        assert (found.entries, found.complete, found.broken_at) == (ASK_EVERY, False, None)
        assert verify(session, lambda: False).complete


def test_an_export_can_be_verified_by_others(page: Stage) -> None:
    _entries(page, 20)
    auditor = page.person("ina", Role.AUDITOR)
    answer = auditor.get("/ledger.jsonl")
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    assert answer.text == auditor.get("/api/v1/ledger/export").text
    previous = GENESIS
    for line in answer.text.splitlines():
        entry = json.loads(line)
        body = json.dumps(entry["body"], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        fields = [entry["seq"], repr(entry["at"]), entry["kind"], entry["subject"], entry["actor"], entry["campsite"],
                  body, previous]  # fmt: skip
        assert entry["hash"] == hashlib.sha256(json.dumps(fields, ensure_ascii=False).encode()).hexdigest()
        previous = entry["hash"]


def test_the_models_opinion_of_an_unanswered_alert_is_left_out(page: Stage) -> None:
    alert = page.alert("upper-creek")
    lead = page.person("lea", Role.LEAD_RANGER)
    (entry,) = lead.get("/api/v1/ledger?kind=alert.raised").json()["entries"]
    assert "score" not in entry["body"]
    assert "score" in entry["masked"]
    assert "hidden until somebody has answered" in lead.get("/ledger").text
    body = {"verdict": "bear", "seen_version": 1, "idempotency_key": "lead-decides"}
    lead.post(f"/api/v1/alerts/{alert}/decisions", json=body)
    (entry,) = lead.get("/api/v1/ledger?kind=alert.raised").json()["entries"]
    assert (entry["body"]["score"], entry["masked"]) == (0.9, [])


def test_whoever_watches_blind_reads_only_what_was_written_before(page: Stage) -> None:
    _entries(page, 2, campsite="lower-pines")
    lead = page.person("lea", Role.LEAD_RANGER)
    page.clock.now = T0 + 100
    lead.post("/watches", data={"campsite": "upper-pines"})
    page.alert("upper-creek", T0 + 200)
    _entries_later = page.alert("lower-meadow", T0 + 300)
    assert _entries_later
    page.clock.now = T0 + 400
    answer = lead.get("/api/v1/ledger").json()
    assert answer["until"] == T0 + 100
    assert {each["kind"] for each in answer["entries"]} <= {"test.thing", "watch.started"}
    assert "alert.raised" not in lead.get("/ledger?kind=").text.partition('class="entries"')[2]
    assert "alert" not in lead.get("/ledger.jsonl").text
    proved = lead.post("/api/v1/ledger/verify").json()
    assert (proved["unbroken"], proved["entries"], proved["head"]) == (True, None, None)
    assert "You watch blind" in lead.post("/ledger/verify").text


def test_another_campsites_entries_are_not_told(page: Stage) -> None:
    _entries(page, 2, campsite="upper-pines")
    _entries(page, 2, "test.mine", "lower-pines")
    _entries(page, 2, "test.nowhere", None)
    lead = page.person("lea", Role.LEAD_RANGER)
    with page.database.write() as session:
        session.add(UserCampsite(user_id=page.user_id("lea"), campsite_id="lower-pines"))
    assert {each["kind"] for each in lead.get("/api/v1/ledger").json()["entries"]} == {"test.mine"}
    assert page.person().get("/ledger").status_code == 403


def test_a_strange_question_is_refused(page: Stage) -> None:
    auditor = page.person("ina", Role.AUDITOR)
    for query in ("before=0", "before=x", "limit=501", "kind=" + "x" * 41):
        assert auditor.get(f"/api/v1/ledger?{query}").status_code == 422, query
    assert auditor.get("/ledger?subject=%00%00").status_code == 200

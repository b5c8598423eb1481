"""What the version of November 2026 left behind is read by this one: its database, its queue, its stored reports.

The expectations were recorded by that version over the same rows (``tests/fixtures/november_2026/README.md``).
"""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr
from sqlalchemy import select

from core.config import Config
from core.media import MediaStore
from core.secret_box import SecretBox
from core.settings import Settings
from db.ledger import verify
from db.migrate import upgrade
from db.models import Alert, AlertStatus, AuditSheet, LabelChange, LedgerEntry, RolloutEvent, Sighting, User
from db.session import Database
from review_ui.app import create_app
from review_ui.ledger.view import APPEAL_KINDS
from review_ui.sightings.sealing import intact
from rollout.control.analysis_store import courses, last_analysis
from rollout.control.verification import verify_rollout
from rollout.reports.archive import Archive
from rollout.reports.build import make
from rollout.reports.document import Kind, Report
from rollout.stages.event_store import everything, load
from rollout.stages.events import KINDS, from_json, to_json
from rollout.stages.evolve import evolve
from rollout.stages.spec_file import plan_from
from rollout.stages.state import State, grants
from tests.support.browser.pages_list import PAGES
from tests.support.november_2026 import FOLDER, configured, restore, said
from tests.support.pages import Clock, Stage
from tests.support.rollout.report_season import FIRST, LAST, NOW, SITES, asked
from tests.support.services.servers import create_database, drop_database

KEY = "kept-for-the-fixture-0123456789ab"
REPORTED = {Kind.SHADOW: (FIRST, LAST), Kind.ROLLOUT: (FIRST, LAST), Kind.LOOP: (FIRST, LAST),
            Kind.DAILY: ("2027-02-02", "2027-02-02")}  # fmt: skip


WIDER: dict[Kind, tuple[int, ...]] = {Kind.SHADOW: (46,)}
"""Figures that are another one today: the bound of false alarms allows for clumps over cameras and days."""


def _brought_to_today(url: str) -> None:
    restore(url)
    database = Database(url)
    upgrade(database)
    database.close()


@pytest.fixture(scope="module")
def upgraded_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its database, brought to today's schema, as a SQLite file to be copied."""
    file = tmp_path_factory.mktemp("november") / "old.sqlite3"
    _brought_to_today(f"sqlite:///{file}")
    return file


@pytest.fixture(scope="module")
def upgraded_template(postgresql_address: str) -> Iterator[str]:
    """As ``upgraded_file``: a database of that name on the PostgreSQL server."""
    name = "november"
    _brought_to_today(create_database(postgresql_address, name))
    yield name
    drop_database(postgresql_address, name)


@pytest.fixture(params=["sqlite", "postgresql"])
def old(request: pytest.FixtureRequest) -> Database:
    """Its database, brought to today's schema: on SQLite and on PostgreSQL."""
    return request.getfixturevalue("old_file" if request.param == "sqlite" else "old_on_server")  # type: ignore[no-any-return]


@pytest.fixture
def old_file(tmp_path: Path, upgraded_file: Path) -> Iterator[Database]:
    """As ``old``, on SQLite only."""
    database = Database(f"sqlite:///{shutil.copy(upgraded_file, tmp_path / 'old.sqlite3')}")
    yield database
    database.close()


@pytest.fixture
def old_on_server(postgresql_address: str, upgraded_template: str) -> Iterator[Database]:
    """As ``old``, on PostgreSQL only."""
    name = "november_copy"
    database = Database(create_database(postgresql_address, name, template=upgraded_template))
    yield database
    database.close()
    drop_database(postgresql_address, name)


def test_its_events_are_read_and_lead_where_they_led(old: Database) -> None:
    with old.read() as session:
        rows = session.scalars(select(RolloutEvent).order_by(RolloutEvent.seq)).all()
        assert {row.kind for row in rows} == set(KINDS), "every kind of event has happened there"
        state = State()
        for row in rows:
            event = from_json(row.kind, row.body)
            assert to_json(event) == row.body
            state = evolve(state, event)
        assert load(session) == state
        assert [entry.event.at for entry in everything(session)] == [row.at for row in rows]
    then = said()
    assert _facts(state) == then["state"]
    assert {site: _grant(grant) for site, grant in grants(state).items()} == then["grants"]


def test_its_ledger_is_whole_and_agrees_with_its_events(old: Database) -> None:
    entries, head = said()["ledger"]
    with old.read() as session:
        found = verify(session)
        assert (found.entries, found.head, found.broken_at) == (entries, head, None)
        checked = verify_rollout(session, NOW)
    assert [problem for problem in checked.problems if "what holds" not in problem] == []


def test_its_seals_hold(old: Database) -> None:
    with old.read() as session:
        sightings = session.scalars(select(Sighting)).all()
        assert len(sightings) == said()["entries"]["sightings"]
        assert all(intact(each) for each in sightings)


def test_its_analyses_of_the_gates_are_found_again(old: Database, config: Config) -> None:
    then = said()["look"]
    with old.read() as session:
        found = last_analysis(session, plan_from(configured(config)), load(session), NOW)
        assert found is not None, "the last analysis counts still"
        course = courses(session, found)
    assert found.at == then["at"]
    assert [[each.gate, each.outcome.value, each.value, each.n] for each in found.gates] == then["gates"]
    measured = {
        window: {name: [each.value, each.n, each.unit, each.why, dict(each.bounds)] for name, each in metrics.items()}
        for window, metrics in found.measured.items()
    }
    assert measured == then["measured"]
    points = {gate: [[p.at, p.outcome, p.value, p.compared] for p in each] for gate, each in course.items()}
    assert points == said()["courses"]


@pytest.mark.parametrize("kind", REPORTED, ids=str)
def test_its_reports_come_to_the_same_figures(old_file: Database, config: Config, kind: Kind) -> None:
    then = said()["reports"][kind.value]
    first, end = REPORTED[kind]
    with old_file.read() as session:
        report = make(kind, asked(session, configured(config), SITES, first, end))
    expected = [math.nan if value is None else value for figure in then["figures"] for value in figure]
    found = _figures(report)
    for place in WIDER.get(kind, ()):
        assert found[place] >= expected[place], "it allows for more than it did"
        found[place] = expected[place]
    assert found == pytest.approx(expected, rel=1e-9, nan_ok=True)
    assert [len(table.rows) for section in report.sections for table in section.tables] == then["tables"]
    assert [answer.light.value for answer in report.answers] == then["lights"]


@pytest.fixture
def page(old_file: Database, config: Config, redis_url: str, tmp_path: Path) -> Iterator[Stage]:
    """Its page a minute later, with the key that sealed its second factors."""
    settings = Settings(redis_url=redis_url, bearwatch_data=tmp_path / "data", bearwatch_secret_key=SecretStr(KEY))
    whole, clock = configured(config), Clock(NOW + 60)
    app = create_app(settings, whole, old_file, clock=clock)
    with TestClient(app):
        yield Stage(app, old_file, whole, MediaStore(settings.media_dir), clock)


def test_its_pages_open_for_whoever_may_see_them(page: Stage) -> None:
    names, closed = _names(page.database), {}
    for sheet in PAGES:
        if "{model}" in sheet.path:
            continue  # no model comes with a database
        path = sheet.path.replace("/audit/sheets/1", "/audit/sheets/{sheet}").format(**names)
        browser = page.stranger() if sheet.public else page.person(sheet.who)
        answer = browser.get(path, follow_redirects=True)
        if answer.status_code != 200:
            closed[path] = answer.status_code
    assert closed == {}


def test_its_ledger_is_read_to_its_end_on_the_page(page: Stage) -> None:
    shown = {json.loads(line)["kind"] for line in page.person("root").get("/ledger.jsonl").text.splitlines()}
    with page.database.read() as session:
        assert set(session.scalars(select(LedgerEntry.kind))) - shown <= set(APPEAL_KINDS)


def test_its_second_factors_open_with_its_key(page: Stage) -> None:
    with page.database.read() as session:
        sealed = session.scalars(select(User.totp_sealed).where(User.name == "omar")).one()
    assert SecretBox(KEY, page.media.root / "none").fits(sealed or "")


def test_its_stored_reports_are_listed_and_shown(page: Stage) -> None:
    data = page.app.state.site.settings.bearwatch_data
    folder = data / "reports" / "2027-02-02"
    folder.mkdir(parents=True)
    (folder / "upper-pines.json").write_text((FOLDER / "stored_report.json").read_text())
    written = json.loads((FOLDER / "stored_report.json").read_text())
    (listed,) = Archive(data / "reports").listed(["upper-pines"])
    assert (listed.made_at, listed.light.value) == (written["made_at"], written["light"])
    answer = page.person("root").get("/api/v1/reports/daily/2027-02-02/upper-pines")
    assert answer.status_code == 200, answer.text[:500]
    assert _numbers(answer.json()) == _numbers(written)


def _facts(state: State) -> dict[str, Any]:
    """A state under the names that it had: attributes may be called otherwise today."""
    return {
        "seq": state.seq,
        "at": state.at,
        "road": state.plan_digest,
        "author": state.author,
        "model": state.model,
        "evidence_since": state.evidence_since,
        "run": state.run,
        "stage": state.stage,
        "stage_name": state.stage_name,
        "mode": state.mode.value,
        "started_at": state.started_at,
        "deadline_at": state.deadline_at,
        "look_at": state.analysis_opens_at,
        "timezone": state.timezone,
        "tzdata": state.tzdata,
        "granted": [{"campsite": each.campsite, "cameras": _list(each.cameras)} for each in state.granted],
        "withdrawn": list(state.withdrawn),
        "veto_s": state.veto_s,
        "ranger_ack_s": state.ranger_ack_s,
        "warned": list(state.warned),
        "overdue": state.overdue,
        "extensions": state.extensions,
        "epoch": state.epoch,
        "approvals": [
            {"by": each.by, "roles": list(each.roles), "step": each.step.value, "at": each.at, "latch": each.latch,
             "note": each.note, "void": each.void}
            for each in state.approvals
        ],
        "proposer": state.proposer,
        "latches": [
            {"id": each.id, "breaker": each.breaker, "unit": each.unit, "reason": each.reason,
             "effect": each.effect.value, "at": each.at, "campsites": _list(each.campsites),
             "cameras": list(each.cameras)}
            for each in state.latches
        ],
        "handovers": [{"id": each.id, "cause": each.cause, "level": each.level} for each in state.handovers],
        "handovers_made": state.handovers_made,
        "watched_at": state.watched_at,
        "unconfirmed": state.unconfirmed,
        "keys": sorted([epoch, key] for epoch, key in state.keys),
        "phase": state.phase.value,
    }  # fmt: skip


def _list(found: tuple[str, ...] | None) -> list[str] | None:
    return None if found is None else list(found)


def _grant(grant: Any) -> list[Any]:
    return [grant.mode.value, grant.advises, _list(grant.only), list(grant.without), list(grant.reviewed)]


def _figures(report: Report) -> list[float]:
    """Each figure's value, interval and number of units, one after the other; what is none, or infinite, is nan."""
    figures = [figure for section in report.sections for figure in section.figures]
    values = (value for each in figures for value in (each.value, each.low, each.high, each.n))
    return [value if value is not None and math.isfinite(value) else math.nan for value in values]


def _numbers(tree: Any) -> list[float]:
    """All numbers of a document in order, whatever its keys are called."""
    if isinstance(tree, dict):
        return [number for value in tree.values() for number in _numbers(value)]
    if isinstance(tree, list):
        return [number for value in tree for number in _numbers(value)]
    return [tree] if isinstance(tree, int | float) and not isinstance(tree, bool) else []


def _names(database: Database) -> dict[str, str]:
    """What the paths of pages are filled with."""
    with database.read() as session:
        opened = session.scalars(select(Alert.id).where(Alert.status == AlertStatus.OPEN)).first()
        decided = session.scalars(select(Alert.id).where(Alert.status == AlertStatus.CONFIRMED)).first()
        change = session.scalars(select(LabelChange.id).order_by(LabelChange.id)).first()
        person = session.scalars(select(User.id).where(User.name == "rosa")).one()
        sheet = session.scalars(select(AuditSheet.id).where(~AuditSheet.answers.any(), AuditSheet.due_at > NOW)).first()
    return {"open": str(opened), "decided": str(decided), "change": str(change), "person": str(person),
            "sighting": "1", "appeal": "1", "night": "2027-02-02", "sheet": str(sheet)}  # fmt: skip

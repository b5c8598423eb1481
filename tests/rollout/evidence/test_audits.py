"""Contact sheets: drawn at random and written down, shown blind, answered once, and counted with their weights."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import func, select

from bearwatch.housekeeping import remove_old_pictures
from core.config import Config
from core.media import MediaStore
from core.site_config import Retention
from db.ledger import verify
from db.models import (
    AuditAnswer,
    AuditDraw,
    AuditSheet,
    BearSeen,
    CameraHour,
    LedgerEntry,
    NightExperiment,
    RandomWatch,
    SheetKind,
)
from db.session import Database
from rollout.evidence.audits import AnswerRefused, OpenSheet, answer, draw_day, open_sheets, progress
from rollout.evidence.audits.audit_metrics import answered, labels, sensitivity
from rollout.evidence.audits.contact_sheets import DUE_AFTER_S, day_to_draw
from rollout.evidence.before_after import before_after
from rollout.evidence.on_off_nights import NightPlan, end, helps_now, schedule, sightings_by_night
from rollout.evidence.random_watches import draw_watches, random_share
from tests.support.cast import add_user
from tests.support.factories import T0, jpeg
from tests.support.rollout.evidence_rows import MODEL, add_bear, add_hours, add_sighting, add_watch, assessed, thumbnail

DAY_S = 86400.0
START = T0 // DAY_S * DAY_S
DAY = "2027-01-15"
DRAWN_AT = START + DAY_S + 3 * 3600
CAMERAS = ("upper-creek", "upper-trail", "lower-meadow")
BOTH = ["upper-pines", "lower-pines"]


@pytest.fixture
def day(sqlite_database: Database) -> Database:
    """A whole day of three cameras, and bears of the week before that people have confirmed."""
    return _filled(sqlite_database)


@pytest.fixture
def either(database: Database) -> Database:
    """The same, once in SQLite and once in PostgreSQL."""
    return _filled(database)


def _filled(database: Database) -> Database:
    with database.write() as session:
        add_user(session)
        for camera in CAMERAS:
            add_hours(session, START, 24, camera, motion=0 if camera == "upper-trail" else 5)
            for number in range(8):
                at = START - 7 * DAY_S + number * 3 * 3600
                add_bear(session, at, camera, picture=f"2027-01-08/{camera}/{number:032x}.jpg")
    return database


def _draw(database: Database, seed: int | None = 5) -> list[AuditSheet]:
    with database.write() as session:
        return draw_day(session, DAY, DRAWN_AT, seed)


def _open(
    database: Database, user_id: int = 1, campsites: list[str] | None = None, limit: int = 100
) -> list[OpenSheet]:
    with database.read() as session:
        return open_sheets(session, user_id, campsites or BOTH, limit)


def _answer(database: Database, sheet_id: int, bear: BearSeen, marked: list[int], key: str) -> AuditAnswer:
    with database.write() as session:
        return answer(session, sheet_id, 1, bear, marked, key, DRAWN_AT + 600)


def test_a_day_is_drawn_once_with_probabilities_written_down(either: Database) -> None:
    sheets = _draw(either)
    random = [sheet for sheet in sheets if sheet.kind == SheetKind.RANDOM]
    assert (len(sheets), len(random)) == (50, 45)
    assert all(sheet.probability == pytest.approx(45 / 72) for sheet in random)
    assert {sheet.stratum for sheet in random} >= {"lower-pines/dark/motion", "upper-pines/light/still"}
    assert [sheet.id for sheet in _draw(either, seed=6)] == [sheet.id for sheet in sheets]
    with either.read() as session:
        drawn = session.get_one(AuditDraw, DAY)
        assert (drawn.hours, drawn.seed) == (72, "5")
        entry = session.scalars(select(LedgerEntry).where(LedgerEntry.kind == "audit.drawn")).one()
        assert drawn.hours_digest in entry.body
        assert verify(session).broken_at is None


def test_nobody_chooses_the_seed_and_anybody_can_check_it(either: Database) -> None:
    first = {(sheet.camera_id, sheet.hour_at) for sheet in _draw(either, seed=None)}
    with either.read() as session:
        seed = int(session.get_one(AuditDraw, DAY).seed)
    with either.write() as session:
        session.query(AuditSheet).delete()
        session.query(AuditDraw).delete()
    assert {(sheet.camera_id, sheet.hour_at) for sheet in _draw(either, seed)} == first


def test_a_day_that_is_not_over_or_is_none_is_refused(day: Database) -> None:
    with day.write() as session:
        with pytest.raises(ValueError, match="not over"):
            draw_day(session, DAY, START + 3600, 1)
        with pytest.raises(ValueError, match="is no day"):
            draw_day(session, "yesterday", DRAWN_AT, 1)
    assert day_to_draw(DRAWN_AT) == DAY
    assert day_to_draw(START + DAY_S + 3600) == "2027-01-14"


def test_a_sheet_tells_an_auditor_nothing_but_where_when_and_the_pictures(day: Database) -> None:
    _draw(day)
    sheets = _open(day)
    assert len(sheets) == 50
    assert set(OpenSheet.__slots__) == {
        "id", "campsite_id", "camera_id", "camera_name", "hour_at", "thumbnails", "minutes", "due_at",
    }  # fmt: skip
    assert all(START <= sheet.hour_at < START + DAY_S and len(sheet.thumbnails) == 60 for sheet in sheets)
    assert len({(sheet.camera_id, sheet.hour_at) for sheet in sheets}) == 50
    assert len({sheet.due_at for sheet in sheets}) == 1
    assert {sheet.campsite_id for sheet in _open(day, campsites=["lower-pines"])} == {"lower-pines"}
    assert [sheet.id for sheet in _open(day, 1)] != [sheet.id for sheet in _open(day, 2)]
    assert len(_open(day, limit=7)) == 7


def test_planted_bears_are_confirmed_ones_of_the_same_camera_and_hour_of_day(day: Database) -> None:
    planted = [sheet for sheet in _draw(day) if sheet.kind == SheetKind.PLANTED]
    assert len(planted) == 5
    for sheet in planted:
        assert sheet.probability is None
        assert sheet.planted_index is not None
        strange = sheet.thumbnails[sheet.planted_index]
        assert strange.startswith(f"2027-01-08/{sheet.camera_id}/")
        others = [key for key in sheet.thumbnails if key != strange]
        assert len(others) == 59
    assert len({sheet.planted_encounter_id for sheet in planted}) == 5


def test_a_single_camera_has_planted_bears_too_and_the_probability_knows_it(sqlite_database: Database) -> None:
    with sqlite_database.write() as session:
        add_user(session)
        add_hours(session, START, 24)
        for number in range(24):
            add_bear(session, START - DAY_S + number * 3600 + 60, picture=f"2027-01-14/upper-creek/{number:032x}.jpg")
    sheets = _draw(sqlite_database)
    assert len(sheets) == 24
    assert sum(sheet.kind == SheetKind.PLANTED for sheet in sheets) == 3
    assert {sheet.probability for sheet in sheets if sheet.kind == SheetKind.RANDOM} == {1 - 3 / 24}


def test_an_answer_is_written_once_and_a_second_thought_counts(either: Database) -> None:
    sheet = _draw(either)[0]
    first = _answer(either, sheet.id, BearSeen.NO, [], "click")
    assert _answer(either, sheet.id, BearSeen.NO, [], "click").id == first.id
    _answer(either, sheet.id, BearSeen.YES, [4, 3, 4], "second thought")
    with either.read() as session:
        assert session.scalar(select(func.count(AuditAnswer.id))) == 2
        (found,) = [each for each in answered(session, None, START, DRAWN_AT) if each.bear is not None]
        assert (found.bear, found.marked) == (BearSeen.YES, (3, 4))
        kinds = session.scalars(select(LedgerEntry.kind).order_by(LedgerEntry.seq)).all()
        assert kinds.count("audit.answered") == 2
    assert sheet.id not in {each.id for each in _open(either)}


@pytest.mark.parametrize(
    ("bear", "marked", "message"),
    [
        (BearSeen.YES, [], "at least one"),
        (BearSeen.NO, [1], "take the marks back"),
        (BearSeen.YES, [60], "60 thumbnails"),
        (BearSeen.UNSURE, [-1], "60 thumbnails"),
    ],
)
def test_an_answer_that_does_not_fit_its_sheet_is_refused(
    day: Database, bear: BearSeen, marked: list[int], message: str
) -> None:
    sheet = _draw(day)[0]
    with pytest.raises(AnswerRefused, match=message):
        _answer(day, sheet.id, bear, marked, "k")
    with pytest.raises(AnswerRefused, match="no contact sheet"):
        _answer(day, 9999, BearSeen.NO, [], "k")


def test_what_is_due_and_what_is_done(day: Database) -> None:
    sheets = [sheet for sheet in _draw(day) if sheet.campsite_id == "upper-pines"]
    for number, sheet in enumerate(sheets[:3]):
        _answer(day, sheet.id, BearSeen.NO, [], f"k{number}")
    with day.read() as session:
        early = progress(session, ["upper-pines"], START, DRAWN_AT + 1000)
        assert (early.due, early.done, early.open, early.share) == (0, 0, len(sheets) - 3, None)
        late = progress(session, ["upper-pines"], START, DRAWN_AT + DUE_AFTER_S)
        assert (late.due, late.done, late.share) == (len(sheets), 3, 3 / len(sheets))


def test_audits_find_what_everybody_missed(either: Database) -> None:
    """Ten visits that the model saw; one on a drawn sheet that it did not, and one that it did."""
    with either.write() as session:
        for number in range(10):
            add_bear(session, START + number * 2 * 3600 + 300)
    sheets = _draw(either)
    creek = [s for s in sheets if s.kind == SheetKind.RANDOM and s.camera_id == "upper-creek"]
    lost = next(s for s in creek if (s.hour_at - START) // 3600 % 2 == 1 and s.hour_at < START + 18 * 3600)
    seen = next(s for s in creek if (s.hour_at - START) // 3600 % 2 == 0 and s.hour_at < START + 18 * 3600)
    found = {lost.id: [40, 41], seen.id: [6]}
    for sheet in sheets:
        marks = [sheet.planted_index] if sheet.planted_index is not None else found.get(sheet.id, [])
        _answer(either, sheet.id, BearSeen.YES if marks else BearSeen.NO, marks, f"sheet-{sheet.id}")
    later = DRAWN_AT + DUE_AFTER_S
    with either.read() as session:
        measured = assessed(session, BOTH, START, MODEL, later)
        auditors = sensitivity(answered(session, None, START, later))
        given = labels(answered(session, None, START, later))
    recall = measured["recall_audit"]
    assert (recall.detail["bears_found"], recall.detail["missed_by_the_model"]) == (2, 1)
    assert (auditors.found, auditors.planted) == (5, 5)
    assert auditors.lower == pytest.approx(0.549, abs=0.001)
    missed = 72 / 45 / auditors.lower
    assert recall.value == pytest.approx(10 / (10 + missed))
    assert recall.bounds["gamma_lower"] < 10 / (10 + missed)
    assert recall.n == 45
    assert measured["audit_done_over_due"].value == 1.0
    assert measured["selected_label_share"].detail == {"review": 10, "blind_sighting": 0, "audit": 45}
    assert sum(label.is_bear for label in given) == 3
    assert {label.source for label in given} == {"audit"}
    assert given[0].probability == pytest.approx(45 / 72)
    assert given[0].weight == pytest.approx(72 / 45)


def test_audits_add_up_over_campsites_and_stages_for_one_model(day: Database) -> None:
    """A stage at one campsite that began at noon looks back on the audits of everywhere, since the model began."""
    with day.write() as session:
        for number in range(10):
            add_bear(session, START + number * 2 * 3600 + 300)
    for sheet in _draw(day):
        marks = [] if sheet.planted_index is None else [sheet.planted_index]
        _answer(day, sheet.id, BearSeen.YES if marks else BearSeen.NO, marks, f"sheet-{sheet.id}")
    later = DRAWN_AT + DUE_AFTER_S
    with day.read() as session:
        whole = assessed(session, BOTH, START, MODEL, later)["recall_audit"]
        stage = assessed(session, ["lower-pines"], START + DAY_S / 2, MODEL, later)
        other = assessed(session, BOTH, START, "another model", later)["recall_audit_cumulative"]
    everywhere = stage["recall_audit_cumulative"]
    assert (everywhere.value, everywhere.bounds, everywhere.n) == (whole.value, whole.bounds, 45)
    assert stage["recall_audit"].value is None, "nobody has confirmed a bear at this campsite on that day"
    assert stage["recall_audit"].n < 45
    assert (other.value, other.n) == (None, 0), "another model starts at nothing"


def test_without_planted_bears_nobody_knows_how_well_the_auditors_see(sqlite_database: Database) -> None:
    with sqlite_database.write() as session:
        add_user(session)
        add_hours(session, START, 24)
    for sheet in _draw(sqlite_database):
        _answer(sqlite_database, sheet.id, BearSeen.NO, [], f"sheet-{sheet.id}")
    with sqlite_database.write() as session:
        add_bear(session, START + 3600)
    with sqlite_database.read() as session:
        recall = assessed(session, BOTH, START, MODEL, DRAWN_AT + 1)["recall_audit"]
    assert recall.value is None
    assert "how well the auditors see" in recall.why


def test_pictures_stay_while_their_sheet_is_open_and_those_with_a_bear_after_that(
    sqlite_database: Database, config: Config, tmp_path: Path
) -> None:
    media = MediaStore(tmp_path / "media")
    keys = [media.put("upper-creek", START + 60 * number, jpeg(number)) for number in range(3)]
    with sqlite_database.write() as session:
        add_user(session)
        add_hours(session, START, 1, thumbnails=0)
        session.scalars(select(CameraHour)).one().thumbnails = keys[:2]
    (sheet,) = _draw(sqlite_database)
    later = START + 40 * DAY_S
    assert remove_old_pictures(sqlite_database, media, Retention(media_days=30), later) == 1
    assert media.keys(DAY) == sorted(keys[:2])
    _answer(sqlite_database, sheet.id, BearSeen.YES, [1], "k")
    assert remove_old_pictures(sqlite_database, media, Retention(media_days=30), later) == 1
    assert media.keys(DAY) == [keys[1]]


def test_nights_with_and_without_help_are_scheduled_and_counted(either: Database) -> None:
    plan = NightPlan(("upper-pines",), "2027-01-16", 4, 2, "lot")
    with either.write() as session:
        schedule(session, "Does it help?", plan, 1, DRAWN_AT)
        with pytest.raises(ValueError, match="has some of these nights already"):
            schedule(session, "again", plan, 1, DRAWN_AT)
        with pytest.raises(ValueError, match="not configured: nowhere"):
            schedule(session, "there", NightPlan(("nowhere",), "2027-01-16", 4, 2, "lot"), 1, DRAWN_AT)
        evening = START + 2 * DAY_S + 5 * 3600  # nine in the evening of the 16th in California
        add_sighting(session, evening)
        assert helps_now(session, "upper-pines", evening) is plan.is_on("upper-pines", "2027-01-16")
        assert helps_now(session, "lower-pines", evening) is None
        nights = sightings_by_night(session, plan, evening + 2 * DAY_S)
        assert [(each.night, each.amount) for each in nights] == [("2027-01-16", 1), ("2027-01-17", 0)]
        row = session.scalars(select(NightExperiment)).one()
        assert end(session, row.id, 1, evening)
        assert not end(session, row.id, 1, evening)
        assert helps_now(session, "upper-pines", evening) is None


def test_random_watch_hours_are_drawn_before_and_counted_after(either: Database) -> None:
    week = START + 2 * DAY_S
    with either.write() as session:
        rows = draw_watches(session, ["upper-pines"], week, week + 7 * DAY_S, 40.0, "lot", DRAWN_AT)
        assert len(rows) == 4
        assert {row.probability for row in rows} == {4 / 98}
        again = draw_watches(session, ["upper-pines"], week, week + 7 * DAY_S, 40.0, "other", DRAWN_AT)
        assert [row.id for row in again] == [row.id for row in rows]
        with pytest.raises(ValueError, match="has begun"):
            draw_watches(session, ["upper-pines"], week, week + DAY_S, 40.0, "lot", week + 1)
        add_watch(session, rows[0].starts_at, rows[0].ends_at)
        add_watch(session, week - 3 * 3600, week)
    with either.read() as session:
        assert random_share(session, ["upper-pines"], START, week + 8 * DAY_S) == pytest.approx(1 / 4)
        assert random_share(session, ["lower-pines"], START, week + 8 * DAY_S) is None
        assert session.scalar(select(func.count(RandomWatch.id))) == 4


def test_before_and_after_a_promotion_are_compared_by_camera_days(sqlite_database: Database) -> None:
    at = START + 14 * DAY_S
    with sqlite_database.write() as session:
        add_user(session)
        add_hours(session, START, 28 * 24, thumbnails=0)
        for number in range(40):
            add_bear(session, at + number * 0.3 * DAY_S)
    with sqlite_database.read() as session:
        found = before_after(session, BOTH, at, at + 14 * DAY_S)
        assert before_after(session, BOTH, START - DAY_S, at) is None
    assert found is not None
    assert found.alerts.p_value < 0.01
    assert found.alerts.size == pytest.approx(40 / 14, abs=0.4)
    assert found.reviews.size == 0.0
    assert not found.drifted


def test_thumbnail_keys_look_like_those_of_the_store() -> None:
    assert MediaStore(Path("x")).path(thumbnail("upper-creek", START, 1))

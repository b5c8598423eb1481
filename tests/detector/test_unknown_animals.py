"""An animal that the model does not know reaches the ranger once a visit, and a bear in it is never swallowed."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select

from core.config import Config
from core.media import MediaStore
from core.messages import EncounterKind, FrameScores
from db.ledger import verify
from db.models import Alert, AlertStatus, Audience, CameraHour, Delivery, Encounter, LedgerEntry, Mode, Verdict
from db.session import Database
from detector.tracking.encounter_writer import EncounterWriter
from detector.tracking.tracker import AlertRule, Track, expire, observe
from rollout.alerting.alerts import Decision, SomebodyElseWasFirst, decide
from rollout.alerting.recipients import Recipients
from tests.support.cast import add_user, grant
from tests.support.factories import T0, scored, strange

BEAR, UNKNOWN = EncounterKind.BEAR, EncounterKind.UNKNOWN_ANIMAL
COOLDOWN_S = 600.0


class Night:
    """One camera's track and its scribe, fed by hand. ``now`` is the time of the newest frame."""

    def __init__(self, database: Database, config: Config, media: Path) -> None:
        self.database = database
        detector = config.detector.model_copy(update={"unknown_cooldown_s": COOLDOWN_S})
        rollout = config.rollout.model_copy(update={"notify": ["json://127.0.0.1:1"]})
        self.config = config.model_copy(update={"detector": detector, "rollout": rollout})
        self.rule = AlertRule.of(detector)
        self.writer = EncounterWriter(self.config, MediaStore(media), self.rule, clock=lambda: self.now + 0.1)
        self.track = Track()
        self.now = T0

    def sees(self, frames: list[FrameScores]) -> None:
        """Frames go by."""
        for scores in frames:
            self.now = scores.frame.captured_at
            self.track, changes = observe(self.track, scores, self.rule)
            with self.database.write() as session:
                self.writer.write(session, scores.frame.camera, False, changes)

    def waits(self, seconds: float) -> None:
        """Nothing moves."""
        self.now += seconds
        self.track, changes = expire(self.track, self.now, self.rule)
        with self.database.write() as session:
            self.writer.write(session, "upper-creek", False, changes)

    def starts_anew(self) -> None:
        """The tracker is killed and another one takes over."""
        with self.database.read() as session:
            self.track = Track(visit=self.writer.open_visits(session).get("upper-creek"))

    def says(self, alert: int, verdict: Verdict, version: int = 1) -> None:
        """A ranger decides."""
        with self.database.write() as session:
            user = add_user(session, f"ranger-{alert}-{version}")
            decision = Decision(alert, user.id, verdict, version, f"key-{alert}-{version}", True)
            decide(session, decision, Recipients.of(self.config), self.now)

    def alerts(self) -> list[tuple[str, str, int]]:
        """What rangers have in front of them: kind, status and version of each alert."""
        with self.database.read() as session:
            rows = session.scalars(select(Alert).order_by(Alert.id)).all()
            assert verify(session).broken_at is None
            return [(row.kind, row.status, row.version) for row in rows]

    def told(self) -> list[str]:
        """What campers are told, or will be unless somebody says no."""
        with self.database.read() as session:
            campers = select(Delivery.kind).where(Delivery.audience == Audience.CAMPERS).order_by(Delivery.id)
            return list(session.scalars(campers))

    def encounters(self) -> list[Encounter]:
        """All encounters with their frames."""
        with self.database.read() as session:
            rows = list(session.scalars(select(Encounter).order_by(Encounter.id)))
            for row in rows:
                assert row.frames is not None
            return rows


@pytest.fixture
def night(database: Database, config: Config, tmp_path: Path) -> Night:
    """On SQLite and on PostgreSQL."""
    return Night(database, config, tmp_path)


@pytest.fixture
def sqlite_night(sqlite_database: Database, config: Config, tmp_path: Path) -> Night:
    """On SQLite only."""
    return Night(sqlite_database, config, tmp_path)


def stranger(start: float, seconds: float = 2.0) -> list[FrameScores]:
    """An animal that the model does not know."""
    return [strange(start + step / 5, unknown=5 + step / 10) for step in range(int(seconds * 5))]


def bear(start: float, seconds: float = 1.0) -> list[FrameScores]:
    """A bear."""
    return [scored(0.9, at=start + step / 5) for step in range(int(seconds * 5))]


def test_an_unknown_animal_is_one_alert_with_what_it_was_judged_by(night: Night) -> None:
    night.sees([scored(0.1, at=T0 - 0.2), *stranger(T0), *stranger(T0 + 30)])
    assert night.alerts() == [(UNKNOWN, AlertStatus.OPEN, 1)]
    (encounter,) = night.encounters()
    assert (encounter.kind, encounter.threshold, encounter.infrared) == (UNKNOWN, 0.5, False)
    assert encounter.unknown_score == pytest.approx(5.9)
    assert encounter.peak_score == pytest.approx(0.02)
    assert (encounter.hits, encounter.label) == (20, "other_animal")
    assert [row.agrees for row in encounter.frames[:3]] == [False, True, True]


def test_it_becomes_a_bear_without_a_second_alert(night: Night) -> None:
    night.sees([*stranger(T0), *bear(T0 + 2), *stranger(T0 + 4), *bear(T0 + 6)])
    assert night.alerts() == [(BEAR, AlertStatus.OPEN, 2)]
    (encounter,) = night.encounters()
    assert (encounter.kind, encounter.label, encounter.first_at) == (BEAR, "bear", T0 + 2)
    assert encounter.recognised_at == encounter.decided_at == pytest.approx(T0 + 2.4)
    assert encounter.hits == 10
    assert all(row.agrees == (row.score >= 0.5) for row in encounter.frames)
    with night.database.read() as session:
        alert = session.scalars(select(Alert)).one()
        assert alert.captured_at == pytest.approx(T0 + 2.4)
        assert alert.created_at == pytest.approx(T0 + 2.5)
        assert alert.unknown_at == pytest.approx(T0 + 0.7)
        kinds = [row.kind for row in session.scalars(select(LedgerEntry).order_by(LedgerEntry.seq))]
        assert kinds == ["alert.raised", "alert.recognised"]


def test_a_decision_about_the_unknown_animal_that_comes_too_late_is_shown_again(night: Night) -> None:
    night.sees([*stranger(T0), *bear(T0 + 2)])
    with pytest.raises(SomebodyElseWasFirst, match="has changed"):
        night.says(1, Verdict.NOT_A_BEAR, version=1)
    assert night.alerts() == [(BEAR, AlertStatus.OPEN, 2)]
    night.says(1, Verdict.BEAR, version=2)
    assert night.alerts() == [(BEAR, AlertStatus.CONFIRMED, 3)]


@pytest.mark.parametrize("verdict", [Verdict.NOT_A_BEAR, Verdict.UNSURE])
def test_a_bear_after_the_ranger_has_waved_the_unknown_animal_through_is_a_new_alert(
    sqlite_night: Night, verdict: Verdict
) -> None:
    sqlite_night.sees(stranger(T0))
    sqlite_night.says(1, verdict)
    sqlite_night.sees([*stranger(T0 + 2), *bear(T0 + 4, 3)])
    (first, *_rest), (second, *_more) = sqlite_night.alerts()
    assert (first, second) == (UNKNOWN, BEAR)
    unknown, found = sqlite_night.encounters()
    assert unknown.kind == UNKNOWN
    assert unknown.closed_at == pytest.approx(T0 + 4)
    assert (found.kind, found.hits, found.closed_at) == (BEAR, 15, None)


def test_a_ranger_who_was_faster_than_the_model_need_not_say_it_twice(sqlite_night: Night) -> None:
    sqlite_night.sees(stranger(T0))
    sqlite_night.says(1, Verdict.BEAR)
    sqlite_night.sees(bear(T0 + 2))
    assert sqlite_night.alerts() == [(BEAR, AlertStatus.CONFIRMED, 3)]


def test_a_second_stranger_soon_after_is_written_down_and_not_raised(night: Night) -> None:
    night.sees(stranger(T0))
    night.waits(120)
    night.sees(stranger(T0 + 180))
    assert night.alerts() == [(UNKNOWN, AlertStatus.OPEN, 1)]
    assert [row.held for row in night.encounters()] == [False, True]
    night.waits(120)
    night.sees(stranger(T0 + COOLDOWN_S + 10))
    assert len(night.alerts()) == 2
    with night.database.read() as session:
        (hour,) = session.scalars(select(CameraHour)).all()
        assert hour.unknown == {"raised": 2, "held": 1}
        held = session.scalars(select(LedgerEntry).where(LedgerEntry.kind == "encounter.held")).one()
        assert held.campsite == "upper-pines"


def test_a_bear_in_a_visit_that_was_held_back_is_raised_at_once(night: Night) -> None:
    night.sees(stranger(T0))
    night.waits(120)
    night.sees([*stranger(T0 + 180), *bear(T0 + 182)])
    assert [kind for kind, _status, _version in night.alerts()] == [UNKNOWN, BEAR]
    assert [(row.kind, row.held) for row in night.encounters()] == [(UNKNOWN, False), (BEAR, False)]


def test_other_cameras_are_not_held_back(sqlite_night: Night) -> None:
    sqlite_night.sees(stranger(T0))
    sqlite_night.track = Track()
    sqlite_night.sees([strange(T0 + 20 + step / 5, camera="upper-trail") for step in range(10)])
    assert len(sqlite_night.alerts()) == 2


def test_a_tracker_killed_in_the_middle_goes_on_with_the_same_visit(sqlite_night: Night) -> None:
    sqlite_night.sees(stranger(T0))
    sqlite_night.starts_anew()
    sqlite_night.sees([*stranger(T0), *stranger(T0 + 3)])
    assert sqlite_night.alerts() == [(UNKNOWN, AlertStatus.OPEN, 1)]
    sqlite_night.starts_anew()
    sqlite_night.sees(bear(T0 + 6))
    sqlite_night.starts_anew()
    sqlite_night.sees([*bear(T0 + 6), *stranger(T0 + 8), *bear(T0 + 10)])
    assert sqlite_night.alerts() == [(BEAR, AlertStatus.OPEN, 2)]
    assert len(sqlite_night.encounters()) == 1


def test_a_tracker_that_remembers_nothing_finds_the_stranger_in_the_database(sqlite_night: Night) -> None:
    sqlite_night.sees(stranger(T0))
    sqlite_night.track = Track()
    sqlite_night.sees([*bear(T0 + 5), *stranger(T0 + 7)])
    assert sqlite_night.alerts() == [(BEAR, AlertStatus.OPEN, 2)]
    sqlite_night.track = Track()
    sqlite_night.sees(stranger(T0 + 10))
    assert sqlite_night.alerts() == [(BEAR, AlertStatus.OPEN, 2)]


def test_a_visit_ends_as_what_it_has_become(sqlite_night: Night) -> None:
    sqlite_night.sees([*stranger(T0), *bear(T0 + 2)])
    sqlite_night.waits(120)
    (encounter,) = sqlite_night.encounters()
    assert encounter.closed_at == pytest.approx(T0 + 2.8 + 60)


def test_an_unknown_animal_warns_nobody_before_a_person_says_bear(sqlite_night: Night) -> None:
    with sqlite_night.database.write() as session:
        grant(session, "upper-pines", Mode.AUTOMATIC, T0 - 10, T0 + 3600)
    sqlite_night.sees(stranger(T0))
    assert sqlite_night.told() == []
    sqlite_night.says(1, Verdict.BEAR)
    assert sqlite_night.told() == ["warning"]


def test_an_unknown_animal_that_becomes_a_bear_is_a_bear_to_the_outside_too(sqlite_night: Night) -> None:
    with sqlite_night.database.write() as session:
        grant(session, "upper-pines", Mode.AUTOMATIC, T0 - 10, T0 + 3600)
    sqlite_night.sees([*stranger(T0), *bear(T0 + 2)])
    assert sqlite_night.told() == ["warning"]

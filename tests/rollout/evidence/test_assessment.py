"""What evidence says of a model, from the rows that people and processes have written."""

from __future__ import annotations

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.messages import EncounterKind
from db.models import (
    AlertStatus,
    Audience,
    CameraHour,
    CanaryRun,
    Delivery,
    DeliveryKind,
    DeliveryStatus,
    Mode,
    RolloutEvent,
)
from db.session import Database
from review_ui.sightings.sealing import seal_of
from review_ui.web.sighting_form import Entered
from rollout.base.metrics import METRICS, Measured
from rollout.base.scopes import Place
from rollout.evidence.comparison import Intervals
from rollout.evidence.seals import digest_of_sighting
from rollout.evidence.stats.intervals import Interval
from rollout.stages.default_plan import HEALTH
from rollout.stages.events import HandoverBegan, WatchTaken, kind_of, to_json
from rollout.stages.gates import GateOutcome, assess_gate
from rollout.stages.spec import Gate
from rollout.stages.time_rules import FreshnessTimes
from tests.support.cast import add_user
from tests.support.factories import T0
from tests.support.rollout.evidence_rows import MODEL, add_bear, add_hours, add_sighting, add_watch, assessed

DAY_S = 86400.0
EVENING = T0 // DAY_S * DAY_S + 5 * 3600  # nine or ten in the evening in California
END = EVENING + 20 * DAY_S
SCOPE = ["upper-pines"]


def _assess(
    database: Database,
    since: float = EVENING - DAY_S,
    campsites: list[str] | None = None,
    model: str = MODEL,
    now: float = END,
    handovers: Intervals | None = None,
) -> dict[str, Measured]:
    with database.read() as session:
        return assessed(session, campsites or SCOPE, since, model, now, handovers=handovers)


def _night(session: Session, number: int, seen_by_model: bool, campsite: str = "upper-pines") -> None:
    """A bear at nine, seen by a ranger who watches from eight to midnight."""
    at = EVENING + number * DAY_S
    add_watch(session, at - 3600, at + 3 * 3600, campsite)
    add_sighting(session, at, campsite)
    if seen_by_model:
        add_bear(session, at + 20.0, "upper-creek" if campsite == "upper-pines" else "lower-meadow")


@pytest.fixture
def season(sqlite_database: Database) -> Database:
    """Twelve nights at one campsite, one bear each; the model missed that of the last."""
    with sqlite_database.write() as session:
        add_user(session)
        add_hours(session, EVENING - DAY_S, 14 * 24, thumbnails=0)
        add_hours(session, EVENING - DAY_S, 14 * 24, camera="upper-trail", thumbnails=0)
        for number in range(12):
            _night(session, number, seen_by_model=number < 11)
    return sqlite_database


def test_recall_is_over_bear_nights_with_its_exact_bound(season: Database) -> None:
    found = _assess(season)
    recall = found["recall_blind"]
    assert recall.value == pytest.approx(11 / 12)
    assert (recall.n, recall.unit) == (12, "bear-nights")
    assert recall.bounds["cp_lower"] == pytest.approx(0.661, abs=0.001)
    assert recall.bounds["eprocess"] < 20
    assert recall.detail["needed_n"] == 46
    assert recall.detail["chance_match"] == 0.0
    assert found["encounters_blind"].value == 12
    assert found["encounters_blind"].detail["watched_h"] == 48
    assert found["missed_sightings"].value == 1
    assert found["missed_sightings"].detail["sightings"][0]["seen_at"] == EVENING + 11 * DAY_S
    assert found["recall_blind_night"].n == 12
    assert found["time_to_detect_p50_s"].value == pytest.approx(21.0)
    assert found["time_to_detect_p90_s"].value == pytest.approx(21.0)


def test_every_metric_it_gives_is_known_and_says_what_is_missing(sqlite_database: Database) -> None:
    found = _assess(sqlite_database)
    assert set(found) <= set(METRICS)
    for name, measured in found.items():
        assert measured.metric == name
        assert set(measured.bounds) <= set(METRICS[name].bounds)
        assert measured.value is not None or measured.why, name
    assert found["recall_blind"].value is None
    assert "keep watching" in found["recall_blind"].why
    assert "start a watch" in found["missed_sightings"].why


def test_what_is_not_blind_or_not_watched_does_not_count_for_recall(season: Database) -> None:
    with season.write() as session:
        add_sighting(session, EVENING + 12 * DAY_S, blind=False)
        add_watch(session, EVENING + 12 * DAY_S - 60, EVENING + 12 * DAY_S + 60)
        add_sighting(session, EVENING + 13 * DAY_S)  # blind, says the row, but nobody was on watch
    found = _assess(season)
    assert found["recall_blind"].n == 12
    assert found["missed_sightings"].value == 3  # a missed bear is a missed bear, whoever saw it


def test_a_sighting_that_was_changed_after_it_was_sealed_is_a_miss(season: Database) -> None:
    with season.write() as session:
        at = EVENING + 12 * DAY_S
        add_watch(session, at - 60, at + 60)
        add_bear(session, at + 20.0)
        add_sighting(session, at).seen_at = at + 1.0
    recall = _assess(season)["recall_blind"]
    assert (recall.n, recall.detail["lost"]) == (13, 1)
    assert recall.value == pytest.approx(11 / 13)


def test_the_seal_is_the_one_that_the_page_makes() -> None:
    entered = Entered("upper-pines", "upper-creek", "bear", 2, "zwei Bären", 12.5)
    fields = {
        "campsite": "upper-pines", "camera": "upper-creek", "animal": "bear", "number": 2, "note": "zwei Bären",
        "seen_at": 12.5,
    }  # fmt: skip
    assert digest_of_sighting(fields, 7, 20.0) == seal_of(entered, 7, 20.0)


def test_sightings_during_a_handover_do_not_count(season: Database) -> None:
    last = EVENING + 11 * DAY_S
    away = {"upper-pines": [Interval(last - 60, last + 60)]}
    found = _assess(season, handovers=away)
    assert (found["recall_blind"].value, found["recall_blind"].n) == (1.0, 11)
    assert found["missed_sightings"].value == 0


def test_handovers_are_read_from_the_plan_s_events(season: Database) -> None:
    last = EVENING + 11 * DAY_S
    began = HandoverBegan(
        at=last - 60, by="controller", handover=1, cause="expired", places=(Place("upper-pines"),),
        from_stage="one-day", to="", next_at=last,
    )  # fmt: skip
    taken = WatchTaken(at=last + 60, by="day-ranger", handover=1, waited_s=120.0)
    with season.write() as session:
        for seq, event in enumerate((began, taken), 1):
            session.add(
                RolloutEvent(
                    seq=seq, at=event.at, kind=kind_of(event), actor="controller", epoch=1, key=None,
                    body=to_json(event),
                )
            )  # fmt: skip
    assert _assess(season)["recall_blind"].n == 11


def test_an_alert_that_a_ranger_rejected_has_seen_nothing(season: Database) -> None:
    at = EVENING + 12 * DAY_S
    with season.write() as session:
        add_watch(session, at - 60, at + 60)
        add_sighting(session, at)
        add_bear(session, at, status=AlertStatus.REJECTED)
        add_bear(session, at, kind=EncounterKind.UNKNOWN_ANIMAL, status=AlertStatus.OPEN)
    found = _assess(season)
    assert found["recall_blind"].value == pytest.approx(11 / 13)
    assert found["unknown_animal_share"].value == pytest.approx(1 / 13)


def test_a_sighting_of_just_now_waits_for_its_alert(season: Database) -> None:
    at = EVENING + 12 * DAY_S
    with season.write() as session:
        add_watch(session, at - 60, None)
        add_sighting(session, at)
    assert _assess(season, now=at + 500)["recall_blind"].n == 12
    assert _assess(season, now=at + 601)["recall_blind"].n == 13


def test_evidence_adds_up_over_stages_and_campsites_until_the_model_changes(season: Database) -> None:
    with season.write() as session:
        _night(session, 12, seen_by_model=True, campsite="lower-pines")
    later = EVENING + 10 * DAY_S - 7200
    found = _assess(season, since=later)
    assert found["encounters_blind"].value == 2
    assert found["encounters_blind_cumulative"].value == 13
    assert found["recall_blind_cumulative"].value == pytest.approx(12 / 13)
    with season.write() as session:
        add_bear(session, EVENING + 13 * DAY_S, model="bears@224:new")
        _night(session, 14, seen_by_model=False)
    assert _assess(season)["encounters_blind_cumulative"].value == 13
    fresh = _assess(season, model="bears@224:new")
    assert (fresh["encounters_blind_cumulative"].value, fresh["recall_blind_cumulative"].value) == (1, 0.0)


def test_false_alarms_are_those_nobody_has_confirmed(season: Database) -> None:
    with season.write() as session:
        add_bear(session, EVENING + 3 * DAY_S + 7200, status=AlertStatus.REJECTED)
        add_bear(session, EVENING + 3 * DAY_S + 9000, status=AlertStatus.REJECTED)
        add_bear(session, EVENING + 5 * DAY_S + 7200, status=AlertStatus.OPEN)
        at = EVENING + 6 * DAY_S + 7200
        add_bear(session, at, status=AlertStatus.OPEN)  # a person saw a bear then, but nobody has decided
        add_sighting(session, at, blind=False)
    rate = _assess(season)["false_alarms_per_camera_day"]
    assert (rate.detail["false_alarms"], rate.detail["rejected"], rate.detail["undecided"]) == (4, 2, 2)
    assert rate.n == pytest.approx(28)
    assert rate.value == pytest.approx(4 / 28)
    assert 4 / 28 < rate.bounds["poisson_upper"] < rate.bounds["quasipoisson_upper"]


def test_the_model_is_compared_with_motion_alone_and_with_shared_blindness(season: Database) -> None:
    with season.write() as session:
        add_bear(session, EVENING + 4 * DAY_S + 2 * 3600)  # the watcher did not see this one
        add_bear(session, EVENING + 5 * DAY_S + 2 * 3600, status=AlertStatus.OPEN)  # nor this, and is it one?
    found = _assess(season)
    gain = found["recall_minus_baseline"]
    # Motion is the same in all hours here, so that motion alone raises an alarm in every one.
    assert gain.value == pytest.approx(-1 / 12)
    assert gain.detail["motion_only"] == 1.0
    assert gain.bounds["paired_lower"] < -1 / 12
    assert gain.detail["mean_picture"] is None  # no camera-hour knows how far it was from one
    with season.write() as session:
        for row in session.scalars(select(CameraHour)):
            row.scene_gap = 30.0 if row.hour_at == EVENING else 5.0 + row.id / 1e6
    # Twelve alarms: one goes to the evening of the first bear, the others to the newest hours.
    assert _assess(season)["recall_minus_baseline"].detail["mean_picture"] == pytest.approx(1 / 12)
    shared = found["recall_dependence_or2"]
    assert (shared.detail["ranger_only"], shared.detail["model_only"], shared.detail["both"]) == (1, 1, 11)
    assert shared.value == pytest.approx(12 / (13 + 2 / 11))
    assert shared.detail["or4"] < shared.detail["or2"] < shared.detail["or1"]


def test_warnings_that_campers_got_were_right_or_not(season: Database) -> None:
    with season.write() as session:
        for number, status in enumerate((AlertStatus.CONFIRMED, AlertStatus.CONFIRMED, AlertStatus.REJECTED)):
            encounter = add_bear(session, EVENING + 15 * DAY_S + number * 9000, status=status, mode=Mode.AUTOMATIC)
            at = encounter.first_at + 1
            session.add(
                Delivery(
                    alert_id=encounter.id, alert_version=1, campsite_id="upper-pines", audience=Audience.CAMPERS,
                    kind=DeliveryKind.WARNING, target="json://x", target_digest=str(number), title="Bear", body="Bear",
                    status=DeliveryStatus.SENT, created_at=at, due_at=at, sent_at=at + 2.0 + number, facts={},
                )
            )  # fmt: skip
    found = _assess(season)
    assert found["camper_warning_precision"].value == pytest.approx(2 / 3)
    assert found["camper_warning_precision"].bounds["cp_lower"] == pytest.approx(0.135, abs=0.001)
    assert found["delivery_latency_p99_s"].value == pytest.approx(4.0)


def test_running_is_measured_from_the_rows(season: Database) -> None:
    found = _assess(season, now=EVENING + 13 * DAY_S)
    assert found["alert_end_to_end_p99_s"].value == pytest.approx(0.5)
    assert found["alert_end_to_end_p99_s"].n == 11
    assert found["camera_uptime"].value == pytest.approx(1.0, abs=0.01)
    assert _assess(season)["camera_uptime"].value == pytest.approx(14 / 21, abs=0.01)
    assert found["complaints_per_camera_day"].value == 0.0


def test_a_quiet_day_at_one_camera_has_enough_clips_for_the_gates_of_latency(season: Database) -> None:
    """The gates of the default plan, analysed six hours before the end of a campsite's day on which nothing came."""
    clips_every_s = FreshnessTimes().clips_every.nominal_s
    with season.write() as session:
        for number in range(int(0.75 * DAY_S / clips_every_s)):
            session.add(
                CanaryRun(
                    camera_id="lower-meadow", planted_at=END + number * clips_every_s, frames=12, background="camera",
                    seen=True, seen_at=END + number * clips_every_s + 0.7, latency_s=0.7, peak_score=0.9, model=MODEL,
                )
            )  # fmt: skip
    found = _assess(season, since=END, campsites=["lower-pines"], now=END + 0.75 * DAY_S)
    gates = [Gate.model_validate(each) for each in HEALTH if str(each["metric"]).endswith("latency_p99_s")]
    gates += [Gate.model_validate(each) for each in HEALTH if each["metric"] == "alert_end_to_end_p99_s"]
    assert [assess_gate(gate, found[gate.metric]).outcome for gate in gates] == [GateOutcome.PASSED] * 2


def test_labels_and_effort_show_whether_the_model_steers_what_is_looked_at(season: Database) -> None:
    found = _assess(season)
    assert found["selected_label_share"].value == pytest.approx(11 / 23)
    assert found["loop_e"].value is None
    assert "independently" in found["loop_e"].why


def test_both_kinds_of_database_say_the_same(database: Database) -> None:
    with database.write() as session:
        add_user(session)
        add_hours(session, EVENING - DAY_S, 48, motion=7)
        _night(session, 0, seen_by_model=True)
        add_bear(session, EVENING + 9000, model="bears@224:new", kind=EncounterKind.UNKNOWN_ANIMAL)
        _night(session, 1, seen_by_model=False)
    found = _assess(database)
    assert (found["recall_blind"].value, found["recall_blind"].n) == (1.0, 1)
    assert _assess(database, model="bears@224:new")["recall_blind"].value == 0.0
    assert found["recall_minus_baseline"].detail["motion_only"] == 1.0
    assert found["false_alarms_per_camera_day"].n == pytest.approx(2.0)
    assert found["audit_done_over_due"].value is None


def test_a_campsite_that_is_not_configured_is_named(sqlite_database: Database) -> None:
    with pytest.raises(ValueError, match=r"upper-pins.*known campsites: lower-pines, upper-pines"):
        _assess(sqlite_database, campsites=["upper-pins"])

"""What is stored or sent says names, and these are the names: a class, function or file may be called otherwise.

Each list is written out as the version of November 2026 stored it. A name may be added; one that changes or goes makes
history unreadable, and what waits in a queue.
"""

from __future__ import annotations

import ast
import json
import pickle
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import Field, TypeAdapter

from bearwatch.cli.processes.jobs import timetable
from core.bundles.challenger_counts import CHALLENGER_COUNTS_KEY, COUNTED, Beside
from core.bundles.wanted_model import WANTED_MODEL_KEY, BundlePlace, WantedModel
from core.config import Config
from core.jobs import FORMER_NAMES, JOBS, QUEUES, JobFormat, UnknownJob, function_of
from core.messages import CameraHealth, EncounterKind, Reason
from core.pictures.photo_request import PhotoAnswer
from core.streams import DETECTORS, TRACKER, dead_stream, frames_stream, late_stream, scores_stream
from core.telemetry import CAMERAS_KEY, COUNTERS_KEY, HEARTBEATS_KEY, PROBE_PREFIX, WAKE_UP_CHANNEL
from db import models as m
from detector.models.imagenet_labels import ImagenetLabel as ModelLabel
from detector.models.model import Model
from review_ui.auth.rights import Right
from review_ui.live.watches import Ended
from review_ui.sightings.sealing import seal_of
from review_ui.web.sighting_form import Entered
from rollout.base.metrics import METRICS
from rollout.breakers.breaker_spec import Breakers, DetectorSpec, Then
from rollout.breakers.input_metrics import INPUT_METRICS
from rollout.breakers.trip_scope import Scope
from rollout.breakers.trips import Action
from rollout.evidence.labels.vocabulary import Label, Source
from rollout.reports.document import Form, Kind, Status
from rollout.stages import events, gates
from rollout.stages.commands import Effect, Step
from rollout.stages.events import EVENT_NAMES, Event, kind_of
from rollout.stages.spec_file import plan_from
from tests.support.november_2026 import FOLDER, configured, said
from tests.support.rollout.rollout_plans import default_plan

ROOT = Path(__file__).parents[2]
ROOMS = ("core", "db", "ingest", "detector", "rollout", "review_ui", "simulation", "bearwatch")
EVENTS = {
    "road_read": "digest name author stage terms rules",
    "stage_started": "run stage name mode places deadline_at look_at timezone tzdata model approved_by veto_s "
    "ranger_ack_s cameras_at_start",
    "widen_held": "to why missing",
    "approvals_cleared": "epoch why",
    "approved": "step roles latch note",
    "deadline_near": "run before_s left_s",
    "expired": "run late_s",
    "overdue": "run",
    "breaker_opened": "latch breaker unit reason effect campsites cameras",
    "breaker_closed": "latch closed_by cause",
    "model_replaced": "digest before",
    "killed": "campsites reason",
    "narrowed": "campsites reason run stage name mode places deadline_at look_at",
    "handover_began": "handover cause places from_stage to next_at cameras",
    "escalated": "handover level to next_at",
    "watch_taken": "handover waited_s",
    "extended": "run deadline_at look_at approved_by",
    "lease_missed": "expired_at",
    "mode_confirmed": "found",
    "mode_differs": "expected found",
}
"""Every kind of event, and the keys of its body beside ``at``, ``by`` and ``key``."""
WORDS: list[tuple[type[StrEnum], str]] = [
    (EncounterKind, "bear unknown_animal"),
    (Reason, "motion keepalive audit"),
    (CameraHealth, "live starting blind"),
    (m.Mode, "shadow assisted automatic"),
    (m.AnalysisReason, "hourly asked step"),
    (m.AlertStatus, "open confirmed rejected unsure"),
    (m.Audience, "campers rangers staff"),
    (m.DeliveryKind, "warning confirmed retraction advisory page"),
    (m.DeliveryStatus, "pending sent failed cancelled joined"),
    (m.SheetKind, "random planted"),
    (m.BearSeen, "yes no unsure"),
    (m.MessageKind, "report complaint appeal"),
    (m.AppealOutcome, "upheld dismissed unclear"),
    (m.LearningTrigger, "nightly person"),
    (m.LearningStatus, "running skipped failed rejected passed"),
    (m.ChangeStatus, "draft applied withdrawn"),
    (m.EditAction, "keep relabel remove"),
    (m.ModelOrigin, "built_in file learned"),
    (m.ChangeKind, "promote rollback challenge withdraw"),
    (m.ChangeTrigger, "person refused breaker"),
    (m.ReportOutcome, "in_use refused"),
    (m.Role, "ranger lead_ranger operator model_owner auditor administrator"),
    (m.Verdict, "bear not_a_bear unsure undo"),
    (Effect, "page hold review handover"),
    (Step, "widen extend reset model"),
    (gates.GateOutcome, "passed failed inconclusive"),
    (Action, "page hold limit handover"),
    (Scope, "camera site region rollout"),
    (Then, "handover rate_limit_and_review page_only_below_2x hold_and_freeze_training"),
    (DetectorSpec, "cusum_lr betting_mix block_perm_or_ood_betting effort_eprocess"),
    (Ended, "person forgotten access"),
    (
        Right,
        "view review watch audit label approve_widen stop operate models reports ledger people",
    ),
    (Label, "bear deer raccoon dog other_animal person vehicle teddy other empty not_bear unnamed"),
    (Source, "confirmed_alert rejected_alert blind_sighting sighting unknown audit import"),
    (ModelLabel, "bear dog other_animal teddy other"),
    (Kind, "shadow daily loop rollout"),
    (Status, "fine look act not known"),
    (Form, "number share seconds days time text"),
]
"""Every word that a column, a stored document or a message may hold."""
BREAKERS = (
    "missed_sighting_1 recall_edetector false_alarm_burst false_alarm_rate latency queue_depth camera_loss gpu_temp "
    "machine cost drift loop canary_clip self_proof controller no_data"
)
METRIC_NAMES = (
    "encounters_blind encounters_blind_cumulative recall_blind recall_blind_cumulative recall_blind_night "
    "recall_blind_worst_campsite recall_dependence_or2 recall_minus_baseline recall_audit recall_audit_cumulative "
    "false_alarms_per_camera_day "
    "camper_warning_precision missed_sightings time_to_detect_p50_s time_to_detect_p90_s inference_latency_p99_s "
    "alert_end_to_end_p99_s delivery_latency_p99_s camera_uptime audit_done_over_due open_breakers canary_clip_recall "
    "manual_watch_drill_age_d watch_coverage appeals_upheld_open complaints_per_camera_day loop_e selected_label_share "
    "unknown_animal_share"
)
QUANTITY_NAMES = (
    "missed_confirmed_sightings_24h false_alarms_1h_camera alert_end_to_end_p99_s redis_lag_s redis_len "
    "camera_silent_s live_cameras cameras gpu_c gpus_up cpu_c cpu_load memory_used disk_free spend_24h budget_24h "
    "unknown_animal_share loop_e planted_clip_missed self_proof_failed lease_expired"
)
LEDGER = (
    "alert.raised alert.recognised alert.resembles alert.resembles_no_more appeal.answered appeal.opened "
    "appeal.settled audit.answered audit.drawn box.added "
    "box.revoked breaker.reset breaker.tripped camera.viewed camper.handled delivery.cancelled "
    "drill.begun drill.finished "
    "encounter.closed encounter.held experiment.ended experiment.scheduled labels.animal_added labels.changed "
    "labels.import_undone labels.imported learning.ended model.challenges model.graphs model.in_use model.promoted "
    "model.refused model.registered model.rolled_back model.withdrawn page.written "
    "push.asked push.ended review.made review.undone secrets.rotated session.revoked sight.closed sight.lost "
    "sight.returned sighting.sealed threshold.moved token.made token.revoked user.activate user.add user.changed "
    "user.deactivate user.password user.recovery_code user.recovery_codes user.second_factor watch.confirmed "
    "watch.ended watch.started watches.drawn weather.stored"
)
"""Kinds of ledger entries that are written out; ``rollout.``, ``delivery.``, ``camper.`` go on with a stored word."""
STARTED_JOBS = {
    "sweep_outbox", "probe_camera", "keep_house", "remind_of_drills", "write_reports", "draw_audits",
    "draw_watch_hours",
}  # fmt: skip
LATER_JOBS = {"learn_tonight"}
"""They never had another name."""


def test_every_kind_of_event_has_a_name_of_its_own_and_keeps_it() -> None:
    classes = [each for each in vars(events).values() if isinstance(each, type) and issubclass(each, Event)]
    assert list(EVENT_NAMES) == [each for each in classes if each is not Event]
    assert list(EVENT_NAMES.values()) == list(EVENTS)
    assert kind_of(next(iter(EVENT_NAMES))) == "road_read"


@pytest.mark.parametrize(("cls", "name"), EVENT_NAMES.items(), ids=EVENT_NAMES.values())
def test_an_event_keeps_the_keys_under_which_it_is_stored(cls: type[Event], name: str) -> None:
    keys = TypeAdapter(cls).json_schema(by_alias=True)["properties"]
    assert [*keys] == ["at", "by", "key", *EVENTS[name].split()]


def test_a_renamed_field_goes_on_under_its_stored_key() -> None:
    @dataclass(frozen=True, slots=True, kw_only=True)
    class Renamed(Event):
        analysis_opens_at: Annotated[float | None, Field(alias="look_at")] = None

    adapter: TypeAdapter[Renamed] = TypeAdapter(Renamed)
    event = adapter.validate_python({"at": 1.0, "by": "controller", "look_at": 2.0})
    assert event == Renamed(at=1.0, by="controller", analysis_opens_at=2.0)
    assert adapter.dump_python(event, by_alias=True)["look_at"] == 2.0


@pytest.mark.parametrize(("words", "stored"), WORDS, ids=lambda each: getattr(each, "__name__", ""))
def test_words_in_columns_and_documents_stay_as_they_are(words: type[StrEnum], stored: str) -> None:
    assert " ".join(word.value for word in words) == stored


def test_breakers_metrics_and_quantities_keep_their_keys() -> None:
    assert " ".join(Breakers().specs()) == BREAKERS
    assert " ".join(METRICS) == METRIC_NAMES
    assert " ".join(INPUT_METRICS) == QUANTITY_NAMES


def test_the_ledger_writes_these_kinds_and_no_others() -> None:
    found = {text for call in _recordings() for text in _texts(call)}
    whole = {text for text in found if re.fullmatch(r"[a-z]+\.[a-z_]+", text)}
    begun = {text for text in found if re.fullmatch(r"[a-z]+\.", text)}
    assert " ".join(sorted(whole)) == LEDGER
    assert begun == {"rollout.", "delivery.", "camper."}


def test_every_job_has_a_name_and_a_function_and_so_has_each_that_was_queued_before() -> None:
    assert set(FORMER_NAMES.values()) == STARTED_JOBS
    assert set(JOBS) == STARTED_JOBS | LATER_JOBS
    assert set(FORMER_NAMES) == {
        *(f"bearwatch.housekeeping.{name}" for name in STARTED_JOBS - {"probe_camera"}),
        "bearwatch.probing.probe_camera",
    }
    for name in (*JOBS, *FORMER_NAMES):
        assert function_of(name).__name__ == name.rpartition(".")[2]
    assert {job.func_name for job in timetable()} == STARTED_JOBS - {"probe_camera"} | LATER_JOBS
    assert QUEUES == ("deliveries", "housekeeping")


def test_what_is_no_job_is_not_run() -> None:
    with pytest.raises(UnknownJob, match=r"there is no job 'os\.system'; there are sweep_outbox, "):
        function_of("os.system")


def test_a_job_from_before_is_read_as_long_as_it_holds_plain_values() -> None:
    before: tuple[Any, ...] = ("bearwatch.probing.probe_camera", None, ("upper-creek",), {})
    assert JobFormat.loads(pickle.dumps(before, pickle.HIGHEST_PROTOCOL)) == before
    assert JobFormat.loads(JobFormat.dumps(["probe_camera", None, ["upper-creek"], {}]))[2] == ["upper-creek"]
    with pytest.raises(pickle.UnpicklingError, match="plain values, not pathlib"):
        JobFormat.loads(pickle.dumps(("x", None, (Path(),), {})))


def test_redis_keys_stay() -> None:
    names = (frames_stream(3), late_stream(3), scores_stream(3), dead_stream(3), DETECTORS, TRACKER)
    assert names == ("frames:3", "late:3", "scores:3", "dead:3", "detectors", "tracker")
    assert (CAMERAS_KEY, COUNTERS_KEY, HEARTBEATS_KEY) == ("cameras", "counters", "heartbeats")
    assert (WAKE_UP_CHANNEL, PROBE_PREFIX, WANTED_MODEL_KEY) == ("bell", "probe:", "wanted_model")
    beside = Beside("a1" * 32, "b2" * 32, "upper-creek", True, 1800000000)
    assert (CHALLENGER_COUNTS_KEY, beside.field("frames")) == (
        "challenger_counts", f"{'a1' * 32}|{'b2' * 32}|upper-creek|1|1800000000|frames",
    )  # fmt: skip
    assert " ".join(COUNTED) == "frames both neither champion_only challenger_only difference_ppm"
    wanted = WantedModel(7, BundlePlace("a1" * 32, "bundles/x"))
    assert json.loads(wanted.pack()) == {
        "change": 7, "champion": {"digest": "a1" * 32, "directory": "bundles/x"}, "previous": None,
        "challenger": None, "challenger_every": 1,
    }  # fmt: skip


def test_an_answer_about_a_photo_is_sent_under_the_same_keys_and_read_back() -> None:
    answer = PhotoAnswer(
        verdict="bear", label="bear", probabilities={"bear": 0.9}, bear=0.9, threshold=0.4, infrared=False,
        unknown=False, unknown_score=0.0, box=(0.1, 0.2, 0.3, 0.4), width=64, height=36, model="m@224:ab",
        picture=b"p", crop=b"c",
    )  # fmt: skip
    sent: dict[str, Any] = TypeAdapter(dict[str, Any]).validate_json(answer.pack())
    assert " ".join(sent) == (
        "verdict label probabilities bear threshold infrared unknown unknown_score box width height model picture crop"
    )
    assert PhotoAnswer.of(sent) == answer


def test_digests_say_the_same_of_the_same_things(config: Config) -> None:
    then = said()
    assert plan_from(configured(config)).digest == then["road_digest"]
    assert default_plan().digest == then["default_plan_digest"]
    # The built-in model of November: what it is called in stored alerts is worked out the same way for ever.
    description = json.loads((FOLDER / "bundle.json").read_text(encoding="utf-8"))
    assert Model.from_json(description["decides"]).digest == description["digest"] == then["bundle_digest"]
    entered = Entered("upper-pines", None, "bear", 1, "at the creek", 1.5)
    assert seal_of(entered, 3, 2.5) == "3e9ce760d759fb213c42a8dac52d255fb9687bdfc83711d7fd53cfe876ca3b68"


def _recordings() -> Iterator[ast.Call]:
    """Every call that writes a ledger entry, or hands its kind to a function that does."""
    for room in ROOMS:
        for file in (ROOT / room).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and _called(node) in ("record", "_record", "_note"):
                    yield node


def _called(call: ast.Call) -> str:
    return call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")


def _texts(call: ast.Call) -> Iterator[str]:
    for node in ast.walk(call):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value

"""The controller, the watchdog and the database: authority is granted, renewed, lost and taken back, in the open."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
import redis
import yaml
from sqlalchemy import select, update

from bearwatch.watchdog_thread import keep_watch
from core.clock import now_s
from core.messages import CameraHealth, CameraStatus
from core.redis_client import connect
from core.telemetry import Telemetry
from db.ledger import verify
from db.models import AnalysisRunRow, AuthorityLease, Delivery, LedgerEntry, Mode, RolloutEvent
from db.session import Database
from rollout.authority.authority import advising
from rollout.base.metrics import Measured
from rollout.control.analysis import run_analysis
from rollout.control.controller import Controller
from rollout.control.controller_watchdog import watch
from rollout.control.service import execute
from rollout.stages import commands as c
from rollout.stages.event_store import everything
from rollout.stages.gates import GateOutcome
from rollout.stages.promotion import analysis_opens_at
from rollout.stages.state import Phase
from tests.support.rollout.controller_site import LOWER, UPPER, ControllerSite
from tests.support.rollout.rollout_plans import (
    AUDITOR,
    DAY_S,
    DIGEST,
    LEAD,
    OPERATOR,
    OWNER,
    RANGER,
    START,
    gate_results,
)
from tests.support.waiting import wait_for


@pytest.fixture
def site(tmp_path: Path, sqlite_database: Database, redis_client: redis.Redis) -> ControllerSite:
    """A site whose controller has ticked once."""
    there = ControllerSite(tmp_path, sqlite_database, redis_client)
    there.tick()
    return there


@pytest.fixture
def live(site: ControllerSite) -> ControllerSite:
    """The first live stage runs at one campsite, and its authority is being renewed."""
    assert site.promote().started
    for _ in range(4):
        site.tick(10)
    assert site.mode() is Mode.ASSISTED
    return site


def test_the_plan_begins_in_shadow_and_follows_the_model(site: ControllerSite) -> None:
    assert site.kinds()[:3] == ["road_read", "stage_started", "model_replaced"]
    assert (site.state.phase, site.state.model) == (Phase.SHADOW, DIGEST)
    assert site.mode() is Mode.SHADOW


def test_a_promotion_grants_one_campsite_and_is_read_back(live: ControllerSite) -> None:
    assert live.mode(LOWER) is Mode.SHADOW
    assert "mode_confirmed" in live.kinds()[live.kinds().index("approved") :]
    with live.database.read() as session:
        assert advising(session, UPPER)
        assert not advising(session, LOWER)


def test_without_evidence_a_wish_to_go_on_is_held_and_the_approvals_are_cleared(site: ControllerSite) -> None:
    site.now = analysis_opens_at(site.watcher.plan, site.state)
    for by in (LEAD, OWNER):
        site.give(c.Approve(by=by))
    with site.database.write() as session:
        gates = run_analysis(session, site.watcher.plan, site.state, site.now).gates
        done = execute(session, site.watcher.plan, c.Promote(by=OPERATOR, gates=gates, able=("rosa",)), site.now)
    assert all(gate.outcome is not GateOutcome.PASSED for gate in gates)
    assert done.held is not None
    assert done.held.missing
    assert (done.state.approvals, done.state.phase) == ((), Phase.SHADOW)


def test_a_renewed_lease_lives_and_an_unrenewed_one_dies_in_two_minutes(live: ControllerSite) -> None:
    for _ in range(30):
        live.tick(10)
    assert live.mode() is Mode.ASSISTED
    live.now += 121
    assert live.mode() is Mode.SHADOW


def test_a_stop_takes_effect_with_its_commit_and_pages(live: ControllerSite) -> None:
    live.give(c.EmergencyStop(by=AUDITOR, reason="smoke in the valley"))
    assert live.mode() is Mode.SHADOW
    with live.database.read() as session:
        assert advising(session, UPPER), "rangers are told until one of them has taken over"
        titles = list(session.scalars(select(Delivery.title).where(Delivery.alert_id.is_(None))))
    assert titles == ["Take over the watch at upper-pines"]
    live.give(c.WatchAck(by=RANGER))
    with live.database.read() as session:
        assert not advising(session, UPPER)


def test_the_watchdog_notices_a_dead_controller_hands_over_and_escalates(live: ControllerSite) -> None:
    live.now += 125
    done = watch(live.database, live.watcher.plan, live.now)
    assert done is not None
    assert done.state.phase is Phase.HANDOVER
    assert [latch.id for latch in done.state.latches] == ["controller"]
    assert watch(live.database, live.watcher.plan, live.now) is None
    live.now += 301
    watch(live.database, live.watcher.plan, live.now)
    assert live.state.handovers[0].to == "chin"
    with live.database.read() as session:
        assert len(list(session.scalars(select(Delivery.id)))) == 2


def test_a_controller_that_comes_back_too_late_revives_nothing(live: ControllerSite) -> None:
    live.tick(200)
    assert live.state.phase is Phase.HANDOVER
    assert "lease_missed" in live.kinds()


def test_a_restart_two_days_late_ends_the_stage_and_says_how_late(live: ControllerSite) -> None:
    deadline = live.state.deadline_at
    assert deadline is not None
    live.tick(deadline - live.now + 2 * DAY_S)
    with live.database.read() as session:
        late = [entry.event for entry in everything(session) if entry.kind == "expired"]
    assert [event.late_s for event in late] == [pytest.approx(2 * DAY_S)]  # type: ignore[attr-defined]
    assert live.state.phase is Phase.HANDOVER
    assert "lease_missed" not in live.kinds()


def test_a_lease_never_outlives_its_stage(live: ControllerSite) -> None:
    deadline = live.state.deadline_at
    assert deadline is not None
    live.now = deadline - 45
    with live.database.write() as session:
        session.execute(update(AuthorityLease).values(expires_at=live.now + 100))
    live.tick()
    with live.database.read() as session:
        assert session.get_one(AuthorityLease, UPPER).expires_at == deadline


def test_another_model_ends_the_stage(live: ControllerSite) -> None:
    Telemetry(live.client).beat("detector:test", live.now, {"model": "sha256:" + "cd" * 32})
    live.controller.tick(live.now)
    assert live.state.phase is Phase.HANDOVER
    assert live.mode() is Mode.SHADOW


def test_a_camera_that_goes_blind_loses_its_authority(live: ControllerSite) -> None:
    for _ in range(13):
        live.now += 10
        live.report()
        silent = CameraStatus(
            "upper-trail", CameraHealth.BLIND, "no content", live.now, START, 640, 360, 0, 0, 0, {}, {}
        )
        seeing = CameraStatus("upper-creek", CameraHealth.LIVE, "", live.now, live.now, 640, 360, 15, 5, 0, {}, {})
        Telemetry(live.client).report_cameras([silent, seeing])
        live.controller.tick(live.now)
    latches = [latch.id for latch in live.state.latches]
    assert "camera_loss@camera:upper-trail" in latches
    assert live.mode(camera="upper-trail") is Mode.SHADOW


def test_a_lease_that_somebody_wrote_by_hand_is_found_and_ends_everything(live: ControllerSite) -> None:
    with live.database.write() as session:
        session.add(AuthorityLease(campsite_id=LOWER, mode=Mode.AUTOMATIC, granted_at=0, expires_at=live.now + 999))
    live.tick(5)
    assert "mode_differs" in live.kinds()
    assert (live.mode(LOWER), live.mode(UPPER)) == (Mode.SHADOW, Mode.SHADOW)
    assert "effective-mode" in [latch.id for latch in live.state.latches]


def test_without_redis_nothing_is_renewed(live: ControllerSite, tmp_path: Path) -> None:
    away = Controller(live.watcher, live.database, connect(f"unix://{tmp_path}/nobody.sock"))
    away.began_at = START
    for _ in range(13):
        live.now += 10
        away.tick(live.now)
    assert live.mode() is Mode.SHADOW
    assert live.state.phase is Phase.HANDOVER


def test_two_controllers_at_once_write_one_history(live: ControllerSite) -> None:
    other = Controller(live.watcher, live.database, live.client)
    other.began_at = START
    before = live.kinds()
    for _ in range(6):
        live.tick(5)
        other.tick(live.now)
    assert live.kinds() == before
    assert live.mode() is Mode.ASSISTED


def test_a_changed_configuration_is_read_and_a_broken_one_is_not(live: ControllerSite) -> None:
    good = live.file.read_text()
    live.file.write_text(good + "nonsense: 1\n")
    live.tick(5)
    assert "unknown key" in (live.watcher.problem or "")
    assert live.mode() is Mode.ASSISTED
    changed = yaml.safe_load(good)
    changed["rollout"]["metadata"] = {"name": "another plan"}
    live.file.write_text(yaml.safe_dump(changed, sort_keys=False))
    live.tick(5)
    assert (live.watcher.problem, live.watcher.plan.name) == (None, "another plan")
    assert live.state.plan_digest == live.watcher.plan.digest
    assert live.mode() is Mode.ASSISTED, "the running stage is on the new plan too"


def test_everything_that_happened_stands_in_the_ledger_too(live: ControllerSite) -> None:
    live.give(c.EmergencyStop(by=AUDITOR))
    with live.database.read() as session:
        assert verify(session).broken_at is None
        recorded = session.scalars(
            select(LedgerEntry.body).where(LedgerEntry.kind.like("rollout.%")).order_by(LedgerEntry.seq)
        ).all()
        assert [yaml.safe_load(body) for body in recorded] == [
            yaml.safe_load(entry) for entry in session.scalars(select(RolloutEvent.body).order_by(RolloutEvent.seq))
        ]


def test_an_analysis_that_takes_long_delays_no_renewal(live: ControllerSite) -> None:
    """Evidence that takes minutes is worked out beside the ticks, and its analysis is stored when it is done."""
    may_end = threading.Event()

    def slow(*_arguments: object, **_named: object) -> dict[str, Measured]:
        may_end.wait(30)
        return {}

    scheduler = live.controller.scheduler
    scheduler.measures = [slow]
    assert scheduler.ask(live.watcher.plan, live.now)
    for _ in range(15):
        live.tick(20)
        scheduler.ask(live.watcher.plan, live.now)
    assert scheduler.busy
    assert live.mode() is Mode.ASSISTED, "five minutes, and authority was renewed all along"
    may_end.set()
    scheduler.wait(30)
    with live.database.read() as session:
        (row,) = session.scalars(select(AnalysisRunRow))
    assert (row.stage, row.at) == ("one-campsite-one-day", live.now - 300)


def test_the_controllers_loop_analyses_by_itself(
    tmp_path: Path, sqlite_database: Database, redis_client: redis.Redis
) -> None:
    site = ControllerSite(tmp_path, sqlite_database, redis_client, start=now_s())
    site.report()
    stop = threading.Event()
    loop = threading.Thread(target=site.controller.run, args=(stop,))
    loop.start()

    def added() -> int:
        with site.database.read() as session:
            return len(list(session.scalars(select(AnalysisRunRow.id))))

    try:
        wait_for(lambda: added() == 1)
    finally:
        stop.set()
        loop.join(20)
    assert not loop.is_alive()


def test_the_jobs_process_watches_over_the_controller(
    tmp_path: Path, sqlite_database: Database, redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stage runs, its lease died a minute ago, and no controller is there."""
    alone = ControllerSite(tmp_path, sqlite_database, redis_client, start=now_s() - 15 * DAY_S)
    for command in (c.PlanChanged(), c.ModelChanged(DIGEST)):
        alone.give(command)
    alone.now = now_s() - 180
    for by in (LEAD, OWNER):
        alone.give(c.Approve(by=by))
    gates = gate_results(alone.watcher.plan, alone.state)
    assert alone.give(c.Promote(by=OPERATOR, gates=gates, able=("rosa",))).started
    monkeypatch.setattr("bearwatch.watchdog_thread.POLL_EVERY_S", 0.05)
    stop = threading.Event()
    address = str(sqlite_database.url)
    watching = threading.Thread(target=keep_watch, args=(alone.file, address, stop))
    watching.start()
    wait_for(lambda: alone.state.phase is Phase.HANDOVER)
    stop.set()
    watching.join()
    assert alone.kinds().count("lease_missed") == 1

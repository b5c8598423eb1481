"""Rows that the rollout has not written, and clocks that are wrong: neither gives anybody power."""

from __future__ import annotations

from pathlib import Path

import pytest
import redis
from sqlalchemy import event as sqlalchemy_event
from sqlalchemy.exc import OperationalError

from db.models import AuthorityLease, Camera, CameraFreshness, Mode, RolloutEvent
from db.session import Database
from rollout.alerting.send_policy import camera_mode
from rollout.authority.authority import authority
from rollout.authority.leases import OVER
from rollout.breakers import TelemetrySnapshot
from rollout.control.controller import NAMELESS, Controller, running_model
from rollout.control.controller_watchdog import watch
from rollout.control.service import confirm, renew
from rollout.stages import commands as c
from rollout.stages.events import kind_of, to_json
from rollout.stages.plan_watcher import PlanWatcher
from rollout.stages.promotion import start
from tests.support.rollout.rollout_plans import LEAD, OWNER, RANGER, settings
from tests.support.rollout.rollout_site import RolloutSite

UPPER, LOWER, CREEK = "upper-pines", "lower-pines", "upper-creek"


@pytest.fixture
def site(sqlite_database: Database) -> RolloutSite:
    """In shadow, late enough to go on."""
    return RolloutSite(sqlite_database)


@pytest.fixture
def live(site: RolloutSite) -> RolloutSite:
    """Upper Pines is assisted, and its authority is renewed."""
    site.approve(LEAD, OWNER)
    assert site.ask().started
    site.now += 1
    _renew(site)
    return site


def _renew(site: RolloutSite) -> None:
    with site.database.write() as session:
        renew(session, site.plan, site.now, "controller")


def _fresh(site: RolloutSite, at: float, camera: str = CREEK) -> None:
    with site.database.write() as session:
        session.merge(CameraFreshness(camera_id=camera, captured_at=at, steady_since=at - 3600))


def _mode(site: RolloutSite, at: float, campsite: str = UPPER, camera: str = CREEK) -> Mode:
    with site.database.read() as session:
        return authority(session, campsite, at, camera)


def _forge_lease(site: RolloutSite, campsite: str, **more: object) -> None:
    with site.database.write() as session:
        lease = AuthorityLease(
            campsite_id=campsite, mode=Mode.AUTOMATIC, granted_at=site.now - 1, expires_at=site.now + 1e9
        )
        for name, value in more.items():
            setattr(lease, name, value)
        session.merge(lease)


@pytest.mark.parametrize("more", [{}, {"only_cameras": [CREEK]}], ids=["everything", "one camera"])
def test_a_lease_written_by_hand_ends_with_each_read_back(site: RolloutSite, more: dict[str, object]) -> None:
    """Also a second one, while the breaker of the first is open."""
    for campsite, camera in ((UPPER, CREEK), (LOWER, "lower-meadow"), (UPPER, CREEK)):
        _forge_lease(site, campsite, **({"only_cameras": [camera]} if more else {}))
        site.now += 5
        _fresh(site, site.now, camera)
        assert _mode(site, site.now, campsite, camera) is Mode.AUTOMATIC
        confirm(site.database, site.plan, site.now)
        assert _mode(site, site.now, campsite, camera) is Mode.SHADOW
        with site.database.read() as session:
            assert session.get_one(AuthorityLease, campsite).expires_at == OVER
    assert site.state.latch("effective-mode") is not None


@pytest.mark.parametrize(
    "change",
    [{"expires_at": 1e12}, {"mode": Mode.AUTOMATIC}, {"without_cameras": ["upper-trail"]}, {"veto_s": 0.0}, {"run": 9}],
    ids=lambda change: next(iter(change)),
)
def test_a_live_lease_that_says_anything_else_is_a_difference(live: RolloutSite, change: dict[str, object]) -> None:
    assert confirm(live.database, live.plan, live.now) is None
    with live.database.write() as session:
        for name, value in change.items():
            setattr(session.get_one(AuthorityLease, UPPER), name, value)
    state = confirm(live.database, live.plan, live.now + 5)
    assert state is not None
    assert not state.live
    assert state.latch("effective-mode") is not None
    _fresh(live, live.now + 6)
    assert _mode(live, live.now + 6) is Mode.SHADOW


def test_events_and_leases_forged_together_end_with_the_next_renewal(site: RolloutSite) -> None:
    state = site.state
    forged = start(site.plan, state, 4, site.now, "nobody")
    with site.database.write() as session:
        session.add(
            RolloutEvent(seq=state.seq + 1, at=site.now, kind=kind_of(forged), actor="nobody", epoch=state.epoch,
                         key=None, body=to_json(forged))
        )  # fmt: skip
    for campsite in (UPPER, LOWER):
        _forge_lease(site, campsite, expires_at=site.now + 120)
    site.now += 5
    _renew(site)
    confirm(site.database, site.plan, site.now)
    _fresh(site, site.now)
    assert _mode(site, site.now) is Mode.SHADOW
    assert not site.state.live
    latch = site.state.latch("record")
    assert latch is not None
    assert latch.reason == f"event {state.seq + 1} does not stand in the ledger"
    _renew(site)
    assert len([each for each in site.state.latches if each.breaker == "record"]) == 1


@pytest.mark.parametrize("slow_s", [2.0, 30.0, 90.0, 600.0, 3600.0])
def test_a_stop_ends_authority_by_every_clock(live: RolloutSite, slow_s: float) -> None:
    """Also by one that is slow, or that is set back after the stop."""
    for _ in range(150):
        live.now += 30
        _renew(live)
    live.give(c.EmergencyStop(by=RANGER, reason="wrong camera"))
    at = live.now + 1 - slow_s
    _fresh(live, at)
    with live.database.read() as session:
        assert camera_mode(session, UPPER, CREEK, at) is Mode.SHADOW
    confirm(live.database, live.plan, at)
    assert _mode(live, at) is Mode.SHADOW


def test_what_the_watchdog_hands_over_is_over_by_every_clock(live: RolloutSite) -> None:
    assert watch(live.database, live.plan, live.now + 121) is not None
    _fresh(live, live.now + 61)
    assert _mode(live, live.now + 61) is Mode.SHADOW


def test_a_process_whose_clock_is_slow_finds_no_camera_fresh(live: RolloutSite) -> None:
    """The controller is dead for ten minutes; by the clock of the slow one it has just renewed."""
    for _ in range(40):
        live.now += 30
        _renew(live)
    _fresh(live, live.now)
    assert _mode(live, live.now - 30) is Mode.ASSISTED, "clocks may differ a little"
    assert _mode(live, live.now - 600) is Mode.SHADOW


@pytest.fixture
def controller(site: RolloutSite, redis_client: redis.Redis) -> Controller:
    """A controller over the site, which has not ticked yet."""
    return Controller(PlanWatcher(Path("nowhere.yaml"), settings(), site.plan), site.database, redis_client)


def test_a_clock_that_is_set_is_noticed_against_the_steady_one(site: RolloutSite, controller: Controller) -> None:
    controller.compare_clocks(site.now, 100.0)
    controller.compare_clocks(site.now + 5, 105.0)
    controller.tick(site.now + 5)
    assert site.state.latches == ()
    controller.compare_clocks(site.now + 7210, 110.0)
    state = controller.tick(site.now + 7210)
    (latch,) = state.latches
    assert (latch.breaker, latch.reason) == ("clock", "the clock seen by controller was set forward by 7200 s")
    controller.compare_clocks(site.now + 7215, 115.0)
    assert len(controller.tick(site.now + 7215).latches) == 1


def test_places_that_a_failed_tick_did_not_bring_in_come_with_the_next(
    site: RolloutSite, controller: Controller
) -> None:
    controller.tick(site.now)
    tree = settings().model_dump(mode="json", exclude_unset=True)
    tree["cameras"]["lower-meadow"]["campsite"] = UPPER
    controller.watcher.config = type(settings()).model_validate(tree)
    with _failing(site.database), pytest.raises(OperationalError):
        controller.tick(site.now + 5)
    with site.database.read() as session:
        assert session.get_one(Camera, "lower-meadow").campsite_id == LOWER
    controller.tick(site.now + 10)
    with site.database.read() as session:
        assert session.get_one(Camera, "lower-meadow").campsite_id == UPPER


class _failing:
    """The database takes no writes for a moment: each commit fails."""

    def __init__(self, database: Database) -> None:
        self.engine = database.engine

    def __enter__(self) -> None:
        sqlalchemy_event.listen(self.engine, "commit", self._fail)

    def __exit__(self, *_: object) -> None:
        sqlalchemy_event.remove(self.engine, "commit", self._fail)

    @staticmethod
    def _fail(_connection: object) -> None:
        raise OperationalError("COMMIT", {}, Exception("database or disk is full"))


def test_a_detector_that_names_no_model_is_another_model() -> None:
    def running(*facts: dict[str, object]) -> str | None:
        beats = {f"detector:{n}": {"at": 0.0, **each} for n, each in enumerate(facts)}
        return running_model(TelemetrySnapshot(0.0, True, heartbeats=beats), 0.0)

    assert running({"model": "A"}, {"model": "A"}) == "A"
    assert running({}, {}) is None
    assert running({"model": "A"}, {}) == f"A + {NAMELESS}"

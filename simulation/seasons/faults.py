"""Faults of a season: what they break, when somebody notices, and what the rollout is told then."""

from __future__ import annotations

from functools import partial
from typing import Protocol

import numpy as np

from rollout.base.scopes import campsites_of
from rollout.breakers.gate_metrics import CLIP_EVERY_S
from rollout.breakers.trip_scope import Scope, Unit
from rollout.control.controller import SETTLE_S
from rollout.control.controller_watchdog import due_command
from rollout.stages.commands import Command
from rollout.stages.state import State
from simulation.seasons import noticing
from simulation.seasons.agenda import Agenda
from simulation.seasons.fixture_site import CAMERAS, CAMERAS_EACH, SITES, Policy
from simulation.seasons.protected_time import Protection, cameras_of
from simulation.seasons.random_streams import Fault
from simulation.seasons.scenarios import Scenario


class SeasonRollout(Protocol):
    """What is told of a fault that somebody has noticed."""

    @property
    def state(self) -> State:
        """Where the rollout stands."""

    def trip(self, name: str, unit: Unit, now: float, repaired_at: float) -> None:
        """A breaker trips; people can close it from ``repaired_at`` on."""

    def lose_lease(self, command: Command, now: float, repaired_at: float) -> None:
        """Authority has died, as the command says."""


class Faults:
    """The faults of one season; a method for each kind, called when one begins."""

    def __init__(
        self,
        scenario: Scenario,
        policy: Policy,
        agenda: Agenda,
        protection: Protection,
        people: np.random.Generator,
        rollout: SeasonRollout,
    ) -> None:
        self.agenda, self.protection, self.people, self.rollout = agenda, protection, people, rollout
        self.plan, self.breakers = policy.plan, policy.breakers
        self.specs = policy.plan.breakers.specs()
        self.missed_elsewhere = scenario.missed_elsewhere
        self.clips_missed_at = float("-inf")
        """Until when test clips were last missed."""
        self.gone_until = {"controller": 0.0, "redis": 0.0, "host": 0.0}

    def schedule(self, faults: tuple[Fault, ...]) -> None:
        """Put them on the agenda."""
        for fault in faults:
            self.agenda.schedule(fault.at, partial(getattr(self, fault.kind), fault))

    def anything_away(self, now: float) -> bool:
        """Whether nobody can ask the rollout anything now."""
        return any(now < until for until in self.gone_until.values())

    @property
    def _host_cause(self) -> str:
        return "missed" if self.missed_elsewhere else "host"

    def _pauses(self, cameras: tuple[str, ...], lost: float | None, fault: Fault) -> None:
        """Warnings are paused from when the gap is known until pictures are back, and people are told."""
        if lost is not None and self.breakers:
            back = noticing.freshness_back(self.plan.defaults.freshness, fault.end, self._phase())
            self.protection.pauses(cameras, lost, back)

    def _phase(self) -> float:
        return float(self.people.uniform())

    def camera(self, fault: Fault, now: float) -> None:
        assert fault.camera is not None
        cameras = (fault.camera,)
        self.protection.breaks(cameras, fault.at, fault.end, "camera")
        freshness = self.plan.defaults.freshness
        self._pauses(cameras, noticing.freshness_lost(freshness, fault.at, fault.end, self._phase()), fault)
        noticed = noticing.camera_silent(self.specs["camera_loss"], fault.at, fault.end)
        if noticed is not None:
            self.agenda.schedule(noticed, partial(self._camera_noticed, fault.camera, fault.end))

    def _camera_noticed(self, camera: str, end: float, now: float) -> None:
        site = SITES[CAMERAS.index(camera) // CAMERAS_EACH]
        here = cameras_of((site,))
        self.rollout.trip("camera_loss", Unit(Scope.CAMERA, camera), now, end)
        live = sum(self.protection.cause(each, now) != "camera" for each in here)
        if noticing.most_are_blind(self.specs["camera_loss"], live, len(here)):
            self.rollout.trip("camera_loss", Unit(Scope.SITE, site), now, end)

    def redis(self, fault: Fault, now: float) -> None:
        self.protection.breaks(CAMERAS, fault.at, fault.end, "redis")
        self._pauses(CAMERAS, noticing.said_lost(fault.at, fault.end), fault)
        self.gone_until["redis"] = max(self.gone_until["redis"], fault.end)
        noticed = noticing.nobody_updates(self.specs["no_data"], fault.at, fault.end)
        if noticed is not None:
            self.agenda.schedule(noticed, partial(self._redis_noticed, fault.end))
        self._nobody_renews(fault, fault.end)

    def _redis_noticed(self, end: float, now: float) -> None:
        self.rollout.trip("no_data", noticing.REGION, now, end)

    def detector(self, fault: Fault, now: float) -> None:
        """Pictures are handled in time and the network proves itself, but bears in them are not recognised."""
        self.protection.breaks(CAMERAS, fault.at, fault.end, "detector")
        every_s = self.plan.defaults.freshness.clips_every.nominal_s if self.rollout.state.live else CLIP_EVERY_S
        noticed = noticing.clips_missed(self.specs["canary_clip"], fault.at, fault.end, every_s, self._phase())
        if noticed is not None:
            self.agenda.schedule(noticed, partial(self._clips_noticed, fault.end))

    def _clips_noticed(self, end: float, now: float) -> None:
        self.clips_missed_at = end
        self.rollout.trip("canary_clip", noticing.REGION, now, end)

    def network(self, fault: Fault, now: float) -> None:
        """The network answers, and its answers mean nothing."""
        self.protection.breaks(CAMERAS, fault.at, fault.end, "network")
        phase = self._phase()
        self._pauses(CAMERAS, noticing.self_test_failing(fault.at, fault.end, phase), fault)
        noticed = noticing.self_test_fails_twice(self.specs["self_proof"], fault.at, fault.end, phase)
        if noticed is not None:
            self.agenda.schedule(noticed, partial(self._self_test_failure_noticed, fault.end))

    def _self_test_failure_noticed(self, end: float, now: float) -> None:
        self.rollout.trip("self_proof", noticing.REGION, now, end)

    def controller(self, fault: Fault, now: float) -> None:
        self.gone_until["controller"] = max(self.gone_until["controller"], fault.end)
        self._nobody_renews(fault, fault.end + SETTLE_S)

    def host(self, fault: Fault, now: float) -> None:
        self.gone_until["host"] = max(self.gone_until["host"], fault.end)
        self.protection.breaks(CAMERAS, fault.at, fault.end, self._host_cause)
        if self.missed_elsewhere:
            self._pauses(CAMERAS, noticing.missed_elsewhere(fault.at, fault.end, self._phase()), fault)
        self._nobody_renews(fault, fault.end + SETTLE_S)

    def _nobody_renews(self, fault: Fault, renewed_at: float) -> None:
        """Authority dies by itself; the watchdog sees it at its next check, once there is one."""
        last = fault.at - float(self.people.uniform(0.0, self.plan.lease_renew_s))
        dies = last + self.plan.lease_ttl_s
        if renewed_at <= dies:
            return
        noticed = noticing.on_grid(max(dies, fault.end if fault.kind == "host" else dies))
        self.agenda.schedule(noticed, partial(self._lease_noticed, dies, fault))

    def _lease_noticed(self, dies: float, fault: Fault, now: float) -> None:
        if not self.rollout.state.live or (self.rollout.state.started_at or now) > fault.at:
            return
        self.protection.breaks(CAMERAS, dies, now, self._host_cause if fault.kind == "host" else "lapsed")
        command = due_command(
            self.rollout.state, dict.fromkeys(campsites_of(self.rollout.state.granted), dies), now, "watchdog"
        )
        if command is not None:
            self.rollout.lose_lease(command, now, fault.end)

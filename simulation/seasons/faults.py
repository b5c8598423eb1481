"""Faults of a season: what they break, when somebody notices, and what the road is told then."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from bearwatch.canary_injector import EVERY_S
from rollout.base.scopes import campsites_of
from rollout.breakers.trip_scope import Scope, Unit
from rollout.control.controller import SETTLE_S
from rollout.control.controller_watchdog import due_command
from simulation.seasons import noticing
from simulation.seasons.fixture_site import CAMERAS, CAMERAS_EACH, SITES
from simulation.seasons.protected_time import cameras_of
from simulation.seasons.random_streams import Fault

if TYPE_CHECKING:
    from simulation.seasons.season import Season


class Faults:
    """The faults of one season; a method for each kind, called when one begins."""

    def __init__(self, season: Season) -> None:
        self.season = season
        self.gone_until = {"controller": 0.0, "redis": 0.0, "host": 0.0}

    def plan(self, faults: tuple[Fault, ...]) -> None:
        """Put them on the agenda."""
        for fault in faults:
            self.season.plan(fault.at, partial(getattr(self, fault.kind), fault))

    def anything_away(self, now: float) -> bool:
        """Whether nobody can ask the road anything now."""
        return any(now < until for until in self.gone_until.values())

    @property
    def _host_cause(self) -> str:
        return "missed" if self.season.world.missed_elsewhere else "host"

    def _rests(self, cameras: tuple[str, ...], lost: float | None, fault: Fault) -> None:
        """Authority rests from when the loss of sight is known until it is back, and people are told."""
        if lost is not None and self.season.policy.breakers:
            back = noticing.sight_back(self.season.road.defaults.sight, fault.end, self._phase())
            self.season.protection.rests(cameras, lost, back)

    def _phase(self) -> float:
        return float(self.season.people.uniform())

    def camera(self, fault: Fault, now: float) -> None:
        assert fault.camera is not None
        cameras = (fault.camera,)
        self.season.protection.breaks(cameras, fault.at, fault.end, "camera")
        sight = self.season.road.defaults.sight
        self._rests(cameras, noticing.sight_lost(sight, fault.at, fault.end, self._phase()), fault)
        noticed = noticing.camera_silent(self.season.specs["camera_loss"], fault.at, fault.end)
        if noticed is not None:
            self.season.plan(noticed, partial(self._camera_noticed, fault.camera, fault.end))

    def _camera_noticed(self, camera: str, end: float, now: float) -> None:
        site = SITES[CAMERAS.index(camera) // CAMERAS_EACH]
        here = cameras_of((site,))
        self.season.trip("camera_loss", Unit(Scope.CAMERA, camera), now, end)
        live = sum(self.season.protection.cause(each, now) != "camera" for each in here)
        if noticing.most_are_blind(self.season.specs["camera_loss"], live, len(here)):
            self.season.trip("camera_loss", Unit(Scope.SITE, site), now, end)

    def redis(self, fault: Fault, now: float) -> None:
        self.season.protection.breaks(CAMERAS, fault.at, fault.end, "redis")
        self._rests(CAMERAS, noticing.said_lost(fault.at, fault.end), fault)
        self.gone_until["redis"] = max(self.gone_until["redis"], fault.end)
        noticed = noticing.nobody_updates(self.season.specs["no_data"], fault.at, fault.end)
        if noticed is not None:
            self.season.plan(noticed, partial(self._redis_noticed, fault.end))
        self._nobody_renews(fault, fault.end)

    def _redis_noticed(self, end: float, now: float) -> None:
        self.season.trip("no_data", noticing.REGION, now, end)

    def detector(self, fault: Fault, now: float) -> None:
        """Pictures are handled in time and the network proves itself, but bears in them are not recognised."""
        self.season.protection.breaks(CAMERAS, fault.at, fault.end, "detector")
        every_s = self.season.road.defaults.sight.clips_every.nominal_s if self.season.state.live else EVERY_S
        noticed = noticing.clips_missed(self.season.specs["canary_clip"], fault.at, fault.end, every_s, self._phase())
        if noticed is not None:
            self.season.plan(noticed, partial(self._clips_noticed, fault.end))

    def _clips_noticed(self, end: float, now: float) -> None:
        self.season.clips_missed_at = end
        self.season.trip("canary_clip", noticing.REGION, now, end)

    def network(self, fault: Fault, now: float) -> None:
        """The network answers, and its answers mean nothing."""
        self.season.protection.breaks(CAMERAS, fault.at, fault.end, "network")
        phase = self._phase()
        self._rests(CAMERAS, noticing.unproven(fault.at, fault.end, phase), fault)
        noticed = noticing.proof_fails_twice(self.season.specs["self_proof"], fault.at, fault.end, phase)
        if noticed is not None:
            self.season.plan(noticed, partial(self._unproven_noticed, fault.end))

    def _unproven_noticed(self, end: float, now: float) -> None:
        self.season.trip("self_proof", noticing.REGION, now, end)

    def controller(self, fault: Fault, now: float) -> None:
        self.gone_until["controller"] = max(self.gone_until["controller"], fault.end)
        self._nobody_renews(fault, fault.end + SETTLE_S)

    def host(self, fault: Fault, now: float) -> None:
        self.gone_until["host"] = max(self.gone_until["host"], fault.end)
        self.season.protection.breaks(CAMERAS, fault.at, fault.end, self._host_cause)
        if self.season.world.missed_elsewhere:
            self._rests(CAMERAS, noticing.missed_elsewhere(fault.at, fault.end, self._phase()), fault)
        self._nobody_renews(fault, fault.end + SETTLE_S)

    def _nobody_renews(self, fault: Fault, renewed_at: float) -> None:
        """Authority dies by itself; the watchdog sees it at its next look, once there is one."""
        last = fault.at - float(self.season.people.uniform(0.0, self.season.road.lease_renew_s))
        dies = last + self.season.road.lease_ttl_s
        if renewed_at <= dies:
            return
        looks = noticing.on_grid(max(dies, fault.end if fault.kind == "host" else dies))
        self.season.plan(looks, partial(self._lease_noticed, dies, fault))

    def _lease_noticed(self, dies: float, fault: Fault, now: float) -> None:
        if not self.season.state.live or (self.season.state.started_at or now) > fault.at:
            return
        self.season.protection.breaks(CAMERAS, dies, now, self._host_cause if fault.kind == "host" else "lapsed")
        command = due_command(
            self.season.state, dict.fromkeys(campsites_of(self.season.state.granted), dies), now, "watchdog"
        )
        if command is not None:
            self.season.give(command, now)
            self.season.repaired_at["controller"] = fault.end

"""Worlds that a plan may have to stand: how many bears, how good the model, how reliable people and machines. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Truth(StrEnum):
    """What an all-knowing judge would say of the model."""

    GOOD = "good"
    BAD = "bad"
    """Its recall is not above what the plan demands, or it raises false alarms: it must not get past shadow."""
    CHANGING = "changing"
    """Good at first, bad later."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """One scenario. Rates of faults are means over a season; the length of each fault is exponential."""

    name: str
    summary: str
    truth: Truth = Truth.GOOD
    recall_light: float = 0.97
    """Probability that the model sees a visit by day."""
    recall_dark: float = 0.97
    recall_far: float | None = None
    """Its recall at the second half of the campsites, when it differs."""
    drift_day: int | None = None
    """From this day on its recall is ``recall_after``."""
    recall_after: float = 0.70
    difficulty_sd: float = 0.0
    """How far visits differ in how hard they are to see, for model and ranger alike (logits)."""
    visits_per_day: float = 0.5
    """A campsite's, on average."""
    night_share: float = 0.7
    ranger_sees: float = 0.85
    """Probability that a ranger on watch sees a visit."""
    watched: float = 0.45
    """Share of time with a blind observer while the rollout is in shadow."""
    watched_blind_live: float = 0.15
    """The same at a live campsite: the random hours that are kept for ever."""
    watched_live: float = 0.35
    """Share of time with anybody on watch at a live campsite."""
    effort_power: float | None = None
    """Rangers watch where alerts are, but for a tenth of their hours: by the reviews of four weeks to this power. At 4
    a campsite with twice the alerts draws sixteen times the watches, at 1 twice. None: watches follow nothing."""
    false_alarms: float = 0.2
    """Per camera-day."""
    clumping: float = 0.3
    """Shape of the negative binomial that false alarms follow: the smaller, the more come at once."""
    answers: float = 0.9
    """Probability that whoever is paged takes over the watch."""
    cameras_lost: float = 2.0
    camera_lost_s: float = 4 * 3600.0
    controllers_lost: float = 0.5
    controller_lost_s: float = 600.0
    redis_lost: float = 0.5
    redis_lost_s: float = 300.0
    detectors_blind: float = 0.2
    """Pictures arrive in time and are looked at, but bears in them go unrecognised, and nothing reports an error."""
    detector_blind_s: float = 6 * 3600.0
    networks_broken: float = 0.2
    """The network's answers mean nothing."""
    network_broken_s: float = 6 * 3600.0
    hosts_lost: float = 0.0
    """The whole machine, with controller, watchdog and page."""
    host_lost_s: float = 1200.0
    missed_elsewhere: bool = False
    """A service elsewhere, which the machine calls every minute, pages people when the calls stop."""


_ALL: Final = (
    Scenario("good", "a good model (recall .97), rangers and machines as they are"),
    Scenario("busy", "the same, with a bear and a half per campsite and day", visits_per_day=1.5),
    Scenario("weak", "a weak model (recall .85)", Truth.BAD, recall_light=0.85, recall_dark=0.85),
    Scenario("borderline", "a model exactly at the gate (recall .90)", Truth.BAD, recall_light=0.9, recall_dark=0.9),
    Scenario("night-blind", "good by day (.99), weak by night (.80)", Truth.BAD, recall_light=0.99, recall_dark=0.8),
    Scenario("shared", "weak (.85), and what is hard for it is hard for rangers too", Truth.BAD, recall_light=0.85,
          recall_dark=0.85, difficulty_sd=1.0),
    Scenario("loop", "good (.98) at three campsites, poor (.60) at three; rangers watch where alerts are, steeply",
          Truth.BAD, recall_light=0.98, recall_dark=0.98, recall_far=0.6, effort_power=4.0, false_alarms=0.05),
    Scenario("mild-loop", "the same, but watches follow alerts in proportion (as in Polya's urn)", Truth.BAD,
          recall_light=0.98, recall_dark=0.98, recall_far=0.6, effort_power=1.0, false_alarms=0.05),
    Scenario("drifting", "good (.97) for 120 days, then .70", Truth.CHANGING, drift_day=120),
    Scenario("noisy", "good, but 1.2 false alarms a camera-day, in clumps", Truth.BAD, false_alarms=1.2),
    Scenario("dead-cameras", "good, but cameras fail 30 times a season", cameras_lost=30.0),
    Scenario("sleeping", "good, but three of four pages go unanswered", answers=0.25, cameras_lost=8.0),
    Scenario("controller", "good, but the controller fails 12 times a season", controllers_lost=12.0),
    Scenario("redis", "good, but Redis fails 12 times a season", redis_lost=12.0),
    Scenario("canary", "good, but its path goes blind silently 6 times a season", detectors_blind=6.0),
    Scenario("network", "good, but its network breaks 6 times a season", networks_broken=6.0),
    Scenario("host", "good, but the whole machine is lost 6 times a season", hosts_lost=6.0),
    Scenario("host-missed", "the same, and a service elsewhere pages when the machine's calls stop", hosts_lost=6.0,
          missed_elsewhere=True),
)  # fmt: skip
SCENARIOS: Final[dict[str, Scenario]] = {scenario.name: scenario for scenario in _ALL}
"""Every scenario, by its name."""

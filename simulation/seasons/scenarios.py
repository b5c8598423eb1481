"""Worlds that a plan may have to stand: how many bears, how good the model, how reliable people and machines. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from math import ceil
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
    drift_days: int = 0
    """It gets there in a straight line over so many days; 0: at once."""
    difficulty_sd: float = 0.0
    """How far visits differ in how hard they are to see, for model and ranger alike (logits)."""
    weather: float = 0.0
    """The part of that which a night has in common everywhere, and which lasts for days (rain, fog, moon)."""
    returns: bool = False
    """Every bear comes twice a night, as hard to see the second time as the first."""
    summer: float = 1.0
    """How many times as many bears come from June to August as before and after."""
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
    mad_camera: float = 0.0
    """Of the first camera, from day 100 on, beside its others: a branch before the lens."""
    no_bears: float = 0.0
    """Share of what rangers enter as a bear that is none: of these the model sees nothing."""
    undecided: float = 0.0
    """Share of the model's alerts of bears that nobody ever decides."""
    late: float = 0.0
    """Share of sightings that are entered too late to be blind."""
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

    def bad_from_day(self) -> int | None:
        """When a model that gets worse is below .90, which the gates demand; None for one that does not."""
        if self.drift_day is None:
            return None
        if self.drift_days == 0:
            return self.drift_day
        lost = self.recall_dark - self.recall_after
        return self.drift_day + ceil((self.recall_dark - 0.90) / lost * self.drift_days)


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
    Scenario("decaying", "good (.97) for 120 days, then slowly to .70 within 60 more", Truth.CHANGING, drift_day=120,
             drift_days=60),
    Scenario("weather", "good, but nights differ much, everywhere alike and for days", difficulty_sd=1.5, weather=0.7),
    Scenario("weather-borderline", "the same nights, with a model exactly at the gate (.90)", Truth.BAD,
             recall_light=0.9, recall_dark=0.9, difficulty_sd=1.5, weather=0.7),
    Scenario("alike", "good, but bears come twice a night, and who was hard to see stays so", difficulty_sd=1.5,
             returns=True),
    Scenario("summer", "good, but six in seven bears come between June and August", summer=6.0),
    Scenario("rangers-60", "good, but rangers on watch see only 60% of the bears", ranger_sees=0.6),
    Scenario("no-bears", "good, but 3% of what rangers enter as a bear is none", no_bears=0.03),
    Scenario("undecided", "good, but nobody decides one in ten of its alerts of bears", undecided=0.1),
    Scenario("late", "good, but a third of the sightings are entered too late to be blind", late=0.33),
    Scenario("mad-camera", "good, but from day 100 on one camera gives 40 false alarms a day", mad_camera=40.0),
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

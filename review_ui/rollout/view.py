"""What the rollout page draws of the status: the trail, and the gates as bars."""

from __future__ import annotations

from typing import Final

from core.charts.svg import Svg
from core.clock import civil
from review_ui.rendering.rollout_charts import Stop, trail
from review_ui.rollout.gate_view import GateCard
from rollout.control.status import RolloutStatus
from rollout.stages.plan import RolloutPlan

WHY_HIDDEN: Final = (
    "You are on watch and see nothing of what the model says. Numbers that move with it are hidden from you here too, "
    "until your watch ends: a count that goes up is as good as an alert."
)


def trail_of(view: RolloutStatus) -> Svg:
    """The trail with a flag where we are."""
    stops = [
        Stop(s.number, s.mode, len(s.places.campsites) + s.places.others, s.progress == "done", s.number == view.here)
        for s in view.stages
    ]
    words = f"The rollout has {len(stops)} stages. We are at stage {view.here}, {view.stage.name}, {view.phase}."
    return trail(words, stops, view.clock.share)


def gate_cards(view: RolloutStatus, plan: RolloutPlan) -> list[GateCard]:
    """The present stage's gates."""
    stage = plan.stages[view.here - 1]
    return [
        GateCard.drawn_from(each, gate, view.clock.timezone) for each, gate in zip(view.gates, stage.gates, strict=True)
    ]


def moment(at: float, timezone: str) -> str:
    """A moment as people at the campsite read it."""
    return f"{civil(at, timezone):%a %-d %b, %H:%M %Z}"

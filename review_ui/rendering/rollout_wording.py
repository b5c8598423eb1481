"""Each event of the rollout in plain words."""

from __future__ import annotations

from typing import Final

from rollout.control.status_words import breaker_name
from rollout.stages import events as e
from rollout.stages.commands import Step

STEPS: Final = {
    Step.PROMOTE: "going on",
    Step.EXTEND: "more time",
    Step.RESET: "closing a breaker",
    Step.MODEL: "another model",
}


def event_title(event: e.Event) -> str:
    """What happened, in a few words that are no secret to anybody who works here."""
    match event:
        case e.PlanRead():
            return "The rollout plan was read"
        case e.StageStarted():
            return f"Stage {event.name} began"
        case e.PromotionHeld():
            return f"Not yet: {event.to}"
        case e.ApprovalsCleared():
            return "Approvals were cleared"
        case e.Approved():
            return f"{event.by} approved {STEPS[event.step]}"
        case e.DeadlineNear():
            return "The stage ends soon"
        case e.Expired():
            return "The stage's time was over"
        case e.Overdue():
            return "The shadow stage lasts longer than planned"
        case e.BreakerOpened():
            return f"Breaker opened: {breaker_name(event.breaker)}"
        case e.BreakerClosed():
            return f"Breaker closed by {' and '.join(event.closed_by)}"
        case e.ModelReplaced():
            return "Another model runs: evidence begins anew"
        case e.EmergencyStopped():
            return f"{event.by} stopped it"
        case e.Demoted():
            return f"{event.by} took power back"
        case e.HandoverBegan():
            return "Manual watch: nobody has taken over yet"
        case e.Escalated():
            return f"Nobody answered; {event.to or 'nobody'} was paged"
        case e.WatchTaken():
            return f"{event.by} took over the watch"
        case e.StageExtended():
            return "The stage has more time"
        case e.LeaseMissed():
            return "Authority was not renewed in time"
        case e.ModeConfirmed():
            return "What holds was read back, and is what was granted"
        case e.ModeDiffers():
            return "What holds was read back, and is NOT what was granted"
    return type(event).__name__


def event_details(event: e.Event) -> str:
    """What else there is to say about it; empty when the title says all."""
    match event:
        case e.StageStarted() if event.approved_by:
            return f"approved by {' and '.join(event.approved_by)}"
        case e.PromotionHeld():
            return "; ".join(event.why)
        case e.ApprovalsCleared():
            return event.why
        case e.Approved():
            return event.note
        case e.BreakerOpened() | e.EmergencyStopped() | e.Demoted():
            return event.reason
        case e.BreakerClosed() | e.HandoverBegan():
            return event.cause
        case e.ModelReplaced():
            return event.digest
        case e.WatchTaken():
            return f"after {event.waited_s:.0f} s"
        case e.StageExtended():
            return f"approved by {' and '.join(event.approved_by)}"
        case e.Expired() if event.late_s >= 1:
            return f"noticed {event.late_s:.0f} s late"
    return ""

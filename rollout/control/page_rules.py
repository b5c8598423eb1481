"""Which events page somebody, whom, and in which words. Pure.

Pages are about the system and its people, not about bears: they go out in every mode. They are in the outbox too.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from core.clock import civil
from rollout.base.scopes import Places, campsites_of
from rollout.stages import events as e
from rollout.stages.commands import Effect
from rollout.stages.plan import OnCallPerson, RolloutPlan


@dataclass(frozen=True, slots=True)
class Page:
    """Something that needs a person now."""

    title: str
    body: str
    targets: tuple[str, ...]
    campsite: str | None = None


def pages(plan: RolloutPlan, events: Sequence[e.Event]) -> list[tuple[int, Page]]:
    """The pages that a decision's events ask for, each with its event's place in the list."""
    handed = any(isinstance(event, e.HandoverBegan) for event in events)
    found = []
    for index, event in enumerate(events):
        page = _page(plan, event, handed)
        if page is not None and page.targets:
            found.append((index, page))
    return found


def _page(plan: RolloutPlan, event: e.Event, handed: bool) -> Page | None:
    match event:
        case e.HandoverBegan():
            return _handover(plan, event)
        case e.Escalated():
            return _escalated(plan, event)
        case e.DeadlineNear():
            return _near(plan, event)
        case e.Overdue():
            text = (
                "The shadow stage has lasted longer than planned. Nothing ends; decide whether the model will ever do."
            )
            return Page("The shadow stage is overdue", text, _first(plan))
        case e.BreakerOpened() if not handed:
            return _breaker(plan, event)
        case e.PromotionHeld() if event.missing:
            return None
    return None


def _handover(plan: RolloutPlan, event: e.HandoverBegan) -> Page:
    where = _where(event.places, event.cameras)
    body = (
        f"{event.cause[:1].upper()}{event.cause[1:]}. From now on campers at {where} are not warned by the system; "
        f"rangers still see what the cameras see. Take over the watch, then confirm it on the page or with "
        f"`bearwatch rollout ack`. {_next(plan)}"
    )
    targets = (*_contacts(plan, event.to), *plan.staff)
    return Page(f"Take over the watch at {where}", body, targets, _one(event.places))


def _escalated(plan: RolloutPlan, event: e.Escalated) -> Page:
    minutes = plan.ack_within_s / 60
    body = (
        f"Nobody has taken over the watch (handover {event.handover}, asked {event.level + 1} times). Campers are not "
        f"warned by the system. Take over, then confirm it on the page or with `bearwatch rollout ack`; in "
        f"{minutes:g} minutes the next one is paged."
    )
    return Page("Nobody has taken over the watch yet", body, (*_contacts(plan, event.to), *plan.staff))


def _near(plan: RolloutPlan, event: e.DeadlineNear) -> Page:
    ends = civil(event.at + event.left_s, plan.timezone)
    body = (
        f"It ends on {ends:%A %d %B at %H:%M}. Unless two people promote or extend it before, authority ends then and "
        f"the watch is handed over."
    )
    return Page(f"The running stage ends in {_hours(event.left_s)}", body, (*_first(plan), *plan.staff))


def _breaker(plan: RolloutPlan, event: e.BreakerOpened) -> Page:
    consequence = {
        Effect.PAGE: "Nothing else happens.",
        Effect.HOLD: "The rollout goes no further until two people have closed it.",
        Effect.REVIEW: "Campers there are warned only of what a ranger has confirmed.",
        Effect.HANDOVER: "Nothing was live there; the rollout goes no further until two people have closed it.",
    }[event.effect]
    return Page(f"Breaker {event.latch} is open", f"{event.reason}. {consequence}", (*_first(plan), *plan.staff))


def _contacts(plan: RolloutPlan, user: str) -> tuple[str, ...]:
    return tuple(contact for person in plan.on_call if person.user == user for contact in person.contacts)


def _first(plan: RolloutPlan) -> tuple[str, ...]:
    return plan.on_call[0].contacts if plan.on_call else ()


def _next(plan: RolloutPlan) -> str:
    if len(plan.on_call) < 2:
        return f"You are paged again every {plan.ack_within_s / 60:g} minutes."
    return f"Without an answer {plan.on_call[1].user} is paged in {plan.ack_within_s / 60:g} minutes."


def _where(places: Places, cameras: Iterable[str]) -> str:
    chosen = tuple(cameras)
    sites = ", ".join(campsites_of(places))
    return f"{sites} (camera {', '.join(chosen)})" if chosen else sites


def _one(places: Places) -> str | None:
    return places[0].campsite if len(places) == 1 else None


def _hours(seconds: float) -> str:
    return f"{seconds / 3600:.0f} h" if seconds >= 5400 else f"{seconds / 60:.0f} min"


def on_call_person(plan: RolloutPlan, user: str) -> OnCallPerson | None:
    """Somebody on call by their account."""
    return next((each for each in plan.on_call if each.user == user), None)

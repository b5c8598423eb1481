"""Do enough people agree? Distinct people, each with another role, not too long ago, and never the author. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from db.models import Role
from rollout.stages.approval_spec import ANY_RANGER
from rollout.stages.approval_spec import ApprovalRule as Rule
from rollout.stages.commands import Person, Step
from rollout.stages.plan import RolloutPlan
from rollout.stages.state import Approval, State

_RANGERS = frozenset({Role.RANGER.value, Role.LEAD_RANGER.value})
SKEW_S = 60.0
"""Clocks of two machines may differ by so much; an approval from further ahead counts only when its time has come."""


def slots(roles: Iterable[str], allowed: Sequence[str]) -> tuple[str, ...]:
    """Which of the roles that count a person can stand for."""
    mine = set(roles)
    return tuple(role for role in allowed if role in mine or (role == ANY_RANGER and mine & _RANGERS))


def may_act(person: Person, allowed: Sequence[str]) -> bool:
    """Whether a person has one of the roles."""
    return bool(slots(person.roles, allowed))


def authors(plan: RolloutPlan, state: State, step: Step) -> set[str]:
    """Who may not approve: who wrote the plan, and who asked for the step."""
    if step is Step.RESET:
        return set()
    return {name for name in (plan.author, state.author, state.proposer) if name}


def counting(
    plan: RolloutPlan, state: State, step: Step, rule: Rule, now: float, latch: str | None = None
) -> list[Approval]:
    """The approvals of a step that count now, oldest first."""
    barred = authors(plan, state, step)
    return [
        approval
        for approval in state.approvals
        if approval.step is step
        and approval.latch == latch
        and approval.by not in barred
        and not approval.void
        and -SKEW_S <= now - approval.at <= rule.valid_for.nominal_s
        and slots(approval.roles, rule.roles)
    ]


def agreed(approvals: Sequence[Approval], roles: Sequence[str], need: int) -> tuple[str, ...] | None:
    """Names of ``need`` distinct people who can be given distinct roles; None when there are not enough."""
    by_person = {approval.by: approval for approval in approvals}
    return _pick(list(by_person.values()), roles, need, frozenset())


def _pick(left: list[Approval], roles: Sequence[str], need: int, taken: frozenset[str]) -> tuple[str, ...] | None:
    if need == 0:
        return ()
    for index, approval in enumerate(left):
        for slot in slots(approval.roles, roles):
            if slot not in taken:
                rest = _pick(left[index + 1 :], roles, need - 1, taken | {slot})
                if rest is not None:
                    return (approval.by, *rest)
    return None


def still_needed(
    plan: RolloutPlan,
    state: State,
    step: Step,
    rule: Rule,
    now: float,
    *,
    need: int | None = None,
    latch: str | None = None,
) -> str | None:
    """What is missing for a step, in words; None when enough people agree."""
    wanted = need or rule.need
    approvals = counting(plan, state, step, rule, now, latch)
    if agreed(approvals, rule.roles, wanted) is not None:
        return None
    void = ", ".join(f"{a.by} ({a.void})" for a in state.approvals if (a.step, a.latch) == (step, latch) and a.void)
    given = ", ".join(f"{a.by} ({', '.join(slots(a.roles, rule.roles))})" for a in approvals) or "nobody"
    return f"{wanted} people with distinct roles out of {', '.join(rule.roles)} must agree; so far: {given}" + (
        f"; no longer counted: {void}" if void else ""
    )

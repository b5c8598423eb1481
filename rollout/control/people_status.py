"""Who agrees and who may, and who is called."""

from __future__ import annotations

from collections.abc import Collection

from pydantic import Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from db.models import Role, User
from rollout.control.reader import Values
from rollout.control.status_words import ROLES
from rollout.stages.approvals import authors, counting, slots
from rollout.stages.commands import Step
from rollout.stages.plan import RolloutPlan
from rollout.stages.state import State


class ApprovalView(Values):
    """Somebody's agreement, and whether it counts now."""

    by: str
    roles: tuple[str, ...]
    step: str
    breaker: str | None
    model: str | None = Field(description="the digest of the model that is approved; null for other steps")
    at: float
    expires_at: float
    counts: bool
    void: str = Field(description="why it does not count, as the account stands now; empty when it stands")
    note: str


class OnCallView(Values):
    """Somebody on call, in the order of paging."""

    user: str
    addresses: int
    able: bool = Field(description="whether their account exists and is switched on")
    why: str = Field(description="why they cannot take over a watch; empty when they can")


def approvals_of(plan: RolloutPlan, state: State, now: float) -> tuple[ApprovalView, ...]:
    """Everybody's agreement in this epoch."""
    found = []
    for approval in state.approvals:
        rule = plan.approvals.resume if approval.step is Step.RESET else plan.approvals.promote
        found.append(
            ApprovalView(
                by=approval.by,
                roles=tuple(ROLES.get(role, role) for role in slots(approval.roles, rule.roles)),
                step=approval.step.word,
                breaker=approval.latch if approval.step is Step.RESET else None,
                model=approval.latch if approval.step is Step.MODEL else None,
                at=approval.at,
                expires_at=approval.at + rule.valid_for.nominal_s,
                counts=approval in counting(plan, state, approval.step, rule, now, approval.latch),
                void=approval.void,
                note=approval.note,
            )
        )
    return tuple(found)


def may_approve(session: Session, plan: RolloutPlan, state: State, now: float) -> tuple[str, ...]:
    """Names of those who may approve and have not: each with the role that counts."""
    rule, barred = plan.approvals.promote, authors(plan, state, Step.PROMOTE)
    given = {each.by for each in counting(plan, state, Step.PROMOTE, rule, now)}
    found = []
    for name, role in session.execute(select(User.name, User.role).where(User.active.is_(True)).order_by(User.name)):
        standing = slots((role,), rule.roles)
        if standing and name not in barred and name not in given:
            found.append(f"{name} ({ROLES.get(standing[0], standing[0])})")
    return tuple(found)


def on_call_of(
    session: Session, plan: RolloutPlan, people: Collection[str], watch_roles: Collection[Role]
) -> tuple[OnCallView, ...]:
    """Everybody on it. ``people``: accounts that are switched on; ``watch_roles``: those that can take over a watch."""
    rows = session.execute(select(User.name, User.role).where(User.name.in_([each.user for each in plan.on_call])))
    roles = {name: Role(role) for name, role in rows}

    def why(user: str) -> str:
        if user not in people:
            return "has no account that is switched on"
        return "" if roles[user] in watch_roles else "has a role that cannot take over a watch on this page"

    return tuple(
        OnCallView(user=each.user, addresses=len(each.contacts), able=each.user in people, why=why(each.user))
        for each in plan.on_call
    )

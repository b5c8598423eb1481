"""Whether those who approved may still approve: their accounts as they stand at this moment."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.models import User
from rollout.stages.approvals import slots
from rollout.stages.state import Approval, State

OFF = "the account is switched off"
GONE = "there is no such account any more"
ANOTHER_ROLE = "has another role now"


def as_accounts_stand(session: Session, state: State) -> State:
    """The same state, with each approval as its person's account stands now.

    Whose account is gone or switched off, or who has none of the roles any more that they approved with, no longer
    counts; ``void`` says why. This is asked each time a step is taken or shown, never stored: whoever is switched on
    again counts again, as long as the approval itself is young enough.
    """
    if not state.approvals:
        return state
    names = {approval.by for approval in state.approvals}
    rows = session.execute(select(User.name, User.role, User.active).where(User.name.in_(names)))
    accounts: dict[str, tuple[str, bool]] = {name: (role, active) for name, role, active in rows}
    return replace(state, approvals=tuple(_stands(each, accounts.get(each.by)) for each in state.approvals))


def _stands(approval: Approval, account: tuple[str, bool] | None) -> Approval:
    if account is None:
        return replace(approval, void=GONE)
    role, active = account
    if not active:
        return replace(approval, void=OFF)
    still = slots((role,), approval.roles)
    return replace(approval, roles=still) if still else replace(approval, void=ANOTHER_ROLE)

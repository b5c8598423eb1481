"""Agreeing to another model, as to any other step of the rollout."""

from __future__ import annotations

from db.session import Database
from rollout.control.service import CommandOutcome, perform
from rollout.models.registry import model_named
from rollout.stages.commands import Approve, Person, Step
from rollout.stages.plan import RolloutPlan


def approve_model(
    database: Database, plan: RolloutPlan, digest: str, by: Person, now: float, note: str = "", actor: str | None = None
) -> CommandOutcome:
    """Write down that a person agrees to promote this model. Prove who it is first.

    Raises:
        UnknownModel: no such model is registered.
        Refused: this person's agreement does not count, or nothing may be approved now.
    """
    with database.read() as session:
        whole = model_named(session, digest).digest
    return perform(database, plan, Approve(by=by, step=Step.MODEL, latch=whole, note=note), now, actor)

"""Another champion: promoted by people, rolled back by people or by itself, each in the caller's writing transaction.

In shadow one person with the right promotes a model: nothing leaves the building, and its evidence starts anew. As soon
as campers may be warned anywhere, or a watch waits to be taken over, it takes the people whom the rollout plan names
for the next stage (``approvals.promote``), and whoever asks for it is none of them. A rollback needs nobody else.
Before that the model answers to :mod:`rollout.models.promotion_gate`; who promotes it all the same gives a reason, and
the change is kept, and shown, as overridden.

What detectors do about it is in :mod:`detector.model_switch`; what the rollout does when they report another model, in
:mod:`rollout.stages.decide`: evidence starts anew, and authority ends where it holds.
"""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy.orm import Session

from core.clock import civil
from db.ledger import lock
from db.models import ChangeKind, ChangeTrigger, ModelChange, RegisteredModel
from rollout.base.scopes import campsites_of
from rollout.models.champion import change_champion, standing
from rollout.models.promotion_gate import promotion_conditions
from rollout.models.registry import model_named
from rollout.stages.account_checks import as_accounts_stand
from rollout.stages.approvals import agreed, counting, still_needed
from rollout.stages.commands import Person, Refused, Step
from rollout.stages.event_store import load
from rollout.stages.plan import RolloutPlan
from rollout.stages.state import State

OVERRIDE = "Whoever may promote can override this with a reason; it is then shown as OVERRIDDEN"
NOTHING_BEFORE = "the model that the configuration names is in use; there is none before it to roll back to"


def promote_model(
    session: Session,
    plan: RolloutPlan,
    digest: str,
    by: Person,
    now: float,
    reason: str = "",
    actor: str = "",
    *,
    override: bool = False,
) -> ModelChange:
    """Make a registered model the champion. ``digest`` may be its beginning, ``actor`` is how the ledger names ``by``.

    ``override``: although conditions of the gate do not hold; they are kept with the reason, which must be given.

    Raises:
        UnknownModel: no such model is registered.
        Refused: it is the champion already, a condition does not hold, or people are missing; nothing was written.
    """
    lock(session)
    model = model_named(session, digest)
    state = as_accounts_stand(session, load(session))
    if model.digest == standing(session).champion:
        raise Refused(f"{_name(model)} is the champion already")
    failing = [each.words for each in promotion_conditions(session, model, now) if not each.passed]
    if failing and not override:
        raise Refused(f"{_name(model)} may not be promoted yet: {'; '.join(failing)}. {OVERRIDE}")
    if failing and not reason.strip():
        raise Refused("whoever overrides what does not hold says why: the reason is empty")
    lack = approvals_lacking(plan, state, model.digest, by.name, now)
    if lack is not None:
        raise Refused(lack)
    return change_champion(
        session,
        kind=ChangeKind.PROMOTE,
        trigger=ChangeTrigger.PERSON,
        to_digest=model.digest,
        by=by.name,
        actor=actor or by.name,
        approved_by=approvers(plan, state, model.digest, by.name, now),
        reason=reason,
        at=now,
        overridden=failing,
    )


def roll_back(
    session: Session,
    by: str,
    now: float,
    reason: str = "",
    actor: str = "",
    trigger: ChangeTrigger = ChangeTrigger.PERSON,
) -> ModelChange:
    """Go back to the model before the champion. Raises :class:`Refused` where there is none."""
    lock(session)
    there = standing(session)
    if not there.may_roll_back:
        raise Refused(NOTHING_BEFORE)
    return change_champion(
        session,
        kind=ChangeKind.ROLLBACK,
        trigger=trigger,
        to_digest=there.previous,
        by=by,
        actor=actor or by,
        approved_by=(),
        reason=reason,
        at=now,
    )


def needs_approval(state: State) -> bool:
    """Whether others than the one who asks must agree to another model."""
    return state.live or bool(state.handovers)


def approvers(plan: RolloutPlan, state: State, digest: str, asked_by: str, now: float) -> tuple[str, ...]:
    """Who has agreed to this model, as far as it counts: enough people, or all who have so far."""
    rule = plan.approvals.promote
    given = counting(plan, _without(state, asked_by), Step.MODEL, rule, now, digest)
    return agreed(given, rule.roles, rule.need) or tuple(dict.fromkeys(approval.by for approval in given))


def approvals_lacking(plan: RolloutPlan, state: State, digest: str, asked_by: str, now: float) -> str | None:
    """Who is missing before ``asked_by`` may promote a model, in words; None when it needs nobody else."""
    if not needs_approval(state):
        return None
    return still_needed(plan, _without(state, asked_by), Step.MODEL, plan.approvals.promote, now, latch=digest)


def consequences(plan: RolloutPlan, state: State, knows_all: bool = True) -> tuple[str, ...]:
    """What another model does to the rollout, in sentences, to be read before it is done.

    Without ``knows_all`` no campsite is named: the reader may not know of each.
    """
    found = []
    if state.live:
        where = ", ".join(campsites_of(state.granted)) if knows_all else "every campsite where it holds"
        found.append(
            f"Authority ends at {where}: the stage {state.stage_name} is over, somebody on call is paged and takes "
            "over the watch. It has to be earned anew."
        )
    if state.evidence_since is not None:
        since = civil(state.evidence_since, plan.timezone)
        found.append(f"Evidence starts anew: what was gathered since {since:%d %B %Y} is about the model before.")
    found.append("Approvals given for the next stage are void.")
    if plan.pinned is not None:
        found.append(f"The rollout plan is made for {plan.pinned}: with another model no stage is promoted.")
    return tuple(found)


def _without(state: State, name: str) -> State:
    return replace(state, approvals=tuple(each for each in state.approvals if each.by != name))


def _name(model: RegisteredModel) -> str:
    return model.name or model.digest[:12]

"""The registry as people see it: champion, the model before it, all models with their lineage, and what was changed.

The page, the API and the command show the same values.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from db.models import ChangeTrigger, ModelChange, ModelChangeReport, RegisteredModel, ReportOutcome
from rollout.models.challenger import agreements
from rollout.models.champion import (
    CHALLENGER_EVERY,
    challenger_change,
    changes,
    overridden_champion,
    reports_on,
    standing,
)
from rollout.models.model_changes import approvals_lacking, approvers, consequences, needs_approval
from rollout.models.promotion_gate import promotion_conditions
from rollout.models.registry import registered_models
from rollout.stages.account_checks import as_accounts_stand
from rollout.stages.event_store import load
from rollout.stages.plan import RolloutPlan

CONFIGURED: Final = "the model that the configuration names"
HIDDEN: Final = "a breaker; what it found is not shown to whoever watches, or sees some campsites only"
LONGEST_LINEAGE: Final = 50


class _Values(BaseModel):
    model_config = ConfigDict(frozen=True)


class RegisteredView(_Values):
    """One registered model."""

    digest: str
    name: str = Field(description="as detectors write it beside every score; empty when it is not known")
    directory: str = Field(description="below the data folder, or `built-in`")
    origin: str = Field(description="`built_in`, `file` or `learned`")
    learning_run: int | None = Field(description="the nightly run that trained it")
    registered_at: float
    registered_by: str
    lineage: tuple[str, ...] = Field(description="digests of its ancestors, its parent first")
    is_champion: bool
    is_previous: bool = Field(description="a rollback leads to it")
    approved_by: tuple[str, ...] = Field(description="who has agreed to promote it, as far as it counts now")
    conditions: tuple[PromotionConditionView, ...] = Field(
        description="what must hold before it may be promoted; none of the champion"
    )


class RefusalView(_Values):
    """A detector that did not take a model."""

    process: str
    at: float
    why: str


class PromotionConditionView(_Values):
    """One condition of a promotion."""

    name: str
    passed: bool
    sentence: str = Field(description="with its number")
    remedy: str = Field(description="what to do where it does not hold")


class ModelChangeView(_Values):
    """One change of the champion. A null digest is the model that the configuration names."""

    id: int
    at: float
    kind: str = Field(description="`promote` or `rollback`")
    trigger: str = Field(description="`person`, `refused` (a detector could not take it) or `breaker`")
    from_digest: str | None
    to_digest: str | None
    from_name: str
    to_name: str
    requested_by: str
    approved_by: tuple[str, ...]
    reason: str
    overridden: tuple[str, ...] = Field(description="what did not hold when it was promoted all the same")
    first_scored_at: float | None = Field(description="when the first frame was scored by the new model")
    took_s: float | None = Field(description="from the change to that frame")
    refusals: tuple[RefusalView, ...]


class AgreementView(_Values):
    """How often the challenger said the same as a champion of one camera in one light."""

    camera: str
    light: str = Field(description="`day` or `infrared`")
    champion: str = Field(description="digest of the champion beside which it scored")
    frames: int = Field(description="frames that both scored")
    both: int = Field(description="of these, frames in which both see a bear")
    neither: int
    champion_only: int
    challenger_only: int
    difference: float = Field(description="mean difference of both bear scores")


class ChallengerView(_Values):
    """The model that scores beside the champion, and alerts nobody."""

    digest: str
    name: str
    since: float
    by: str
    every: int = Field(description="it looks at one frame in so many")
    agreements: tuple[AgreementView, ...] = Field(description="hidden from whoever watches blind")


class ModelRegistryStatus(_Values):
    """The registry now."""

    champion: str | None = Field(description="digest of the champion; null: the model that the configuration names")
    champion_name: str
    previous: str | None = Field(description="digest of the model that a rollback leads to; null: the configured one")
    previous_name: str | None = Field(description="null: there is nothing to roll back to")
    may_roll_back: bool
    overridden: tuple[str, ...] = Field(description="what did not hold when the champion was promoted all the same")
    challenger: ChallengerView | None = Field(description="the model that scores beside the champion, if one does")
    models: tuple[RegisteredView, ...]
    changes: tuple[ModelChangeView, ...] = Field(description="the newest first")
    needs_approval: bool = Field(description="whether others than the one who asks must agree to another model")
    approval_rule: str
    consequences: tuple[str, ...] = Field(description="what another model does to the rollout")


def model_registry_status(
    session: Session, plan: RolloutPlan, now: float, limit: int = 20, knows_all: bool = True
) -> ModelRegistryStatus:
    """All of it, with the newest ``limit`` changes.

    Without ``knows_all``, for whoever watches blind or may see some campsites only, it is not said where campers are
    warned, nor what a breaker found.
    """
    state = as_accounts_stand(session, load(session))
    there, rows = standing(session), registered_models(session)
    by_digest = {row.digest: row for row in rows}
    past = changes(session, limit)
    said = reports_on(session, [row.id for row in past])
    previous = there.previous if there.may_roll_back else None
    rule = plan.approvals.promote
    return ModelRegistryStatus(
        champion=there.champion,
        champion_name=model_words(by_digest, there.champion),
        previous=previous,
        previous_name=model_words(by_digest, previous) if there.may_roll_back else None,
        may_roll_back=there.may_roll_back,
        overridden=overridden_champion(session).sentences,
        challenger=_challenger(session, by_digest, knows_all),
        models=tuple(
            RegisteredView(
                digest=row.digest,
                name=row.name,
                directory=row.directory,
                origin=row.origin,
                learning_run=row.learning_run_id,
                registered_at=row.registered_at,
                registered_by=row.registered_by,
                lineage=lineage_of(by_digest, row.digest),
                is_champion=row.digest == there.champion,
                is_previous=there.may_roll_back and row.digest == previous,
                approved_by=approvers(plan, state, row.digest, "", now),
                conditions=() if row.digest == there.champion else _conditions(session, row, now),
            )
            for row in rows
        ),
        changes=tuple(_change(row, said[row.id], by_digest, knows_all) for row in past),
        needs_approval=needs_approval(state),
        approval_rule=f"{rule.need} people with distinct roles out of {', '.join(rule.roles)}",
        consequences=consequences(plan, state, knows_all),
    )


def lacking_for(session: Session, plan: RolloutPlan, digest: str, asked_by: str, now: float) -> str | None:
    """Who is missing before ``asked_by`` may promote this model, in words; None: nobody."""
    return approvals_lacking(plan, as_accounts_stand(session, load(session)), digest, asked_by, now)


def lineage_of(by_digest: dict[str, RegisteredModel], digest: str) -> tuple[str, ...]:
    """The ancestors of a model, its parent first, as far as they are registered; the last one may be a stranger."""
    found: list[str] = []
    row = by_digest.get(digest)
    while row is not None and row.parent_digest and len(found) < LONGEST_LINEAGE:
        if row.parent_digest == digest or row.parent_digest in found:
            break
        found.append(row.parent_digest)
        row = by_digest.get(row.parent_digest)
    return tuple(found)


def model_words(by_digest: dict[str, RegisteredModel], digest: str | None) -> str:
    """A model for people: its name, else the beginning of its digest."""
    if digest is None:
        return CONFIGURED
    row = by_digest.get(digest)
    return row.name if row is not None and row.name else digest[:12]


def _challenger(session: Session, by_digest: dict[str, RegisteredModel], knows_all: bool) -> ChallengerView | None:
    change = challenger_change(session)
    if change is None or change.to_digest is None:
        return None
    said = agreements(session, change.to_digest, change.at) if knows_all else []
    return ChallengerView(
        digest=change.to_digest,
        name=model_words(by_digest, change.to_digest),
        since=change.at,
        by=change.requested_by,
        every=CHALLENGER_EVERY,
        agreements=tuple(
            AgreementView(
                camera=each.camera,
                light="infrared" if each.infrared else "day",
                champion=each.champion,
                frames=each.frames,
                both=each.both,
                neither=each.neither,
                champion_only=each.champion_only,
                challenger_only=each.challenger_only,
                difference=round(each.difference, 4),
            )
            for each in said
        ),
    )


def _conditions(session: Session, row: RegisteredModel, now: float) -> tuple[PromotionConditionView, ...]:
    return tuple(
        PromotionConditionView(name=each.name, passed=each.passed, sentence=each.sentence, remedy=each.remedy)
        for each in promotion_conditions(session, row, now)
    )


def _change(
    row: ModelChange, said: Iterable[ModelChangeReport], by_digest: dict[str, RegisteredModel], knows_all: bool
) -> ModelChangeView:
    reports = list(said)
    hidden = not knows_all and row.trigger == ChangeTrigger.BREAKER
    first = next((each.first_scored_at for each in reports if each.outcome == ReportOutcome.IN_USE), None)
    return ModelChangeView(
        id=row.id,
        at=row.at,
        kind=row.kind,
        trigger=row.trigger,
        from_digest=row.from_digest,
        to_digest=row.to_digest,
        from_name=model_words(by_digest, row.from_digest),
        to_name=model_words(by_digest, row.to_digest),
        requested_by=row.requested_by,
        approved_by=tuple(row.approved_by),
        reason=HIDDEN if hidden else row.reason,
        overridden=tuple(row.overridden),
        first_scored_at=first,
        took_s=None if first is None else round(max(0.0, first - row.at), 2),
        refusals=tuple(
            RefusalView(process=each.process, at=each.at, why=each.why)
            for each in reports
            if each.outcome == ReportOutcome.REFUSED
        ),
    )

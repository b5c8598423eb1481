"""Whether a registered model may become the champion now: what its learning run says, and its live shadow.

Each condition holds or does not, with its number and with what to do. A model that was learned here answers for its
verdict; one that was brought or came with the program has none (its own evaluation is on its page), so that the live
shadow on this site's cameras is all that is asked of it. Whoever may promote can promote all the same, with a reason:
such a promotion is kept, and shown, as overridden.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from db.models import ChallengerCount, ChangeKind, LearningRun, LearningStatus, ModelChange, RegisteredModel
from rollout.evidence.challenger_gate import DAY_S, ChallengerRules
from rollout.models.champion import challenger_change, standing

SHADOW_HOURS: Final = 24
"""Hours in which the challenger scored frames that the champion scored, too."""
SHADOW_WITHIN_S: Final = 14 * DAY_S
"""Older hours are of another season."""
VERDICT_HOLDS_S: Final = 60 * DAY_S
"""Its fresh events were those of sixty days; after that none of them is fresh any more."""


@dataclass(frozen=True, slots=True)
class PromotionCondition:
    """One condition. ``sentence`` has its number, ``remedy`` what to do where it does not hold."""

    name: str
    passed: bool
    sentence: str
    remedy: str = ""

    @property
    def words(self) -> str:
        """All of it, for people."""
        return self.sentence if self.passed or not self.remedy else f"{self.sentence}: {self.remedy}"


@dataclass(frozen=True, slots=True)
class LiveShadowTime:
    """What a challenger scored beside one champion: in how many hours, frames, and those where one alone saw a bear."""

    beside: str | None
    hours: int
    frames: int
    champion_only: int
    challenger_only: int


def promotion_conditions(session: Session, model: RegisteredModel, now: float) -> tuple[PromotionCondition, ...]:
    """All conditions for this model at this moment, those that hold among them."""
    shadow = live_shadow_time(session, model.digest, now)
    return (*_of_learning(session, model, shadow.beside, now), _shadowed(session, model, shadow))


def live_shadow_time(session: Session, digest: str, now: float) -> LiveShadowTime:
    """How long a model has scored the same frames as the present champion.

    Where that is the one that the configuration names, no digest of it is registered: it is the model beside which was
    counted last since the champion changed.
    """
    there, each = standing(session), ChallengerCount
    since = now - SHADOW_WITHIN_S
    if there.champion is None and there.last is not None:
        since = max(since, there.last.at)
    counted = (each.challenger_digest == digest, each.hour_at >= since, each.hour_at <= now, each.frames > 0)
    beside = there.champion
    if beside is None:
        newest = select(each.champion_digest).where(*counted).order_by(each.hour_at.desc(), each.id.desc()).limit(1)
        beside = session.scalar(newest)
    columns = (each.frames, each.champion_only, each.challenger_only)
    sums = session.execute(
        select(func.count(each.hour_at.distinct()), *(func.coalesce(func.sum(column), 0) for column in columns)).where(
            *counted, each.champion_digest == (beside or "")
        )
    ).one()
    return LiveShadowTime(beside, *(int(value) for value in sums))


def _of_learning(
    session: Session, model: RegisteredModel, beside: str | None, now: float
) -> Iterator[PromotionCondition]:
    if model.learning_run_id is None:
        return
    run = session.get(LearningRun, model.learning_run_id)
    if run is None or run.ended_at is None or run.verdict is None:
        said = f"its learning run {model.learning_run_id} has no verdict"
        yield PromotionCondition(
            "the gate's verdict", False, said, "let `bearwatch learn --now` judge a new challenger"
        )
        return
    yield _verdict(run)
    yield _of_this_champion(session, run, beside)
    yield _still_fresh(run, now)
    yield _weekly(session, now)


def _verdict(run: LearningRun) -> PromotionCondition:
    name, verdict = "the gate's verdict", run.verdict or {}
    conditions: list[dict[str, Any]] = list(verdict.get("conditions", ()))
    failing = [str(each["sentence"]) for each in conditions if not each["passed"]]
    if run.status == LearningStatus.PASSED and verdict.get("passed") and conditions and not failing:
        return PromotionCondition(name, True, f"run {run.id}: all {len(conditions)} conditions of the gate hold")
    said = (
        f"run {run.id}: {len(failing)} of {len(conditions)} conditions of the gate do not hold ({'; '.join(failing)})"
    )
    return PromotionCondition(name, False, said, "wait for a night whose challenger passes")


def _of_this_champion(session: Session, run: LearningRun, beside: str | None) -> PromotionCondition:
    champion = standing(session).champion or beside
    mine, theirs = (run.champion or "")[:12] or "none", (champion or "")[:12] or "not known yet"
    said = f"run {run.id} compared it with the champion {mine}; the champion now is {theirs}"
    fine = champion is not None and run.champion == champion
    remedy = "let it score in live shadow first" if champion is None else "let a night judge one beside this champion"
    return PromotionCondition("judged beside this champion", fine, said, remedy)


def _still_fresh(run: LearningRun, now: float) -> PromotionCondition:
    days = (now - run.labels_until) / DAY_S
    said = f"its verdict is {days:.1f} days old, {VERDICT_HOLDS_S / DAY_S:g} at the most"
    return PromotionCondition("a fresh verdict", days * DAY_S <= VERDICT_HOLDS_S, said, "let a night judge a new one")


def _weekly(session: Session, now: float) -> PromotionCondition:
    name, every_s = "at most weekly", ChallengerRules().every_s
    query = select(ModelChange.at).where(ModelChange.kind == ChangeKind.PROMOTE).order_by(ModelChange.id.desc())
    last = session.scalar(query.limit(1))
    if last is None:
        return PromotionCondition(name, True, "no model was promoted before")
    said = f"the last promotion was {(now - last) / DAY_S:.1f} days ago, {every_s / DAY_S:g} are needed"
    return PromotionCondition(
        name, now - last >= every_s, said, "wait; what several promotions did cannot be told apart"
    )


def _shadowed(session: Session, model: RegisteredModel, found: LiveShadowTime) -> PromotionCondition:
    said = (
        f"it has scored beside the champion on the same frames in {found.hours} of {SHADOW_HOURS} different hours "
        f"({found.frames} frames; the champion alone saw a bear in {found.champion_only}, it alone in "
        f"{found.challenger_only})"
    )
    running = challenger_change(session)
    if running is not None and running.to_digest == model.digest:
        remedy = "it scores now; wait"
    else:
        remedy = (
            f"start its live shadow on its page, or with `bearwatch models challenge {model.digest[:12]} --as USER`"
        )
    return PromotionCondition("24 h of live shadow", found.hours >= SHADOW_HOURS, said, remedy)

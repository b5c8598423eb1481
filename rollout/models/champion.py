"""The champion in the database: read, changed, and put into words for the detectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.bundles.wanted_model import BundlePlace, WantedModel
from db.ledger import lock, record
from db.models import ChangeKind, ChangeTrigger, ModelChange, ModelChangeReport, RegisteredModel, ReportOutcome
from rollout.models.lineage import ChampionChange, Standing, standing_after

CONFIGURED: Final = "configured"
"""How the ledger names the model that the configuration names."""
CHALLENGER_EVERY: Final = 6
"""A challenger looks at one frame in so many: then a detector works for both not more than 1.2 times as much as for one
(``python -m bench.challenger_cost``)."""
_CHANGES: Final = (ChangeKind.PROMOTE, ChangeKind.ROLLBACK)
_CHALLENGES: Final = (ChangeKind.CHALLENGE, ChangeKind.WITHDRAW)


def standing(session: Session) -> Standing:
    """Who is champion, and which model was it before."""
    rows = session.scalars(select(ModelChange).where(ModelChange.kind.in_(_CHANGES)).order_by(ModelChange.id))
    return standing_after(map(_change, rows))


def challenger_change(session: Session) -> ModelChange | None:
    """The change by which a challenger scores beside the champion now; None: no challenger does."""
    query = select(ModelChange).where(ModelChange.kind.in_(_CHALLENGES)).order_by(ModelChange.id.desc()).limit(1)
    last = session.scalar(query)
    if last is None or last.kind != ChangeKind.CHALLENGE or last.to_digest == standing(session).champion:
        return None
    return last


def wanted(session: Session) -> WantedModel:
    """What the detectors are to use, and which model scores beside it."""
    now, challenge = standing(session), challenger_change(session)
    return WantedModel(
        change=now.last.id if now.last else 0,
        champion=_place(session, now.champion),
        previous=_place(session, now.previous) if now.may_roll_back else None,
        challenger=_place(session, challenge.to_digest) if challenge is not None else None,
        challenger_every=CHALLENGER_EVERY if challenge is not None else 1,
    )


def change_champion(
    session: Session,
    *,
    kind: ChangeKind,
    trigger: ChangeTrigger,
    to_digest: str | None,
    by: str,
    actor: str,
    approved_by: Sequence[str],
    reason: str,
    at: float,
    overridden: Sequence[str] = (),
) -> ModelChange:
    """Write a change and its entry in the ledger. Whether it may be is asked before, under the ledger's lock.

    ``overridden``: what did not hold when it was made all the same, in sentences.
    """
    row = ModelChange(
        at=at,
        kind=kind,
        trigger=trigger,
        from_digest=standing(session).champion,
        to_digest=to_digest,
        requested_by=by,
        approved_by=list(approved_by),
        reason=reason,
        overridden=list(overridden),
    )
    session.add(row)
    session.flush()
    record(
        session, at=at, kind="model.promoted" if kind is ChangeKind.PROMOTE else "model.rolled_back",
        subject=f"model:{(to_digest or CONFIGURED)[:12]}", actor=actor,
        body={"change": row.id, "trigger": trigger, "from": row.from_digest, "to": to_digest, "by": by,
              "approved_by": list(approved_by), "reason": reason, "overridden": list(overridden)},
    )  # fmt: skip
    return row


def change_challenger(session: Session, to_digest: str | None, by: str, actor: str, at: float) -> ModelChange:
    """Let a registered model score beside the champion from now on; None: none does any more."""
    lock(session)
    row = ModelChange(
        at=at,
        kind=ChangeKind.WITHDRAW if to_digest is None else ChangeKind.CHALLENGE,
        trigger=ChangeTrigger.PERSON,
        from_digest=standing(session).champion,
        to_digest=to_digest,
        requested_by=by,
        approved_by=[],
        reason="",
    )
    session.add(row)
    session.flush()
    record(
        session, at=at, kind="model.withdrawn" if to_digest is None else "model.challenges",
        subject=f"model:{(to_digest or CONFIGURED)[:12]}", actor=actor,
        body={"change": row.id, "beside": row.from_digest, "challenger": to_digest, "by": by},
    )  # fmt: skip
    return row


@dataclass(frozen=True, slots=True)
class OverriddenChampion:
    """What did not hold when the present champion was promoted, with who promoted it all the same, and why."""

    sentences: tuple[str, ...] = ()
    by: str = ""
    reason: str = ""


def overridden_champion(session: Session) -> OverriddenChampion:
    """Of the promotion by which the champion became it; empty where everything held."""
    now = standing(session).champion
    if now is None:
        return OverriddenChampion()
    query = select(ModelChange).where(ModelChange.kind == ChangeKind.PROMOTE, ModelChange.to_digest == now)
    row = session.scalar(query.order_by(ModelChange.id.desc()).limit(1))
    return (
        OverriddenChampion() if row is None else OverriddenChampion(tuple(row.overridden), row.requested_by, row.reason)
    )


def changes(session: Session, limit: int = 100, before: int | None = None) -> list[ModelChange]:
    """The newest changes of the champion first, or those before one's number."""
    query = select(ModelChange).where(ModelChange.kind.in_(_CHANGES)).order_by(ModelChange.id.desc()).limit(limit)
    return list(session.scalars(query if before is None else query.where(ModelChange.id < before)))


def reports_on(session: Session, change_ids: Sequence[int]) -> dict[int, list[ModelChangeReport]]:
    """What detectors said about these changes, oldest first."""
    query = select(ModelChangeReport).where(ModelChangeReport.change_id.in_(change_ids)).order_by(ModelChangeReport.id)
    found: dict[int, list[ModelChangeReport]] = {number: [] for number in change_ids}
    for row in session.scalars(query):
        found[row.change_id].append(row)
    return found


def first_scored_at(session: Session, change_id: int) -> float | None:
    """When the first frame was scored by the model of a change; None while none was."""
    return session.scalar(
        select(ModelChangeReport.first_scored_at).where(
            ModelChangeReport.change_id == change_id, ModelChangeReport.outcome == ReportOutcome.IN_USE
        )
    )


def _place(session: Session, digest: str | None) -> BundlePlace | None:
    row = session.get(RegisteredModel, digest) if digest is not None else None
    return None if row is None else BundlePlace(row.digest, row.directory, row.runs)


def _change(row: ModelChange) -> ChampionChange:
    return ChampionChange(
        row.id, row.at, ChangeKind(row.kind), ChangeTrigger(row.trigger), row.from_digest, row.to_digest
    )

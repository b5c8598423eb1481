"""When each model was in use, as the rollout's events tell it."""

from __future__ import annotations

from collections.abc import Iterable
from math import inf

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.models import RolloutEvent
from rollout.evidence.comparison import Intervals
from rollout.evidence.stats.intervals import Interval, union
from rollout.stages.events import ModelReplaced, from_json, kind_of


def model_spans(session: Session, model: str, campsites: Iterable[str], now: float) -> Intervals | None:
    """When ``model`` was the one that ran, the same at each campsite; None while no event tells of any model.

    From the event that names it to the event that names another one. Before the first event nobody knew which model
    ran, so that this time is nobody's. A model that has never raised anything was in use all the same: what people
    saw then is what it missed. Several models at once are named together, and are none of them. A model that was
    replaced by itself looks by other rules from then on: what was before is not its evidence any more.
    """
    rows = session.execute(
        select(RolloutEvent.kind, RolloutEvent.body)
        .where(RolloutEvent.kind == kind_of(ModelReplaced), RolloutEvent.at <= now)
        .order_by(RolloutEvent.seq)
    )
    changes = [event for event in (from_json(kind, body) for kind, body in rows) if isinstance(event, ModelReplaced)]
    if not changes:
        return None
    anew = [event.at for event in changes if event.digest == model == event.before]
    changes = [event for event in changes if not anew or event.at >= anew[-1]]
    ends = [*(event.at for event in changes[1:]), inf]
    spans = union(Interval(event.at, end) for event, end in zip(changes, ends, strict=True) if event.digest == model)
    return dict.fromkeys(campsites, spans)

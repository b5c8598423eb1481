"""When authority was being handed over, from the rollout's events. What people saw then is no blind evidence."""

from __future__ import annotations

from collections import defaultdict

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.models import RolloutEvent
from rollout.evidence.comparison import Intervals
from rollout.evidence.stats.intervals import Interval, union
from rollout.stages.events import HandoverBegan, WatchTaken, from_json, kind_of


def handovers(session: Session, now: float) -> Intervals:
    """Each campsite's handovers: from the loss of authority until a named ranger took over the watch, or until now."""
    kinds = (kind_of(HandoverBegan), kind_of(WatchTaken))
    rows = session.execute(
        select(RolloutEvent.kind, RolloutEvent.body)
        .where(RolloutEvent.kind.in_(kinds), RolloutEvent.at <= now)
        .order_by(RolloutEvent.seq)
    )
    began: dict[int, HandoverBegan] = {}
    taken: dict[int, float] = {}
    for kind, body in rows:
        event = from_json(kind, body)
        if isinstance(event, HandoverBegan):
            began[event.handover] = event
        elif isinstance(event, WatchTaken):
            taken[event.handover] = event.at
    found: dict[str, list[Interval]] = defaultdict(list)
    for number, event in began.items():
        for place in event.places:
            found[place.campsite].append(Interval(event.at, taken.get(number, now)))
    return {campsite: union(intervals) for campsite, intervals in found.items()}

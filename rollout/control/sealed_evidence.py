"""Tell people of sightings that are no longer what was sealed: they count as misses, and somebody must find out why."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

from sqlalchemy.orm import Session

from rollout.alerting.alerts import page
from rollout.evidence.sealed_sightings import BrokenSighting, read_sightings
from rollout.stages.plan import RolloutPlan

NAMED: Final = 10
"""So many are named in a page."""


def page_broken_sightings(session: Session, plan: RolloutPlan, now: float) -> Sequence[BrokenSighting]:
    """Page staff and who is on call, once for each set of broken sightings; returns them."""
    broken = read_sightings(session, now).broken
    if not broken:
        return broken
    which = hashlib.sha256(repr(sorted((each.id, each.why) for each in broken)).encode()).hexdigest()[:16]
    named = "; ".join(f"sighting {each.id} at {each.campsite}: {each.why}" for each in broken[:NAMED])
    more = f"; and {len(broken) - NAMED} more" if len(broken) > NAMED else ""
    page(
        session,
        key=f"sightings:{which}",
        title=f"{len(broken)} sightings are no longer what was sealed",
        body=f"They count as bears that the model missed. {named}{more}. Find out who changed the database.",
        targets=(*plan.staff, *(contact for person in plan.on_call for contact in person.contacts)),
        now=now,
    )
    return broken

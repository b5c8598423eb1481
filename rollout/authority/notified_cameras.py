"""Of which cameras of a campsite rangers are told, where a stage reaches only some of them."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.models import AuthorityLease, Camera
from rollout.stages.event_store import load


def advising_cameras(session: Session, lease: AuthorityLease) -> frozenset[str] | None:
    """The cameras that advise rangers under a lease; None where all of the campsite's do.

    1. Those that the stage reaches. The others are still in the shadow stage: nobody is told what they see.
    2. Those that have left the stage, until a ranger has taken over their watch: authority ends by itself, information
       does not.
    """
    if lease.only_cameras is None:
        return None
    found = set(lease.only_cameras)
    for each in load(session).handovers:
        for place in each.places:
            if place.campsite == lease.campsite_id and place.cameras is None and not each.cameras:
                return None
            if place.campsite == lease.campsite_id:
                found.update(each.cameras or place.cameras or ())
    here = select(Camera.id).where(Camera.campsite_id == lease.campsite_id, Camera.id.in_(found))
    return frozenset(session.scalars(here))

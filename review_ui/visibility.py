"""Blind by construction: what a ranger on watch in a shadow stage must not see.

The model is judged against what people saw by themselves. So while a person watches a campsite whose authority is
``shadow``, everything the model says about that campsite is hidden from them: in the queue, on alert pages, in
pictures, in live events and in the API. It comes back when their watch ends, and for a while after each sighting
that they seal. Every route asks here; there is no other rule.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from db.models import AuthorityLease, Camera, Mode, Sighting, Watch
from rollout.authority import effective_mode

REVEAL_S: Final = 600.0
"""How long the model's view stays open after a sealed sighting: as long as a match is looked for."""

Blindfolds = dict[tuple[int, str], float]
"""Since when, by (user, campsite)."""


def blindfolds(session: Session, now: float, user_id: int | None = None) -> Blindfolds:
    """Who is blind to which campsite, and since when. Of one user, or of all.

    1. Whoever has no open watch on a campsite sees it.
    2. Where authority is more than shadow, nobody is blind: people act on what the model says.
    3. A sighting sealed during the watch opens the view for :data:`REVEAL_S` seconds.
    4. Otherwise they are blind: since the watch began, authority fell back to shadow, or the last view closed.
    """
    found: Blindfolds = {}
    for watch, lease, sealed_at in session.execute(_open_watches(user_id)):
        if effective_mode(lease, now) is not Mode.SHADOW:
            continue
        opened_until = float("-inf") if sealed_at is None else sealed_at + REVEAL_S
        if now < opened_until:
            continue
        ended = lease.expires_at if lease is not None and lease.expires_at <= now else float("-inf")
        since = max(watch.started_at, ended, opened_until)
        key = (watch.user_id, watch.campsite_id)
        found[key] = max(since, found.get(key, since))
    return found


def hidden_campsites(session: Session, user_id: int, now: float) -> set[str]:
    """Campsites of which this user must not see anything that the model says."""
    return {campsite for _, campsite in blindfolds(session, now, user_id)}


def hidden_by_user(session: Session, now: float) -> dict[int, set[str]]:
    """The same for everybody at once, for the live stream. Users who see everything are not in it."""
    found: dict[int, set[str]] = {}
    for user_id, campsite in blindfolds(session, now):
        found.setdefault(user_id, set()).add(campsite)
    return found


def may_see_camera(session: Session, user_id: int, camera_id: str, now: float) -> bool:
    """Whether this user may look at a camera's pictures now. A camera that nobody knows may not be seen."""
    camera = session.get(Camera, camera_id)
    return camera is not None and camera.campsite_id not in hidden_campsites(session, user_id, now)


def _open_watches(user_id: int | None) -> Select[Watch, AuthorityLease, float | None]:
    sealed = (
        select(func.max(Sighting.sealed_at))
        .where(
            Sighting.user_id == Watch.user_id,
            Sighting.campsite_id == Watch.campsite_id,
            Sighting.sealed_at >= Watch.started_at,
        )
        .scalar_subquery()
    )
    open_watches = (
        select(Watch, AuthorityLease, sealed)
        .outerjoin(AuthorityLease, AuthorityLease.campsite_id == Watch.campsite_id)
        .where(Watch.ended_at.is_(None))
    )
    return open_watches if user_id is None else open_watches.where(Watch.user_id == user_id)

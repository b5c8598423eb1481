"""Going on watch and off it. Recall is only ever measured over watched time, so both are written down."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select, update
from sqlalchemy.orm import Session, joinedload

from db.ledger import record
from db.models import Campsite, User, Watch
from review_ui.security import Account


class UnknownCampsite(LookupError):
    """A campsite that is not configured."""


def open_watches(session: Session, user_id: int) -> Sequence[Watch]:
    """The watches that a person is on."""
    return session.scalars(
        select(Watch)
        .where(Watch.user_id == user_id, Watch.ended_at.is_(None))
        .options(joinedload(Watch.campsite))
        .order_by(Watch.started_at)
    ).all()


def start_watch(session: Session, account: Account, campsite_id: str, now: float) -> Watch:
    """Begin to watch a campsite. Whoever watches it already goes on watching: a doubled click is one watch."""
    if not campsite_id.isprintable() or session.get(Campsite, campsite_id) is None:
        raise UnknownCampsite(campsite_id)
    session.execute(select(User.id).where(User.id == account.id).with_for_update())  # one of two clicks at a time
    for watch in open_watches(session, account.id):
        if watch.campsite_id == campsite_id:
            return watch
    watch = Watch(campsite_id=campsite_id, user_id=account.id, started_at=now)
    session.add(watch)
    session.flush()
    _record(session, watch, "watch.started", now)
    return watch


def end_watch(session: Session, account: Account, watch_id: int, now: float) -> bool:
    """End one's own watch; False when it is not one's own or has ended before."""
    if watch_id >= 2**31:
        return False
    ended = session.scalars(
        update(Watch)
        .where(Watch.id == watch_id, Watch.user_id == account.id, Watch.ended_at.is_(None))
        .values(ended_at=now)
        .returning(Watch)
    ).one_or_none()
    if ended is None:
        return False
    _record(session, ended, "watch.ended", now)
    return True


def _record(session: Session, watch: Watch, kind: str, now: float) -> None:
    record(
        session,
        at=now,
        kind=kind,
        subject=f"watch:{watch.id}",
        actor=f"user:{watch.user_id}",
        campsite=watch.campsite_id,
        body={"watch": watch.id, "started_at": watch.started_at},
    )

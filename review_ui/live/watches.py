"""Going on watch and off it. Recall is only ever measured over watched time, so both are written down.

Somebody who forgets to go off watch does not watch for ever: a watch carries the moment at which it ends by itself.
Whoever reads watches for evidence finds in ``ended_because`` how much the end is worth.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session, joinedload

from db.ledger import record
from db.models import Campsite, User, Watch
from review_ui.auth.access_scope import is_open
from review_ui.auth.accounts import Account


class Ended(StrEnum):
    """Why a watch is over."""

    PERSON = "person"
    """Its watcher has ended it."""
    FORGOTTEN = "forgotten"
    """It has ended by itself; nobody knows until when it was really kept."""
    ACCESS = "access"
    """The watcher's account was switched off."""


class UnknownCampsite(LookupError):
    """A campsite that is not configured, or not theirs."""


def open_watches(session: Session, user_id: int, now: float) -> Sequence[Watch]:
    """The watches that a person is on."""
    return session.scalars(
        select(Watch)
        .where(Watch.user_id == user_id, is_open(now))
        .options(joinedload(Watch.campsite))
        .order_by(Watch.started_at)
    ).all()


def start_watch(session: Session, account: Account, campsite_id: str, now: float, ends_after_s: float) -> Watch:
    """Begin to watch a campsite. Whoever watches it already goes on watching: a doubled click is one watch."""
    if not campsite_id.isprintable() or not account.covers(campsite_id) or session.get(Campsite, campsite_id) is None:
        raise UnknownCampsite(campsite_id)
    session.execute(select(User.id).where(User.id == account.id).with_for_update())  # one of two clicks at a time
    for watch in open_watches(session, account.id, now):
        if watch.campsite_id == campsite_id:
            return watch
    watch = Watch(campsite_id=campsite_id, user_id=account.id, started_at=now, ends_at=now + ends_after_s)
    session.add(watch)
    session.flush()
    _record(session, watch, "watch.started", now)
    return watch


def still_watching(session: Session, account: Account, watch_id: int, now: float, ends_after_s: float) -> bool:
    """Push the moment at which one's own watch ends by itself; False when it is over, or not one's own."""
    going_on = session.scalars(
        update(Watch).where(*_own(account, watch_id), is_open(now)).values(ends_at=now + ends_after_s).returning(Watch)
    ).one_or_none()
    if going_on is None:
        return False
    _record(session, going_on, "watch.confirmed", now)
    return True


def end_watch(session: Session, account: Account, watch_id: int, now: float) -> bool:
    """End one's own watch; False when it is not one's own or has ended before."""
    ended = session.scalars(
        update(Watch)
        .where(*_own(account, watch_id), is_open(now))
        .values(ended_at=now, ended_because=Ended.PERSON)
        .returning(Watch)
    ).one_or_none()
    if ended is None:
        return False
    _record(session, ended, "watch.ended", now)
    return True


def end_watches(session: Session, user_id: int, now: float) -> None:
    """End whatever somebody watches: their account is being switched off."""
    mine = update(Watch).where(Watch.user_id == user_id, is_open(now))
    for watch in session.scalars(mine.values(ended_at=now, ended_because=Ended.ACCESS).returning(Watch)).all():
        _record(session, watch, "watch.ended", now)


def end_forgotten(session: Session, now: float) -> int:
    """Write down the end of every watch whose time is over; returns how many. Any process may do it, at any time."""
    over = Watch.ended_at.is_(None), Watch.ends_at <= now
    forgotten = session.scalars(
        update(Watch).where(*over).values(ended_at=Watch.ends_at, ended_because=Ended.FORGOTTEN).returning(Watch)
    ).all()
    for watch in forgotten:
        _record(session, watch, "watch.ended", now)
    return len(forgotten)


def any_forgotten(session: Session, now: float) -> bool:
    """Whether there is anything for :func:`end_forgotten` to do."""
    over = select(Watch.id).where(Watch.ended_at.is_(None), Watch.ends_at <= now).limit(1)
    return session.scalar(over) is not None


def _own(account: Account, watch_id: int) -> tuple[ColumnElement[bool], ...]:
    number = watch_id if 0 < watch_id < 2**31 else 0
    return Watch.id == number, Watch.user_id == account.id


def _record(session: Session, watch: Watch, kind: str, now: float) -> None:
    """A watch's number, times and, once it is over, why."""
    record(
        session,
        at=now,
        kind=kind,
        subject=f"watch:{watch.id}",
        actor=f"user:{watch.user_id}",
        campsite=watch.campsite_id,
        body={
            "watch": watch.id,
            "started_at": watch.started_at,
            "ends_at": watch.ends_at,
            "ended_at": watch.ended_at,
            "because": watch.ended_because,
        },
    )

"""Manual-watch drills: once a month the model is thought away, and somebody on call takes over the watch.

A handover is only as good as the people who answer it. A drill pages them as a handover would, says that it is one, and
is passed when somebody has taken over in time. The age of the last one that was passed is a gate of every stage.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from db.ledger import record
from db.models import Campsite, User, WatchDrill
from rollout.alerting.alerts import page

REMIND_EVERY_S: Final = 7 * 86400.0


class NoSuchDrill(LookupError):
    """There is no drill with this number that is still going on."""


@dataclass(frozen=True, slots=True)
class Finish:
    """How a drill went. ``answered_s``: how long until somebody had taken over, None when nobody did."""

    passed: bool
    answered_s: float | None
    note: str = ""


def begin_drill(session: Session, campsite: Campsite, leader: User, targets: Iterable[str], now: float) -> WatchDrill:
    """Begin a drill and page those on call."""
    drill = WatchDrill(campsite_id=campsite.id, user_id=leader.id, held_at=now, answered_s=None, passed=False, note="")
    session.add(drill)
    session.flush()
    title = f"DRILL: take over the watch at {campsite.name}"
    body = (
        f"This is a drill, there is no bear. Imagine that the system warns nobody any more: go on watch at "
        f"{campsite.name} and tell {leader.name}. Drill {drill.id}."
    )
    page(session, key=f"drill:{drill.id}", title=title, body=body, targets=targets, now=now, campsite=campsite.id)
    _note(session, drill, "drill.begun", leader, now)
    return drill


def finish_drill(session: Session, drill_id: int, finish: Finish, leader: User, now: float) -> WatchDrill:
    """Write down how a drill went, once. Raises :class:`NoSuchDrill`; ValueError for a pass that nobody answered."""
    drill = session.get(WatchDrill, drill_id)
    if drill is None or drill.passed or drill.note:
        raise NoSuchDrill(f"drill {drill_id} is not going on; `bearwatch drill list` shows those that are")
    if finish.passed and finish.answered_s is None:
        raise ValueError("a drill is passed when somebody has taken over: say after how many seconds")
    drill.passed, drill.answered_s = finish.passed, finish.answered_s
    drill.note = finish.note.strip() or ("passed" if finish.passed else "nobody took over")
    session.flush()
    _note(session, drill, "drill.finished", leader, now)
    return drill


def drills(session: Session, limit: int = 20) -> list[WatchDrill]:
    """The newest drills, newest first."""
    return list(session.scalars(select(WatchDrill).order_by(WatchDrill.id.desc()).limit(limit)))


def overdue(session: Session, campsites: Sequence[str], every_s: float, now: float) -> list[str]:
    """The campsites among these whose last passed drill is longer ago than ``every_s``, or never was."""
    rows = session.execute(
        select(WatchDrill.campsite_id, func.max(WatchDrill.held_at))
        .where(WatchDrill.passed.is_(True))
        .group_by(WatchDrill.campsite_id)
    ).all()
    last: dict[str, float] = {row[0]: row[1] for row in rows}
    return [campsite for campsite in campsites if now - last.get(campsite, 0.0) > every_s]


def remind(session: Session, campsites: Sequence[str], every_s: float, targets: Iterable[str], now: float) -> list[str]:
    """Page about campsites whose drill is overdue, once a week; returns them."""
    late = overdue(session, campsites, every_s, now)
    if late:
        title = "A manual-watch drill is overdue"
        body = f"{title} at {', '.join(late)}. Hold one: `bearwatch drill begin`. The rollout goes no further without."
        page(
            session, key=f"drill-overdue:{int(now // REMIND_EVERY_S)}", title=title, body=body, targets=targets, now=now
        )
    return late


def _note(session: Session, drill: WatchDrill, kind: str, leader: User, now: float) -> None:
    record(
        session,
        at=now,
        kind=kind,
        subject=f"drill:{drill.id}",
        actor=f"user:{leader.id}",
        campsite=drill.campsite_id,
        body={"passed": drill.passed, "answered_s": drill.answered_s, "note": drill.note},
    )

"""The rows that :func:`rollout.authority.authority.authority` reads: written from the rollout's state, and by nobody
else.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.models import AuthorityLease, Mode
from rollout.authority.authority import granted
from rollout.stages.state import Grant, State, grants
from rollout.stages.time_rules import FreshnessTimes

OVER: Final = 0.0
"""When a lease ended that was taken back: by no clock is it alive."""
LONGEST_TTL_S: Final = 3660.0
"""A lease that lives for more than an hour was not written here; a shorter one is written anew at the next renewal."""


def write_leases(session: Session, state: State, now: float, ttl_s: float | None, freshness: FreshnessTimes) -> None:
    """Make the rows say what the state grants.

    1. Live, with ``ttl_s``: alive until then, or until the stage's deadline if that comes first.
    2. Live, without: as long as it was alive anyway. A change gives no time.
    3. Handed over: dead by every clock, also by one that is slow or was set back; its mode stays, so that rangers go on
       being advised.
    4. Neither: dead by every clock, and shadow.

    ``freshness`` is what authority depends on beside time.
    """
    rows = {lease.campsite_id: lease for lease in session.scalars(select(AuthorityLease))}
    wanted = grants(state)
    for campsite, grant in wanted.items():
        lease = rows.get(campsite)
        if lease is None:
            lease = AuthorityLease(campsite_id=campsite, mode=Mode.ASSISTED, granted_at=now, expires_at=now)
            session.add(lease)
        _write(lease, grant, state, now, ttl_s)
        lease.fresh_within_s, lease.fresh_back_s = freshness.within.nominal_s, freshness.back_after.nominal_s
    for campsite, lease in rows.items():
        if campsite not in wanted and lease.mode != Mode.SHADOW:
            # Whoever watches with their own eyes is blind from here on.
            lease.mode, lease.granted_at, lease.expires_at = Mode.SHADOW, now, OVER
        elif campsite not in wanted:
            lease.expires_at = OVER
    session.flush()


def _write(lease: AuthorityLease, grant: Grant, state: State, now: float, ttl_s: float | None) -> None:
    if grant.mode is Mode.SHADOW:
        lease.expires_at = OVER
        if lease.mode == Mode.SHADOW:
            lease.mode = Mode.ASSISTED
        return
    deadline = state.deadline_at if state.deadline_at is not None else now
    ends = lease.expires_at if ttl_s is None else now + ttl_s
    lease.mode = grant.mode
    lease.granted_at = state.started_at if state.started_at is not None else now
    lease.expires_at = min(ends, deadline)
    lease.only_cameras = None if grant.only is None else list(grant.only)
    lease.without_cameras = list(grant.without)
    lease.reviewed_cameras = list(grant.reviewed)
    lease.run = state.run
    lease.veto_s = state.veto_s
    lease.ranger_ack_s = state.ranger_ack_s


def expiries(session: Session) -> dict[str, float]:
    """When each lease dies, by campsite."""
    rows = session.execute(select(AuthorityLease.campsite_id, AuthorityLease.expires_at))
    return {row.campsite_id: row.expires_at for row in rows}


def died_at(state: State, expires: Mapping[str, float], now: float) -> float | None:
    """When authority died that the state still grants; None while all of it is alive. Pure.

    One campsite's lease that is gone is enough: they are written together, so that one which is dead means that
    nobody renews any.
    """
    live = [campsite for campsite, grant in grants(state).items() if grant.mode is not Mode.SHADOW]
    gone = [at for at in (expires.get(campsite, state.started_at or now) for campsite in live) if at <= now]
    return min(gone) if gone else None


def altered(session: Session, state: State, now: float) -> tuple[str, ...]:
    """The campsites whose lease says something that the state would not have written, whatever of it holds now."""
    wanted = grants(state)
    found = []
    for lease in session.scalars(select(AuthorityLease).execution_options(populate_existing=True)):
        grant = wanted.get(lease.campsite_id)
        if grant is None:
            same = lease.mode == Mode.SHADOW
        elif grant.mode is Mode.SHADOW:
            same = lease.expires_at <= now
        else:
            same = _as_granted(lease, grant, state, now)
        if not same:
            found.append(lease.campsite_id)
    return tuple(sorted(found))


def _as_granted(lease: AuthorityLease, grant: Grant, state: State, now: float) -> bool:
    only = None if grant.only is None else list(grant.only)
    deadline = state.deadline_at if state.deadline_at is not None else now
    return (
        (lease.mode, lease.only_cameras, lease.without_cameras, lease.reviewed_cameras)
        == (grant.mode, only, list(grant.without), list(grant.reviewed))
        and lease.expires_at <= min(now + LONGEST_TTL_S, deadline)
        and (lease.run, lease.veto_s, lease.ranger_ack_s) == (state.run, state.veto_s, state.ranger_ack_s)
    )


def effective(session: Session, state: State, now: float) -> tuple[tuple[str, str], ...]:
    """What is granted at each campsite, read back where everybody reads it. Shadow is left out, unless power should be.

    Whether its cameras are fresh is another question: that changes by the second, and no state is behind it.
    """
    wanted = grants(state)
    found = []
    for campsite in sorted({*wanted, *expiries(session)}):
        only = wanted[campsite].only if campsite in wanted else None
        allowed = [camera for camera in only or () if camera not in wanted[campsite].without]
        mode = granted(session, campsite, now, allowed[0] if allowed else None)
        if mode is not Mode.SHADOW or campsite in wanted:
            found.append((campsite, mode.value))
    return tuple(found)


def granted_modes(state: State) -> tuple[tuple[str, str], ...]:
    """What should hold at each campsite, in the same form."""
    found = []
    for campsite, grant in sorted(grants(state).items()):
        nobody = grant.only is not None and set(grant.only) <= set(grant.without)
        found.append((campsite, Mode.SHADOW.value if nobody else grant.mode.value))
    return tuple(found)

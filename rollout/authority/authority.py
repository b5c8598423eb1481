"""How much may happen for a camera now. One question, one answer, asked in the transaction that acts on it.

The answer is a lease: one row for each campsite, written by :mod:`rollout.authority.leases` alone and dead by itself
when nobody renews it. It depends on freshness: the row beside it says how far the camera's pictures have come, and when
that is too long ago nothing holds (:mod:`rollout.authority.freshness`). Both are read at each act, so that whatever
ends authority takes effect everywhere with the commit, and time alone ends it where nobody commits anything.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from functools import lru_cache
from typing import NamedTuple

from sqlalchemy import bindparam, select
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session
from sqlalchemy.sql.compiler import SQLCompiler

from db.models import AuthorityLease, CameraFreshness, Mode
from rollout.authority.freshness import is_fresh

_Names = str | list[str] | None
"""A JSON list of names as the driver gives it: SQLite its text, PostgreSQL the list."""


class _Lease(NamedTuple):
    """One row of the lease and, if a camera was asked for, of its freshness; each field is the column of that name."""

    mode: str
    granted_at: float
    expires_at: float
    only_cameras: _Names
    without_cameras: _Names
    reviewed_cameras: _Names
    fresh_within_s: float | None
    fresh_back_s: float | None
    captured_at: float | None
    steady_since: float | None


def effective_mode(lease: AuthorityLease | None, now: float) -> Mode:
    """The mode that a lease grants at ``now``.

    1. No lease: shadow.
    2. A lease that has not begun or has run out: shadow. It dies by itself; nobody has to end it.
    3. A mode that this version does not know: shadow.
    """
    if lease is None or not lease.granted_at <= now < lease.expires_at:
        return Mode.SHADOW
    return _known(lease.mode)


def authority(session: Session, campsite_id: str, now: float, camera_id: str | None = None) -> Mode:
    """The mode that holds at ``now`` for a campsite, or for one of its cameras.

    1. As :func:`granted`.
    2. A camera that is not fresh: shadow. It may only warn, and only be relied on, while its pictures arrive.
    """
    lease = _read(session, campsite_id, camera_id)
    mode = _granted(lease, now, camera_id)
    if lease is None or mode is Mode.SHADOW or camera_id is None or lease.fresh_within_s is None:
        return mode
    fresh = is_fresh(lease.captured_at, lease.steady_since, now, lease.fresh_within_s, lease.fresh_back_s or 0.0)
    return mode if fresh else Mode.SHADOW


def granted(session: Session, campsite_id: str, now: float, camera_id: str | None = None) -> Mode:
    """The mode that the lease grants at ``now``, whether the camera is fresh or not.

    1. As :func:`effective_mode`.
    2. A lease for some cameras only grants nothing to others, nor to whoever does not say which camera it is.
    3. A camera whose authority was withdrawn: shadow.
    4. A camera that is to be reviewed: assisted at most.
    """
    return _granted(_read(session, campsite_id, camera_id), now, camera_id)


def _granted(lease: _Lease | None, now: float, camera_id: str | None) -> Mode:
    if lease is None or not lease.granted_at <= now < lease.expires_at:
        return Mode.SHADOW
    mode = _known(lease.mode)
    only = _names(lease.only_cameras)
    if only is not None and camera_id not in only:
        return Mode.SHADOW
    if camera_id is None:
        return mode
    if camera_id in (_names(lease.without_cameras) or ()):
        return Mode.SHADOW
    return Mode.ASSISTED if mode is Mode.AUTOMATIC and camera_id in (_names(lease.reviewed_cameras) or ()) else mode


def advises(lease: AuthorityLease | None) -> bool:
    """Whether rangers are told of every new alert, whatever campers may be told.

    1. A lease that grants a live mode: yes.
    2. A live lease that has ended, for whatever reason: still yes. Authority ends by itself, information does not: it
       goes on until a ranger has taken over the watch, and only then is the row removed (or set to shadow).
    3. No lease, or one of shadow: no. Nothing leaves the building.
    """
    return lease is not None and _known(lease.mode) is not Mode.SHADOW


def advising(session: Session, campsite_id: str) -> bool:
    """Whether rangers are told of new alerts at a campsite (see :func:`advises`)."""
    return advises(session.get(AuthorityLease, campsite_id, populate_existing=True))


def _known(mode: str) -> Mode:
    try:
        return Mode(mode)
    except ValueError:
        return Mode.SHADOW


def _read(session: Session, campsite_id: str, camera_id: str | None) -> _Lease | None:
    """The rows, straight from the driver: this is asked at each act, and the ORM would cost ten times as much."""
    connection = session.connection()
    compiled = _compiled(connection.dialect)
    named = {"camera": camera_id, "campsite": campsite_id}
    asked = named if compiled.positiontup is None else tuple(named[name] for name in compiled.positiontup)
    try:
        cursor = connection.connection.cursor()
        try:
            cursor.execute(compiled.string, asked)
            row = cursor.fetchone()
        finally:
            cursor.close()
    except connection.dialect.loaded_dbapi.Error as error:
        raise OperationalError(compiled.string, asked, error) from error
    return None if row is None else _Lease._make(row)


@lru_cache(maxsize=8)
def _compiled(dialect: Dialect) -> SQLCompiler:
    """The statement in the database's own words, its columns in the order of :class:`_Lease`."""
    columns = {**AuthorityLease.__table__.columns, **CameraFreshness.__table__.columns}
    row = CameraFreshness.camera_id == bindparam("camera")
    statement = (
        select(*(columns[name] for name in _Lease._fields))
        .select_from(AuthorityLease)
        .outerjoin(CameraFreshness, row)
        .where(AuthorityLease.campsite_id == bindparam("campsite"))
    )
    compiled = statement.compile(dialect=dialect)
    assert isinstance(compiled, SQLCompiler)
    return compiled


def _names(stored: _Names) -> Collection[str] | None:
    names: list[str] | None = json.loads(stored) if isinstance(stored, str) else stored
    return names

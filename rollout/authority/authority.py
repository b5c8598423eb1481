"""How much may happen for a camera now. One question, one answer, asked in the transaction that acts on it.

The answer is a lease: one row for each campsite, written by :mod:`rollout.authority.leases` alone and dead by itself
when nobody renews it. It rests on sight: the row beside it says how far the camera's pictures have come, and when that
is too long ago nothing holds (:mod:`rollout.authority.freshness`). Both are read at each act, so that whatever ends
authority takes effect everywhere with the commit, and time alone ends it where nobody commits anything.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any, Final

from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from db.models import AuthorityLease, Mode
from rollout.authority.freshness import sees

_READ: Final = (
    "SELECT mode, granted_at, expires_at, only_cameras, without_cameras, reviewed_cameras, sight_s, sight_back_s,"
    " watched_at, steady_since FROM authority_leases LEFT JOIN camera_sights ON camera_id = {0} WHERE campsite_id = {0}"
)
_PLACEHOLDER: Final = {"sqlite": "?"}


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
    2. A camera without sight: shadow. It may only warn, and only be relied on, while its pictures arrive.
    """
    row = _lease(session, campsite_id, camera_id)
    mode = _granted(row, now, camera_id)
    if mode is Mode.SHADOW or camera_id is None or row[6] is None:
        return mode
    return mode if sees(row[8], row[9], now, row[6], row[7] or 0.0) else Mode.SHADOW


def granted(session: Session, campsite_id: str, now: float, camera_id: str | None = None) -> Mode:
    """The mode that the lease grants at ``now``, whether the camera has sight or not.

    1. As :func:`effective_mode`.
    2. A lease for some cameras only grants nothing to others, nor to whoever does not say which camera it is.
    3. A camera whose authority was withdrawn: shadow.
    4. A camera that is to be reviewed: assisted at most.
    """
    return _granted(_lease(session, campsite_id, camera_id), now, camera_id)


def _granted(row: Any, now: float, camera_id: str | None) -> Mode:
    if row is None or not row[1] <= now < row[2]:
        return Mode.SHADOW
    mode = _known(row[0])
    only = _names(row[3])
    if only is not None and camera_id not in only:
        return Mode.SHADOW
    if camera_id is None:
        return mode
    if camera_id in (_names(row[4]) or ()):
        return Mode.SHADOW
    return Mode.ASSISTED if mode is Mode.AUTOMATIC and camera_id in (_names(row[5]) or ()) else mode


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


def _lease(session: Session, campsite_id: str, camera_id: str | None) -> Any:
    """The rows, straight from the driver: this is asked at each act, and the ORM would cost ten times as much."""
    connection = session.connection()
    statement = _READ.format(_PLACEHOLDER.get(connection.dialect.name, "%s"))
    asked = (camera_id, campsite_id)
    try:
        cursor = connection.connection.cursor()
        try:
            cursor.execute(statement, asked)
            return cursor.fetchone()
        finally:
            cursor.close()
    except connection.dialect.loaded_dbapi.Error as error:
        raise OperationalError(statement, asked, error) from error


def _names(stored: Any) -> Collection[str] | None:
    """A JSON list of names; SQLite gives its text, PostgreSQL the list."""
    names: list[str] | None = json.loads(stored) if isinstance(stored, str) else stored
    return names

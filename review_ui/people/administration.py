"""Administration of people: add, change, end access. Everything here is written into the ledger."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import InstrumentedAttribute, Session, selectinload

from db.ledger import record
from db.models import ApiToken, Campsite, LoginSession, Role, User, UserCampsite
from review_ui.auth.browser_sessions import end_sessions
from review_ui.auth.passwords import hash_password, new_password
from review_ui.auth.tokens import revoke_tokens
from review_ui.live.watches import end_watches

LONGEST_NAME: Final = 80
OWN_FACTOR: Final = "Your own second factor is switched off on the page /account."


class AdministrationRefused(ValueError):
    """A change that cannot be made. The message says why, and what to do instead."""


@dataclass(frozen=True, slots=True)
class StaffMember:
    """One account, as administrators see it. No campsites means all of them."""

    id: int
    name: str
    role: Role
    active: bool
    campsites: tuple[str, ...]
    second_factor: bool
    must_change_password: bool
    sessions: int
    tokens: int
    last_seen_at: float | None


@dataclass(frozen=True, slots=True)
class Admin:
    """Who makes a change: the ledger's name for them, and their account's number when they have one."""

    actor: str
    id: int | None = None


def people(session: Session, now: float, only: int | None = None) -> list[StaffMember]:
    """All accounts by name, those who may log in first; or one of them."""
    wanted = select(User).options(selectinload(User.campsites)).order_by(User.active.desc(), func.lower(User.name))
    if only is not None:
        wanted = wanted.where(User.id == only)
    rows = session.scalars(wanted).all()
    sessions = _counts(session, LoginSession.user_id, LoginSession.revoked_at, LoginSession.expires_at, now)
    tokens = _counts(session, ApiToken.user_id, ApiToken.revoked_at, ApiToken.expires_at, now)
    latest = select(LoginSession.user_id, func.max(LoginSession.last_seen_at)).group_by(LoginSession.user_id)
    seen = {user: at for user, at in session.execute(latest)}  # noqa: C416  # rows are no pairs to dict()
    return [
        StaffMember(
            user.id,
            user.name,
            Role(user.role),
            user.active,
            tuple(sorted(each.campsite_id for each in user.campsites)),
            user.totp_confirmed_at is not None,
            user.must_change_password,
            sessions.get(user.id, 0),
            tokens.get(user.id, 0),
            seen.get(user.id),
        )
        for user in rows
    ]


def add_person(
    session: Session, admin: Admin, name: str, role: Role, campsites: Collection[str], now: float
) -> tuple[User, str]:
    """Add somebody; returns their account and a password for the first login. Raises :class:`AdministrationRefused`."""
    name = name.strip()
    if not 1 <= len(name) <= LONGEST_NAME or not name.isprintable():
        raise AdministrationRefused(f"Write a name of at most {LONGEST_NAME} characters.")
    if session.scalar(select(User.id).where(func.lower(User.name) == name.lower())):
        raise AdministrationRefused(f"There is an account named {name} already.")
    password = new_password()
    user = User(name=name, password_hash=hash_password(password), role=role, active=True, created_at=now)
    user.must_change_password = True
    session.add(user)
    try:
        session.flush()
    except IntegrityError:
        raise AdministrationRefused(f"There is an account named {name} already.") from None
    _limit(session, user, campsites)
    _record(session, admin, user, "user.add", now)
    return user, password


def change_person(
    session: Session, admin: Admin, user_id: int, role: Role, campsites: Collection[str], now: float
) -> None:
    """Give somebody another role or other campsites. Raises :class:`AdministrationRefused`."""
    user = _find(session, user_id)
    if user.role == Role.ADMINISTRATOR and role is not Role.ADMINISTRATOR:
        _keep_an_administrator(session, user)
    user.role = role
    _limit(session, user, campsites)
    _record(session, admin, user, "user.changed", now)


def deactivate(session: Session, admin: Admin, user_id: int, now: float) -> None:
    """End somebody's access at once: sessions, tokens, watches. Their decisions stay. Raises
    :class:`AdministrationRefused`.
    """
    user = _find(session, user_id)
    if user.id == admin.id:
        raise AdministrationRefused("You cannot end your own access; another administrator can.")
    if user.role == Role.ADMINISTRATOR:
        _keep_an_administrator(session, user)
    user.active = False
    _end_access(session, user, now)
    end_watches(session, user.id, now)
    _record(session, admin, user, "user.deactivate", now)


def activate(session: Session, admin: Admin, user_id: int, now: float) -> str:
    """Give access back; returns the password that opens it once. Raises :class:`AdministrationRefused`."""
    user = _find(session, user_id)
    user.active = True
    password = _new_password(user)
    _record(session, admin, user, "user.activate", now)
    return password


def reset_password(session: Session, admin: Admin, user_id: int, now: float) -> str:
    """Make a password that opens the account once, and end all that was open. Raises :class:`AdministrationRefused`."""
    user = _find(session, user_id)
    if user.id == admin.id:
        raise AdministrationRefused("Your own password is changed on the page /account.")
    password = _new_password(user)
    _end_access(session, user, now)
    _record(session, admin, user, "user.password", now)
    return password


def revoke_access(session: Session, admin: Admin, user_id: int, now: float) -> None:
    """End all sessions and tokens of somebody, who may log in again. Raises :class:`AdministrationRefused`."""
    user = _find(session, user_id)
    if user.id == admin.id:
        raise AdministrationRefused("Your own browsers and tokens are ended on the page /account.")
    _end_access(session, user, now)
    _record(session, admin, user, "session.revoked", now)


def _find(session: Session, user_id: int) -> User:
    user = session.get(User, user_id) if 0 < user_id < 2**31 else None
    if user is None:
        raise AdministrationRefused("There is no such account.")
    return user


def _limit(session: Session, user: User, campsites: Collection[str]) -> None:
    known = set(session.scalars(select(Campsite.id)))
    if not set(campsites) <= known:
        raise AdministrationRefused("Choose campsites from the list.")
    if campsites and user.role == Role.ADMINISTRATOR:
        raise AdministrationRefused(
            "An administrator sees every campsite: whoever may give rights could take them anyway."
        )
    user.campsites = [UserCampsite(user_id=user.id, campsite_id=campsite) for campsite in sorted(set(campsites))]
    session.flush()


def _keep_an_administrator(session: Session, leaving: User) -> None:
    # Locked, so that two administrators who end one another's access do not both succeed.
    administrators = select(User.id).where(User.role == Role.ADMINISTRATOR, User.active.is_(True)).with_for_update()
    if not set(session.scalars(administrators)) - {leaving.id}:
        raise AdministrationRefused("This is the last administrator; make another one first.")


def _new_password(user: User) -> str:
    password = new_password()
    user.password_hash = hash_password(password)
    user.must_change_password = True
    return password


def _end_access(session: Session, user: User, now: float) -> None:
    end_sessions(session, user.id, now)
    revoke_tokens(session, user.id, now)


def _record(session: Session, admin: Admin, user: User, kind: str, now: float) -> None:
    session.flush()
    body = {
        "name": user.name,
        "role": user.role,
        "active": user.active,
        "campsites": [each.campsite_id for each in user.campsites],
    }
    record(session, at=now, kind=kind, subject=f"user:{user.id}", actor=admin.actor, body=body)


def _counts(
    session: Session,
    owner: InstrumentedAttribute[int],
    revoked_at: InstrumentedAttribute[float | None],
    expires_at: InstrumentedAttribute[float],
    now: float,
) -> dict[int, int]:
    alive = select(owner, func.count()).where(revoked_at.is_(None), expires_at > now).group_by(owner)
    return {user: number for user, number in session.execute(alive)}  # noqa: C416

"""The browsers in which somebody is logged in: look at them, end them; and choosing a password."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Select, select, update
from sqlalchemy.orm import Session

from db.ledger import record
from db.models import LoginSession, User
from review_ui.auth.accounts import Account, RequiredAction, WrongLogin, digest
from review_ui.auth.passwords import WeakPassword, fits, hash_password
from review_ui.auth.tokens import revoke_tokens

NEW_FOR_S: Final = 86_400.0
"""So long the owner of an account is told of a login on a new browser."""
HANDLE_LENGTH: Final = 16
"""Hexadecimal digits of a session's hash: enough to name one of somebody's sessions, useless for anything else."""


@dataclass(frozen=True, slots=True)
class SessionView:
    """One browser, as its owner knows it."""

    handle: str
    here: bool
    address: str
    browser: str
    created_at: float
    last_seen_at: float
    expires_at: float
    new_device: bool = False


def sessions_of(session: Session, user_id: int, now: float, here: str = "") -> list[SessionView]:
    """The sessions of a person that still open something, the newest first. ``here`` is the asking one's hash."""
    rows = session.scalars(_alive(user_id, now).order_by(LoginSession.created_at.desc()))
    return [_view(row, here) for row in rows]


def mark_new_device(session: Session, token: str) -> None:
    """This session was opened in a browser on which its account had not logged in before."""
    session.execute(update(LoginSession).where(LoginSession.token_hash == digest(token)).values(new_device=True))


def new_devices(session: Session, account: Account, now: float) -> list[SessionView]:
    """Logins of one's account on new browsers within the last day, since this session was opened; the newest first.

    Whoever has stolen a password is told nothing of the browsers that were there before.
    """
    own = select(LoginSession.created_at).where(LoginSession.token_hash == account.session).scalar_subquery()
    rows = _alive(account.id, now).where(
        LoginSession.new_device,
        LoginSession.token_hash != account.session,
        LoginSession.created_at > now - NEW_FOR_S,
        LoginSession.created_at >= own,
    )
    return [_view(row) for row in session.scalars(rows.order_by(LoginSession.created_at.desc()))]


def _alive(user_id: int, now: float) -> Select[LoginSession]:
    whole = LoginSession.half.is_(False), LoginSession.revoked_at.is_(None), LoginSession.expires_at > now
    return select(LoginSession).where(LoginSession.user_id == user_id, *whole)


def _view(row: LoginSession, here: str = "") -> SessionView:
    return SessionView(
        row.token_hash[:HANDLE_LENGTH],
        row.token_hash == here,
        row.address or "unknown",
        browser_name(row.browser or ""),
        row.created_at,
        row.last_seen_at or row.created_at,
        row.expires_at,
        row.new_device,
    )


def end_session(session: Session, user_id: int, handle: str, actor: str, now: float) -> bool:
    """End one session of a person; False when there is no such session that still opens anything."""
    if len(handle) != HANDLE_LENGTH or not handle.isalnum():
        return False
    alive = LoginSession.user_id == user_id, LoginSession.revoked_at.is_(None)
    ended = session.scalars(
        update(LoginSession)
        .where(LoginSession.token_hash.startswith(handle, autoescape=True), *alive)
        .values(revoked_at=now)
        .returning(LoginSession.token_hash)
    ).all()
    if not ended:
        return False
    record(session, at=now, kind="session.revoked", subject=f"user:{user_id}", actor=actor, body={"sessions": 1})
    return True


def end_sessions(session: Session, user_id: int, now: float, keep: str = "") -> int:
    """End all sessions of a person but ``keep``; returns how many. The caller writes the ledger."""
    return len(
        session.scalars(
            update(LoginSession)
            .where(LoginSession.user_id == user_id, LoginSession.revoked_at.is_(None), LoginSession.token_hash != keep)
            .values(revoked_at=now)
            .returning(LoginSession.token_hash)
        ).all()
    )


def change_password(session: Session, account: Account, old: str, new: str, now: float) -> None:
    """Choose another password. Raises :class:`WrongLogin` and :class:`WeakPassword`; :class:`passwords.Busy`.

    1. The old one must fit, unless this is the first choice after somebody else has made the password: then it was
       given a moment ago, to log in, and nothing else can be done with the session.
    2. The new one is good enough, and another one.
    3. All other sessions of the person end, and all their tokens: whoever knew the old password may have made them.
    """
    user = session.get_one(User, account.id)
    if account.required_action is not RequiredAction.PASSWORD and not fits(user.password_hash, old):
        raise WrongLogin
    if fits(user.password_hash, new):
        raise WeakPassword("that is the password you have already; choose another")
    user.password_hash = hash_password(new, user.name)
    user.must_change_password = False
    ended = end_sessions(session, user.id, now, keep=account.session)
    tokens = revoke_tokens(session, user.id, now)
    actor = f"user:{user.id}"
    body = {"sessions_ended": ended, "tokens_ended": tokens}
    record(session, at=now, kind="user.password", subject=actor, actor=actor, body=body)


def browser_name(agent: str) -> str:
    """A browser's description in two words: ``Chrome on Android``."""
    if not agent:
        return "unknown browser"
    engine = next((name for mark, name in _BROWSERS if mark in agent), agent.split("/")[0][:30])
    system = next((name for mark, name in _SYSTEMS if mark in agent), "")
    return f"{engine} on {system}" if system else engine


_BROWSERS: Final = (
    ("Firefox/", "Firefox"),
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser", "Samsung Internet"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
_SYSTEMS: Final = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS X", "Mac"),
    ("Linux", "Linux"),
)

"""Accounts, passwords and login sessions.

Passwords are kept as argon2id hashes. A login session is a random token in a cookie; the database knows only the
token's hash, so that a stolen database opens no session. A session ends by itself, at logout, and with its account.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from core.clock import now_s
from db.ledger import record
from db.models import LoginFailure, LoginSession, Role, User
from db.session import Database
from review_ui.rights import Right, may

SESSION_S: Final = 14 * 3600.0
"""One long night shift, hand-over included."""

FIRST_ACCOUNT: Final = "ranger"
SHORTEST_PASSWORD: Final = 12
LONGEST_PASSWORD: Final = 256
"""Longer ones would only make argon2 work for an attacker."""

WINDOW_S: Final = 15 * 60.0
"""How far back failed logins count."""
MAX_FAILURES_PAIR: Final = 5
"""One name from one address: a forgotten password."""
MAX_FAILURES_ADDRESS: Final = 40
"""Any names from one address: somebody who tries names."""
MAX_FAILURES_NAME: Final = 100
"""One name from anywhere: somebody with many addresses. High, so that nobody can easily lock a ranger out."""
REMEMBER_FAILURES_S: Final = 24 * 3600.0

_ALPHABET: Final = "abcdefghjkmnpqrstuvwxyz23456789"
"""Without letters and digits that look alike: the first password is read from a screen and typed on a telephone."""

_hasher: Final = PasswordHasher()
_at_once = threading.BoundedSemaphore(2)
_WAIT_S: Final = 4.0


@dataclass(frozen=True, slots=True)
class Account:
    """Who is asking. ``session`` is the hash under which the login session is kept."""

    id: int
    name: str
    role: Role
    session: str

    def may(self, right: Right) -> bool:
        """Whether this person has a right."""
        return may(self.role, right)


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A fresh session: the token for the cookie, and whose it is."""

    token: str
    account: Account


class WrongLogin(Exception):
    """Name and password do not fit together. It never says which of them is wrong."""


class TooManyLogins(Exception):
    """Too many failed logins lately; the next one is looked at after ``wait_s`` seconds."""

    def __init__(self, wait_s: float) -> None:
        super().__init__(f"too many failed logins; try again in {wait_s:.0f} s")
        self.wait_s = wait_s


class WeakPassword(ValueError):
    """A password that is too short or too long."""


def hash_password(password: str) -> str:
    """The argon2id hash of a password. Raises :class:`WeakPassword`."""
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise WeakPassword(f"a password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters, not {len(password)}")
    return _hasher.hash(password)


def create_account(session: Session, name: str, password: str, role: Role, now: float) -> User:
    """Add an account. Raises :class:`WeakPassword`, and ``IntegrityError`` when the name is taken."""
    user = User(name=name, password_hash=hash_password(password), role=role, active=True, created_at=now)
    session.add(user)
    session.flush()
    record(session, at=now, kind="user.add", subject=f"user:{user.id}", actor="system", body={"role": role})
    return user


def ensure_first_account(database: Database, password: str | None) -> tuple[str, str] | None:
    """Create the first account when there is none, and return its name and password; None when there are accounts.

    Without a ``password`` one is generated: nothing starts with a password that is known beforehand. The caller
    prints it once; it is stored nowhere. Several processes may call this at once: one creates, the others get None.
    """
    with database.read() as session:
        if session.scalar(select(func.count(User.id))):
            return None
    chosen = password or new_password()
    try:
        with database.write() as session:
            if session.scalar(select(func.count(User.id))):
                return None
            create_account(session, FIRST_ACCOUNT, chosen, Role.ADMINISTRATOR, now_s())
    except IntegrityError:
        return None
    return FIRST_ACCOUNT, chosen


def new_password() -> str:
    """A random password of 79 bits in four groups."""
    return "-".join("".join(secrets.choice(_ALPHABET) for _ in range(4)) for _ in range(4))


def sign_in(database: Database, name: str, password: str, address: str, now: float) -> SignedIn:
    """Check a login and open a session.

    1. Too many failures of this name from this address, of this address, or of this name: :class:`TooManyLogins`,
       without a look at the password.
    2. An unknown name costs as much time as a known one.
    3. A failure is remembered; a success forgets those of the same name from the same address.
    """
    if not name.isprintable():
        raise WrongLogin
    with database.read() as session:
        _throttle(session, name, address, now)
        user = session.scalar(select(User).where(User.name == name, User.active.is_(True)))
    fits = _verify(user.password_hash if user else _nobody(), password)
    if user is None or not fits:
        with database.write() as session:
            session.execute(delete(LoginFailure).where(LoginFailure.at < now - REMEMBER_FAILURES_S))
            session.add(LoginFailure(name=name[:80], address=address[:64], at=now))
        raise WrongLogin
    with database.write() as session:
        session.execute(delete(LoginFailure).where(LoginFailure.name == name, LoginFailure.address == address))
        if _hasher.check_needs_rehash(user.password_hash):
            session.execute(update(User).where(User.id == user.id).values(password_hash=_hasher.hash(password)))
        return open_session(session, user, now)


def open_session(session: Session, user: User, now: float) -> SignedIn:
    """Open a session for somebody who has proved who they are."""
    token = secrets.token_urlsafe(32)
    session.add(LoginSession(token_hash=digest(token), user_id=user.id, created_at=now, expires_at=now + SESSION_S))
    return SignedIn(token, Account(user.id, user.name, Role(user.role), digest(token)))


def account_of(session: Session, token: str | None, now: float) -> Account | None:
    """Whose session a cookie's token opens; None for nobody's, and for one that has ended."""
    if not token:
        return None
    row = session.execute(
        select(User.id, User.name, User.role, LoginSession.token_hash)
        .join(LoginSession, LoginSession.user_id == User.id)
        .where(LoginSession.token_hash == digest(token), *_valid(now))
    ).first()
    return Account(row.id, row.name, Role(row.role), row.token_hash) if row else None


def valid_sessions(session: Session, hashes: Iterable[str], now: float) -> set[str]:
    """Those of the sessions that have not ended."""
    return set(
        session.scalars(
            select(LoginSession.token_hash)
            .join(User, User.id == LoginSession.user_id)
            .where(LoginSession.token_hash.in_(list(hashes)), *_valid(now))
        )
    )


def sign_out(database: Database, account: Account, now: float) -> None:
    """End the session."""
    with database.write() as session:
        session.execute(update(LoginSession).where(LoginSession.token_hash == account.session).values(revoked_at=now))


def digest(token: str) -> str:
    """The hash under which a session's token is kept."""
    return hashlib.sha256(token.encode()).hexdigest()


def _valid(now: float) -> tuple[ColumnElement[bool], ...]:
    return (LoginSession.revoked_at.is_(None), LoginSession.expires_at > now, User.active.is_(True))


def _throttle(session: Session, name: str, address: str, now: float) -> None:
    limits = (
        (MAX_FAILURES_PAIR, (LoginFailure.name == name, LoginFailure.address == address)),
        (MAX_FAILURES_ADDRESS, (LoginFailure.address == address,)),
        (MAX_FAILURES_NAME, (LoginFailure.name == name,)),
    )
    for limit, whose in limits:
        # The failure that must grow old before another try is allowed: the limit-th newest one.
        oldest = session.scalar(
            select(LoginFailure.at)
            .where(LoginFailure.at > now - WINDOW_S, *whose)
            .order_by(LoginFailure.at.desc())
            .offset(limit - 1)
            .limit(1)
        )
        if oldest is not None:
            raise TooManyLogins(oldest + WINDOW_S - now)


def _verify(hashed: str, password: str) -> bool:
    if len(password) > LONGEST_PASSWORD:
        return False
    with _one_of_two():
        try:
            return _hasher.verify(hashed, password)
        except (VerificationError, InvalidHashError):
            return False


@contextmanager
def _one_of_two() -> Iterator[None]:
    """argon2 takes 64 MiB a time: a flood of logins must neither fill the memory nor stop the page's other work."""
    if not _at_once.acquire(timeout=_WAIT_S):
        raise TooManyLogins(_WAIT_S)
    try:
        yield
    finally:
        _at_once.release()


@cache
def _nobody() -> str:
    """A hash that no password fits."""
    return _hasher.hash(secrets.token_urlsafe(32))

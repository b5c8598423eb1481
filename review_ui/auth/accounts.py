"""Accounts and login sessions.

A login session is a random token in a cookie; the database knows only the token's hash, so that a stolen database
opens no session. A session ends by itself, at logout, when somebody revokes it, and with its account. Passwords are
checked in :mod:`review_ui.auth.passwords`, second factors in :mod:`review_ui.auth.totp`, programs' keys in
:mod:`review_ui.auth.tokens`.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, selectinload

from core.client_network import network_of
from core.clock import now_s
from core.rate_limit import RateExceeded, RateLimit, RateLimiter
from db.ledger import record
from db.models import LoginSession, Role, User, UserCampsite
from db.session import Database
from review_ui.auth.passwords import LONGEST_PASSWORD as LONGEST_PASSWORD
from review_ui.auth.passwords import WAIT_S, Busy, fits, rehashed
from review_ui.auth.passwords import WeakPassword as WeakPassword
from review_ui.auth.passwords import hash_password as hash_password
from review_ui.auth.passwords import new_password as new_password
from review_ui.auth.rights import Right, may

SESSION_S: Final = 14 * 3600.0
"""One long night shift, hand-over included."""
HALF_SESSION_S: Final = 300.0
"""How long the question for the second factor waits."""

FIRST_ACCOUNT: Final = "ranger"

WINDOW_S: Final = 15 * 60.0
"""How far back failed logins count."""
MAX_FAILURES_PAIR: Final = 5
"""One name from one address: a forgotten password."""
MAX_FAILURES_ADDRESS: Final = 40
"""Any names from one address: somebody who tries names."""
MAX_FAILURES_NAME: Final = 20
"""One name from anywhere: somebody with many addresses. From then on each try of it takes :data:`SLOWED_S` longer; it
is never refused for that, or strangers could lock a ranger out."""
SLOWED_S: Final = 4.0
DEVICE_S: Final = 180 * 86400.0
"""So long a browser that somebody has logged in on is known. It opens nothing: it has tries of its own."""


class RequiredAction(StrEnum):
    """What somebody who is logged in has to do before anything else works."""

    PASSWORD = "password"
    """Choose a password that nobody else knows."""
    SECOND_FACTOR = "second_factor"
    """Set up the second factor that their role demands."""


@dataclass(frozen=True, slots=True)
class Account:
    """Who is asking. ``session`` is the hash under which the login session, or the program's token, is kept."""

    id: int
    name: str
    role: Role
    session: str
    campsites: frozenset[str] | None = None
    """The campsites that they may see; None for all."""
    limited_to: frozenset[Right] | None = None
    """For a program's token: the rights that were given to it."""
    required_action: RequiredAction | None = None

    def may(self, right: Right) -> bool:
        """Whether this person has a right."""
        return may(self.role, right) and (self.limited_to is None or right in self.limited_to)

    def covers(self, campsite_id: str) -> bool:
        """Whether a campsite is theirs to see. Blindness is another question: :mod:`review_ui.auth.access_scope`."""
        return self.campsites is None or campsite_id in self.campsites


@dataclass(frozen=True, slots=True)
class Client:
    """Where a request comes from, as shown in the list of one's sessions."""

    address: str = "unknown"
    browser: str = ""
    shared: bool = False
    """Whether the address stands for everybody, so that nothing can be counted by it."""
    device: str = ""
    """Which browser it is, if the account that is asked for has logged in on it before."""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A fresh session: the token for the cookie, and whose it is. ``half``: the second factor is still missing."""

    token: str
    account: Account
    half: bool = False


class WrongLogin(Exception):
    """Name and password do not fit together. It never says which of them is wrong."""


class TooManyLogins(Exception):
    """Too many failed logins lately; the next one is looked at after ``wait_s`` seconds."""

    def __init__(self, wait_s: float) -> None:
        super().__init__(f"too many failed logins; try again in {wait_s:.0f} s")
        self.wait_s = wait_s


def create_account(
    session: Session, name: str, password: str, role: Role, now: float, must_change: bool = False
) -> User:
    """Add an account. Raises :class:`WeakPassword`, and ``IntegrityError`` when the name is taken."""
    user = User(
        name=name,
        password_hash=hash_password(password, name),
        role=role,
        active=True,
        created_at=now,
        must_change_password=must_change,
    )
    session.add(user)
    session.flush()
    record(session, at=now, kind="user.add", subject=f"user:{user.id}", actor="system", body={"role": role})
    return user


def ensure_first_account(
    database: Database, password: str | None, keeps_generated: bool = False
) -> tuple[str, str] | None:
    """Create the first account when there is none, and return its name and password; None when there are accounts.

    Without a ``password`` one is generated: nothing starts with a password that is known beforehand. The caller
    prints it once; it is stored nowhere, and it opens nothing but the form on which its owner chooses another, unless
    ``keeps_generated``: then it goes on being good.
    Several processes may call this at once: one creates, the others get None.
    """
    with database.read() as session:
        if session.scalar(select(func.count(User.id))):
            return None
    chosen = password or new_password()
    must = password is None and not keeps_generated
    try:
        with database.write() as session:
            if session.scalar(select(func.count(User.id))):
                return None
            create_account(session, FIRST_ACCOUNT, chosen, Role.ADMINISTRATOR, now_s(), must_change=must)
    except IntegrityError:
        return None
    return FIRST_ACCOUNT, chosen


def sign_in(
    database: Database,
    limiter: RateLimiter,
    name: str,
    password: str,
    client: Client,
    now: float,
    required: Collection[str] = (),
) -> SignedIn:
    """Check a login and open a session.

    1. The try is counted before it is looked at, so that a burst gets no more than the limits allow: too many of this
       name from here, or of any names from this address, and :class:`TooManyLogins` is raised.
    2. An unknown name costs as much time as a known one.
    3. A success takes the try back, and forgets those of the same name from here.
    4. Whoever has a second factor gets half a session: it opens only the question for the code, and forgets nothing.
    """
    if not name.isprintable():
        raise WrongLogin
    begin_try(limiter, name, client)
    with database.read() as session:
        known = select(User).where(User.name == name, User.active.is_(True)).options(selectinload(User.campsites))
        user = session.scalar(known)
    try:
        right = fits(user.password_hash if user else None, password, strangers=not client.device)
    except Busy:
        take_back_try(limiter, name, client)
        raise TooManyLogins(WAIT_S) from None
    if user is None or not right:
        raise WrongLogin
    take_back_try(limiter, name, client)
    half = user.totp_confirmed_at is not None
    if not half:
        forget_failures(limiter, name, client)
    with database.write() as session:
        newer = rehashed(user.password_hash, password)
        if newer:
            session.execute(update(User).where(User.id == user.id).values(password_hash=newer))
        return open_session(session, user, now, client, half=half, required=required)


def slowed_s(limiter: RateLimiter, name: str, client: Client) -> float:
    """How much longer a try of this name takes now: many have failed lately, from wherever, and this browser is new."""
    return SLOWED_S if not client.device and limiter.is_full(_of_name(name)) else 0.0


def open_session(
    session: Session,
    user: User,
    now: float,
    client: Client | None = None,
    *,
    half: bool = False,
    required: Collection[str] = (),
) -> SignedIn:
    """Open a session for somebody who has proved who they are; ``half`` a session when a code is still missing."""
    token = secrets.token_urlsafe(32)
    session.add(
        LoginSession(
            token_hash=digest(token),
            user_id=user.id,
            created_at=now,
            expires_at=now + (HALF_SESSION_S if half else SESSION_S),
            half=half,
            address=client.address[:64] if client else None,
            browser=client.browser[:120] if client else None,
            last_seen_at=now,
        )
    )
    session.flush()
    return SignedIn(token, account_for(user, digest(token), required), half)


def account_of(session: Session, token: str | None, now: float, required: Collection[str] = ()) -> Account | None:
    """Whose session a cookie's token opens; None for nobody's, and for one that has ended or is only half open.

    ``required`` are the roles that must have a second factor.
    """
    if not token:
        return None
    user = session.scalar(
        select(User)
        .join(LoginSession, LoginSession.user_id == User.id)
        .where(LoginSession.token_hash == digest(token), LoginSession.half.is_(False), *_valid(now))
    )
    return account_for(user, digest(token), required) if user else None


def account_for(user: User, session_hash: str, required: Collection[str] = ()) -> Account:
    """The account as routes see it."""
    campsites = frozenset(each.campsite_id for each in user.campsites)
    required_action = None
    if user.must_change_password:
        required_action = RequiredAction.PASSWORD
    elif user.role in required and user.totp_confirmed_at is None:
        required_action = RequiredAction.SECOND_FACTOR
    return Account(user.id, user.name, Role(user.role), session_hash, campsites or None, None, required_action)


def valid_accounts(session: Session, hashes: Collection[str], now: float) -> dict[str, Account]:
    """Whose sessions these are, of those that have not ended; asked for all open pages with each event, so no ORM."""
    rows = session.execute(
        select(LoginSession.token_hash, User.id, User.name, User.role, User.must_change_password)
        .join(User, User.id == LoginSession.user_id)
        .where(LoginSession.token_hash.in_(hashes), LoginSession.half.is_(False), *_valid(now))
    ).all()
    limits: dict[int, set[str]] = {}
    limited = select(UserCampsite.user_id, UserCampsite.campsite_id)
    for user, campsite in session.execute(limited.where(UserCampsite.user_id.in_({row.id for row in rows}))):
        limits.setdefault(user, set()).add(campsite)
    return {
        row.token_hash: Account(
            row.id,
            row.name,
            Role(row.role),
            row.token_hash,
            frozenset(limits[row.id]) if row.id in limits else None,
            None,
            RequiredAction.PASSWORD if row.must_change_password else None,
        )
        for row in rows
    }


def sign_out(database: Database, account: Account, now: float) -> None:
    """End the session."""
    with database.write() as session:
        session.execute(update(LoginSession).where(LoginSession.token_hash == account.session).values(revoked_at=now))


def digest(token: str) -> str:
    """The hash under which a session's token is kept."""
    return hashlib.sha256(token.encode()).hexdigest()


def begin_try(limiter: RateLimiter, name: str, client: Client) -> None:
    """Count a try of a password or code as a failure, before it is looked at; :func:`take_back_try` when it was none.

    Raises :class:`TooManyLogins` when too many have failed lately.
    """
    try:
        limiter.hit(*tries(name, client))
    except RateExceeded as exceeded:
        raise TooManyLogins(exceeded.wait_s) from exceeded
    if not client.device:
        limiter.count(_of_name(name))


def take_back_try(limiter: RateLimiter, name: str, client: Client) -> None:
    """The try that was counted last was no failure."""
    limiter.take_back(*tries(name, client), *([] if client.device else [_of_name(name)]))


def forget_failures(limiter: RateLimiter, name: str, client: Client) -> None:
    """Forget the failures of a name from here: they have got in."""
    limiter.clear(*(rate for rate in tries(name, client) if "address" not in rate.whose))


def tries(name: str, client: Client) -> list[RateLimit]:
    """What a try counts towards, and what may refuse it.

    A browser on which this account has logged in before has tries of its own, whatever others do. Where the address
    stands for everybody, nothing is counted by it.
    """
    if client.device:
        return [RateLimit(MAX_FAILURES_PAIR, WINDOW_S, ("login failures", "device", name, client.device))]
    if client.shared:
        return []
    network = network_of(client.address)
    return [
        RateLimit(MAX_FAILURES_PAIR, WINDOW_S, ("login failures", "pair", name, network)),
        RateLimit(MAX_FAILURES_ADDRESS, WINDOW_S, ("login failures", "address", network)),
    ]


def _of_name(name: str) -> RateLimit:
    return RateLimit(MAX_FAILURES_NAME, WINDOW_S, ("login failures", "name", name))


def _valid(now: float) -> tuple[ColumnElement[bool], ...]:
    return (LoginSession.revoked_at.is_(None), LoginSession.expires_at > now, User.active.is_(True))

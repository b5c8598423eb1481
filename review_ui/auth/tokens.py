"""Tokens: keys for programs. A token has some of its owner's rights, at some of their campsites, until a day.

It is shown once, when it is made; the database knows only its hash. It never outgrows its owner: what the owner may
no longer do, their tokens may not either.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Final

from sqlalchemy import and_, select, update
from sqlalchemy.orm import Session

from db.ledger import record
from db.models import ApiToken, Campsite, User
from review_ui.auth.accounts import Account, account_for, digest, valid_accounts
from review_ui.auth.rights import Right

PREFIX: Final = "bw_"
"""So that people and scanners recognise a token that has strayed."""
LONGEST_S: Final = 366 * 86400.0
MOST_TOKENS: Final = 50
GRANTABLE: Final = tuple(right for right in Right if right not in (Right.PEOPLE, Right.APPROVE_PROMOTION))
"""A program never makes people: a stolen token must not become an account. Nor does it agree to anything: people do."""


class BadScope(ValueError):
    """A token cannot be made like that. The message says why."""


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token that was just made: ``secret`` is shown once and stored nowhere."""

    id: int
    secret: str


def bearer_of(authorization: str | None) -> str | None:
    """The token in an ``Authorization`` header; None when there is no such header, or one of another kind."""
    kind, _, value = (authorization or "").partition(" ")
    return value.strip() if kind.lower() == "bearer" else None


def token_account(session: Session, token: str, now: float) -> Account | None:
    """Whose token it is, with no more rights and campsites than the token has; None for one that opens nothing."""
    return _token(session, digest(token), now)


def _token(session: Session, token_hash: str, now: float) -> Account | None:
    found = session.execute(
        select(ApiToken, User)
        .join(User, User.id == ApiToken.user_id)
        .where(
            ApiToken.token_hash == token_hash,
            ApiToken.revoked_at.is_(None),
            ApiToken.expires_at > now,
            User.active.is_(True),
            User.must_change_password.is_(False),
        )
    ).first()
    if found is None:
        return None
    row, user = found
    return limited(account_for(user, row.token_hash), row)


def still_here(session: Session, accounts: Collection[Account], now: float) -> dict[str, Account]:
    """Those whose session or token still opens something, as they are now, by session."""
    found = valid_accounts(session, [a.session for a in accounts if a.limited_to is None], now)
    for account in accounts:
        if account.limited_to is not None and (token := _token(session, account.session, now)):
            found[account.session] = token
    return found


def limited(owner: Account, token: ApiToken) -> Account:
    """The owner's account as far as a token reaches."""
    own = owner.campsites
    campsites = own
    if token.campsites:
        campsites = frozenset(token.campsites) if own is None else own & frozenset(token.campsites)
    rights = frozenset(right for right in GRANTABLE if right in token.rights)
    return replace(owner, campsites=campsites, limited_to=rights)


def make_token(
    session: Session, owner: Account, name: str, rights: Collection[Right], campsites: Collection[str], days: float,
    now: float,
) -> NewToken:  # fmt: skip
    """Make a token. Raises :class:`BadScope`.

    1. It gets a name, at least one right, and an end within a year.
    2. Its rights and campsites are its owner's or fewer, and of :data:`GRANTABLE`.
    """
    name = name.strip()
    if not 1 <= len(name) <= 80 or not name.isprintable():
        raise BadScope("Give the token a name of at most 80 characters, so that you know it again.")
    if not rights:
        raise BadScope("Choose what the token may do.")
    if Right.APPROVE_PROMOTION in rights:
        raise BadScope("A token cannot approve: people do, logged in on the page.")
    if not all(right in GRANTABLE and owner.may(right) for right in rights):
        raise BadScope("A token cannot do more than you may do yourself.")
    known = set(session.scalars(select(Campsite.id)))
    if not all(owner.covers(campsite) and campsite in known for campsite in campsites):
        raise BadScope("A token cannot see more campsites than you.")
    if not 0 < days * 86400.0 <= LONGEST_S:
        raise BadScope("A token ends within a year: choose 1 to 366 days.")
    if len(own_tokens(session, owner.id, now)) >= MOST_TOKENS:
        raise BadScope(f"You have {MOST_TOKENS} tokens; end one first.")
    secret = PREFIX + secrets.token_urlsafe(32)
    row = ApiToken(
        user_id=owner.id,
        name=name,
        token_hash=digest(secret),
        rights=sorted(rights),
        campsites=sorted(campsites),
        created_at=now,
        expires_at=now + days * 86400.0,
    )
    session.add(row)
    session.flush()
    record(
        session,
        at=now,
        kind="token.made",
        subject=f"token:{row.id}",
        actor=f"user:{owner.id}",
        body={"rights": row.rights, "campsites": row.campsites, "expires_at": row.expires_at},
    )
    return NewToken(row.id, secret)


def own_tokens(session: Session, user_id: int, now: float) -> Sequence[ApiToken]:
    """A person's tokens that still open something, newest first."""
    alive = and_(ApiToken.revoked_at.is_(None), ApiToken.expires_at > now)
    return session.scalars(
        select(ApiToken).where(ApiToken.user_id == user_id, alive).order_by(ApiToken.id.desc())
    ).all()


def revoke_token(session: Session, user_id: int, token_id: int, actor: str, now: float) -> bool:
    """End a token of a person; False when there is no such token that still opens anything."""
    ended = session.scalars(
        update(ApiToken)
        .where(ApiToken.id == token_id, ApiToken.user_id == user_id, ApiToken.revoked_at.is_(None))
        .values(revoked_at=now)
        .returning(ApiToken.id)
    ).one_or_none()
    if ended is None:
        return False
    record(session, at=now, kind="token.revoked", subject=f"token:{ended}", actor=actor)
    return True


def revoke_tokens(session: Session, user_id: int, now: float) -> int:
    """End all tokens of a person; returns how many. The caller writes the ledger."""
    ended = session.scalars(
        update(ApiToken)
        .where(ApiToken.user_id == user_id, ApiToken.revoked_at.is_(None))
        .values(revoked_at=now)
        .returning(ApiToken.id)
    )
    return len(ended.all())

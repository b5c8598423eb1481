"""Proving once more who one is, before something that gives a machine more power.

A page that was left open on a telephone must not be enough to promote a stage.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import select

from db.models import LoginSession, User
from review_ui.auth.accounts import Account, TooManyLogins, WrongLogin, forget_failures, remember_failure, throttle
from review_ui.auth.passwords import UNUSABLE, Busy, fits
from review_ui.site import Site

FRESH_S: Final = 600.0
"""Whoever has no password here proves it by having logged in so lately."""
WRONG_PASSWORD: Final = "That is not your password. Nothing was done."
NO_PASSWORD: Final = "You have no password here: sign out, sign in again, and do it within ten minutes."
TRY_LATER: Final = "Too many wrong tries. Wait a quarter of an hour."


class NotProved(Exception):
    """Nobody has shown that it is really they; the message says what to do. ``status`` is the HTTP status."""

    def __init__(self, words: str, status: int = 422) -> None:
        super().__init__(words)
        self.status = status


def prove(site: Site, account: Account, password: str, address: str) -> None:
    """Check that the person at the other end is the account's. Raises :class:`NotProved`.

    1. A program's token is its self-test: it was made for this right.
    2. A password, rate-limited like a login; a wrong one counts as a failed login.
    3. An account without a password here (OpenID Connect): a session that is younger than :data:`FRESH_S`.
    """
    if account.limited_to is not None:
        return
    now = site.clock()
    with site.database.read() as session:
        hashed = session.scalars(select(User.password_hash).where(User.id == account.id)).one()
        began = session.scalar(select(LoginSession.created_at).where(LoginSession.token_hash == account.session))
    if hashed == UNUSABLE:
        if began is None or now - began > FRESH_S:
            raise NotProved(NO_PASSWORD)
        return
    try:
        _check(site, account, hashed, password, address)
    except (TooManyLogins, Busy) as busy:
        raise NotProved(TRY_LATER, 429) from busy
    except WrongLogin as wrong:
        remember_failure(site.limiter, account.name, address)
        raise NotProved(WRONG_PASSWORD) from wrong


def _check(site: Site, account: Account, hashed: str, password: str, address: str) -> None:
    throttle(site.limiter, account.name, address)
    if not fits(hashed, password):
        raise WrongLogin
    forget_failures(site.limiter, account.name, address)

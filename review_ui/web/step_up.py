"""Proving once more who one is, before something that gives somebody, or the machine, more power.

A page that was left open on a telephone, or a cookie that was stolen, must not be enough to promote a stage, make a
token, give somebody access, or switch a second factor on or off.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import select

from db.models import LoginSession, User
from review_ui.auth.accounts import Account, Client, TooManyLogins, begin_try, forget_failures
from review_ui.auth.passwords import UNUSABLE, Busy, fits
from review_ui.site import Site

FRESH_S: Final = 600.0
"""Whoever has no password here proves it by having logged in so lately."""
WRONG_PASSWORD: Final = "That is not your password. Nothing was done."
SAY_PASSWORD: Final = "Type your password once more for this. Nothing was done."
NO_TOKEN: Final = "People do this, logged in on the page; a token cannot."
NO_PASSWORD: Final = "You have no password here: sign out, sign in again, and do it within ten minutes."
TRY_LATER: Final = "Too many wrong tries. Wait a quarter of an hour."


class NotProved(Exception):
    """Nobody has shown that it is really they; the message says what to do. ``status`` is the HTTP status."""

    def __init__(self, words: str, status: int = 422) -> None:
        super().__init__(words)
        self.status = status


def prove(site: Site, account: Account, password: str, *, programs: bool = False) -> None:
    """Check that the person at the other end is the account's. Raises :class:`NotProved`.

    1. A program's token proves nothing: whoever has it may have stolen it. Where ``programs`` may do it all the same,
       the token was made for it, with a proof.
    2. A password; wrong ones are counted for this session, before they are looked at.
    3. An account without a password here (OpenID Connect): a session that is younger than :data:`FRESH_S`.
    """
    if account.limited_to is not None:
        if programs:
            return
        raise NotProved(NO_TOKEN, 403)
    now = site.clock()
    with site.database.read() as session:
        hashed = session.scalars(select(User.password_hash).where(User.id == account.id)).one()
        began = session.scalar(select(LoginSession.created_at).where(LoginSession.token_hash == account.session))
    if hashed == UNUSABLE:
        if began is None or now - began > FRESH_S:
            raise NotProved(NO_PASSWORD)
        return
    if not password:
        raise NotProved(SAY_PASSWORD)
    client = Client(device=account.session)
    try:
        begin_try(site.limiter, account.name, client)
        if not fits(hashed, password):
            raise NotProved(WRONG_PASSWORD)
    except (TooManyLogins, Busy) as busy:
        raise NotProved(TRY_LATER, 429) from busy
    forget_failures(site.limiter, account.name, client)

"""Who acts on the command line: an account of the site, proved by its password where it counts."""

from __future__ import annotations

import getpass
import os

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.rate_limit import RateLimiter
from core.redis_client import connect
from core.settings import settings
from db.models import User
from review_ui.auth.accounts import Client, begin_try, forget_failures
from review_ui.auth.passwords import fits


class NotYou(Exception):
    """Nobody has proved to be the person named; the message says what is missing."""


def account_named(session: Session, name: str) -> User:
    """The account of ``--as``. Raises :class:`NotYou` where there is none that is switched on."""
    user = session.scalar(select(User).where(User.name == name, User.active.is_(True)))
    if user is None:
        raise NotYou(f"there is no account {name!r} that is switched on; `bearwatch user list` shows all")
    return user


def prove_account(user: User) -> None:
    """Ask for the password: BEARWATCH_PASSWORD, or typed. Raises :class:`NotYou`, and what too many tries raise."""
    if user.totp_confirmed_at is not None:
        raise NotYou(f"{user.name} logs in with a second factor; approve on the page")
    limiter, here = RateLimiter(connect(settings().redis)), Client(device="command line")
    begin_try(limiter, user.name, here)
    password = os.environ.get("BEARWATCH_PASSWORD") or getpass.getpass(f"Password of {user.name}: ")
    if user.must_change_password or not fits(user.password_hash, password):
        raise NotYou(f"this is not the password of {user.name}, or it must be changed on the page first")
    forget_failures(limiter, user.name, here)

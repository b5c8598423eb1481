"""The second factor: codes of an authenticator app (RFC 6238), and recovery codes for the day the telephone is lost.

The app's secret is kept sealed (:mod:`core.secret_box`): a stolen database makes no codes.
"""

from __future__ import annotations

import hmac
import logging
import secrets
from typing import Final

import pyotp
import segno
from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.orm import Session

from core.rate_limit import RateExceeded, RateLimit, RateLimiter
from core.secret_box import LostKey, SecretBox, is_sealed
from db.ledger import record
from db.models import LoginSession, RecoveryCode, User
from db.session import Database
from review_ui.auth.accounts import (
    Account,
    Client,
    SignedIn,
    TooManyLogins,
    digest,
    forget_failures,
    open_session,
    tries,
)

log = logging.getLogger(__name__)

ISSUER: Final = "Bearwatch"
STEP_S: Final = 30
DRIFT_STEPS: Final = 1
"""A telephone's clock may be half a minute off, either way."""
RECOVERY_CODES: Final = 10
MAX_WRONG_CODES: Final = 10
CODE_WINDOW_S: Final = 15 * 60.0
"""Wrong codes of one person within this time, from anywhere: whoever tries codes knows the password already."""

_ALPHABET: Final = "abcdefghjkmnpqrstuvwxyz23456789"


class WrongCode(Exception):
    """A code that does not fit, has been used, or is no longer valid."""


def begin(session: Session, box: SecretBox, account: Account) -> str:
    """Make a new secret, which does not count before :func:`confirm`; the one that counts, if any, goes on."""
    user = session.get_one(User, account.id)
    if user.totp_confirmed_at is not None:
        raise WrongCode("there is a second factor already; remove it first")
    secret = pyotp.random_base32()
    user.totp_sealed = box.seal(secret, owner_of_secret(user.id))
    session.flush()
    return secret


def unconfirmed(session: Session, box: SecretBox, account: Account) -> str:
    """The secret that waits to be confirmed; empty when there is none, or it cannot be read any more."""
    user = session.get_one(User, account.id)
    if user.totp_sealed is None or user.totp_confirmed_at is not None:
        return ""
    try:
        return _secret(box, user)
    except LostKey:
        return ""


def picture(name: str, secret: str) -> str:
    """The QR code that authenticator apps read, as the address of an SVG inside the page."""
    address = pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=ISSUER)
    return segno.make(address, error="m").svg_data_uri(scale=5, border=3, light="#fff", dark="#000")


def is_lost(box: SecretBox, sealed: str | None) -> bool:
    """Whether somebody's second factor cannot be read any more: the site's key is another one."""
    return sealed is not None and is_sealed(sealed) and not box.fits(sealed)


def confirm(session: Session, box: SecretBox, account: Account, code: str, now: float) -> list[str]:
    """Switch the second factor on with a code that proves the app has the secret; returns the recovery codes.

    Raises :class:`WrongCode`, and :class:`~core.secret_box.LostKey` when the key has changed meanwhile.
    """
    user = session.get_one(User, account.id)
    if user.totp_confirmed_at is not None or not _use_step(session, box, user, code, now):
        raise WrongCode
    user.totp_confirmed_at = now
    codes = _new_recovery_codes(session, user.id)
    _record(session, account, "user.second_factor", {"on": True}, now)
    return codes


def renew_recovery_codes(session: Session, account: Account, now: float) -> list[str]:
    """New recovery codes; the old ones open nothing any more. The caller has checked the password."""
    codes = _new_recovery_codes(session, account.id)
    _record(session, account, "user.recovery_codes", {}, now)
    return codes


def remove(session: Session, user_id: int, actor: str, now: float) -> None:
    """Switch the second factor off. The caller has checked the password, or is an administrator."""
    user = session.get_one(User, user_id)
    user.totp_sealed = user.totp_confirmed_at = user.totp_last_step = None
    session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user_id))
    session.flush()
    record(session, at=now, kind="user.second_factor", subject=f"user:{user_id}", actor=actor, body={"on": False})


def recovery_codes_left(session: Session, user_id: int) -> int:
    """How many recovery codes have not been used."""
    unused = select(func.count(RecoveryCode.id)).where(RecoveryCode.user_id == user_id, RecoveryCode.used_at.is_(None))
    return session.scalar(unused) or 0


def half_session(session: Session, token: str | None, now: float) -> User | None:
    """Who has given the password in this browser and still owes the code."""
    if not token:
        return None
    return session.scalar(
        select(User)
        .join(LoginSession, LoginSession.user_id == User.id)
        .where(LoginSession.token_hash == digest(token), LoginSession.half, LoginSession.revoked_at.is_(None))
        .where(LoginSession.expires_at > now, User.active)
    )


def begin_try(limiter: RateLimiter, user: User, client: Client) -> None:
    """Count a code as a wrong one before it is looked at; :func:`forget_wrong_codes` when it was right.

    Raises :class:`TooManyLogins` when this person's codes were wrong too often lately.
    """
    try:
        limiter.hit(_wrong_codes(user), *tries(_failures_name(user), client))
    except RateExceeded as exceeded:
        raise TooManyLogins(exceeded.wait_s) from exceeded


def forget_wrong_codes(limiter: RateLimiter, user: User, client: Client) -> None:
    """The code was right: take its try back, and forget the wrong passwords and codes of this person from here."""
    limiter.take_back(_wrong_codes(user), *tries(_failures_name(user), client))
    for name in (user.name, _failures_name(user)):
        forget_failures(limiter, name, client)


def finish(session: Session, box: SecretBox, token: str, user: User, code: str, client: Client, now: float) -> SignedIn:
    """Turn half a session into a whole one. Raises :class:`WrongCode`; the caller remembers the failure,
    and forgets those before a success.

    The half session ends, and a fresh token opens the whole one. Where the site's key is not the one that the secret
    was sealed with, a recovery code still opens it; any other code raises :class:`~core.secret_box.LostKey`.
    """
    user = session.get_one(User, user.id)
    if not (_use_recovery_code(session, user, code, now) or _use_step(session, box, user, code, now)):
        raise WrongCode
    session.execute(update(LoginSession).where(LoginSession.token_hash == digest(token)).values(revoked_at=now))
    return open_session(session, user, now, client)


def _failures_name(user: User) -> str:
    """Under which name wrong codes are counted; no account's name has a tab in it."""
    return f"code\t{user.id}"


def _wrong_codes(user: User) -> RateLimit:
    return RateLimit(MAX_WRONG_CODES, CODE_WINDOW_S, ("wrong codes", str(user.id)))


def seal_what_is_clear(database: Database, box: SecretBox) -> int:
    """Seal the secrets that an older version has kept in clear; returns how many. Safe to call at every start.

    Whose secrets this site's key does not open stands in the log: whoever starts the page can still put the right key
    back.
    """
    with database.read() as session:
        known = select(User.id, User.name, User.totp_sealed).where(User.totp_sealed.is_not(None)).order_by(User.name)
        kept = session.execute(known).all()
    clear = [(user_id, secret) for user_id, _, secret in kept if secret and not is_sealed(secret)]
    lost = [name for _, name, secret in kept if is_lost(box, secret)]
    if lost:
        log.error(
            "%d second factors were sealed with another key than this site has: give back BEARWATCH_SECRET_KEY, or the "
            "file secret.key in the data directory; or switch them off on the page People: %s",
            len(lost),
            ", ".join(lost),
        )
    if not clear:
        return 0
    with database.write() as session:
        for user_id, secret in clear:
            same = update(User).where(User.id == user_id, User.totp_sealed == secret)
            session.execute(same.values(totp_sealed=box.seal(secret, owner_of_secret(user_id))))
    log.warning("%d second factors were kept in clear and are sealed now", len(clear))
    return len(clear)


def owner_of_secret(user_id: int) -> str:
    """What a secret is bound to: sealed for one person, it opens nobody else's account."""
    return f"second factor of user {user_id}"


def _secret(box: SecretBox, user: User) -> str:
    """The secret itself. Raises :class:`~core.secret_box.LostKey`."""
    kept = user.totp_sealed or ""
    return box.open(kept, owner_of_secret(user.id)) if is_sealed(kept) else kept


def _use_step(session: Session, box: SecretBox, user: User, code: str, now: float) -> bool:
    """Whether a code fits one of the time steps around now that was not used yet; it is used now.

    The update is guarded: of two requests with the same code at the same moment one gets in.
    """
    typed = code.replace(" ", "")
    if user.totp_sealed is None or len(typed) != 6 or not (typed.isascii() and typed.isdigit()):
        return False
    here = int(now // STEP_S)
    generator = pyotp.TOTP(_secret(box, user))
    for step in range(here - DRIFT_STEPS, here + DRIFT_STEPS + 1):
        if hmac.compare_digest(generator.generate_otp(step), typed):
            fresh = or_(User.totp_last_step.is_(None), User.totp_last_step < step)
            used = update(User).where(User.id == user.id, fresh).values(totp_last_step=step).returning(User.id)
            return session.scalar(used) is not None
    return False


def _use_recovery_code(session: Session, user: User, code: str, now: float) -> bool:
    typed = code.strip().lower().replace(" ", "").replace("-", "")
    unused = RecoveryCode.user_id == user.id, RecoveryCode.used_at.is_(None)
    used = session.scalar(
        update(RecoveryCode)
        .where(RecoveryCode.code_hash == digest(typed), *unused)
        .values(used_at=now)
        .returning(RecoveryCode.id)
    )
    if used is None:
        return False
    actor = f"user:{user.id}"
    left = recovery_codes_left(session, user.id)
    record(session, at=now, kind="user.recovery_code", subject=actor, actor=actor, body={"left": left})
    return True


def _new_recovery_codes(session: Session, user_id: int) -> list[str]:
    session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user_id))
    codes = ["".join(secrets.choice(_ALPHABET) for _ in range(16)) for _ in range(RECOVERY_CODES)]
    session.add_all(RecoveryCode(user_id=user_id, code_hash=digest(code)) for code in codes)
    session.flush()
    return ["-".join(code[i : i + 4] for i in range(0, 16, 4)) for code in codes]


def _record(session: Session, account: Account, kind: str, body: dict[str, bool], now: float) -> None:
    actor = f"user:{account.id}"
    record(session, at=now, kind=kind, subject=actor, actor=actor, body=body)

"""``/account``: one's own password, second factor, browsers, tokens, and how the page looks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Final

from fastapi import APIRouter, Form, HTTPException, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy.orm import Session

from core.secret_box import LostKey
from db.models import User
from review_ui.auth import totp
from review_ui.auth.accounts import Account, Client, TooManyLogins, WrongLogin, begin_try, forget_failures
from review_ui.auth.browser_sessions import change_password, end_session, end_sessions, sessions_of
from review_ui.auth.passwords import LONGEST_PASSWORD, SHORTEST_PASSWORD, UNUSABLE, Busy, WeakPassword
from review_ui.auth.rights import RIGHT_WORDS, ROLE_WORDS, Right
from review_ui.auth.tokens import GRANTABLE, BadScope, make_token, own_tokens, revoke_token
from review_ui.site import SignedIn, Site, SiteDep
from review_ui.web.page_chrome import page_chrome
from review_ui.web.step_up import TRY_LATER, NotProved, prove

router = APIRouter()

DONE: Final = {
    "password": "Your password is changed. Your other browsers are signed out, your tokens open nothing any more.",
    "session": "That browser is signed out.",
    "sessions": "All your other browsers are signed out.",
    "second-factor": "The second factor is off.",
    "token": "That token opens nothing any more.",
}
WRONG_PASSWORD: Final = "That is not your password."

Password = Annotated[str, Form(max_length=LONGEST_PASSWORD)]


@router.get("/account")
def account_page(request: Request, site: SiteDep, account: SignedIn, done: str = "") -> Response:
    """One's own account. While something is owed, only that is on it."""
    return _page(request, site, account, notice=DONE.get(done, ""))


@router.post("/account/password")
def new_password(
    request: Request, site: SiteDep, account: SignedIn, new: Password = "", again: Password = "", old: Password = ""
) -> Response:
    """Choose another password."""
    if new != again:
        return _page(request, site, account, errors={"again": "The two are not the same."}, status=422)

    def change(session: Session) -> None:
        change_password(session, account, old, new, site.clock())

    try:
        _with_old_password(site, account, change)
    except NotProved as refused:
        return _page(request, site, account, errors={"old": str(refused)}, status=refused.status)
    except WeakPassword as weak:
        return _page(request, site, account, errors={"new": f"{str(weak).capitalize()}."}, status=422)
    return _back("password")


@router.post("/account/sessions/end")
def end_one(site: SiteDep, account: SignedIn, handle: Annotated[str, Form(max_length=64)] = "") -> Response:
    """Sign one of one's browsers out."""
    with site.database.write() as session:
        ended = end_session(session, account.id, handle, f"user:{account.id}", site.clock())
    return _back("session" if ended else "")


@router.post("/account/sessions/end-others")
def end_others(site: SiteDep, account: SignedIn) -> Response:
    """Sign all of one's other browsers out."""
    with site.database.write() as session:
        end_sessions(session, account.id, site.clock(), keep=account.session)
    return _back("sessions")


@router.post("/account/second-factor")
def begin_second_factor(request: Request, site: SiteDep, account: SignedIn, password: Password = "") -> Response:
    """Show a new secret, to be confirmed with a code."""
    try:
        prove(site, account, password)
        with site.database.write() as session:
            secret = totp.begin(session, site.secrets, account)
    except NotProved as refused:
        return _page(request, site, account, errors={"factor": str(refused)}, status=refused.status)
    except totp.WrongCode:
        return _back("")
    return _page(request, site, account, secret=secret)


@router.post("/account/second-factor/confirm")
def confirm_second_factor(
    request: Request, site: SiteDep, account: SignedIn, code: Annotated[str, Form(max_length=64)] = ""
) -> Response:
    """Switch the second factor on; the recovery codes are shown this once."""
    try:
        with site.database.write() as session:
            codes = totp.confirm(session, site.secrets, account, code, site.clock())
    except totp.WrongCode:
        with site.database.read() as session:
            secret = totp.unconfirmed(session, site.secrets, account)
        errors = {"code": "That code does not fit. Look at the clock of your telephone, and try the next one."}
        return _page(request, site, account, errors=errors, secret=secret, status=422)
    except LostKey:
        errors = {"factor": "This site's key has changed since. Begin again."}
        return _page(request, site, account, errors=errors, status=409)
    return _page(request, site, account, recovery_codes=codes)


@router.post("/account/second-factor/codes")
def new_recovery_codes(request: Request, site: SiteDep, account: SignedIn, password: Password = "") -> Response:
    """New recovery codes, shown this once; the old ones open nothing any more."""
    try:
        prove(site, account, password)
    except NotProved as refused:
        return _page(request, site, account, errors={"factor": str(refused)}, status=refused.status)
    with site.database.write() as session:
        codes = totp.renew_recovery_codes(session, account, site.clock())
    return _page(request, site, account, recovery_codes=codes)


@router.post("/account/second-factor/remove")
def remove_second_factor(request: Request, site: SiteDep, account: SignedIn, password: Password = "") -> Response:
    """Switch the second factor off."""

    try:
        prove(site, account, password)
    except NotProved as refused:
        return _page(request, site, account, errors={"factor": str(refused)}, status=refused.status)
    with site.database.write() as session:
        totp.remove(session, account.id, f"user:{account.id}", site.clock())
    return _back("second-factor")


@router.post("/account/tokens")
def new_token(
    request: Request,
    site: SiteDep,
    account: SignedIn,
    name: Annotated[str, Form(max_length=200)] = "",
    right: Annotated[list[Right], Form(max_length=len(Right))] = [],  # noqa: B006  # FastAPI copies it
    campsite: Annotated[list[str], Form(max_length=1000)] = [],  # noqa: B006
    days: Annotated[int, Form(ge=1, le=366)] = 90,
    password: Password = "",
) -> Response:
    """Make a token; it is shown this once."""
    if account.required_action is not None:
        raise HTTPException(403)
    try:
        prove(site, account, password)
        with site.database.write() as session:
            made = make_token(session, account, name, right, campsite, days, site.clock())
    except BadScope as bad:
        return _page(request, site, account, errors={"token": str(bad)}, status=422)
    except NotProved as refused:
        return _page(request, site, account, errors={"token": str(refused)}, status=refused.status)
    return _page(request, site, account, token=made.secret)


@router.post("/account/tokens/{token_id:int}/end")
def end_token(site: SiteDep, account: SignedIn, token_id: int) -> Response:
    """End one of one's tokens."""
    with site.database.write() as session:
        ended = token_id < 2**31 and revoke_token(session, account.id, token_id, f"user:{account.id}", site.clock())
    return _back("token" if ended else "")


def _with_old_password(site: Site, account: Account, change: Callable[[Session], None]) -> None:
    """Change the password; a wrong old one counts, before it is looked at. Raises :class:`NotProved`."""
    client = Client(device=account.session)
    try:
        begin_try(site.limiter, account.name, client)
        with site.database.write() as session:
            change(session)
        forget_failures(site.limiter, account.name, client)
    except (TooManyLogins, Busy) as busy:
        raise NotProved(TRY_LATER, 429) from busy
    except WrongLogin as wrong:
        raise NotProved(WRONG_PASSWORD, 422) from wrong


def _back(done: str) -> Response:
    return RedirectResponse(f"/account?done={done}" if done else "/account", status_code=303)


def _page(
    request: Request,
    site: Site,
    account: Account,
    *,
    errors: dict[str, str] | None = None,
    notice: str = "",
    secret: str = "",
    recovery_codes: list[str] | None = None,
    token: str = "",
    status: int = 200,
) -> Response:
    now = site.clock()
    with site.database.read() as session:
        user = session.get_one(User, account.id)
        context: dict[str, Any] = {
            "errors": errors or {},
            "notice": notice,
            "required_action": account.required_action if not recovery_codes else None,
            "role": ROLE_WORDS[account.role],
            "campsites": [(k, c.name or k) for k, c in site.config.campsites.items() if account.covers(k)],
            "limited": account.campsites is not None,
            "has_password": user.password_hash != UNUSABLE,
            "shortest": SHORTEST_PASSWORD,
            "sessions": sessions_of(session, account.id, now, account.session),
            "tokens": own_tokens(session, account.id, now),
            "grantable": [(right, RIGHT_WORDS[right]) for right in GRANTABLE if account.may(right)],
            "right_words": RIGHT_WORDS,
            "timezone": next(iter(site.config.regions.values())).timezone,
            "second_factor": user.totp_confirmed_at is not None,
            "factor_lost": user.totp_confirmed_at is not None and totp.is_lost(site.secrets, user.totp_sealed),
            "second_factor_required": account.role in site.settings.second_factor_roles,
            "codes_left": totp.recovery_codes_left(session, account.id),
            "secret": secret,
            "picture": totp.picture(account.name, secret) if secret else "",
            "recovery_codes": recovery_codes or [],
            "new_token": token,
        }
        if account.required_action is None:
            context["chrome"] = page_chrome(session, site, account, now)
    return site.pages.render(request, "account.html", context, status=status)

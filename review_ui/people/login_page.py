"""``/login``, ``/logout`` and the theme: who is here and how bright the page is.

A login is a name and a password, or an OpenID provider's word; whoever has a second factor is asked for its code.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Annotated, Final
from urllib.parse import urlsplit

from fastapi import APIRouter, Form, HTTPException, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse, Response

from core.secret_box import LostKey
from review_ui.auth import totp
from review_ui.auth.accounts import (
    DEVICE_S,
    LONGEST_PASSWORD,
    SESSION_S,
    Account,
    Client,
    SignedIn,
    TooManyLogins,
    WrongLogin,
    open_session,
    sign_in,
    sign_out,
    slowed_s,
)
from review_ui.auth.browser_sessions import mark_new_device
from review_ui.auth.known_devices import cookie_name, known_device, new_device
from review_ui.auth.lanes import LaneFull
from review_ui.auth.oidc import Begun, OpenIdError, account_of_identity
from review_ui.rendering.pages import THEME_COOKIE, THEMES
from review_ui.rendering.wording import age
from review_ui.sightings.page import form_page
from review_ui.site import Site, SiteDep, VisitorDep, client_of
from review_ui.web.form_drafts import KeptForm, local_path, unpack
from review_ui.web.page_chrome import page_chrome
from review_ui.web.sighting_form import SightingForm

log = logging.getLogger(__name__)
router = APIRouter()

OPENID_COOKIE: Final = "bearwatch-openid"
OPENID_WITHIN_S: Final = 600
WRONG = "Name and password do not fit together."
WRONG_CODE = "That code does not fit, or was used before. Wait for the next one."
BUSY = "Too many people log in at once. Try again in a few seconds."
TOO_LATE = "That took too long. Sign in again."
STILL_HERE = "You are signed in again. Nothing was lost: look it over, then send it."


@router.get("/login")
def login_page(request: Request, site: SiteDep, account: VisitorDep, next: str = "/") -> Response:
    """The login form."""
    if account is not None:
        return RedirectResponse(local_path(next), status_code=303)
    return _login_form(request, site, {"next": local_path(next), "kept": None, "name": "", "error": ""})


@router.post("/login")
async def login(
    request: Request,
    site: SiteDep,
    name: Annotated[str, Form(max_length=80)] = "",
    password: Annotated[str, Form(max_length=LONGEST_PASSWORD)] = "",
    next: Annotated[str, Form(max_length=2000)] = "/",
    kept: Annotated[str, Form(max_length=60_000)] = "",
) -> Response:
    """Log in. What had been typed when a session ended comes back, to be sent by the person, not by us."""
    name = name.strip()
    client = replace(client_of(request), device=known_device(site.secrets, name, request.cookies))
    lane = site.devices_lane if client.device else site.strangers_lane
    try:
        late_s = await lane.run(partial(slowed_s, site.limiter, name, client))
        return await lane.run(partial(_login, request, site, name, password, client, next, kept), late_s)
    except LaneFull:
        context = {"next": local_path(next), "kept": unpack(kept), "name": name, "error": BUSY}
        return await run_in_threadpool(_login_form, request, site, context, 503, {"Retry-After": "5"})


def _login(
    request: Request, site: Site, name: str, password: str, client: Client, next_path: str, kept: str
) -> Response:
    form = unpack(kept)
    context = {"next": local_path(next_path), "kept": form, "name": name}
    required = site.settings.second_factor_roles
    try:
        signed_in = sign_in(site.database, site.limiter, name, password, client, site.clock(), required)
    except WrongLogin:
        log.warning("auth: login failed for %r from %s: wrong name or password", name, client.address)
        return _login_form(request, site, {**context, "error": WRONG}, status=401)
    except TooManyLogins as refused:
        log.warning("auth: login refused for %r from %s: too many tries", name, client.address)
        answer = {**context, "error": _wait(refused)}
        return _login_form(request, site, answer, status=429, headers=_retry_after(refused))
    if not signed_in.half:
        log.info("auth: login of %r from %s", name, client.address)
    return let_in(request, site, signed_in, local_path(next_path), form)


@router.get("/login/code")
def code_page(request: Request, site: SiteDep, next: str = "/") -> Response:
    """The question for the second factor."""
    with site.database.read() as session:
        user = totp.half_session(session, request.cookies.get(site.cookie), site.clock())
    if user is None:
        return RedirectResponse("/login", status_code=303)
    return _code_form(request, site, {"next": local_path(next), "kept": None, "error": ""})


@router.post("/login/code")
def check_code(
    request: Request,
    site: SiteDep,
    code: Annotated[str, Form(max_length=64)] = "",
    next: Annotated[str, Form(max_length=2000)] = "/",
    kept: Annotated[str, Form(max_length=60_000)] = "",
) -> Response:
    """Check the code; a wrong one counts, so that nobody tries them all."""
    context = {"next": local_path(next), "kept": unpack(kept)}
    client, now, token = client_of(request), site.clock(), request.cookies.get(site.cookie, "")
    with site.database.read() as session:
        user = totp.half_session(session, token, now)
        if user is None:
            return _login_form(request, site, {**context, "name": "", "error": TOO_LATE}, status=401)
    try:
        totp.begin_try(site.limiter, user, client)
        with site.database.write() as session:
            signed_in = totp.finish(session, site.secrets, token, user, code, client, now)
    except TooManyLogins as refused:
        log.warning("auth: code refused for %r from %s: too many tries", user.name, client.address)
        answer = {**context, "error": _wait(refused)}
        return _code_form(request, site, answer, status=429, headers=_retry_after(refused))
    except totp.WrongCode:
        log.warning("auth: code failed for %r from %s", user.name, client.address)
        return _code_form(request, site, {**context, "error": WRONG_CODE}, status=401)
    except LostKey as lost:
        return _code_form(request, site, {**context, "error": str(lost)}, status=503)
    totp.forget_wrong_codes(site.limiter, user, client)
    log.info("auth: login of %r from %s with a second factor", user.name, client.address)
    return let_in(request, site, signed_in, local_path(next), unpack(kept))


@router.get("/login/openid")
def openid_begin(request: Request, site: SiteDep, next: str = "/") -> Response:
    """Go to the provider that people log in with."""
    if not site.openid.offered:
        raise HTTPException(404)
    try:
        address, begun = site.openid.begin(_openid_back(request, site), local_path(next))
    except OpenIdError as error:
        return _login_form(request, site, {"next": "/", "kept": None, "name": "", "error": str(error)}, status=503)
    response = RedirectResponse(address, status_code=303)
    response.set_cookie(
        OPENID_COOKIE,
        begun.pack(),
        max_age=OPENID_WITHIN_S,
        path="/login/openid",
        secure=site.settings.bearwatch_secure_cookies,
        httponly=True,
        samesite="lax",
    )
    return response


@router.get("/login/openid/back")
def openid_back(request: Request, site: SiteDep, code: str = "", state: str = "", error: str = "") -> Response:
    """Come back from the provider."""
    if not site.openid.offered:
        raise HTTPException(404)
    begun = Begun.unpack(request.cookies.get(OPENID_COOKIE))
    try:
        if begun is None or error or not code:
            raise OpenIdError("The login was not finished. Start it again.")
        identity = site.openid.finish(_openid_back(request, site), begun, state, code)
        now, client = site.clock(), client_of(request)
        with site.database.write() as session:
            user = account_of_identity(session, identity, now)
            half = user.totp_confirmed_at is not None
            required = site.settings.second_factor_roles
            signed_in = open_session(session, user, now, client, half=half, required=required)
    except OpenIdError as refused:
        log.warning("auth: login failed from %s by OpenID: %s", client_of(request).address, refused)
        context = {"next": "/", "kept": None, "name": "", "error": str(refused)}
        response = _login_form(request, site, context, status=401)
    else:
        if not signed_in.half:
            log.info("auth: login of %r from %s by OpenID", signed_in.account.name, client.address)
        response = let_in(request, site, signed_in, local_path(begun.next), None)
    response.delete_cookie(OPENID_COOKIE, path="/login/openid")
    return response


@router.post("/logout")
def logout(site: SiteDep, account: VisitorDep) -> Response:
    """Log out: the session ends on the server too."""
    if account is not None:
        sign_out(site.database, account, site.clock())
    response = RedirectResponse("/login", status_code=303)
    response.delete_cookie(
        site.cookie, path="/", secure=site.settings.bearwatch_secure_cookies, httponly=True, samesite="lax"
    )
    return response


@router.post("/theme")
def choose_theme(request: Request, site: SiteDep, theme: Annotated[str, Form(max_length=10)] = "auto") -> Response:
    """Remember a theme on this device. Anybody may: the login page too is read in the dark."""
    came_from = urlsplit(request.headers.get("referer", "/"))
    response = RedirectResponse(local_path(came_from.path or "/"), status_code=303)
    if theme in THEMES:
        response.set_cookie(
            THEME_COOKIE,
            theme,
            max_age=365 * 86400,
            path="/",
            secure=site.settings.bearwatch_secure_cookies,
            samesite="lax",
        )
    return response


def let_in(request: Request, site: Site, signed_in: SignedIn, next_path: str, form: KeptForm | None) -> Response:
    """Give the browser its cookie and go on: to the code, to what was typed, or to where they wanted to go."""
    if signed_in.half:
        response = _code_form(request, site, {"next": next_path, "kept": form, "error": ""})
    elif signed_in.account.required_action is not None:
        response = RedirectResponse("/account", status_code=303)
    elif form and form.user in (None, signed_in.account.id):
        response = _resume(request, site, signed_in, form)
    else:
        response = RedirectResponse(next_path, status_code=303)
    response.set_cookie(
        site.cookie,
        signed_in.token,
        max_age=int(SESSION_S),
        path="/",
        secure=site.settings.bearwatch_secure_cookies,
        httponly=True,
        samesite="lax",
    )
    if not signed_in.half:
        _note_device(request, site, signed_in)
        response.set_cookie(
            cookie_name(signed_in.account.name),
            new_device(site.secrets, signed_in.account.name),
            max_age=int(DEVICE_S),
            path="/login",
            secure=site.settings.bearwatch_secure_cookies,
            httponly=True,
            samesite="lax",
        )
    return response


def _note_device(request: Request, site: Site, signed_in: SignedIn) -> None:
    """A login on a browser that this account had not used before leaves a trace, and its owner is told."""
    name = signed_in.account.name
    if known_device(site.secrets, name, request.cookies):
        return
    log.warning("auth: new browser of %r from %s", name, client_of(request).address)
    with site.database.write() as session:
        mark_new_device(session, signed_in.token)


def _login_form(
    request: Request,
    site: Site,
    context: Mapping[str, object],
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> Response:
    context = {**context, "openid": site.openid.offered}
    return site.pages.render(request, "login.html", context, status=status, headers=headers)


def _code_form(
    request: Request,
    site: Site,
    context: Mapping[str, object],
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> Response:
    return site.pages.render(request, "login_code.html", context, status=status, headers=headers)


def _wait(refused: TooManyLogins) -> str:
    return f"Too many wrong tries. Try again in {age(refused.wait_s + 1)}."


def _retry_after(refused: TooManyLogins) -> dict[str, str]:
    return {"Retry-After": str(int(refused.wait_s) + 1)}


def _openid_back(request: Request, site: Site) -> str:
    base = site.settings.bearwatch_public_url or str(request.base_url)
    return f"{base.rstrip('/')}/login/openid/back"


def _resume(request: Request, site: Site, signed_in: SignedIn, form: KeptForm) -> Response:
    request.state.account = signed_in.account
    if form.path == "/sightings":
        return form_page(request, site, signed_in.account, SightingForm.typed(dict(form.fields)), {}, STILL_HERE)
    return _resume_page(request, site, signed_in.account, form)


def _resume_page(request: Request, site: Site, account: Account, form: KeptForm) -> Response:
    with site.database.read() as session:
        around = page_chrome(session, site, account, site.clock())
    return site.pages.render(request, "resume.html", {"chrome": around, "kept": form, "notice": STILL_HERE})

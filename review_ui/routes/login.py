"""``/login``, ``/logout`` and the theme: who is here and how bright the page is."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from review_ui.forms import SightingForm
from review_ui.pages import THEME_COOKIE, THEMES
from review_ui.resume import KeptForm, local_path, unpack
from review_ui.routes.sightings import form_page
from review_ui.security import (
    LONGEST_PASSWORD,
    SESSION_S,
    Account,
    SignedIn,
    TooManyLogins,
    WrongLogin,
    sign_in,
    sign_out,
)
from review_ui.site import Site, SiteDep, VisitorDep
from review_ui.views.frame import frame
from review_ui.words import age

router = APIRouter()

WRONG = "Name and password do not fit together."
STILL_HERE = "You are signed in again. Nothing was lost: look it over, then send it."


@router.get("/login")
def login_page(request: Request, site: SiteDep, account: VisitorDep, next: str = "/") -> Response:
    """The login form."""
    if account is not None:
        return RedirectResponse(local_path(next), status_code=303)
    return site.pages.render(request, "login.html", {"next": local_path(next), "kept": None, "name": "", "error": ""})


@router.post("/login")
def login(
    request: Request,
    site: SiteDep,
    name: Annotated[str, Form(max_length=80)] = "",
    password: Annotated[str, Form(max_length=LONGEST_PASSWORD)] = "",
    next: Annotated[str, Form(max_length=2000)] = "/",
    kept: Annotated[str, Form(max_length=60_000)] = "",
) -> Response:
    """Log in. What had been typed when a session ended comes back, to be sent by the person, not by us."""
    form = unpack(kept)
    address = request.client.host if request.client else "unknown"
    try:
        signed_in = sign_in(site.database, name.strip(), password, address, site.clock())
    except (WrongLogin, TooManyLogins) as refused:
        return _refused(request, site, refused, {"next": local_path(next), "kept": form, "name": name})
    response = _resume(request, site, signed_in, form) if form else RedirectResponse(local_path(next), status_code=303)
    response.set_cookie(
        site.cookie,
        signed_in.token,
        max_age=int(SESSION_S),
        path="/",
        secure=site.settings.bearwatch_secure_cookies,
        httponly=True,
        samesite="lax",
    )
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


def _refused(
    request: Request, site: Site, refused: WrongLogin | TooManyLogins, context: dict[str, KeptForm | str | None]
) -> Response:
    if isinstance(refused, TooManyLogins):
        error = f"Too many wrong passwords. Try again in {age(refused.wait_s + 1)}."
        headers = {"Retry-After": str(int(refused.wait_s) + 1)}
        return site.pages.render(request, "login.html", {**context, "error": error}, status=429, headers=headers)
    return site.pages.render(request, "login.html", {**context, "error": WRONG}, status=401)


def _resume(request: Request, site: Site, signed_in: SignedIn, form: KeptForm) -> Response:
    request.state.account = signed_in.account
    if form.path == "/sightings":
        return form_page(request, site, signed_in.account, SightingForm.typed(form.fields), {}, STILL_HERE)
    return _resume_page(request, site, signed_in.account, form)


def _resume_page(request: Request, site: Site, account: Account, form: KeptForm) -> Response:
    with site.database.read() as session:
        around = frame(session, site, account, site.clock())
    return site.pages.render(request, "resume.html", {"frame": around, "kept": form, "notice": STILL_HERE})

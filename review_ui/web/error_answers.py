"""What people see when something cannot be done: in words on pages, as JSON where a program asks."""

from __future__ import annotations

import logging
from http import HTTPStatus
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.exception_handlers import http_exception_handler
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse, Response
from sqlalchemy.exc import OperationalError
from starlette.exceptions import HTTPException

from review_ui.auth.accounts import RequiredAction
from review_ui.rendering.problems import problem
from review_ui.site import ActionRequired, BadToken, NotAllowed, SignInFirst, site_of
from review_ui.web.form_drafts import keep, whose
from review_ui.web.request_guards import HEADERS

log = logging.getLogger(__name__)

SIGN_IN_FIRST = "Sign in first."
NOT_ALLOWED = "Your role does not include this."
BAD_TOKEN = "This token opens nothing: it was revoked, has expired, or never was one."
_REQUIRED = {
    RequiredAction.PASSWORD: "Choose a password of your own first, on the page /account.",
    RequiredAction.SECOND_FACTOR: "Set up the second factor first, on the page /account: your role needs one.",
}
DATABASE_AWAY = "The database does not answer. What you sent was not written down; try again in a moment."
OUR_FAULT = "That was our mistake, not yours, and it is in the log. Go back and try again."
NOT_UNDERSTOOD = "The form was not complete. Go back, reload the page, and try again."


def install_error_pages(app: FastAPI) -> None:
    """Answer every known exception with a page or with JSON."""
    app.add_exception_handler(SignInFirst, _sign_in_first)
    app.add_exception_handler(NotAllowed, _not_allowed)
    app.add_exception_handler(ActionRequired, _action_required)
    app.add_exception_handler(BadToken, _bad_token)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _not_understood)
    app.add_exception_handler(OperationalError, _database_away)
    app.add_exception_handler(Exception, _our_fault)


def for_a_program(request: Request) -> bool:
    """Whether a script or program asks, not a person who reads a page."""
    return request.url.path.startswith(("/api/", "/media/", "/fragments/", "/static/", "/metrics")) or (
        "hx-request" in request.headers
    )


async def _sign_in_first(request: Request, _error: Exception) -> Response:
    """Ask for a login. A form that was on its way is kept inside the login form."""
    if for_a_program(request):
        return problem(401, SIGN_IN_FIRST, headers={"WWW-Authenticate": "Bearer"})
    if request.method != "POST":
        wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return RedirectResponse(f"/login?next={quote(wanted, safe='')}", status_code=303)
    site = site_of(request)
    fields = [(name, value) for name, value in (await request.form()).multi_items() if isinstance(value, str)]
    user = await run_in_threadpool(whose, site.database, request.cookies.get(site.cookie))
    kept = keep(request.url.path, fields, site.config, site.clock(), user)
    context = {
        "next": kept.page if kept else "/", "kept": kept, "name": "", "error": "Your session has ended.",
        "openid": site.openid.offered,
    }  # fmt: skip
    return site.pages.render(request, "login.html", context, status=401)


async def _not_allowed(request: Request, _error: Exception) -> Response:
    return await _http_error(request, HTTPException(403, NOT_ALLOWED))


async def _action_required(request: Request, error: Exception) -> Response:
    """Something has to be done first: pages lead there, programs are told."""
    assert isinstance(error, ActionRequired)
    if for_a_program(request) or request.method != "GET":
        return await _http_error(request, HTTPException(403, _REQUIRED[error.required_action]))
    return RedirectResponse("/account", status_code=303)


async def _bad_token(request: Request, _error: Exception) -> Response:
    return await _http_error(request, HTTPException(401, BAD_TOKEN, {"WWW-Authenticate": "Bearer"}))


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code < 400:
        return await http_exception_handler(request, error)
    if for_a_program(request):
        return _problem(error)
    status = HTTPStatus(error.status_code)
    detail = error.detail if error.detail != status.phrase else _WHAT_NOW.get(error.status_code, "")
    context = {"title": _TITLES.get(error.status_code, status.phrase), "detail": detail}
    return site_of(request).pages.render(
        request, "error.html", context, status=error.status_code, headers=error.headers
    )


def _problem(error: HTTPException) -> Response:
    """A mistake as a problem document; routes may give the mistakes of a form as ``{field: words}``."""
    detail: object = error.detail
    if isinstance(detail, dict):
        errors = [{"loc": ["body", field], "msg": words, "type": "invalid"} for field, words in detail.items()]
        words = " ".join(str(each) for each in detail.values())
        return problem(error.status_code, words, errors=errors, headers=error.headers)
    return problem(error.status_code, str(detail), headers=error.headers)


async def _not_understood(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    if for_a_program(request):
        # Without what was sent: it may hold what no JSON can carry, half a surrogate pair or a NaN.
        problems = [{"loc": each["loc"], "msg": each["msg"], "type": each["type"]} for each in error.errors()]
        return problem(422, "Some of what was sent cannot be used; see `errors`.", errors=problems)
    return await _http_error(request, HTTPException(422, NOT_UNDERSTOOD))


async def _database_away(request: Request, error: Exception) -> Response:
    """The database does not answer: say so, and that trying again is right. Scripts keep what they could not send."""
    log.error("%s %s: the database does not answer: %s", request.method, request.url.path, error)
    return await _http_error(request, HTTPException(503, DATABASE_AWAY, {"Retry-After": "5"}))


async def _our_fault(request: Request, _error: Exception) -> Response:
    """A mistake of ours. It is raised again behind this page, and so reaches the log."""
    response = await _http_error(request, HTTPException(500, OUR_FAULT))
    response.headers.update(HEADERS)  # this answer is given outside of all middleware
    return response


_WHAT_NOW = {
    404: "The address is wrong, or what was here is gone, not yours, or hidden while you are on watch.",
    405: "This address is for sending a form. Go back to the page you came from, and send it again.",
}
_TITLES = {
    403: "Not allowed",
    404: "Nothing here",
    405: "That does not work here",
    413: "Too large",
    422: "Not understood",
    500: "Something broke",
    503: "Not now",
}

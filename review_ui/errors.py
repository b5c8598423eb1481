"""What people see when something cannot be done: in words on pages, as JSON where a program asks."""

from __future__ import annotations

from http import HTTPStatus
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.exception_handlers import http_exception_handler, request_validation_exception_handler
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException

from review_ui.resume import keep
from review_ui.site import NotAllowed, SignInFirst, site_of

SIGN_IN_FIRST = "Sign in first."
NOT_ALLOWED = "Your role does not include this."
NOT_UNDERSTOOD = "The form was not complete. Go back, reload the page, and try again."


def install_error_pages(app: FastAPI) -> None:
    """Answer every known exception with a page or with JSON."""
    app.add_exception_handler(SignInFirst, _sign_in_first)
    app.add_exception_handler(NotAllowed, _not_allowed)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _not_understood)


def for_a_program(request: Request) -> bool:
    """Whether a script or program asks, not a person who reads a page."""
    return request.url.path.startswith(("/api/", "/media/", "/fragments/", "/static/", "/metrics")) or (
        "hx-request" in request.headers
    )


async def _sign_in_first(request: Request, _error: Exception) -> Response:
    """Ask for a login. A form that was on its way is kept inside the login form."""
    if for_a_program(request):
        return JSONResponse({"detail": SIGN_IN_FIRST}, status_code=401)
    if request.method != "POST":
        wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return RedirectResponse(f"/login?next={quote(wanted, safe='')}", status_code=303)
    site = site_of(request)
    fields = {name: value for name, value in (await request.form()).items() if isinstance(value, str)}
    kept = keep(request.url.path, fields, site.config, site.clock())
    context = {"next": "/", "kept": kept, "name": "", "error": "Your session has ended."}
    return site.pages.render(request, "login.html", context, status=401)


async def _not_allowed(request: Request, _error: Exception) -> Response:
    return await _http_error(request, HTTPException(403, NOT_ALLOWED))


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if for_a_program(request) or error.status_code < 400:
        return await http_exception_handler(request, error)
    status = HTTPStatus(error.status_code)
    detail = error.detail if error.detail != status.phrase else ""
    context = {"title": _TITLES.get(error.status_code, status.phrase), "detail": detail}
    return site_of(request).pages.render(
        request, "error.html", context, status=error.status_code, headers=error.headers
    )


async def _not_understood(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    if for_a_program(request):
        return await request_validation_exception_handler(request, error)
    return await _http_error(request, HTTPException(422, NOT_UNDERSTOOD))


_TITLES = {
    403: "Not allowed",
    404: "Nothing here",
    405: "That does not work here",
    413: "Too large",
    422: "Not understood",
}

"""What every request passes through: who may write to us from where, and what a browser may do with our pages.

Cross-site requests are recognised by headers that scripts cannot forge (``Sec-Fetch-Site``, else ``Origin``), so that
forms need no token and a page that has been open all night still works.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

import anyio
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
MAX_BODY_BYTES: Final = 64 * 1024
"""The longest form is a sighting with a long note; pictures are never uploaded here."""

BODY_WITHIN_S: Final = 180.0
"""A photo of 20 MB over a link of one megabit a second."""

CONTENT_SECURITY_POLICY: Final = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
)
HEADERS: Final = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
STRICT_TRANSPORT: Final = "max-age=31536000"


def cross_site(method: str, headers: Headers) -> str | None:
    """Why a request may not change anything here, or None when it may.

    1. Looking is always allowed: it changes nothing.
    2. A browser that says where the request comes from is believed: ``same-origin``, or ``none`` (typed by hand).
    3. An older browser says at least its origin: its host must be the one it talks to.
    4. Neither header: not a browser, so there is no bystander whose cookies it could borrow.
    """
    if method in SAFE_METHODS:
        return None
    fetched_from = headers.get("sec-fetch-site")
    if fetched_from is not None:
        return None if fetched_from in ("same-origin", "none") else f"the request comes from a {fetched_from} page"
    origin = headers.get("origin")
    if origin is None:
        return None
    if urlsplit(origin).netloc != headers.get("host", ""):
        return f"the request comes from {origin}"
    return None


class RefuseCrossSite:
    """Refuses writing requests that another site's page makes with a ranger's browser."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        why = cross_site(scope["method"], Headers(scope=scope)) if scope["type"] == "http" else None
        if why is None:
            await self.app(scope, receive, send)
            return
        refusal = PlainTextResponse(f"Refused: {why}. Open Bearwatch itself and try again.\n", status_code=403)
        await refusal(scope, receive, send)


class BodyDeadline:
    """Ends requests whose body does not arrive: who stops half-way holds no connection and no memory."""

    def __init__(self, app: ASGIApp, within_s: float = BODY_WITHIN_S) -> None:
        self.app = app
        self.within_s = within_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        deadline, complete = anyio.current_time() + self.within_s, False

        async def receive_in_time() -> Message:
            nonlocal complete
            if complete:
                return await receive()
            with anyio.move_on_after(deadline - anyio.current_time()):
                message = await receive()
                complete = message["type"] != "http.request" or not message.get("more_body", False)
                return message
            complete = True
            raise HTTPException(408, "The request did not arrive in time.", {"Connection": "close"})

        await self.app(scope, receive_in_time, send)


class SecurityHeaders:
    """Adds the security headers to every answer, errors included."""

    def __init__(self, app: ASGIApp, secure: bool) -> None:
        self.app = app
        self.headers = {**HEADERS, "Strict-Transport-Security": STRICT_TRANSPORT} if secure else HEADERS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self.headers.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        await self.app(scope, receive, send_with_headers)

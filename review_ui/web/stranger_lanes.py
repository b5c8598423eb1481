"""Strangers wait behind strangers: whatever may be asked without an account has a few places of its own.

The page works on a few dozen threads. If everybody shared them, sixty strangers who try passwords would make a ranger
wait for seconds. So a request that shows no session known here (somebody's first one, a camper's page, a made-up
cookie) takes one of :data:`AT_ONCE` places, waits for one in a short queue, and is told to come back when that is full.
Passwords have lanes of their own (:mod:`review_ui.auth.lanes`).
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import Final

from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from review_ui.auth.accounts import digest
from review_ui.auth.tokens import bearer_of
from review_ui.site import Site

AT_ONCE: Final = 4
MOST_WAITING: Final = 64
OWN_LANES: Final = frozenset((("POST", "/login"),))
OUTSIDE: Final = ("/static/", "/healthz", "/sw.js", "/manifest.webmanifest")
ALWAYS_STRANGERS: Final = ("/camp", "/api/v1/camp", "/login")
COME_BACK: Final = "Too many people ask at once. Try again in a few seconds.\n"


class StrangerLane:
    """Middleware: requests without a session that is known here, a few at a time."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._places = asyncio.Semaphore(AT_ONCE)
        self._waiting = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or not _is_strangers(scope):
            await self.app(scope, receive, send)
            return
        if self._waiting >= MOST_WAITING:
            await PlainTextResponse(COME_BACK, status_code=503, headers={"Retry-After": "2"})(scope, receive, send)
            return
        async with AsyncExitStack() as place:
            self._waiting += 1
            try:
                await place.enter_async_context(self._places)
            finally:
                self._waiting -= 1

            async def answered(message: Message) -> None:
                await place.aclose()  # the work is done; a stream that stays open holds nobody up
                await send(message)

            await self.app(scope, receive, answered)


def _is_strangers(scope: Scope) -> bool:
    path, site = scope["path"], scope["app"].state.site
    if path.startswith(OUTSIDE) or (scope["method"], path) in OWN_LANES:
        return False
    return path.startswith(ALWAYS_STRANGERS) or not shows_known_session(Request(scope), site)


def shows_known_session(request: Request, site: Site) -> bool:
    """Whether a request carries a cookie or token that opened something here since this process began."""
    token = bearer_of(request.headers.get("authorization")) or request.cookies.get(site.cookie)
    return bool(token) and site.last_seen.knows(digest(token or ""))

"""Load shedding: of many open pages that refresh at once, a few are served at a time, and decisions go first.

A burst of alerts makes every open page fetch what has changed. Worked at all at once, those refreshes would leave a
ranger's decision a small share of the process. A few are worked at a time; the others wait, which costs nothing.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

LIMITED_PATHS: Final = "/fragments/"
AT_ONCE: Final = 2


class ConcurrencyLimit:
    """Middleware around requests for the changing parts of pages; everything else passes."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or not scope["path"].startswith(LIMITED_PATHS):
            await self.app(scope, receive, send)
            return
        async with AsyncExitStack() as turn:
            await turn.enter_async_context(self._turns)

            async def answered(message: Message) -> None:
                await turn.aclose()  # the work is done; a browser that reads slowly holds nobody up
                await send(message)

            await self.app(scope, receive, answered)

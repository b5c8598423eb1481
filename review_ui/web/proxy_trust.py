"""Where a request really comes from, when it came through a proxy.

1. A proxy that the operator named (``BEARWATCH_TRUSTED_PROXIES``) is believed: the last address in
   ``X-Forwarded-For`` that is none of these proxies is the client's.
2. Anybody else who sends such a header is refused, loudly. It is either somebody who makes addresses up, or a proxy
   that nobody has named: behind it everybody would share one address, and one stranger's wrong passwords would shut
   all rangers out.
3. What comes from this machine's own gateway without such a header has lost its address (a published port of a
   container): limits by address are not applied to it, and the log says so.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from typing import Final

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from core.client_network import Network, is_in
from review_ui.site import SHARED_ADDRESS

log = logging.getLogger(__name__)

FORWARDING: Final = frozenset((b"x-forwarded-for", b"forwarded", b"x-real-ip"))
TELL_EVERY_S: Final = 60.0


class ProxyTrust:
    """Middleware around everything else. ``gateways``: addresses that stand for everybody behind them."""

    def __init__(self, app: ASGIApp, trusted: Sequence[Network], gateways: Sequence[str] = ()) -> None:
        self.app = app
        self._trusted = trusted
        self._gateways = frozenset(gateways)
        self._behind_proxy = ProxyHeadersMiddleware(app, [str(network) for network in trusted])  # type: ignore[arg-type]  # uvicorn's own names of ASGI's types
        self._told_at: dict[str, float] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve or refuse one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        peer = scope["client"][0] if scope.get("client") else ""
        forwarded = any(name in FORWARDING for name, _value in scope["headers"])
        if is_in(peer, self._trusted):
            await self._behind_proxy(scope, receive, send)  # type: ignore[arg-type]  # as above
        elif forwarded:
            words = (
                f"A proxy at {peer or 'an unknown address'} forwarded this request, and Bearwatch does not know it. "
                f"If it is yours, set BEARWATCH_TRUSTED_PROXIES={peer or 'ADDRESS'} for the page, and start it again."
            )
            self._tell(peer, words)
            await PlainTextResponse(words + "\n", status_code=400)(scope, receive, send)
        else:
            if peer in self._gateways:
                scope[SHARED_ADDRESS] = True
                self._tell(
                    peer,
                    f"requests come through {peer}, this machine's own gateway, and have lost the addresses of whoever "
                    "sent them: limits by address do not hold. Put a proxy in front that says them, and name it in "
                    "BEARWATCH_TRUSTED_PROXIES",
                )
            await self.app(scope, receive, send)

    def _tell(self, peer: str, words: str) -> None:
        now = time.monotonic()
        if now - self._told_at.get(peer, float("-inf")) >= TELL_EVERY_S:
            if len(self._told_at) > 1000:
                self._told_at.clear()
            self._told_at[peer] = now
            log.error("%s", words)

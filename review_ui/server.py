"""The page's web server: uvicorn, told to end the live streams before it waits for open connections."""

from __future__ import annotations

import socket

import uvicorn
from fastapi import FastAPI

from review_ui.site import Site

STOP_WITHIN_S = 5


class Server(uvicorn.Server):
    """Serves one application. Without this, a server that stops would wait for every open page to go away."""

    def __init__(self, app: FastAPI, host: str, port: int) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                host=host,
                port=port,
                log_config=None,  # as the process has configured it
                access_log=False,
                timeout_graceful_shutdown=STOP_WITHIN_S,
                server_header=False,
                proxy_headers=False,  # review_ui.web.proxy_trust decides whom to believe
            )
        )
        self.site: Site = app.state.site

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the streams, then stop as usual."""
        self.site.hub.close()
        self.site.live_pictures.close()
        await super().shutdown(sockets)

    @property
    def address(self) -> str:
        """Where it listens, once it has started; with port 0 the system has chosen one."""
        host, port = self.servers[0].sockets[0].getsockname()[:2]
        return f"http://{host}:{port}"

"""Routes, one file per page. Each asks who is there (:mod:`review_ui.site`) and what they may see now."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from starlette.routing import Route


def every_route(app: FastAPI) -> Iterator[Route]:
    """All routes of an application, those of the routers that it includes among them."""
    routers: list[Any] = [app.router]
    while routers:
        for route in routers.pop().routes:
            if isinstance(route, Route):
                yield route
            elif hasattr(route, "original_router"):
                routers.append(route.original_router)

"""Pages: templates, the words and numbers they print, and the addresses of static files."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from core.clock import civil
from review_ui.rendering.navigation import MORE
from review_ui.rendering.shortcuts import EVERYWHERE, GROUPS
from review_ui.rendering.wording import STATUS_WORDS, VERDICT_WORDS, age, count

HERE: Final = Path(__file__).parents[1]
STATIC_DIR: Final = HERE / "static"
THEMES: Final = {"auto": "As device", "light": "Light", "dark": "Dark", "red": "Red"}
THEME_COOKIE: Final = "bearwatch-theme"


def static_version(directory: Path = STATIC_DIR) -> str:
    """A short hash of all static files: part of their addresses, so that browsers may keep them for ever."""
    sums = hashlib.sha256()
    for path in sorted(directory.rglob("*")):
        if path.is_file():
            sums.update(str(path.relative_to(directory)).encode())
            sums.update(path.read_bytes())
    return sums.hexdigest()[:12]


class Pages:
    """Renders templates. Everything is escaped; a name that a template misspells is an error, not a gap."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        self.environment, self.version = _environment()

    def render(
        self,
        request: Request,
        template: str,
        context: Mapping[str, Any] | None = None,
        *,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
    ) -> HTMLResponse:
        """A page or a part of one. Templates also get the request's path, theme, account and the moment."""
        now = self.clock()
        text = self.environment.get_template(template).render(
            {
                "now": now,
                "path": request.url.path,
                "theme": theme_of(request),
                "account": getattr(request.state, "account", None),
                **(context or {}),
            }
        )
        return HTMLResponse(text, status_code=status, headers=headers)


def theme_of(request: Request) -> str:
    """The theme that this browser has chosen, or what the device prefers."""
    chosen = request.cookies.get(THEME_COOKIE, "auto")
    return chosen if chosen in THEMES else "auto"


@cache
def _environment() -> tuple[Environment, str]:
    """The templates, and the version of the static files they point to; the same for every application here."""
    version = static_version()
    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(age=age, clock=_clock, day=_day, short_clock=_short_clock)
    environment.globals.update(
        static=lambda path: f"/static/{version}/{path}",
        count=count,
        verdict_words=VERDICT_WORDS,
        status_words=STATUS_WORDS,
        themes=THEMES,
        more_places=MORE,
        key_groups=GROUPS,
        keys_everywhere=EVERYWHERE,
    )
    return environment, version


def _clock(at: float, timezone: str) -> str:
    """``02:14:05`` at the campsite."""
    return f"{civil(at, timezone):%H:%M:%S}"


def _short_clock(at: float, timezone: str) -> str:
    """``02:14`` at the campsite."""
    return f"{civil(at, timezone):%H:%M}"


def _day(at: float, timezone: str) -> str:
    """``Tue 24 Nov`` at the campsite."""
    return f"{civil(at, timezone):%a %-d %b}"

"""What every route needs, gathered once when the application starts."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import redis
from fastapi import Depends, Request

from core.config import Config
from core.jobs import DELIVERIES, SWEEP_OUTBOX, enqueue
from core.media import MediaStore
from core.settings import Settings
from core.telemetry import Telemetry
from db.session import Database
from review_ui.board import CameraBoard
from review_ui.live import LiveHub
from review_ui.pages import Pages
from review_ui.rights import Right
from review_ui.security import Account, account_of

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Site:
    """The parts of the page's process. ``clock`` is the only source of "now"."""

    settings: Settings
    config: Config
    database: Database
    telemetry: Telemetry
    media: MediaStore
    board: CameraBoard
    hub: LiveHub
    pages: Pages
    clock: Callable[[], float]

    def ring(self) -> None:
        """Tell all open pages, here and in other processes, that the database has something new."""
        self.hub.wake()
        try:
            self.telemetry.ring()
        except redis.RedisError:
            log.debug("the bell cannot be rung; other processes look every second anyway")

    def hurry_outbox(self) -> None:
        """Ask for a sweep of the outbox now; without Redis, cron sweeps a little later."""
        try:
            enqueue(self.telemetry.client, DELIVERIES, SWEEP_OUTBOX)
        except redis.RedisError as error:
            log.warning("the outbox waits for the next sweep, Redis is away: %s", error)

    @property
    def cookie(self) -> str:
        """Name of the session cookie; over HTTPS one that no sub-domain can set."""
        return "__Host-bearwatch" if self.settings.bearwatch_secure_cookies else "bearwatch"


class SignInFirst(Exception):
    """Nobody is logged in, or the session has ended."""


class NotAllowed(Exception):
    """Logged in, but this person's role does not include that."""


def site_of(request: Request) -> Site:
    """The site that a request belongs to."""
    site: Site = request.app.state.site
    return site


SiteDep = Annotated[Site, Depends(site_of)]


def visitor(request: Request, site: SiteDep) -> Account | None:
    """Who is asking, if anybody is logged in."""
    token = request.cookies.get(site.cookie)
    if not token:
        return None
    with site.database.read() as session:
        account = account_of(session, token, site.clock())
    request.state.account = account
    return account


VisitorDep = Annotated[Account | None, Depends(visitor)]


def viewer(account: VisitorDep) -> Account:
    """Somebody who may look. Raises :class:`SignInFirst` or :class:`NotAllowed`."""
    return _with(Right.VIEW, account)


def reviewer(account: VisitorDep) -> Account:
    """Somebody who may decide. Raises :class:`SignInFirst` or :class:`NotAllowed`."""
    return _with(Right.REVIEW, account)


def _with(right: Right, account: Account | None) -> Account:
    if account is None:
        raise SignInFirst
    if not account.may(right):
        raise NotAllowed(right)
    return account


Viewer = Annotated[Account, Depends(viewer)]
Reviewer = Annotated[Account, Depends(reviewer)]

"""What every route needs, gathered once when the application starts."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Final

import redis
from fastapi import Depends, Request

from core.config import Config
from core.jobs import DELIVERIES, SWEEP_OUTBOX, enqueue
from core.media import MediaStore
from core.rate_limit import RateLimiter
from core.secret_box import SecretBox
from core.settings import Settings
from core.telemetry import Telemetry
from db.session import Database
from review_ui.auth.accounts import Account, Client, RequiredAction, account_of
from review_ui.auth.lanes import Lane
from review_ui.auth.last_seen import LastSeenTracker
from review_ui.auth.oidc import OpenId
from review_ui.auth.rights import Right
from review_ui.auth.tokens import bearer_of, token_account
from review_ui.live.broadcast import LiveHub
from review_ui.live.camera_status import CameraBoard
from review_ui.live.latencies import Latencies
from review_ui.live.live_pictures import LivePictures
from review_ui.rendering.pages import Pages
from rollout.evidence.matching import MatchRule
from rollout.stages.plan_watcher import PlanWatcher

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
    live_pictures: LivePictures
    pages: Pages
    clock: Callable[[], float]
    openid: OpenId
    plan_watcher: PlanWatcher
    secrets: SecretBox
    limiter: RateLimiter
    last_seen: LastSeenTracker = field(default_factory=LastSeenTracker)
    latencies: Latencies = field(default_factory=Latencies)
    strangers_lane: Lane = field(default_factory=lambda: Lane(at_once=1, most_waiting=15))
    """Logins from browsers that nobody is known on."""
    devices_lane: Lane = field(default_factory=lambda: Lane(at_once=2, most_waiting=30))
    """Logins of people on browsers of theirs: a flood of guesses does not keep them out."""

    @property
    def match_rule(self) -> MatchRule:
        """How sightings and detections are matched, as the plan in force says."""
        return self.plan_watcher.evidence_rule().match

    def wake_pages(self) -> None:
        """Tell all open pages, here and in other processes, that the database has something new."""
        self.hub.wake()
        try:
            self.telemetry.publish_wake_up()
        except redis.RedisError:
            log.debug("the wake-up cannot be published; other processes poll every second anyway")

    def flush_outbox(self) -> None:
        """Ask for a sweep of the outbox now; without Redis, cron sweeps a little later."""
        try:
            enqueue(self.telemetry.client, DELIVERIES, SWEEP_OUTBOX)
        except redis.RedisError as error:
            log.warning("the outbox waits for the next sweep, Redis is unreachable: %s", error)

    @property
    def cookie(self) -> str:
        """Name of the session cookie; over HTTPS one that no sub-domain can set."""
        return "__Host-bearwatch" if self.settings.bearwatch_secure_cookies else "bearwatch"


class SignInFirst(Exception):
    """Nobody is logged in, or the session has ended."""


class NotAllowed(Exception):
    """Logged in, but this person's role does not include that."""


class ActionRequired(Exception):
    """Logged in, but something has to be done first: choose a password, set up the second factor."""

    def __init__(self, required_action: RequiredAction) -> None:
        super().__init__(required_action)
        self.required_action = required_action


class BadToken(Exception):
    """A program's token that is none, has expired, or was revoked."""


SHARED_ADDRESS: Final = "bearwatch.shared_address"
"""Set in the scope of a request whose address stands for everybody (:mod:`review_ui.web.proxy_trust`)."""


def client_of(request: Request) -> Client:
    """Where a request comes from."""
    address = request.client.host if request.client else "unknown"
    browser = "".join(c for c in request.headers.get("user-agent", "") if c.isprintable())[:120]
    return Client(address, browser, shared=bool(request.scope.get(SHARED_ADDRESS)))


def site_of(request: Request) -> Site:
    """The site that a request belongs to."""
    site: Site = request.app.state.site
    return site


SiteDep = Annotated[Site, Depends(site_of)]


def visitor(request: Request, site: SiteDep) -> Account | None:
    """Who is asking, if anybody is: a browser by its cookie, a program by its token.

    A program that shows a token which opens nothing is told so (:class:`BadToken`), wherever it knocks.
    """
    bearer = bearer_of(request.headers.get("authorization"))
    token = request.cookies.get(site.cookie)
    if bearer is None and not token:
        return None
    now = site.clock()
    with site.database.read() as session:
        if bearer is not None:
            account = token_account(session, bearer, now)
        else:
            account = account_of(session, token, now, site.settings.second_factor_roles)
    if bearer is not None and account is None:
        raise BadToken
    if account is not None:
        site.last_seen.saw(account.session, now)
    request.state.account = account
    return account


VisitorDep = Annotated[Account | None, Depends(visitor)]


def signed_in(account: VisitorDep) -> Account:
    """Somebody who is logged in, with whatever they still owe. Programs have no account to look after.

    Raises :class:`SignInFirst` or :class:`NotAllowed`.
    """
    if account is None:
        raise SignInFirst
    if account.limited_to is not None:
        raise NotAllowed("an account's own page")
    return account


def require(right: Right) -> Callable[[Account | None], Account]:
    """A dependency: who has a right. Raises :class:`SignInFirst`, :class:`ActionRequired` or :class:`NotAllowed`."""
    return _REQUIRED[right]


def _requirement(right: Right) -> Callable[[Account | None], Account]:
    def required(account: VisitorDep) -> Account:
        if account is None:
            raise SignInFirst
        if account.required_action is not None:
            raise ActionRequired(account.required_action)
        if not account.may(right):
            raise NotAllowed(right)
        return account

    return required


_REQUIRED: Final = {right: _requirement(right) for right in Right}
"""One function a right, so that a request asks each only once."""

SignedIn = Annotated[Account, Depends(signed_in)]
Viewer = Annotated[Account, Depends(require(Right.VIEW))]
Reviewer = Annotated[Account, Depends(require(Right.REVIEW))]
Watcher = Annotated[Account, Depends(require(Right.WATCH))]
Auditor = Annotated[Account, Depends(require(Right.AUDIT))]
Labeller = Annotated[Account, Depends(require(Right.LABEL))]
Approver = Annotated[Account, Depends(require(Right.APPROVE_PROMOTION))]
Stopper = Annotated[Account, Depends(require(Right.STOP))]
Operator = Annotated[Account, Depends(require(Right.OPERATE))]
ModelOwner = Annotated[Account, Depends(require(Right.MODELS))]
ReportReader = Annotated[Account, Depends(require(Right.REPORTS))]
LedgerReader = Annotated[Account, Depends(require(Right.LEDGER))]
Administrator = Annotated[Account, Depends(require(Right.PEOPLE))]

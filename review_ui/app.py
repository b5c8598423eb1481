"""The ranger's page as an application: `create_app` puts its parts together."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib import import_module
from typing import Final

import anyio
import anyio.to_thread
import redis
from fastapi import FastAPI
from starlette.middleware import Middleware
from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from core.client_network import default_gateways, networks
from core.clock import now_s
from core.config import Config
from core.machine.disk_reserve import DiskReserve
from core.media import MediaStore
from core.rate_limit import RateLimiter
from core.redis_client import connect
from core.secret_box import SecretBox
from core.settings import Settings
from core.telemetry import Telemetry
from db.session import Database
from review_ui.auth import totp
from review_ui.auth.oidc import OpenId
from review_ui.live.broadcast import LiveHub
from review_ui.live.camera_status import CameraBoard
from review_ui.live.live_pictures import LivePictures
from review_ui.models.try_photo import PictureBodies
from review_ui.rendering import openapi
from review_ui.rendering.concurrency_limit import ConcurrencyLimit
from review_ui.rendering.pages import STATIC_DIR, Pages
from review_ui.rendering.style_sheets import bundle
from review_ui.site import Site
from review_ui.watch.periodic_tasks import keep_going
from review_ui.web.error_answers import install_error_pages
from review_ui.web.proxy_trust import ProxyTrust
from review_ui.web.request_guards import MAX_BODY_BYTES, BodyDeadline, RefuseCrossSite, SecurityHeaders
from review_ui.web.stranger_lanes import StrangerLane
from rollout.stages.plan_watcher import PlanWatcher

FOR_EVER: Final = "public, max-age=31536000, immutable"
MODULES: Final = tuple(
    import_module(name)
    for name in (
        "review_ui.watch.page",
        "review_ui.alerts.page",
        "review_ui.sightings.page",
        "review_ui.web.media_files",
        "review_ui.people.login_page",
        "review_ui.alerts.api",
        "review_ui.sightings.api",
        "review_ui.people.api",
        "review_ui.monitoring.prometheus",
        "review_ui.models.try_photo",
        "review_ui.nights.page",
        "review_ui.nights.weather_api",
        "review_ui.campers.page",
        "review_ui.appeals.page",
        "review_ui.people.account_page",
        "review_ui.push.page",
        "review_ui.people.page",
        "review_ui.labels.page",
        "review_ui.labels.api",
        "review_ui.labels.unnamed",
        "review_ui.models.api",
        "review_ui.models.page",
        "review_ui.ledger.page",
        "review_ui.cameras.live_view",
        "review_ui.cameras.page",
        "review_ui.reports.page",
        "review_ui.rollout.page",
        "review_ui.rollout.api",
        "review_ui.audits.page",
        "review_ui.experiments.page",
    )
)
"""What has routes."""


def create_app(
    settings: Settings,
    config: Config,
    database: Database | None = None,
    redis_client: redis.Redis | None = None,
    clock: Callable[[], float] = now_s,
) -> FastAPI:
    """The application. What it opens itself it closes itself; what it is given stays the caller's.

    The database must be migrated and must know the places of ``config``. Serve it with
    :class:`review_ui.server.Server`, which ends the live streams when it is told to stop.
    """
    site = _site(
        settings, config, database or Database(settings.database), redis_client or connect(settings.redis), clock
    )

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await anyio.to_thread.run_sync(totp.seal_what_is_clear, site.database, site.secrets)
        await site.hub.start()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(site.hub.run)
            tasks.start_soon(site.live_pictures.run)
            tasks.start_soon(keep_going, site)
            yield
            site.hub.close()
            site.live_pictures.close()
            tasks.cancel_scope.cancel()
        if redis_client is None:
            site.telemetry.client.close()
        if database is None:
            site.database.close()

    app = FastAPI(
        title="Bearwatch",
        version="1",
        openapi_url="/api/v1/openapi.json",
        docs_url=None,  # its page loads scripts from elsewhere
        redoc_url=None,
        lifespan=lifespan,
        middleware=[
            Middleware(ProxyTrust, trusted=networks(settings.bearwatch_trusted_proxies), gateways=default_gateways()),
            Middleware(SecurityHeaders, secure=settings.bearwatch_secure_cookies),
            Middleware(RefuseCrossSite),
            Middleware(RequestBodyLimitMiddleware, max_body_size=MAX_BODY_BYTES),
            Middleware(StrangerLane),
            Middleware(BodyDeadline),
            Middleware(PictureBodies),
            Middleware(ConcurrencyLimit),
            Middleware(GZipMiddleware, minimum_size=1000, compresslevel=5),
        ],
    )
    app.state.site = site
    for module in MODULES:
        app.include_router(module.router)
    app.mount(f"/static/{site.pages.version}", KeptForEver(directory=STATIC_DIR), name="static")
    install_error_pages(app)
    openapi.install(app)
    return app


class KeptForEver(StaticFiles):
    """Static files under an address that changes with their content: browsers need never ask again."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """As the base class; bundles of style sheets are made of several files."""
        text = bundle(STATIC_DIR, path)
        if text is None:
            return await super().get_response(path, scope)
        return Response(text, media_type="text/css", headers={"Cache-Control": FOR_EVER})

    def file_response(self, *args: object, **kwargs: object) -> Response:
        """As the base class, with the header."""
        response = super().file_response(*args, **kwargs)  # type: ignore[arg-type]  # passed through as they came
        response.headers["Cache-Control"] = FOR_EVER
        return response


def _site(
    settings: Settings, config: Config, database: Database, client: redis.Redis, clock: Callable[[], float]
) -> Site:
    telemetry = Telemetry(client)
    reserve = DiskReserve(settings.bearwatch_data, settings.bearwatch_disk_reserve_mb << 20)
    plan_watcher = PlanWatcher.over(settings.bearwatch_config, config)

    def refused() -> str | None:
        plan_watcher.refresh()
        return plan_watcher.problem

    board = CameraBoard(config, telemetry, clock, reserve, refused)
    return Site(
        settings=settings,
        config=config,
        database=database,
        telemetry=telemetry,
        media=MediaStore(settings.media_dir),
        board=board,
        live_pictures=LivePictures(client),
        hub=LiveHub(database, board, settings.redis, clock, lambda: plan_watcher.evidence_rule().match),
        pages=Pages(clock),
        clock=clock,
        openid=OpenId(settings, clock),
        plan_watcher=plan_watcher,
        secrets=SecretBox.of(settings),
        limiter=RateLimiter(client, clock),
    )

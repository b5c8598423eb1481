"""``/metrics`` for Prometheus and ``/healthz`` for whoever restarts us: counts, never names of people or alerts."""

from __future__ import annotations

import hmac
import ipaddress
import json
from collections.abc import Iterator, Mapping
from typing import Final

import redis
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.messages import EncounterKind
from db.models import Alert, AlertStatus, Delivery, DeliveryStatus
from review_ui.auth.tokens import bearer_of
from review_ui.live.camera_status import Seeing
from review_ui.live.latencies import BUCKETS_S
from review_ui.site import Site, SiteDep
from review_ui.web.health import database_answers
from rollout.authority.freshness import lacking
from rollout.breakers import open_trips

router = APIRouter()

REFUSED: Final = "Show the token that BEARWATCH_METRICS_TOKEN names, or scrape from this machine.\n"

METRICS: Final = {
    "bearwatch_redis_up": "Whether Redis answers.",
    "bearwatch_camera_blind": "1 when nobody may trust the camera now.",
    "bearwatch_camera_unwatched": "1 when campers rely on the camera and its pictures do not reach the model.",
    "bearwatch_camera_content_age_seconds": "Age of what the camera last showed.",
    "bearwatch_open_alerts": "Alerts that nobody has decided about.",
    "bearwatch_open_unknown_alerts": "Those of them about animals that the model does not know.",
    "bearwatch_oldest_open_alert_seconds": "How long the oldest of them has waited.",
    "bearwatch_pending_deliveries": "Messages to the outside that are not sent yet.",
    "bearwatch_failed_deliveries": "Messages of the last day that were given up.",
    "bearwatch_open_breakers": "Breakers that are open, each for one place.",
    "bearwatch_open_pages": "Pages that listen to this process.",
    "bearwatch_process_heartbeat_age_seconds": "Time since a process last said that it lives.",
    "bearwatch_capture_to_alert_seconds": "From the capture of the deciding frame to the alert.",
}
"""Metrics that this route makes itself; counters of other processes come through as they are named."""


@router.get("/healthz")
def healthz(site: SiteDep) -> Response:
    """200 while the page can do its work: the database answers. Without Redis it still can, and says so."""
    answers = database_answers(site)
    facts = {"database": answers, "redis": not site.board.redis_away}
    return JSONResponse(facts, status_code=200 if answers else 503)


@router.get("/metrics")
def metrics(request: Request, site: SiteDep) -> Response:
    """Everything in Prometheus' text format, for those who may scrape."""
    if not _may_scrape(request, site):
        return PlainTextResponse(REFUSED, status_code=403)
    lines = [*_telemetry(site), *_pages(site)]
    with site.database.read() as session:
        lines += [*_cameras(session, site), *_alerts(session, site.clock()), *_latency(site, session)]
    return PlainTextResponse("\n".join(lines) + "\n", media_type="text/plain; version=0.0.4")


def _telemetry(site: Site) -> Iterator[str]:
    try:
        counters = site.telemetry.counters()
        beats = site.telemetry.heartbeats()
    except redis.RedisError:
        yield from _gauge("bearwatch_redis_up", {"": 0})
        return
    yield from _gauge("bearwatch_redis_up", {"": 1})
    family = ""
    for name, value in sorted(counters.items()):
        if name.split("{")[0] != family:
            family = name.split("{")[0]
            yield f"# TYPE {family} counter"
        yield f"{name} {value}"
    now = site.clock()
    ages = {_label("process", name): now - float(facts.get("at", 0.0)) for name, facts in beats.items()}
    yield from _gauge("bearwatch_process_heartbeat_age_seconds", ages)


def _cameras(session: Session, site: Site) -> Iterator[str]:
    now = site.clock()
    views = [view for view in site.board.cameras(now, lacking(session, now)) if view.seeing is not Seeing.OFF]
    blind = {_label("camera_name", view.id): int(view.seeing is Seeing.BLIND) for view in views}
    ages = {_label("camera_name", v.id): v.content_age_s for v in views if v.content_age_s is not None}
    yield from _gauge("bearwatch_camera_blind", blind)
    unwatched = {_label("camera_name", view.id): int(view.unwatched_s is not None) for view in views}
    yield from _gauge("bearwatch_camera_unwatched", unwatched)
    yield from _gauge("bearwatch_camera_content_age_seconds", ages)


def _pages(site: Site) -> Iterator[str]:
    yield from _gauge("bearwatch_open_pages", {"": site.hub.listeners})


def _alerts(session: Session, now: float) -> Iterator[str]:
    count, oldest = session.execute(
        select(func.count(Alert.id), func.min(Alert.captured_at)).where(Alert.status == AlertStatus.OPEN)
    ).one()
    unknown = session.scalar(
        select(func.count(Alert.id)).where(Alert.status == AlertStatus.OPEN, Alert.kind == EncounterKind.UNKNOWN_ANIMAL)
    )
    pending = session.scalar(select(func.count(Delivery.id)).where(Delivery.status == DeliveryStatus.PENDING))
    yield from _gauge("bearwatch_open_alerts", {"": count})
    yield from _gauge("bearwatch_open_unknown_alerts", {"": unknown or 0})
    yield from _gauge("bearwatch_oldest_open_alert_seconds", {"": now - oldest if oldest is not None else 0})
    yield from _gauge("bearwatch_pending_deliveries", {"": pending or 0})
    failed = session.scalar(
        select(func.count(Delivery.id)).where(
            Delivery.status == DeliveryStatus.FAILED, Delivery.created_at > now - 86400
        )
    )
    yield from _gauge("bearwatch_failed_deliveries", {"": failed or 0})
    yield from _gauge("bearwatch_open_breakers", {"": len(open_trips(session))})


def _latency(site: Site, session: Session) -> Iterator[str]:
    """The histogram of what this process has counted so far."""
    counted = site.latencies.counted(session, site.clock())
    name = "bearwatch_capture_to_alert_seconds"
    yield from _head(name, "histogram")
    for bound, amount in zip(BUCKETS_S, counted.within, strict=True):
        yield f'{name}_bucket{{le="{bound}"}} {amount}'
    yield f'{name}_bucket{{le="+Inf"}} {counted.count}'
    yield f"{name}_sum {counted.total_s}"
    yield f"{name}_count {counted.count}"


def _may_scrape(request: Request, site: Site) -> bool:
    """Whether somebody may read the metrics.

    1. With a token configured: whoever shows it, from wherever.
    2. Without one: programs on this machine. What came through a proxy, or carries a ranger's cookie, is not one of
       them: the count of open alerts would lift a watcher's blindfold.
    """
    token = site.settings.bearwatch_metrics_token
    if token is not None:
        shown = bearer_of(request.headers.get("authorization")) or ""
        return hmac.compare_digest(shown.encode(), token.get_secret_value().encode())
    through = "forwarded" in request.headers or "x-forwarded-for" in request.headers
    return (
        _is_local(request.client.host if request.client else "") and not through and site.cookie not in request.cookies
    )


def _is_local(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def _gauge(name: str, values: Mapping[str, float]) -> Iterator[str]:
    yield from _head(name, "gauge")
    for labels, value in values.items():
        yield f"{name}{labels} {value}"


def _head(name: str, kind: str) -> Iterator[str]:
    yield f"# HELP {name} {METRICS[name]}"
    yield f"# TYPE {name} {kind}"


def _label(name: str, value: str) -> str:
    return f"{{{name}={json.dumps(value)}}}"

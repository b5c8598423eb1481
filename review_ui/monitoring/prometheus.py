"""``/metrics`` for Prometheus and ``/healthz`` for whoever restarts us: counts, never names of people or alerts."""

from __future__ import annotations

import hmac
from collections.abc import Iterator, Mapping
from typing import Final

import redis
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.client_network import is_in, networks
from core.messages import EncounterKind
from core.telemetry import COUNTERS
from db.models import Alert, AlertStatus, Delivery, DeliveryStatus
from review_ui.auth.tokens import bearer_of
from review_ui.live.camera_status import Seeing
from review_ui.live.latencies import BUCKETS_S
from review_ui.site import Site, SiteDep
from review_ui.web.health import database_answers
from rollout.authority.freshness import stale_cameras
from rollout.breakers import open_trips

router = APIRouter()

REFUSED: Final = (
    "Show the token that BEARWATCH_METRICS_TOKEN names, or scrape from an address that BEARWATCH_METRICS_FROM names.\n"
)

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
"""Metrics that this route makes itself, beside the counters of all processes."""


@router.get("/healthz")
def healthz(site: SiteDep) -> Response:
    """200 while the page can do its work: the database answers. Without Redis or space it still does, and says so."""
    answers, notices = database_answers(site), site.board.notices
    clock = [each.text for each in notices.current if each.kind == "clock"]
    facts = {"database": answers, "redis": not site.board.redis_away, "disk": notices.disk, "clock": clock}
    return JSONResponse(facts, status_code=200 if answers else 503)


@router.get("/metrics")
def metrics(request: Request, site: SiteDep) -> Response:
    """Everything, for those who may scrape: in Prometheus' text format, or as OpenMetrics when that is asked for."""
    if not _may_scrape(request, site):
        return PlainTextResponse(REFUSED, status_code=403)
    registry = CollectorRegistry()
    registry.register(SiteCollector(site))
    encode, content_type = choose_encoder(request.headers.get("accept", ""))
    return Response(encode(registry), media_type=content_type)


class SiteCollector(Collector):
    """What Redis, the database and this process know at the moment of a scrape."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def collect(self) -> Iterator[Metric]:
        """Every family of :data:`METRICS` and :data:`~core.telemetry.COUNTERS`, those without a value among them."""
        site = self._site
        yield from _telemetry(site)
        yield _gauge("bearwatch_open_pages", site.hub.listeners)
        with site.database.read() as session:
            yield from _cameras(session, site)
            yield from _alerts(session, site.clock())
            yield _latency(site, session)


def _telemetry(site: Site) -> Iterator[Metric]:
    """What processes say about themselves in Redis; without Redis only that it is away."""
    try:
        counters, beats = site.telemetry.counters(), site.telemetry.heartbeats()
    except redis.RedisError:
        yield _gauge("bearwatch_redis_up", 0)
        return
    yield _gauge("bearwatch_redis_up", 1)
    yield from _counters(counters)
    ages = {name: site.clock() - float(facts.get("at", 0.0)) for name, facts in beats.items()}
    yield _gauge("bearwatch_process_heartbeat_age_seconds", ages, "process")


def _counters(counters: Mapping[str, int]) -> Iterator[Metric]:
    """All counters of all processes; those that nobody here knows come through as they are named."""
    families: dict[str, Metric] = {name: CounterMetricFamily(name, meaning) for name, meaning in COUNTERS.items()}
    for written, value in sorted(counters.items()):
        name, labels = _parsed(written)
        family = families.setdefault(name, CounterMetricFamily(name, "counted by another release"))
        family.add_sample(name, labels, value)
    yield from families.values()


def _parsed(written: str) -> tuple[str, dict[str, str]]:
    """Name and labels of a counter as :func:`core.telemetry.counter` has written it."""
    (family,) = text_string_to_metric_families(f"{written} 0\n")
    (sample,) = family.samples
    return sample.name, dict(sample.labels)


def _cameras(session: Session, site: Site) -> Iterator[Metric]:
    now = site.clock()
    views = [view for view in site.board.cameras(now, stale_cameras(session, now)) if view.seeing is not Seeing.OFF]
    yield _gauge("bearwatch_camera_blind", {view.id: int(view.seeing is Seeing.BLIND) for view in views}, "camera_name")
    unwatched = {view.id: int(view.unwatched_s is not None) for view in views}
    yield _gauge("bearwatch_camera_unwatched", unwatched, "camera_name")
    ages = {view.id: view.content_age_s for view in views if view.content_age_s is not None}
    yield _gauge("bearwatch_camera_content_age_seconds", ages, "camera_name")


def _alerts(session: Session, now: float) -> Iterator[Metric]:
    count, oldest = session.execute(
        select(func.count(Alert.id), func.min(Alert.captured_at)).where(Alert.status == AlertStatus.OPEN)
    ).one()
    unknown = session.scalar(
        select(func.count(Alert.id)).where(Alert.status == AlertStatus.OPEN, Alert.kind == EncounterKind.UNKNOWN_ANIMAL)
    )
    pending = session.scalar(select(func.count(Delivery.id)).where(Delivery.status == DeliveryStatus.PENDING))
    failed = session.scalar(
        select(func.count(Delivery.id)).where(
            Delivery.status == DeliveryStatus.FAILED, Delivery.created_at > now - 86400
        )
    )
    yield _gauge("bearwatch_open_alerts", count)
    yield _gauge("bearwatch_open_unknown_alerts", unknown or 0)
    yield _gauge("bearwatch_oldest_open_alert_seconds", now - oldest if oldest is not None else 0)
    yield _gauge("bearwatch_pending_deliveries", pending or 0)
    yield _gauge("bearwatch_failed_deliveries", failed or 0)
    yield _gauge("bearwatch_open_breakers", len(open_trips(session)))


def _latency(site: Site, session: Session) -> Metric:
    """The histogram of what this process has counted so far."""
    counted = site.latencies.counted(session, site.clock())
    within = [(str(bound), float(amount)) for bound, amount in zip(BUCKETS_S, counted.within, strict=True)]
    name = "bearwatch_capture_to_alert_seconds"
    return HistogramMetricFamily(
        name, METRICS[name], buckets=[*within, ("+Inf", float(counted.count))], sum_value=counted.total_s
    )


def _gauge(name: str, value: float | Mapping[str, float], label: str = "") -> Metric:
    """One value, or one for each value of a label."""
    if not isinstance(value, Mapping):
        return GaugeMetricFamily(name, METRICS[name], value=value)
    family = GaugeMetricFamily(name, METRICS[name], labels=[label])
    for labelled, amount in value.items():
        family.add_metric([labelled], amount)
    return family


def _may_scrape(request: Request, site: Site) -> bool:
    """Whether somebody may read the metrics.

    1. With a token configured: whoever shows it, from wherever.
    2. From where the operator has said, unless with a ranger's cookie: the count of open alerts would unblind a
       watcher.
    """
    token = site.settings.bearwatch_metrics_token
    if token is not None:
        shown = bearer_of(request.headers.get("authorization")) or ""
        return hmac.compare_digest(shown.encode(), token.get_secret_value().encode())
    address = request.client.host if request.client else ""
    known = networks(site.settings.bearwatch_metrics_from)
    return is_in(address, known) and site.cookie not in request.cookies

"""Run the jobs: deliveries first, then housekeeping. RQ's cron queues what is due."""

from __future__ import annotations

import argparse
import logging
import threading

import redis
from rq import SimpleWorker
from rq.cron import CronScheduler
from rq.timeouts import TimerDeathPenalty

from bearwatch.housekeeping import RETENTION_EVERY_S, SWEEP_EVERY_S, keep_house, sweep_outbox
from bearwatch.processes import Process, begin
from core.clock import now_s
from core.jobs import DELIVERIES, HOUSEKEEPING, QUEUES
from core.redis_client import RedisDown, connect
from core.telemetry import Telemetry

log = logging.getLogger(__name__)


class JobWorker(SimpleWorker):
    """Runs jobs in this process: they are short, and a fork of it would cost more than they do."""

    death_penalty_class = TimerDeathPenalty


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The environment says everything."""


def run(arguments: argparse.Namespace) -> int:
    """Run until SIGTERM."""
    process = begin("jobs")
    cron = threading.Thread(target=_keep_time, args=(process,), daemon=True)
    cron.start()
    while not process.stop.is_set():
        try:
            # RQ sets its own socket time-out, longer than its blocking reads. It handles SIGTERM while it works.
            JobWorker(QUEUES, connection=redis.Redis.from_url(process.settings.redis)).work(logging_level="WARNING")
            break
        except RedisDown as error:
            log.warning("Redis is away (%s); waiting for it", error)
            process.stop.wait(1)
    process.stop.set()
    cron.join(timeout=2)
    return 0


def _keep_time(process: Process) -> None:
    """Queue what is due. Several of these queue the same job twice, which does no harm: the jobs look what is due."""
    client = connect(process.settings.redis)
    telemetry = Telemetry(client)
    scheduler = CronScheduler(client, logging_level="WARNING")
    scheduler.register(sweep_outbox, DELIVERIES, interval=SWEEP_EVERY_S, job_timeout=60, ttl=SWEEP_EVERY_S * 3)
    scheduler.register(keep_house, HOUSEKEEPING, interval=RETENTION_EVERY_S, job_timeout=600, ttl=RETENTION_EVERY_S)
    while not process.stop.wait(1):
        try:
            scheduler.enqueue_jobs()
            telemetry.beat("jobs", now_s(), {})
        except RedisDown as error:
            log.warning("Redis is away (%s); nothing is queued until it is back", error)

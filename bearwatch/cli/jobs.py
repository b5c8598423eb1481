"""Run the jobs: deliveries first, then housekeeping. RQ's cron queues what is due."""

from __future__ import annotations

import argparse
import logging
import threading
from itertools import count

import redis
from rq import SimpleWorker
from rq.cron import CronScheduler
from rq.timeouts import TimerDeathPenalty
from sqlalchemy.exc import SQLAlchemyError

from bearwatch.canary_injector import Planter
from bearwatch.host_metrics_thread import keep_history
from bearwatch.housekeeping import (
    AUDITS_EVERY_S,
    DRILLS_EVERY_S,
    REPORTS_EVERY_S,
    RETENTION_EVERY_S,
    SWEEP_EVERY_S,
    draw_audits,
    draw_watch_hours,
    keep_house,
    outward_of,
    remind_of_drills,
    sweep_outbox,
    write_reports,
)
from bearwatch.processes import Process, begin
from bearwatch.watchdog_thread import keep_watch
from core.clock import now_s
from core.config_file import ConfigError
from core.host import MachineReporter
from core.jobs import DELIVERIES, HOUSEKEEPING, QUEUES
from core.media import MediaStore
from core.redis_client import RedisDown, connect
from core.telemetry import Telemetry
from db.session import Database
from review_ui.push.sending import Sender
from review_ui.push.subscriptions import Pusher
from rollout.alerting.alerts import chase
from rollout.alerting.mqtt import LINES
from rollout.alerting.outbox import sweep
from rollout.alerting.recipients import Outward
from rollout.stages.plan_watcher import PlanWatcher
from rollout.stages.spec_file import load_configured

log = logging.getLogger(__name__)

CHASE_EVERY_S = 5
"""How often to look for automatic alerts that no ranger has looked at."""


class JobWorker(SimpleWorker):
    """Runs jobs in this process: they are short, and a fork of it would cost more than they do."""

    death_penalty_class = TimerDeathPenalty


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The environment says everything."""


def run(arguments: argparse.Namespace) -> int:
    """Run until SIGTERM."""
    process = begin("jobs")
    outward = outward_of(load_configured(process.settings.bearwatch_config))
    LINES.open([*outward.rangers, *outward.staff, *(a for addresses in outward.campers.values() for a in addresses)])
    client = connect(process.settings.redis)
    own = process.settings
    MachineReporter(client, own.bearwatch_data, process.config.shards(), own.bearwatch_machine).start(process.stop)
    threads = [
        threading.Thread(target=_keep_time, args=(process,), daemon=True),
        threading.Thread(target=_deliver, args=(process, outward), daemon=True),
        threading.Thread(target=_plant, args=(process,), daemon=True),
        threading.Thread(target=_push, args=(process,), daemon=True),
        threading.Thread(
            target=keep_history,
            args=(process.config, process.settings.redis, process.settings.database, process.stop),
            daemon=True,
        ),
        threading.Thread(
            target=keep_watch,
            args=(process.settings.bearwatch_config, process.settings.database, process.stop),
            daemon=True,
        ),
    ]
    for thread in threads:
        thread.start()
    while not process.stop.is_set():
        try:
            # RQ sets its own socket time-out, longer than its blocking reads. It handles SIGTERM while it works.
            JobWorker(QUEUES, connection=redis.Redis.from_url(process.settings.redis)).work(logging_level="WARNING")
            break
        except RedisDown as error:
            log.warning("Redis is away (%s); waiting for it", error)
            process.stop.wait(1)
    process.stop.set()
    for thread in threads:
        thread.join(timeout=2)
    LINES.close()
    return 0


def _keep_time(process: Process) -> None:
    """Queue what is due. Several of these queue the same job twice, which does no harm: the jobs look what is due."""
    client = connect(process.settings.redis)
    telemetry = Telemetry(client)
    scheduler = CronScheduler(client, logging_level="WARNING")
    scheduler.register(sweep_outbox, DELIVERIES, interval=SWEEP_EVERY_S, job_timeout=60, ttl=SWEEP_EVERY_S * 3)
    scheduler.register(keep_house, HOUSEKEEPING, interval=RETENTION_EVERY_S, job_timeout=600, ttl=RETENTION_EVERY_S)
    scheduler.register(remind_of_drills, HOUSEKEEPING, interval=DRILLS_EVERY_S, job_timeout=60, ttl=DRILLS_EVERY_S)
    scheduler.register(write_reports, HOUSEKEEPING, interval=REPORTS_EVERY_S, job_timeout=300, ttl=REPORTS_EVERY_S)
    scheduler.register(draw_audits, HOUSEKEEPING, interval=AUDITS_EVERY_S, job_timeout=300, ttl=AUDITS_EVERY_S)
    scheduler.register(draw_watch_hours, HOUSEKEEPING, interval=AUDITS_EVERY_S, job_timeout=300, ttl=AUDITS_EVERY_S)
    while not process.stop.wait(1):
        try:
            scheduler.enqueue_jobs()
            telemetry.beat("jobs", now_s(), {})
        except RedisDown as error:
            log.warning("Redis is away (%s); nothing is queued until it is back", error)


def _plant(process: Process) -> None:
    """Plant a known bear on every camera's path: once an hour, more often where campers rely on it."""
    try:
        plan = PlanWatcher.load(process.settings.bearwatch_config)
    except ConfigError as error:
        log.error("no clips are planted: the road cannot be used:\n%s", error)
        return

    def live_every_s() -> float:
        return plan.current().defaults.sight.clips_every.nominal_s

    database = Database(process.settings.database)
    client = connect(process.settings.redis)
    media = MediaStore(process.settings.media_dir)
    Planter(process.config, database, client, media, live_every_s=live_every_s).run(process.stop)
    database.close()


def _push(process: Process) -> None:
    """Tell the devices that asked for it of new alerts. It is advice: the page and the messages do not wait for it."""
    settings = process.settings
    if not settings.bearwatch_push_services:
        return
    database = Database(settings.database)
    pusher = Pusher(database, Sender.of(settings), settings.second_factor_roles)
    while not process.stop.wait(1):
        try:
            pusher.step(now_s())
        except SQLAlchemyError as error:
            log.warning("the database does not answer (%s); devices are told later", error)
    pusher.close()
    database.close()


def _deliver(process: Process, outward: Outward) -> None:
    """Send what nobody has taken: what was held for a veto, and whatever is due while Redis is away or RQ is busy.

    A warning to campers waits for no housekeeping.
    """
    database = Database(process.settings.database)
    for second in count():
        if process.stop.wait(1):
            break
        try:
            if second % CHASE_EVERY_S == 0:
                with database.write() as session:
                    chase(session, outward, now_s())
            sweep(database, now_s(), outward.staff)
        except SQLAlchemyError as error:
            log.warning("the database does not answer (%s); messages wait for it", error)
    database.close()

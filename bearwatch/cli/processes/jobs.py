"""Run the jobs: deliveries first, then housekeeping. RQ's cron queues what is due."""

from __future__ import annotations

import argparse
import logging
import threading
from itertools import count

import redis
from rq import SimpleWorker
from rq.cron import CronJob
from rq.timeouts import TimerDeathPenalty
from rq.utils import now as rq_now
from sqlalchemy.exc import SQLAlchemyError

from bearwatch.canary_injector import CanaryInjector
from bearwatch.config_following import begin_again_when
from bearwatch.host_metrics_thread import keep_history
from bearwatch.housekeeping import (
    AUDITS_EVERY_S,
    DRILLS_EVERY_S,
    REPORTS_EVERY_S,
    RETENTION_EVERY_S,
    SWEEP_EVERY_S,
    recipients_of,
)
from bearwatch.nightly_learning import LEARNING_EVERY_S, stop_learning
from bearwatch.processes import Process, begin
from bearwatch.site_options import add_site_options
from bearwatch.watchdog_thread import keep_watch
from core.clock import now_s
from core.config_file import ConfigError
from core.jobs import (
    DELIVERIES,
    DRAW_AUDITS,
    DRAW_WATCH_HOURS,
    HOUSEKEEPING,
    KEEP_HOUSE,
    LEARN_TONIGHT,
    QUEUES,
    REMIND_OF_DRILLS,
    SWEEP_OUTBOX,
    WRITE_REPORTS,
    JobFormat,
    NamedJob,
    enqueue,
)
from core.machine.disk_reserve import DiskReserve
from core.machine.host import MachineReporter
from core.machine.life_sign import give_life_sign
from core.media import MediaStore
from core.redis_client import RedisDown, connect
from core.telemetry import Telemetry
from db.existing import open_existing
from db.session import Database
from review_ui.push.sending import Sender
from review_ui.push.subscriptions import Pusher
from rollout.alerting.alerts import escalate_unacknowledged
from rollout.alerting.mqtt import LINES
from rollout.alerting.outbox import sweep
from rollout.alerting.recipients import Recipients
from rollout.stages.plan_watcher import PlanWatcher, in_force

log = logging.getLogger(__name__)

CHASE_EVERY_S = 5
"""How often to look for automatic alerts that no ranger has looked at."""


class JobWorker(SimpleWorker):
    """Runs jobs in this process: they are short, and a fork of it would cost more than they do."""

    death_penalty_class = TimerDeathPenalty


def worker(client: redis.Redis) -> JobWorker:
    """A worker of all queues, which runs what :data:`core.jobs.JOBS` names and nothing else."""
    return JobWorker(QUEUES, connection=client, job_class=NamedJob, serializer=JobFormat)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which site; the environment says everything else."""
    add_site_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Run until SIGTERM."""
    process = begin("jobs", arguments)
    # The plan as well: it says who is told.
    process.follower.start(process.stop, begin_again_when(lambda before, after: before != after))
    open_existing(process.settings.database, patient=True).close()
    recipients = recipients_of(in_force(process.settings.bearwatch_config))
    LINES.open(
        [*recipients.rangers, *recipients.staff, *(a for addresses in recipients.campers.values() for a in addresses)]
    )
    client = connect(process.settings.redis)
    own = process.settings
    reserve = DiskReserve(own.bearwatch_data, own.bearwatch_disk_reserve_mb << 20)
    reporter = MachineReporter(client, own.bearwatch_data, process.config.shards(), own.bearwatch_machine, reserve)
    reporter.start(process.stop)
    threads = [
        threading.Thread(target=_keep_time, args=(process,), daemon=True),
        threading.Thread(target=_deliver, args=(process, recipients), daemon=True),
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
            worker(redis.Redis.from_url(process.settings.redis)).work(logging_level="WARNING")
            break
        except RedisDown as error:
            log.warning("Redis is unreachable (%s); waiting for it", error)
            process.stop.wait(1)
    process.stop.set()
    stop_learning()
    for thread in threads:
        thread.join(timeout=2)
    LINES.close()
    return 0


def _keep_time(process: Process) -> None:
    """Queue what is due. Several of these queue the same job twice, which does no harm: the jobs look what is due."""
    client = connect(process.settings.redis)
    telemetry, table = Telemetry(client), timetable()
    while not process.stop.wait(1):
        give_life_sign()
        try:
            queue_due(client, table)
            telemetry.beat("jobs", now_s(), {})
        except RedisDown as error:
            log.warning("Redis is unreachable (%s); nothing is queued until it is back", error)


def timetable() -> list[CronJob]:
    """What is queued again and again, all of it for the first time at once. One that was not run in time is let go."""
    return [
        _every(SWEEP_OUTBOX, DELIVERIES, SWEEP_EVERY_S, job_timeout=60, ttl=SWEEP_EVERY_S * 3),
        _every(KEEP_HOUSE, HOUSEKEEPING, RETENTION_EVERY_S, job_timeout=600, ttl=RETENTION_EVERY_S),
        _every(REMIND_OF_DRILLS, HOUSEKEEPING, DRILLS_EVERY_S, job_timeout=60, ttl=DRILLS_EVERY_S),
        _every(WRITE_REPORTS, HOUSEKEEPING, REPORTS_EVERY_S, job_timeout=300, ttl=REPORTS_EVERY_S),
        _every(DRAW_AUDITS, HOUSEKEEPING, AUDITS_EVERY_S, job_timeout=300, ttl=AUDITS_EVERY_S),
        _every(DRAW_WATCH_HOURS, HOUSEKEEPING, AUDITS_EVERY_S, job_timeout=300, ttl=AUDITS_EVERY_S),
        _every(LEARN_TONIGHT, HOUSEKEEPING, LEARNING_EVERY_S, job_timeout=60, ttl=LEARNING_EVERY_S),
    ]


def _every(name: str, queue: str, seconds: int, *, job_timeout: int, ttl: int) -> CronJob:
    return CronJob(queue, func_name=name, interval=seconds, job_timeout=job_timeout, ttl=ttl)


def queue_due(client: redis.Redis, table: list[CronJob]) -> None:
    """Queue what is due, by name. Raises redis-py's errors; what was not queued then is due still."""
    for job in table:
        if job.should_run():
            at = rq_now()
            enqueue(
                client,
                job.queue_name,
                job.func_name,
                timeout_s=job.job_options["job_timeout"],
                ttl_s=job.job_options["ttl"],
            )
            job.set_enqueue_time(at)


def _plant(process: Process) -> None:
    """Plant a known bear on every camera's path: once an hour, more often where campers rely on it."""
    try:
        watcher = PlanWatcher.load(process.settings.bearwatch_config)
    except ConfigError as error:
        log.error("no test clips are sent: the rollout plan cannot be used:\n%s", error)
        return

    def live_every_s() -> float:
        return watcher.current().defaults.freshness.clips_every.nominal_s

    database = Database(process.settings.database)
    client = connect(process.settings.redis)
    media = MediaStore(process.settings.media_dir)
    CanaryInjector(process.config, database, client, media, live_every_s=live_every_s).run(process.stop)
    database.close()


def _push(process: Process) -> None:
    """Tell the devices that asked for it of new alerts. It is advice: the page and the messages do not wait for it."""
    settings = process.settings
    if not settings.bearwatch_push_services:
        return
    database = Database(settings.database)
    watcher = PlanWatcher.over(settings.bearwatch_config, process.config)
    pusher = Pusher(database, Sender.of(settings), lambda: watcher.evidence_rule().match, settings.second_factor_roles)
    while not process.stop.wait(1):
        try:
            pusher.step(now_s())
        except SQLAlchemyError as error:
            log.warning("the database does not answer (%s); devices are told later", error)
    pusher.close()
    database.close()


def _deliver(process: Process, recipients: Recipients) -> None:
    """Send what nobody has taken: what was held for a veto, and whatever is due while Redis or RQ is not there.

    A warning to campers waits for no housekeeping.
    """
    database = Database(process.settings.database)
    for second in count():
        if process.stop.wait(1):
            break
        try:
            if second % CHASE_EVERY_S == 0:
                with database.write() as session:
                    escalate_unacknowledged(session, recipients, now_s())
            sweep(database, now_s(), recipients.staff)
        except SQLAlchemyError as error:
            log.warning("the database does not answer (%s); messages wait for it", error)
    database.close()

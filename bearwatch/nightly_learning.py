"""The nightly learning run, begun by the jobs at midnight in a process of its own.

It takes minutes, and deliveries do not wait for it: the job only begins it, and looks whether it is due.
"""

from __future__ import annotations

import logging
import subprocess
import sys
from collections import Counter
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from bearwatch.embedded import die_with_parent
from core.clock import now_s
from core.config import Config
from core.settings import settings
from db.models import LearningRun, LearningStatus
from db.session import Database
from detector.nightly.run_store import SILENT_AFTER_S, last_night
from rollout.stages.plan_watcher import in_force

log = logging.getLogger(__name__)

LEARNING_EVERY_S: Final = 300
"""How often the jobs look whether it is due; a run whose process died goes on that soon."""
BEGINS_WITHIN_S: Final = 6 * 3600.0
"""A machine that is switched on later in the day lets the night go."""
_ENDS_WITHIN_S: Final = 8.0

_running: list[subprocess.Popen[bytes]] = []


def learn_tonight() -> int:
    """Begin tonight's run if it is due, or one again whose process died; returns 1 when it did, else 0."""
    current = settings()
    config, now = in_force(current.bearwatch_config).config, now_s()
    database = Database(current.database)
    try:
        with database.read() as session:
            due = is_due(session, config, now)
    finally:
        database.close()
    _running[:] = [child for child in _running if child.poll() is None]
    if not due or _running:
        return 0
    words = ["learn", "--now", "--nightly", "--config", str(current.bearwatch_config)]
    command = [sys.executable, "-m", "bearwatch", *words, "--data", str(current.bearwatch_data)]
    log.info("tonight's learning run begins")
    _running.append(subprocess.Popen(command, preexec_fn=die_with_parent, start_new_session=True))
    return 1


def stop_learning() -> None:
    """Ask the run that this process began to end, and wait for it: it goes on when it is begun again."""
    for child in _running:
        child.terminate()
    for child in _running:
        try:
            child.wait(_ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
    _running.clear()


def is_due(session: Session, config: Config, now: float) -> bool:
    """Whether tonight's run is to begin, or one that died is to go on."""
    if not config.learning.nightly:
        return False
    running = select(LearningRun.heartbeat_at).where(LearningRun.status == LearningStatus.RUNNING)
    heard = session.scalars(running).first()
    if heard is not None:
        return now - heard > SILENT_AFTER_S
    midnight = last_midnight(config, now)
    before = last_night(session)
    return now - midnight < BEGINS_WITHIN_S and (before is None or before < midnight)


def last_midnight(config: Config, now: float) -> float:
    """The last midnight, in UTC seconds, by the clock of most campsites."""
    zones = Counter(config.regions[each.region].timezone for each in config.campsites.values())
    zone = ZoneInfo(min(zones, key=lambda name: (-zones[name], name)))
    local = datetime.fromtimestamp(now, zone)
    return local.replace(hour=0, minute=0, second=0, microsecond=0).timestamp()

"""One run of the nightly job, from "may it begin" to the row that says how it ended. Needs no torch by itself.

1. What would be in vain is said at once and changes nothing: no torch, a full disk, an open breaker, too few labels.
2. The run is claimed (:mod:`~detector.nightly.run_store`); one whose process died is taken over and goes on.
3. A challenger is trained from the champion and judged (:mod:`~detector.nightly.nightly_training`).
4. Passed, its bundle is put into place whole, and registered in the transaction that ends the run. It is not promoted.
"""

from __future__ import annotations

import errno
import logging
import shutil
from collections.abc import Callable
from typing import Any

from sqlalchemy.orm import Session

from core.clock import now_s
from db.models import LearningRun, LearningStatus, LearningTrigger, ModelOrigin
from db.session import Database
from detector.models.backbones import BackboneError
from detector.models.bundle import BundleError, ModelBundle
from detector.nightly.environment import environment, missing_packages
from detector.nightly.guard import Guard, Limits, NightEnded, NightInterrupted, refuse_full_disk, training_frozen
from detector.nightly.learning_site import (
    Company,
    LearningSite,
    LessonError,
    NothingToLearn,
    model_folder,
    work_folder,
)
from detector.nightly.reigning import reigning
from detector.nightly.run_store import ClaimedRun, RunProgress, claim, finish
from rollout.models.registry import RegisteredBundle, register_model

log = logging.getLogger(__name__)


def learn(
    site: LearningSite,
    trigger: LearningTrigger,
    company: Company | None = None,
    seed: int = 1,
    clock: Callable[[], float] = now_s,
) -> LearningRun:
    """Run the nightly job once; returns its finished row, or that of a run that was asked to end and goes on later.

    Raises:
        AlreadyLearning: another process is at it.
        SQLAlchemyError: the database does not answer; begun again, the run goes on.
    """
    company = company or Company()
    run = claim(site.database, trigger, seed, clock())
    progress = RunProgress(site.database, run.id, clock)
    limits = site.config.learning
    guard = Guard(
        Limits(60 * limits.minutes, limits.memory_mb, limits.queue_frames),
        progress,
        company.waiting,
        lambda: _frozen(site.database),
        company.stopped,
        company.sleep,
    )
    try:
        status, said, facts, bundle = _tried(site, run, guard)
    except NightInterrupted as stop:
        log.warning("learning run %d stops here: %s", run.id, stop)
        return _row(site.database, run.id)
    facts["cost"] = cost = {"seconds": round(guard.worked_s, 1), "paused_s": round(guard.paused_s, 1)}
    cost["peak_mb"] = round(guard.peak_mb)
    with site.database.write() as session:
        row = finish(session, run.id, status, said, clock(), facts)
        if bundle is not None:
            _register(session, bundle, row, site, clock())
    shutil.rmtree(work_folder(site.data, run.id), ignore_errors=True)
    log.info("learning run %d: %s: %s", run.id, status.value, said)
    return row


_Outcome = tuple[LearningStatus, str, dict[str, Any], ModelBundle | None]


def _tried(site: LearningSite, run: ClaimedRun, guard: Guard) -> _Outcome:
    """The run, with whatever goes wrong in words."""
    try:
        return _night(site, run, guard)
    except NothingToLearn as reason:
        return LearningStatus.SKIPPED, str(reason), {}, None
    except NightEnded as reason:
        if isinstance(reason, NightInterrupted):
            raise
        return LearningStatus.FAILED, f"nothing was changed: {reason}", {}, None
    except (BundleError, BackboneError, LessonError) as error:
        return LearningStatus.FAILED, f"nothing was changed: {error}", {}, None
    except MemoryError:
        return LearningStatus.FAILED, "nothing was changed: there was no memory left on this machine", {}, None
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        shutil.rmtree(work_folder(site.data, run.id), ignore_errors=True)
        said = f"nothing was changed: the disk of {site.data} is full; free some space"
        return LearningStatus.FAILED, said, {}, None


def _night(site: LearningSite, run: ClaimedRun, guard: Guard) -> _Outcome:
    _refuse_in_vain(site)
    guard.progress.note(environment=environment())
    guard.between("reading labels", 0, 0)
    with site.database.read() as session:
        champion = reigning(session, site.config, site.data)
    # Imported here: what comes next needs torch, and all that was said until now does not.
    from detector.nightly.nightly_training import challenge

    challenged = challenge(site, run, champion, guard)
    if not challenged.verdict.passed:
        said = f"{challenged.short_digest} was trained and not accepted: {'; '.join(challenged.verdict.failing)}"
        return LearningStatus.REJECTED, said, challenged.facts, None
    bundle = challenged.write(work_folder(site.data, run.id), site.data)
    where = {"challenger": bundle.digest, "directory": str(model_folder(bundle.digest))}
    said = f"{bundle.short_digest} was trained, passed the gate and is registered; people promote it"
    return LearningStatus.PASSED, said, challenged.facts | where, bundle


def _refuse_in_vain(site: LearningSite) -> None:
    """Raises :class:`NothingToLearn`."""
    missing = missing_packages()
    if missing is not None:
        raise NothingToLearn(missing)
    try:
        refuse_full_disk(site.data)
    except NightEnded as error:
        raise NothingToLearn(str(error)) from error
    why = _frozen(site.database)
    if why is not None:
        raise NothingToLearn(why)


def _frozen(database: Database) -> str | None:
    with database.read() as session:
        return training_frozen(session)


def _row(database: Database, run: int) -> LearningRun:
    with database.read() as session:
        return session.get_one(LearningRun, run)


def _register(session: Session, bundle: ModelBundle, row: LearningRun, site: LearningSite, now: float) -> None:
    assert row.directory is not None, "it was just written"
    model = RegisteredBundle(
        digest=bundle.digest,
        directory=row.directory,
        parent_digest=bundle.provenance.parent,
        origin=ModelOrigin.LEARNED,
        learning_run_id=row.id,
        at=now,
        name=bundle.short_digest,
        runs=bundle.runs,
    )
    register_model(session, model)

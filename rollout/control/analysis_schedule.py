"""An analysis of the gates about once an hour, in a thread of its own.

Evidence of a long season takes seconds to work out. The controller's tick waits for none of it: authority is renewed
while the analysis goes on.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from db.models import AnalysisReason
from db.session import Database
from rollout.control.analysis import Measure, run_analysis
from rollout.control.analysis_store import last_analysis, store, thin
from rollout.control.gate_turns import act_on
from rollout.stages.event_store import load
from rollout.stages.plan import RolloutPlan

log = logging.getLogger(__name__)

EVERY_S: Final = 3600.0
ASK_EVERY_S: Final = 60.0
"""Whether an analysis is due is asked this often."""


class AnalysisScheduler:
    """Runs an analysis when one is due, at most one at a time."""

    def __init__(self, database: Database, measures: Sequence[Measure] | None = None) -> None:
        self.database = database
        self.measures = measures
        self._thread: threading.Thread | None = None
        self._asked_at = float("-inf")

    def ask(self, plan: RolloutPlan, now: float) -> bool:
        """Begin an analysis if one is due; returns at once, and whether a thread went to see."""
        if self.busy or self._asked_at <= now < self._asked_at + ASK_EVERY_S:
            return False
        self._asked_at = now
        self._thread = threading.Thread(target=self._run, args=(plan, now), name="gate analysis", daemon=True)
        self._thread.start()
        return True

    @property
    def busy(self) -> bool:
        """Whether an analysis is going on."""
        return self._thread is not None and self._thread.is_alive()

    def wait(self, timeout_s: float) -> None:
        """Until the analysis that is going on has ended, but not longer than this."""
        if self._thread is not None:
            self._thread.join(timeout_s)

    def _run(self, plan: RolloutPlan, now: float) -> None:
        try:
            self.run_if_due(plan, now)
        except SQLAlchemyError as error:
            log.error("the analysis of the gates could not be stored; the next one comes: %s", error)
        except Exception:
            log.exception("the analysis of the gates failed; the rollout goes on as it is")

    def run_if_due(self, plan: RolloutPlan, now: float) -> bool:
        """Run and store an analysis, unless no model runs or this stage was analysed within the hour."""
        if not run_analysis_if_older(self.database, plan, now, EVERY_S, AnalysisReason.HOURLY, self.measures):
            return False
        with self.database.write() as session:
            thin(session, now)
        return True


def run_analysis_if_older(
    database: Database,
    plan: RolloutPlan,
    now: float,
    older_than_s: float,
    reason: AnalysisReason,
    measures: Sequence[Measure] | None = None,
) -> bool:
    """Run and store an analysis, unless no model runs or the last one of this stage is younger than ``older_than_s``.

    One of the future, from before the clock was set back, counts for nothing. Returns whether there was an analysis.
    """
    with database.read() as session:
        state = load(session)
        earlier = last_analysis(session, plan, state, now)
        if state.model is None or (earlier is not None and earlier.at <= now < earlier.at + older_than_s):
            return False
        found = run_analysis(session, plan, state, now, measures)
    with database.write() as session:
        store(session, plan, found, reason)
        act_on(session, plan, earlier, found, now)
    return True

"""Analysis runs for the page: the first one, where there is none yet, and those that people ask for."""

from __future__ import annotations

import logging
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from db.models import AnalysisReason
from review_ui.site import Site
from rollout.control.analysis_schedule import run_analysis_if_older

log = logging.getLogger(__name__)

AGAIN_S: Final = 10.0
"""Whoever asks sooner after an analysis gets that one: it may take seconds of the machine."""


def run_first_analysis(site: Site) -> None:
    """Run an analysis once where none of this stage is stored, so that the next reader need not wait for it.

    A database that is too busy to store it keeps nobody from reading.
    """
    try:
        _run(site, older_than_s=float("inf"))
    except SQLAlchemyError as error:
        log.warning("the first analysis of the gates could not be stored: %s", error)


def run_analysis_now(site: Site) -> None:
    """A full analysis, stored."""
    _run(site, older_than_s=AGAIN_S)


def _run(site: Site, older_than_s: float) -> None:
    run_analysis_if_older(site.database, site.plan_watcher.current(), site.clock(), older_than_s, AnalysisReason.ASKED)

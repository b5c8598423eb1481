"""Looks at the gates for the page: the first one, where nobody has looked yet, and those that people ask for."""

from __future__ import annotations

import logging
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from db.models import AnalysisReason
from review_ui.site import Site
from rollout.control.analysis_schedule import run_analysis_if_older

log = logging.getLogger(__name__)

AGAIN_S: Final = 10.0
"""Whoever asks sooner after a look gets that one: a look may take seconds of the machine."""


def run_first_analysis(site: Site) -> None:
    """Look once where no look at this stage was written down, so that the next reader need not wait for it.

    A database that is too busy to write it down keeps nobody from reading.
    """
    try:
        _run(site, older_than_s=float("inf"))
    except SQLAlchemyError as error:
        log.warning("the first look at the gates could not be written down: %s", error)


def run_analysis_now(site: Site) -> None:
    """A full look, written down."""
    _run(site, older_than_s=AGAIN_S)


def _run(site: Site, older_than_s: float) -> None:
    run_analysis_if_older(site.database, site.road.current(), site.clock(), older_than_s, AnalysisReason.ASKED)

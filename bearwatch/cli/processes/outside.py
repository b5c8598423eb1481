"""Call a service elsewhere while all is well that authority needs, so that it misses a site that is gone."""

from __future__ import annotations

import argparse
import logging

from bearwatch.config_following import begin_again_when
from bearwatch.heartbeat_loop import Caller
from bearwatch.processes import begin
from bearwatch.site_options import add_site_options
from core.redis_client import connect
from db.existing import open_existing

log = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which site; the environment says everything else."""
    add_site_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Run until SIGTERM. Without an address nobody elsewhere is told anything."""
    process = begin("outside", arguments)
    process.follower.start(process.stop, begin_again_when(lambda before, after: before.outside != after.outside))
    if process.config.outside.ping_url is None:
        log.warning("nobody elsewhere will notice when this whole site is lost: `outside: ping_url` is not set")
    database = open_existing(process.settings.database, patient=True)
    Caller(process.config.outside, database, connect(process.settings.redis)).run(process.stop)
    database.close()
    return 0

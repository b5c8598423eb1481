"""Read the configured cameras and put frames worth looking at on the stream (no database, no torch)."""

from __future__ import annotations

import argparse
import logging

from bearwatch.processes import begin
from bearwatch.site_options import add_site_options
from core.machine.disk_reserve import DiskReserve
from core.machine.host import MachineReporter
from core.redis_client import connect, exposed_address
from ingest.ingest_process import run as run_ingest

log = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which site; the environment says everything else."""
    add_site_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Run until SIGTERM."""
    process = begin("ingest", arguments)
    own = process.settings
    in_clear = exposed_address(own)
    if in_clear:
        log.error("%s", in_clear)
        return 2
    client = connect(own.redis)
    reserve = DiskReserve(own.bearwatch_data, own.bearwatch_disk_reserve_mb << 20)
    reporter = MachineReporter(
        client, own.bearwatch_data, process.config.shards(), own.bearwatch_machine, reserve, own.bearwatch_box
    )
    reporter.start(process.stop)
    run_ingest(process.config, process.settings, process.stop, process.follower.start)
    return 0

"""Score frames with the network. Add as many of these as there are cores or GPUs."""

from __future__ import annotations

import argparse
import logging

import cv2

from bearwatch.config_following import begin_again_when
from bearwatch.processes import begin
from bearwatch.site_options import add_site_options
from core.config import Config
from core.machine.disk_reserve import DiskReserve
from core.machine.host import MachineReporter
from core.redis_client import connect
from core.settings import settings

log = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which site, and what may differ between workers of one machine."""
    add_site_options(parser)
    parser.add_argument(
        "--device", choices=("auto", "cpu", "cuda"), default=settings().bearwatch_device, help="where the network runs"
    )
    parser.add_argument("--threads", type=int, default=None, help="CPU threads of the network (default: all cores)")


def run(arguments: argparse.Namespace) -> int:
    """Run until SIGTERM. Exit status 2: the model cannot be used here; the log says why."""
    from detector.engines.choose import EngineError, choose_engine
    from detector.models.backbones import BackboneError
    from detector.models.bundle import BundleError
    from detector.worker import DetectorWorker

    process = begin("detector", arguments)
    process.follower.start(process.stop, begin_again_when(_matters))
    cv2.setNumThreads(1)  # the network uses the cores; pictures are small
    detector = process.config.detector
    try:
        engine = choose_engine(arguments.device, detector.backbone, arguments.threads, detector.engine)
    except (BackboneError, BundleError, EngineError) as error:
        log.error("the model %s cannot be used: %s", detector.backbone, error)
        return 2
    worker = DetectorWorker(engine, detector, connect(process.settings.redis), process.config.shards())
    worker.photos.prepare()
    client = connect(process.settings.redis)
    own = process.settings
    reserve = DiskReserve(own.bearwatch_data, own.bearwatch_disk_reserve_mb << 20)
    reporter = MachineReporter(client, own.bearwatch_data, process.config.shards(), own.bearwatch_machine, reserve)
    reporter.start(process.stop)
    worker.run(process.stop)
    return 0


def _matters(before: Config, after: Config) -> bool:
    """The model, its thresholds, and whose frames come here; not a camera more or less."""
    return (before.detector, before.shards()) != (after.detector, after.shards())

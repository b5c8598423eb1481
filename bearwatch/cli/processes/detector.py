"""Score frames with the network. Add as many of these as there are cores or GPUs."""

from __future__ import annotations

import argparse
import logging
from functools import partial
from pathlib import Path

import cv2
import redis

from bearwatch.config_following import begin_again_when
from bearwatch.processes import begin
from bearwatch.site_options import add_site_options
from core.bundles.wanted_model import WANTED_MODEL_FILE, WantedModel, kept_wanted, read_wanted
from core.config import Config
from core.machine.disk_reserve import DiskReserve
from core.machine.host import MachineReporter
from core.message_fields import MalformedMessage
from core.redis_client import RedisDown, connect
from core.settings import settings

log = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which site, and what may differ between workers of one machine."""
    add_site_options(parser)
    parser.add_argument(
        "--device", choices=("auto", "cpu", "cuda"), default=settings().bearwatch_device, help="where the network runs"
    )
    parser.add_argument("--threads", type=int, default=None, help="CPU threads of the network (default: all cores)")


def _wanted(client: redis.Redis, data: Path) -> WantedModel | None:
    """What the registry wants, as Redis says it; if it says nothing, as it was followed last."""
    try:
        wanted = read_wanted(client)
    except (*RedisDown, redis.RedisError, MalformedMessage) as error:
        log.warning("Redis does not say which model is wanted (%s); taking the one of before", error)
        wanted = None
    try:
        return wanted if wanted is not None else kept_wanted(data)
    except MalformedMessage as error:
        log.error("%s cannot be read, the configured model is taken: %s", data / WANTED_MODEL_FILE, error)
        return None


def run(arguments: argparse.Namespace) -> int:
    """Run until SIGTERM. Exit status 2: the model cannot be used here; the log says why."""
    from detector.box_streams import BoxStreams
    from detector.bundle_loader import BundleLoader
    from detector.engines.choose import EngineError, choose_engine, engine_for
    from detector.model_switch import ModelSwitch
    from detector.models.backbones import BackboneError
    from detector.models.bundle import BundleError, ModelBundle
    from detector.models.signature import expect_signed
    from detector.worker import DetectorWorker

    process = begin("detector", arguments)
    process.follower.start(process.stop, begin_again_when(_matters))
    cv2.setNumThreads(1)  # the network uses the cores; pictures are small
    detector, own = process.config.detector, process.settings
    watched, client = connect(own.redis), connect(own.redis)
    engine_of = partial(
        engine_for, device=arguments.device, threads=arguments.threads, runtime=detector.engine, measure=False
    )
    configured = partial(choose_engine, arguments.device, detector.backbone, arguments.threads, detector.engine)
    loader = BundleLoader(detector.backbone, own.bearwatch_data, engine_of, detector.threshold, own.model_keys)
    switch = ModelSwitch(loader, own.bearwatch_data)
    try:
        if own.model_keys:
            expect_signed(ModelBundle.open(detector.backbone), own.model_keys)
        engine = switch.begin(_wanted(client, own.bearwatch_data), configured).engine
    except (BackboneError, BundleError, EngineError) as error:
        log.error("the model %s cannot be used: %s", detector.backbone, error)
        return 2
    boxes = BoxStreams(watched, process.config.shards(), own.bearwatch_data)
    worker = DetectorWorker(engine, detector, watched, process.config.shards(), switch, boxes)
    worker.photos.prepare()
    reserve = DiskReserve(own.bearwatch_data, own.bearwatch_disk_reserve_mb << 20)
    reporter = MachineReporter(client, own.bearwatch_data, process.config.shards(), own.bearwatch_machine, reserve)
    reporter.start(process.stop)
    worker.run(process.stop)
    return 0


def _matters(before: Config, after: Config) -> bool:
    """The model, its thresholds, and whose frames come here; not a camera more or less."""
    return (before.detector, before.shards()) != (after.detector, after.shards())

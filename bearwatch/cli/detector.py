"""Score frames with the network. Add as many of these as there are cores or GPUs."""

from __future__ import annotations

import argparse

import cv2

from bearwatch.processes import begin
from core.redis_client import connect
from core.settings import settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What may differ between workers of one machine."""
    parser.add_argument(
        "--device", choices=("auto", "cpu", "cuda"), default=settings().bearwatch_device, help="where the network runs"
    )
    parser.add_argument("--threads", type=int, default=None, help="CPU threads of the network (default: all cores)")


def run(arguments: argparse.Namespace) -> int:
    """Run until SIGTERM."""
    from detector.engine import choose_engine
    from detector.worker import DetectorWorker

    process = begin("detector")
    cv2.setNumThreads(1)  # the network uses the cores; pictures are small
    detector = process.config.detector
    engine = choose_engine(arguments.device, detector.backbone, arguments.threads)
    worker = DetectorWorker(engine, detector, connect(process.settings.redis), process.config.shards())
    worker.run(process.stop)
    return 0

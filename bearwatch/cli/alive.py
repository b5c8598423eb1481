"""Say whether a kind of process has reported lately: exit status 0 or 1. Health checks call it."""

from __future__ import annotations

import argparse
import json

from bearwatch.site_options import add_site_options, site_settings
from core.clock import now_s
from core.redis_client import RedisDown, connect
from core.telemetry import Telemetry

FRESH_S = 30.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which process, of which site."""
    add_site_options(parser)
    parser.add_argument("process", choices=("ingest", "detector", "tracker", "controller", "jobs", "outside"))
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")


def run(arguments: argparse.Namespace) -> int:
    """0 when at least one such process has reported within the last half minute."""
    try:
        beats = Telemetry(connect(site_settings(arguments).redis)).heartbeats()
    except RedisDown as error:
        return _say(arguments, None, f"Redis is unreachable: {error}")
    ages = [now_s() - beat["at"] for name, beat in beats.items() if name.partition(":")[0] == arguments.process]
    if not ages:
        return _say(arguments, None, "has never reported")
    return _say(arguments, min(ages), f"reported {min(ages):.1f} s ago")


def _say(arguments: argparse.Namespace, age_s: float | None, text: str) -> int:
    healthy = age_s is not None and age_s <= FRESH_S
    if arguments.json:
        print(json.dumps({"process": arguments.process, "healthy": healthy, "age_s": age_s, "detail": text}))
    else:
        print(f"{arguments.process}: {text}")
    return 0 if healthy else 1

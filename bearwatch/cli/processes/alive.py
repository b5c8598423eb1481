"""Say whether a kind of process has reported lately, for every shard of the site: exit status 0 or 1. Health checks
call it."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from typing import Any, Final

from bearwatch.site_options import add_site_options, site_settings
from core.clock import now_s
from core.config_file import load_config
from core.redis_client import RedisDown, connect
from core.settings import Settings
from core.telemetry import Telemetry

FRESH_S = 30.0
SHARDED: Final = ("tracker", "detector")
"""These work shard by shard: one that is alive says nothing of the others' cameras."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which process, of which site."""
    add_site_options(parser)
    parser.add_argument("process", choices=("ingest", "detector", "tracker", "controller", "jobs", "outside"))
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")


def run(arguments: argparse.Namespace) -> int:
    """0 when such a process has reported within the last half minute; of trackers and detectors one for every shard."""
    chosen = site_settings(arguments)
    try:
        beats = _beats(chosen)
    except RedisDown as error:
        return _say(arguments, None, f"Redis is unreachable: {error}")
    now = now_s()
    mine = {name: beat for name, beat in beats.items() if name.partition(":")[0] == arguments.process}
    if not mine:
        return _say(arguments, None, "has never reported")
    if arguments.process not in SHARDED:
        age_s = min(now - beat["at"] for beat in mine.values())
        return _say(arguments, age_s, f"reported {age_s:.1f} s ago")
    ages = {shard: age_of_shard(mine, shard, now) for shard in load_config(chosen.bearwatch_config).shards()}
    missing = [str(shard) for shard, age_s in ages.items() if age_s is None]
    if missing:
        return _say(arguments, None, f"nobody has ever reported for shard {', '.join(missing)}")
    shard, age_s = max(((shard, age_s or 0.0) for shard, age_s in ages.items()), key=lambda pair: pair[1])
    return _say(arguments, age_s, f"reported {age_s:.1f} s ago for shard {shard}, the longest silent of {len(ages)}")


def _beats(chosen: Settings) -> Mapping[str, Mapping[str, Any]]:
    """A box sees its own only."""
    telemetry = Telemetry(connect(chosen.redis), chosen.bearwatch_box)
    if chosen.bearwatch_box is None:
        return telemetry.heartbeats()
    own = telemetry.own_heartbeat("ingest")
    return {"ingest": own} if own else {}


def age_of_shard(beats: Mapping[str, Mapping[str, Any]], shard: int, now: float) -> float | None:
    """Since how many seconds nobody has reported for a shard: a tracker is named after its shard, a detector says for
    which it works. None: nobody ever has."""
    of_shard = [
        now - beat["at"]
        for name, beat in beats.items()
        if name.partition(":")[2] == str(shard) or (isinstance(beat.get("shards"), list) and shard in beat["shards"])
    ]
    return min(of_shard, default=None)


def _say(arguments: argparse.Namespace, age_s: float | None, text: str) -> int:
    healthy = age_s is not None and age_s <= FRESH_S
    if arguments.json:
        print(json.dumps({"process": arguments.process, "healthy": healthy, "age_s": age_s, "detail": text}))
    else:
        print(f"{arguments.process}: {text}")
    return 0 if healthy else 1

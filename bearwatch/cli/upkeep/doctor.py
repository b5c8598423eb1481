"""What is wrong here, and what to do: versions, configuration, disk, memory, clock, rights of files, GPU, Redis,
database, keys, processes, the page's port and address, certificates, cameras. One line each; nothing is changed.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict

from bearwatch.doctor import machine, reach, servers
from bearwatch.doctor.finding import LEVELS, Examination, Finding, Patient, doubtful, examine, good, wrong
from bearwatch.site_options import add_site_options, site_settings
from core.clock import now_s
from core.config_file import ConfigError
from core.config_warnings import config_warnings
from rollout.stages.spec_file import load_configured

EXAMINATIONS: tuple[Examination, ...] = (
    machine.versions,
    machine.disk,
    machine.file_system,
    machine.memory,
    machine.clock,
    machine.rights,
    machine.gpu,
    servers.redis_server,
    reach.redis_certificate,
    servers.database,
    servers.processes,
    reach.port,
    reach.public_address,
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which site, and how patient to be."""
    add_site_options(parser)
    parser.add_argument("--no-cameras", action="store_true", help="open no camera")
    parser.add_argument("--timeout", type=float, default=5.0, help="seconds to wait for each answer")
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")


def run(arguments: argparse.Namespace) -> int:
    """Exit status 0 when nothing is wrong (what is doubtful is named), 1 when something is."""
    chosen = site_settings(arguments)
    found, config = [], None
    try:
        config, _plan = load_configured(chosen.bearwatch_config)
        found += [doubtful("configuration", each.message, "mend the line") for each in config_warnings(config)]
        found += [good("configuration", f"{len(config.cameras)} cameras at {len(config.campsites)} campsites")]
    except ConfigError as error:
        found += [
            wrong("configuration", str(problem), "mend the line, then `bearwatch check`") for problem in error.problems
        ]
    patient = Patient(chosen, config, now_s(), arguments.timeout)
    todo = [*EXAMINATIONS, *([] if arguments.no_cameras else [reach.cameras])]
    found += examine(patient, todo)
    counts = {level: sum(1 for each in found if each.level == level) for level in LEVELS}
    if arguments.json:
        print(json.dumps({"ok": not counts["wrong"], "findings": [asdict(each) for each in found]}))
    else:
        for each in _by_weight(found):
            print(f"{each.level:<10}{each}")
        print(f"\n{counts['wrong']} wrong, {counts['doubtful']} doubtful, {counts['good']} good.")
    return 1 if counts["wrong"] else 0


def _by_weight(found: list[Finding]) -> Iterator[Finding]:
    for level in LEVELS:
        yield from (each for each in found if each.level == level)

"""The command ``bearwatch``: one module a subcommand, imported only when it is called.

A subcommand's module has ``add_arguments(parser)`` and ``run(arguments) -> exit status``. Importing late keeps torch
out of the small box's ``bearwatch ingest`` and lets ``--help`` answer at once.
"""

from __future__ import annotations

import argparse
import sys
from importlib import import_module

from bearwatch.config_following import begin_again_if_wanted
from bearwatch.processes import exit_status
from bearwatch.terminal import CLOSED_EARLY, reader_has_left
from core.config_file import ConfigError
from core.errors import OperatorError
from core.version import VERSION

COMMANDS = {
    "demo": "staged cameras, a bear, and the ranger's page: everything on this machine",
    "init": "write a commented configuration file",
    "check": "check the configuration and open every camera",
    "doctor": "what is wrong here, and what to do: ports, disk, clock, servers, rights, cameras, certificates",
    "up": "run everything on this machine",
    "replay": "run recorded footage through the gate, the detector and the tracker",
    "simulate": "play whole seasons against the rollout's decision code: who was promoted, who was unprotected",
    "ingest": "process: cameras to frames",
    "detector": "process: frames to scores",
    "tracker": "process: scores to encounters and alerts",
    "controller": "process: the rollout's deadlines, breakers and authority",
    "jobs": "process: deliveries and housekeeping",
    "ui": "process: the ranger's page",
    "outside": "process: calls a service elsewhere, so that it misses a site that is gone",
    "rollout": "the rollout from shadow to everywhere: plan, status, approve, promote, stop, …",
    "models": "which models there are, which one is the champion; promote another one, roll back",
    "report": "the model beside the ranger, daily operations, the feedback loop, the rollout: HTML, JSON, CSV",
    "drill": "rehearse the manual watch, and write down how it went",
    "alive": "whether a kind of process has reported lately",
    "migrate": "bring the database to the current schema",
    "backup": "the whole site as one archive: database, pictures, models, keys, configuration",
    "restore": "a site from such an archive, into an empty place",
    "ledger": "verify the record of everything that happened",
    "labels": "take labels out, or bring them in: COCO, folders, Camtrap DP, MegaDetector, CSV",
    "weather": "bring weather observations in from a file, for the nights' timelines",
    "box": "add and revoke boxes: machines at campsites that push frames of their own cameras",
    "secrets": "take another key for what the database keeps sealed",
    "user": "add people and set passwords",
    "sort": "a folder of photographs from trail cameras: which of them show a bear",
    "evaluate": "measure a model on labelled pictures",
    "train": "train a model on labelled pictures",
    "learn": "train a challenger from what rangers have said, and judge it",
    "export": "export a model for machines without torch",
    "camera-sim": "staged RTSP cameras with a known truth",
}

PROCESSES = frozenset({"ingest", "detector", "tracker", "controller", "jobs", "ui", "outside", "alive"})
"""Those whose modules are in :mod:`bearwatch.cli.processes`."""

UPKEEP = frozenset({"doctor", "backup", "restore"})
"""Those whose modules are in :mod:`bearwatch.cli.upkeep`."""


def main(argv: list[str] | None = None) -> int:
    """Run a subcommand; returns its exit status."""
    try:
        try:
            return _run(sys.argv[1:] if argv is None else argv)
        finally:
            sys.stdout.flush()  # here, where a reader that has left is no news
    except BrokenPipeError:
        if not reader_has_left():
            raise
        return CLOSED_EARLY


def _run(words: list[str]) -> int:
    if not words or words[0] in ("-h", "--help"):
        _overview().print_help()
        return 0 if words else 2
    if words[0] in ("-V", "--version"):
        print(f"bearwatch {VERSION}")
        return 0
    name = words[0]
    if name not in COMMANDS:
        _overview().error(f"unknown command {name!r}; known: {', '.join(COMMANDS)}")
    module = import_module(module_of(name))
    parser = argparse.ArgumentParser(prog=f"bearwatch {name}", description=module.__doc__)
    module.add_arguments(parser)
    try:
        status = int(module.run(parser.parse_args(words[1:]))) or exit_status()
    except ConfigError as error:
        print(f"The configuration cannot be used:\n{error}", file=sys.stderr)
        return 2
    except OperatorError as error:
        print(error, file=sys.stderr)
        return 2
    begin_again_if_wanted()
    return status


def module_of(command: str) -> str:
    """Where a subcommand is written."""
    folder = "processes." * (command in PROCESSES) + "upkeep." * (command in UPKEEP)
    return f"bearwatch.cli.{folder}{command.replace('-', '_')}"


def _overview() -> argparse.ArgumentParser:
    lines = "\n".join(f"  {name:<12}{summary}" for name, summary in COMMANDS.items())
    return argparse.ArgumentParser(
        prog="bearwatch",
        usage="bearwatch COMMAND [options]",
        description=f"Cameras around a campsite, a bear detector, and a ranger who has the last word.\n\n{lines}",
        epilog="`bearwatch COMMAND --help` tells more about each; `bearwatch --version` says which this is.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )

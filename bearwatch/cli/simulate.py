"""Play whole seasons against the rollout's own decision code, and count what came of them.

Bears, rangers, models and faults are simulated; the state machine, the gates, the statistics behind them and the
breakers are those that run on site. The database's readers are replaced by simulated rows. docs/rollout.md explains the
scenarios, the policies and the columns."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from bearwatch.output import Output
from simulation.seasons.fixture_site import policies
from simulation.seasons.run import as_json, simulate, write
from simulation.seasons.scenarios import SCENARIOS
from simulation.seasons.table import HEADINGS, cells


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How many seasons, where, how, and what to write."""
    parser.add_argument("--seasons", type=int, default=100, help="seasons for each scenario and policy (100)")
    parser.add_argument("--seed", type=int, default=1, help="of the first season; equal seeds give equal tables")
    parser.add_argument("--scenarios", help="names, with commas between them (all); `list` shows them")
    parser.add_argument("--policies", help="names, with commas between them (all)")
    parser.add_argument(
        "--learning",
        action="store_true",
        help="train a small network for real, night after night, on staged pictures: no learning, naive, and this",
    )
    parser.add_argument("--nights", type=int, default=10, help="with --learning: so many nights (10)")
    parser.add_argument("--arrival", type=int, default=2, help="with --learning: raccoons come from this night on (2)")
    parser.add_argument("--json", action="store_true", help="everything as one JSON document on standard output")
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder for the table (CSV, JSON, Markdown) and SVGs")


def run(arguments: argparse.Namespace) -> int:
    """Exit status 0 when the seasons were played, 2 for a name that there is not."""
    if arguments.learning:
        return _learn(arguments)
    if arguments.scenarios == "list":
        named = [(scenario.name, scenario.summary) for scenario in SCENARIOS.values()]
        named += [(policy.name, policy.summary) for policy in policies().values()]
        print("\n".join(f"{name:<14}{summary}" for name, summary in named))
        return 0
    try:
        scenarios = [SCENARIOS[name] for name in _names(arguments.scenarios, list(SCENARIOS), "scenario")]
        chosen = [policies()[name] for name in _names(arguments.policies, list(policies()), "policy")]
        if arguments.seasons < 1:
            raise ValueError("at least one season must be played; write --seasons 100")
    except ValueError as error:
        print(f"bearwatch simulate: {error}", file=sys.stderr)
        return 2
    bar = (TextColumn("seasons"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*bar, console=Console(stderr=True)) as progress:
        task = progress.add_task("", total=arguments.seasons * len(scenarios) * len(chosen))
        rows = list(
            simulate(scenarios, chosen, arguments.seasons, arguments.seed, lambda: progress.update(task, advance=1))
        )
    if arguments.out is not None:
        write(rows, arguments.seasons, arguments.seed, arguments.out)
    if arguments.json:
        print(as_json(rows, arguments.seasons, arguments.seed))
        return 0
    table = Table(*HEADINGS, title=f"{arguments.seasons} seasons each, seed {arguments.seed}")
    for row in rows:
        table.add_row(*cells(row))
    Output().print(table)
    return 0


def _learn(arguments: argparse.Namespace) -> int:
    """Nights of real training. Needs torch, and some minutes."""
    if not 1 <= arguments.arrival <= arguments.nights:
        print("bearwatch simulate: --arrival must be one of the nights, from 1 to --nights", file=sys.stderr)
        return 2
    from simulation.learning.learning_season import LearningSeason
    from simulation.learning.nights_table import as_document, markdown, write_nights

    said = Console(stderr=True)
    with tempfile.TemporaryDirectory(prefix="bearwatch-nights-") as folder:
        arrival = arguments.arrival - 1
        season = LearningSeason(Path(folder), arguments.nights, arrival, arguments.seed, said.print)
        found = season.play()
    if arguments.out is not None:
        write_nights(found, arguments.seed, arguments.out)
    print(json.dumps(as_document(found, arguments.seed)) if arguments.json else markdown(found))
    return 0


def _names(given: str | None, known: list[str], what: str) -> list[str]:
    names = known if given is None else [name.strip() for name in given.split(",")]
    for name in names:
        if name not in known:
            raise ValueError(f"there is no {what} {name!r}; known: {', '.join(known)}")
    return names

"""Play many seasons, each policy through the same ones, and write down what came of them."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from simulation.seasons.fixture_site import Policy
from simulation.seasons.random_streams import draw
from simulation.seasons.result import Result
from simulation.seasons.scenarios import Scenario
from simulation.seasons.season import play
from simulation.seasons.season_charts import promoted, unnoticed
from simulation.seasons.table import SeasonRow, flat, markdown, row_of


def simulate(
    scenarios: Sequence[Scenario],
    policies: Sequence[Policy],
    seasons: int,
    seed: int,
    played: Callable[[], object] = lambda: None,
) -> Iterator[SeasonRow]:
    """A row for each scenario and policy. ``played`` is called after each season. Equal seeds give equal rows."""
    for scenario in scenarios:
        results: dict[str, list[Result]] = {policy.name: [] for policy in policies}
        for number in range(seasons):
            draws = draw(scenario, seed + number)
            for policy in policies:
                results[policy.name].append(play(scenario, policy, draws))
                played()
        for policy in policies:
            yield row_of(scenario, policy.name, results[policy.name])


def as_json(rows: Sequence[SeasonRow], seasons: int, seed: int) -> str:
    """Everything as one document."""
    return json.dumps({"seasons": seasons, "seed": seed, "rows": [flat(row) for row in rows]}, indent=1)


def write(rows: Sequence[SeasonRow], seasons: int, seed: int, folder: Path) -> None:
    """``simulation.csv``, ``.json``, ``.md`` and two pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    records = [flat(row) for row in rows]
    names = list(dict.fromkeys(name for record in records for name in record))
    with (folder / "simulation.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(_plain(record) for record in records)
    (folder / "simulation.json").write_text(as_json(rows, seasons, seed) + "\n", encoding="utf-8")
    (folder / "simulation.md").write_text(markdown(rows) + "\n", encoding="utf-8")
    (folder / "simulation.svg").write_text(promoted(rows) + "\n", encoding="utf-8")
    (folder / "simulation-unnoticed.svg").write_text(unnoticed(rows) + "\n", encoding="utf-8")


def _plain(record: dict[str, Any]) -> dict[str, Any]:
    return {name: round(value, 6) if isinstance(value, float) else value for name, value in record.items()}

"""Bring weather observations in from a file, for the nights' timelines.

The file is CSV with a header. Columns: `at` (ISO 8601; without an offset it is the clock of the region), `campsite` or
`region`, and any of `temperature_c`, `rain_mm` (of the hour before), `wind_ms`, `sky` (words), `source`.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from bearwatch.site_options import add_site_options, site_settings
from core.clock import now_s
from core.config import Config
from core.config_file import load_config
from db.existing import open_existing
from db.migrate import upgrade
from db.session import Database
from db.weather import RANGES, Observation, store

COLUMNS = frozenset({"at", "campsite", "region", "sky", "source", *RANGES})
MOST_WRONG = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which file, and who says so."""
    parser.add_argument("action", choices=("import",))
    parser.add_argument("file", type=Path, help="a CSV file; - for standard input")
    parser.add_argument("--source", default="", help="who measured it, where the file has no column `source`")
    add_site_options(parser)


class WeatherFileError(Exception):
    """A line cannot be used; the message says why, and what to write."""


def run(arguments: argparse.Namespace) -> int:
    """Exit status 0 when all of it was stored, 1 when a line is wrong and therefore none of it was."""
    database = open_existing(site_settings(arguments).database)
    try:
        return _bring_in(arguments, database)
    finally:
        database.close()


def _bring_in(arguments: argparse.Namespace, database: Database) -> int:
    config, now = load_config(arguments.config), now_s()
    found: list[Observation] = []
    wrong: list[str] = []
    try:
        for number, row in _rows(arguments.file):
            try:
                found.append(_observation(config, row, arguments.source, now))
            except WeatherFileError as error:
                wrong.append(f"line {number}: {error}")
    except (OSError, UnicodeDecodeError, csv.Error, WeatherFileError) as error:
        wrong.append(str(error))
    if wrong or not found:
        said = wrong[:MOST_WRONG] or ["there is no observation in it"]
        more = f"\n… and {len(wrong) - MOST_WRONG} more" if len(wrong) > MOST_WRONG else ""
        print("\n".join(said) + more + "\nNothing was stored.", file=sys.stderr)
        return 1
    upgrade(database)
    with database.write() as session:
        stored = store(session, found, None, now)
    print(f"{stored.new} observations stored, {stored.replaced} replaced.")
    return 0


def _rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    with sys.stdin if str(path) == "-" else path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        unknown = {name for name in reader.fieldnames or () if name not in COLUMNS}
        if unknown or "at" not in (reader.fieldnames or ()):
            raise WeatherFileError(
                f"the header must name `at` and others of {', '.join(sorted(COLUMNS))}; unknown: {unknown or 'none'}"
            )
        for row in reader:
            yield reader.line_num, {name: (value or "").strip() for name, value in row.items() if name}


def _observation(config: Config, row: Mapping[str, str], source: str, now: float) -> Observation:
    campsite, region = row.get("campsite") or None, row.get("region") or None
    if campsite is not None and campsite not in config.campsites:
        raise WeatherFileError(f"no campsite {campsite!r} in the configuration")
    if region is not None and region not in config.regions:
        raise WeatherFileError(f"no region {region!r} in the configuration")
    where = config.campsites[campsite].region if campsite else region
    if where is None:
        raise WeatherFileError("name a campsite or a region")
    values = {name: _number(name, row.get(name, "")) for name in RANGES}
    said = row.get("source") or source
    if not said:
        raise WeatherFileError("who measured it? Give a column `source`, or --source")
    at = _moment(row["at"], config.regions[where].timezone)
    made = Observation(at=at, source=said, campsite=campsite, region=region, sky=row.get("sky", ""), **values)
    if problem := made.problem(now):
        raise WeatherFileError(problem)
    return made


def _number(name: str, text: str) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        raise WeatherFileError(f"{name} must be a number, or empty when nobody measured it; it is {text!r}") from None


def _moment(text: str, timezone: str) -> float:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise WeatherFileError(f"write the time as 2027-01-15T02:30+00:00; it is {text!r}") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(timezone))).timestamp()

"""Check the configuration, open every camera and say what it shows, and call the service that misses a lost site."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from bearwatch.output import Output
from bearwatch.site_options import add_site_options, site_settings
from core.clock import now_s
from core.config import Camera, Config
from core.config_file import ConfigError, Document, KeyPath, Problem, config_from, read_document
from core.config_warnings import config_warnings, rate_problem
from core.errors import OperatorError
from core.redis_client import exposed_address
from detector.tracking.tracker import AlertRule
from ingest.sources.probe import ProbeResult, probe

AT_ONCE = 8
QUOTED = (
    "a % in ${{{}}} is read as the begin of a quoted sign (%40 for @); if it is part of the password itself, write the "
    "keys `username` and `password` beside the address"
)
RECORD = "-record"
"""Behind a camera's name: its stream for evidence."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which file, and how patient to be."""
    add_site_options(parser)
    parser.add_argument("--no-cameras", action="store_true", help="check the file only: open and call nothing")
    parser.add_argument("--timeout", type=float, default=10.0, help="seconds to wait for a camera")
    parser.add_argument(
        "--snapshots",
        type=Path,
        default=None,
        help="folder for a picture of each camera (`check` in the site's)",
    )
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")


def run(arguments: argparse.Namespace) -> int:
    """Exit status 0 when all is well, 1 when a camera or the service elsewhere is not or a line of the file can hardly
    be meant so, 2 when the file cannot be used."""
    try:
        document = read_document(arguments.config)
        config = config_from(document)
        _check_alert_rule(document, config)
        _check_plan(document, config)
    except ConfigError as error:
        if arguments.json:
            print(json.dumps({"ok": False, "problems": [_problem(p) for p in error.problems], "warnings": [],
                              "cameras": [], "outside": None}))  # fmt: skip
            return 2
        raise
    in_clear = exposed_address(site_settings(arguments))
    if in_clear:
        raise OperatorError(in_clear)
    warnings = [document.problem(each.key, each.message) for each in config_warnings(config)]
    warnings += [document.problem(key, QUOTED.format(name)) for key, name in document.substituted.quoted]
    cameras = [] if arguments.no_cameras else _probe_all(config, arguments)
    warnings += _seen_warnings(document, cameras)
    outside = None if arguments.no_cameras else _call_outside(config)
    ok = all(row["ok"] for row in cameras) and (outside is None or outside["ok"]) and not warnings
    if arguments.json:
        print(
            json.dumps(
                {
                    "ok": ok,
                    "problems": [],
                    "warnings": [_problem(each) for each in warnings],
                    "cameras": cameras,
                    "outside": outside,
                }
            )
        )
    else:
        _print(arguments.config, config, cameras, warnings)
        _print_outside(outside)
    return 0 if ok else 1


def _probe_all(config: Config, arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """Open all cameras, several at a time, with a progress bar on standard error."""
    streams = dict(_streams(config))
    snapshots = arguments.snapshots or arguments.data / "check"
    with Progress(console=Console(stderr=True), transient=True) as progress, ThreadPoolExecutor(AT_ONCE) as pool:
        task = progress.add_task("opening cameras", total=len(streams))

        def probe_one(item: tuple[str, Camera]) -> ProbeResult:
            result = probe(item[0], item[1], arguments.timeout)
            progress.advance(task)
            return result if item[0] not in config.cameras else _fast_enough(result, config)

        found = pool.map(probe_one, streams.items())
        return [_camera(result, snapshots) for result in found]


def _streams(config: Config) -> Iterator[tuple[str, Camera]]:
    """Every stream that the configuration names: of each camera the one to analyse, and the one for evidence."""
    for name, camera in config.enabled_cameras().items():
        yield name, camera
        if camera.record_url:
            yield f"{name}{RECORD}", camera.model_copy(update={"url": camera.record_url})


def _seen_warnings(document: Document, cameras: list[dict[str, Any]]) -> list[Problem]:
    """What opening the cameras has shown to be of no use."""
    seen = [(row["camera"], row["warning"]) for row in cameras if row["warning"]]
    return [document.problem(("cameras", name), message) for name, message in seen]


def _warning(result: ProbeResult) -> str | None:
    if result.ok and result.dark and not result.camera.endswith(RECORD):
        return "its picture is black or of one colour: is something before the lens, or is it night without a lamp?"
    return None


def _camera(result: ProbeResult, snapshots: Path) -> dict[str, Any]:
    snapshot = None
    if result.snapshot_jpeg:
        snapshots.mkdir(parents=True, exist_ok=True)
        snapshot = snapshots / f"{result.camera}.jpg"
        snapshot.write_bytes(result.snapshot_jpeg)
    return {
        "camera": result.camera,
        "ok": result.ok,
        "codec": result.codec,
        "width": result.width,
        "height": result.height,
        "fps": result.fps,
        "snapshot": str(snapshot) if snapshot else None,
        "error": result.error or None,
        "warning": _warning(result),
    }


def _fast_enough(result: ProbeResult, config: Config) -> ProbeResult:
    """A camera that gives fewer pictures than any alert needs cannot be used."""
    camera = config.cameras[result.camera]
    problem = rate_problem(min(result.fps, camera.fps), camera, config.detector) if result.ok else None
    return result if problem is None else replace(result, ok=False, error=problem)


def _check_alert_rule(document: Document, config: Config) -> None:
    """An alert has to be possible at every camera's frame rate."""
    rule = AlertRule.of(config.detector)
    problems = [
        document.problem(
            ("cameras", name, "fps"),
            f"with {camera.fps:g} frames a second and `detector.min_hits: {rule.min_hits}` no bear ever alerts; "
            "analyse more frames, or ask for fewer hits",
        )
        for name, camera in config.enabled_cameras().items()
        if not rule.for_rate(camera.fps).can_fire(camera.fps)
    ]
    if problems:
        raise ConfigError(problems)


def _check_plan(document: Document, config: Config) -> None:
    """The rollout plan too, where its rules are installed: a small box with cameras has no database, and no rollout."""
    if find_spec("sqlalchemy") is None:
        return
    from rollout.stages.spec_file import plan_in

    plan_in(document, config)
    _check_addresses(document, config)


def _check_addresses(document: Document, config: Config) -> None:
    """Every address that is to be told something, as it is written: nothing is sent."""
    from rollout.alerting.channels import address_problem

    rollout = config.rollout
    lists: dict[KeyPath, list[str]] = {
        ("rollout", "notify"): rollout.notify,
        ("rollout", "rangers"): rollout.rangers,
        ("rollout", "staff"): rollout.staff,
        **{("campsites", name, "notify"): site.notify for name, site in config.campsites.items()},
    }
    problems = []
    for key, targets in lists.items():
        for index, target in enumerate(targets):
            wrong = address_problem(target)
            if wrong:
                problems.append(document.problem((*key, index), f"{target.partition('://')[0]}://…: {wrong}"))
    if problems:
        raise ConfigError(problems)


def _call_outside(config: Config) -> dict[str, Any] | None:
    """Call the service that misses a lost site, once, as if all were well; None where there is none to call."""
    if config.outside.ping_url is None or find_spec("sqlalchemy") is None:
        return None
    from rollout.control.heartbeat import NotHeard, call, host

    try:
        call(config.outside.ping_url, {"well": True, "at": now_s(), "test": True})
    except NotHeard as error:
        return {"ok": False, "host": host(config.outside.ping_url), "error": str(error)}
    return {"ok": True, "host": host(config.outside.ping_url), "error": None}


def _print_outside(outside: dict[str, Any] | None) -> None:
    if outside is None:
        print("Nobody elsewhere is called: when this whole site is lost, nobody is told (outside: ping_url).")
    elif outside["ok"]:
        print(f"{outside['host']} hears us; it will miss this site when it falls silent.")
    else:
        print(f"Cannot be called now: {outside['error']}.", file=sys.stderr)


def _problem(problem: Problem) -> dict[str, Any]:
    return {"file": problem.file, "line": problem.line, "key": problem.key, "message": problem.message}


def _print(file: Path, config: Config, cameras: list[dict[str, Any]], warnings: list[Problem]) -> None:
    verdict = f"can be used, but {len(warnings)} of its lines can hardly be meant so" if warnings else "good"
    print(f"{file}: {verdict}. {len(config.campsites)} campsites, {len(config.cameras)} cameras.")
    for warning in warnings:
        print(warning, file=sys.stderr)
    for name, camera in config.enabled_cameras().items():
        window_s = AlertRule.of(config.detector).for_rate(camera.fps).window_s
        if window_s > config.detector.window_s:
            print(f"{name}: at {camera.fps:g} frames a second, frames up to {window_s:.3g} s apart belong together.")
    if not cameras:
        return
    table = Table("camera", "codec", "size", "frames/s", "snapshot or problem")
    for row in cameras:
        size = f"{row['width']}x{row['height']}" if row["ok"] else ""
        rate = f"{row['fps']:.1f}" if row["ok"] else ""
        table.add_row(row["camera"], row["codec"], size, rate, row["snapshot"] or f"[bold]{row['error']}[/bold]")
    Output().print(table)
    broken = [row["camera"] for row in cameras if not row["ok"]]
    if broken:
        print(f"Cannot be used now: {', '.join(broken)}. `bearwatch up` would show them as BLIND.", file=sys.stderr)

"""Write docs/reference.md from the code (commands, settings, configuration, metrics, the API), and who may do what."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from pydantic import BaseModel

from bearwatch.cli import COMMANDS, module_of
from core.config import PLAN_KEYS, Camera, Campsite, Config, Detector, Motion, Region, Rollout
from core.settings import Settings
from core.site_config import Costs, Learning, Outside, Retention
from core.telemetry import COUNTERS
from db.models import Role
from review_ui.app import MODULES
from review_ui.auth.rights import RIGHT_WORDS, RIGHTS, ROLE_WORDS, Right
from review_ui.monitoring.prometheus import METRICS as PAGE_METRICS
from review_ui.rendering.routes import every_route
from review_ui.site import require, signed_in, visitor
from rollout.base.metrics import METRICS as EVIDENCE
from rollout.stages import approval_spec, spec, time_rules

ROOT = Path(__file__).parents[1]
FILE = ROOT / "docs" / "reference.md"
PEOPLE = ROOT / "docs" / "people.md"
RIGHTS_BEGIN = "<!-- written by make reference -->"
RIGHTS_END = "<!-- until here -->"
API = "/api/v1/"
SECTIONS: dict[str, type[BaseModel]] = {
    "regions.<name>": Region,
    "campsites.<name>": Campsite,
    "cameras.<name>": Camera,
    "motion": Motion,
    "detector": Detector,
    "rollout": Rollout,
    "rollout.metadata": spec.Metadata,
    "rollout.model": spec.ModelRule,
    "rollout.scopes.<name>": spec.ScopeSpec,
    "rollout.stages[]": spec.StageSpec,
    "rollout.stages[].duration": spec.StageDuration,
    "rollout.stages[].gates[]": spec.Gate,
    "rollout.stages[].watch": spec.WatchRule,
    "rollout.stages[].oversight": spec.Oversight,
    "rollout.defaults": spec.Defaults,
    "rollout.defaults.evidence": spec.Evidence,
    "rollout.defaults.extension": spec.Extension,
    "rollout.defaults.manual_watch": spec.ManualWatch,
    "rollout.defaults.lease": time_rules.LeaseTimes,
    "rollout.freezes[]": time_rules.Freeze,
    "rollout.approvals": approval_spec.Approvals,
    "rollout.approvals.promote": approval_spec.ApprovalRule,
    "rollout.approvals.demote": approval_spec.OnePerson,
    "rollout.on_call.<name>": approval_spec.OnCallEntry,
    "retention": Retention,
    "learning": Learning,
    "costs": Costs,
    "outside": Outside,
}
METRICS = {**COUNTERS, **PAGE_METRICS}


def metrics_in_code() -> set[str]:
    """Every metric name that stands in the code, outside the table of counters."""
    rooms = ("core", "db", "rollout", "ingest", "detector", "review_ui", "bearwatch")
    files = (path for room in rooms for path in (ROOT / room).rglob("*.py") if path != ROOT / "core" / "telemetry.py")
    text = "\n".join(path.read_text() for path in files)
    return set(re.findall(r"\"(bearwatch_[a-z_]*[a-z])[\"{]", text)) - _not_metrics()


def _not_metrics() -> set[str]:
    return set(Settings.model_fields)


def page() -> str:
    """The whole page."""
    return "\n".join(
        [
            "# Reference",
            "",
            "Made from the code by `make reference`; a test fails when it is out of date.",
            "",
            *_commands(),
            *_settings(),
            *_configuration(),
            *_evidence(),
            *_metrics(),
            *_api(),
        ]
    )


def _commands() -> Iterator[str]:
    yield "## Commands\n"
    yield "`bearwatch COMMAND --help` says the same.\n"
    for name, summary in COMMANDS.items():
        yield f"### `bearwatch {name}`\n\n{summary[:1].upper()}{summary[1:]}.\n"
        parser = argparse.ArgumentParser(prog=f"bearwatch {name}", add_help=False)
        import_module(module_of(name)).add_arguments(parser)
        for action in parser._actions:
            names = ", ".join(action.option_strings) or action.dest
            choices = f" ({' | '.join(map(str, action.choices))})" if action.choices else ""
            yield f"- `{names}`{choices}" + (f" {action.help}" if action.help else "")
        if parser._actions:
            yield ""


def _settings() -> Iterator[str]:
    yield "## Environment\n\n| variable | meaning | default |\n|---|---|---|"
    for name, field in Settings.model_fields.items():
        default = "" if field.default is None else f"`{field.default}`"
        yield f"| `{name.upper()}` | {field.description} | {default} |"
    yield ""


def _configuration() -> Iterator[str]:
    yield "## Configuration file\n\n`bearwatch init` writes a commented example.\n"
    yield "| key | meaning | default |\n|---|---|---|"
    for section, model in SECTIONS.items():
        for name, field in model.model_fields.items():
            yield _row(f"{section}.{name}", field)
        if model is Rollout:
            yield from (f"| `{section}.{name}` | {meaning} | `None` |" for name, meaning in PLAN_KEYS.items())
    for name, field in Config.model_fields.items():
        if name not in {section.split(".")[0] for section in SECTIONS}:
            yield _row(name, field)
    yield ""


def _row(key: str, field: Any) -> str:
    default = "required" if field.is_required() else _shown(field.get_default(call_default_factory=True))
    return f"| `{key}` | {field.description} | {default} |"


def _shown(default: Any) -> str:
    if isinstance(default, BaseModel):
        return "see there"
    return f"`[{', '.join(map(str, default))}]`" if isinstance(default, list) else f"`{default}`"


def _evidence() -> Iterator[str]:
    yield "## Metrics of the rollout\n\nWhat a gate of a stage may name.\n"
    yield "| metric | meaning | unit | bounds |\n|---|---|---|---|"
    for name, kind in EVIDENCE.items():
        yield f"| `{name}` | {kind.summary} | {kind.unit} | {', '.join(kind.bounds)} |"
    yield ""


def _metrics() -> Iterator[str]:
    yield "## Metrics\n\n`/metrics` speaks Prometheus, and OpenMetrics to those who ask for it."
    yield "A camera is the label `camera_name`.\n\n| name | meaning |\n|---|---|"
    for name, meaning in METRICS.items():
        yield f"| `{name}` | {meaning} |"
    yield ""


def _api() -> Iterator[str]:
    yield "## API\n\n`/api/v1/openapi.json` describes it in full; [people.md](people.md) says who has which right.\n"
    yield "| operation | right | |\n|---|---|---|"
    app = FastAPI()
    for module in MODULES:
        app.include_router(module.router)
    for route in _routes(app):
        if route.path.startswith(API) and route.include_in_schema:
            for method in sorted(route.methods or ()):
                yield f"| `{method} {route.path}` | {_right(route.dependant)} | {route.summary} |"
    yield ""


def _routes(app: FastAPI) -> list[APIRoute]:
    found = [route for route in every_route(app) if isinstance(route, APIRoute)]
    return sorted(found, key=lambda route: (route.path, sorted(route.methods or ())))


def _right(asked: Dependant) -> str:
    """Which right a route asks for."""
    by_function = {require(right): f"`{right.value}`" for right in Right} | {signed_in: "a login", visitor: "nobody's"}
    for each in asked.dependencies:
        if each.call in by_function:
            return by_function[each.call]
    return "nobody's"


def rights() -> str:
    """Who may do what, as the table in docs/people.md."""
    rows = ["| right | means | " + " | ".join(ROLE_WORDS[role].lower() for role in Role) + " |"]
    rows.append("|---" * (len(Role) + 2) + "|")
    for right in Right:
        has = " | ".join("yes" if right in RIGHTS[role] else "" for role in Role)
        rows.append(f"| `{right.value}` | {RIGHT_WORDS[right]} | {has} |")
    return "\n".join(rows)


def people(text: str) -> str:
    """docs/people.md with that table between its two marks."""
    before, _, rest = text.partition(RIGHTS_BEGIN)
    _, _, after = rest.partition(RIGHTS_END)
    return f"{before}{RIGHTS_BEGIN}\n{rights()}\n{RIGHTS_END}{after}"


if __name__ == "__main__":
    FILE.write_text(page())
    PEOPLE.write_text(people(PEOPLE.read_text()))
    print(f"Wrote {FILE.relative_to(ROOT)} and the table in {PEOPLE.relative_to(ROOT)}")

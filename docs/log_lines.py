"""Write the table "Every line" of docs/operations.md from the code: what the processes warn of, and which section says
what to do.

A line belongs to the first section of :data:`SECTIONS` one of whose words stands in it, or in the path of the file that
writes it. A line that belongs to none is an error: whoever writes a new warning says what a person does about it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
OPERATIONS: Final = ROOT / "docs" / "operations.md"
ROOMS: Final = ("core", "db", "rollout", "ingest", "detector", "review_ui", "simulation", "bearwatch")
LEVELS: Final = ("warning", "error", "exception", "critical")
BEGIN: Final = "<!-- lines: written by make reference -->"
END: Final = "<!-- lines: until here -->"

SECTIONS: Final = {
    "The dead-letter stream grows": ("dead letter", "dead-letter", "cannot be tracked", "cannot be any more"),
    "Another Redis, or none, counts attempts": ("core/rate_limit.py",),
    "Frames of a box are refused": ("core/boxes/", "detector/box_streams.py", "processes/ingest.py"),
    "The page's second factors": ("second factors",),
    "A login elsewhere fails": ("auth/oidc",),
    "The service elsewhere": ("heartbeat_loop.py", "cli/processes/outside.py"),
    "The configuration is refused": ("configuration cannot be used", "cannot be used:\n"),
    "Somebody knocks": ("auth: ", "web/proxy_trust.py"),
    "A process ends and is started again": (
        *("supervisor.py", "reader crashed", "left behind", "batch failed", "bearwatch/processes.py", "a round failed"),
    ),
    "The disk is full": ("core/machine/disk_reserve.py",),
    "The clock was set": ("stamped with the time that holds",),
    "A line of the configuration can hardly be meant so": ("configuration, ", "worker.py: camera …: …"),
    "A model is refused or gives way": (
        *(
            "detector/model_switch.py",
            "detector/bundle_loader.py",
            "model_follower.py: the model",
            "which model is wanted",
        ),
        *("wanted_model.json", "… cannot be read, the configured model", "detector/live_shadow.py"),
    ),
    "Redis is unreachable": ("Redis", "a status report", "left without", "releasing"),
    "A camera is blind": ("ingest/", "camera_probe.py", "cli/replay.py", "staged_evaluation.py", "not configured here"),
    "Warnings are paused": ("rollout/control/controller.py: …", "the loss of"),
    "The database does not answer": ("the database", "the ledger", "track_worker.py: the round", "in … frames"),
    "The controller": ("watchdog", "rollout/control/", "review_ui/rollout/"),
    "A message was not delivered": ("rollout/alerting/", "review_ui/push/"),
    "The model or the machine that runs it": (
        *("detector/engines/", "detector/learn/", "detector/photo.py", "processes/detector.py", "core/machine/gpus.py"),
        *("a photo", "photos", "review_ui/models/"),
    ),
    "A learning run ends early": ("detector/nightly/",),
    "A picture was not kept, a frame not read": ("detector/",),
    "Audits, clips and reports": ("housekeeping.py", "canary", "host", "periodic_tasks.py"),
    "Staged cameras": ("simulation/",),
}
"""The sections of docs/operations.md, each with the words by which its lines are known; earlier ones come first."""


@dataclass(frozen=True, slots=True)
class LogLine:
    """One warning or error: where it is written, how loud, and its text with … for what is filled in."""

    file: str
    level: str
    text: str

    @property
    def section(self) -> str:
        """The section that says what to do. Raises LookupError for a line of which none is known."""
        where = f"{self.file}: {self.text}"
        for heading, words in SECTIONS.items():
            if any(word in where for word in words):
                return heading
        raise LookupError(f"{where!r} belongs to no section: write into docs/log_lines.py what a person does about it")


def log_lines() -> list[LogLine]:
    """Every warning and error of the product, by file and place in it."""
    files = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))
    return [line for path in files for line in _lines_of(path)]


def _lines_of(path: Path) -> Iterator[LogLine]:
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id="log"), attr=level), args=[first, *_]) if (
                level in LEVELS
            ):
                yield LogLine(path.relative_to(ROOT).as_posix(), level, _text(first))


def _text(node: ast.expr) -> str:
    """The text of a log call; what is filled in later is …, and so is a text that is not written there."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return re.sub(r"(?:%[-+0-9.]*[a-z])+", "…", node.value)
    return "…"


def table() -> str:
    """The table, by section and then by text."""
    order = list(SECTIONS)
    found = {(order.index(line.section), line.text, line.level, line.file) for line in log_lines()}
    rows = ["| line | | from | what to do |", "|---|---|---|---|"]
    for place, text, level, file in sorted(found):
        shown = text.strip().replace("\n", " ").replace("|", "\\|")
        loud = "ERROR" if level != "warning" else "WARNING"
        rows.append(f"| {shown} | {loud} | [{file}](../{file}) | [{order[place]}](#{anchor(order[place])}) |")
    return "\n".join(rows)


def anchor(heading: str) -> str:
    """The address of a heading within its page, as GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def with_table(text: str) -> str:
    """docs/operations.md with the table between its two marks."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


if __name__ == "__main__":
    OPERATIONS.write_text(with_table(OPERATIONS.read_text()))
    print(f"Wrote the table of log lines in {OPERATIONS.relative_to(ROOT)}")

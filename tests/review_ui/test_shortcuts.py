"""The keyboard help is the whole truth: every key that a script or a page handles is in it, and nothing else."""

from __future__ import annotations

import re

import pytest

from review_ui.rendering.pages import HERE, STATIC_DIR, Pages
from review_ui.rendering.shortcuts import GROUPS, Group

PRINTED = {"ArrowLeft": "←", "ArrowRight": "→", "ArrowUp": "↑", "ArrowDown": "↓", "space": "Space", "Enter": "Enter"}
BY_BROWSER = {("audit", "Space")}
"""What the browser does by itself: a box in focus is ticked by Space."""
WHERE = {
    "js/alert.js": ("alert",), "js/audit.js": ("audit",), "js/night.js": ("night",), "js/labels.js": ("labels",),
    "js/page.js": ("watch", "alert"), "js/decide.js": ("alert",), "_panel.html": ("alert",), "audit.html": ("audit",),
    "night.html": ("night",), "appeal.html": ("second-review",), "appeals.html": ("second-reviews",),
    "macros.html": ("watch", "alert"), "alert.html": ("alert",),
    "js/zoom.js": ("alert",),
}  # fmt: skip
"""On which pages each file's keys work. A file with a key that is not named here fails the test."""


def _printed(key: str) -> str:
    return PRINTED.get(key, key.upper())


def _handled(text: str) -> set[str]:
    """The keys that a script or a template takes, as the help prints them."""
    found = set(re.findall(r'(?:onKey|whenSeen)\("([^"]+)"', text))
    for several in re.findall(r'for \(const key of \[((?:"\w", )*"\w")\]\)', text):
        found |= set(re.findall(r'"(\w)"', several))
    found |= set(re.findall(r'data-key="(\w)"', text)) | set(re.findall(r'dataset\.key = "(\w)"', text))
    return {_printed(key) for key in found}


def _by_file() -> dict[str, set[str]]:
    files = {f"js/{path.name}": path for path in (STATIC_DIR / "js").glob("*.js")}
    files |= {path.name: path for path in (HERE / "templates").glob("*.html")}
    return {name: keys for name, path in files.items() if (keys := _handled(path.read_text())) and name != "js/keys.js"}


def test_every_key_that_is_handled_is_in_the_help_of_its_page() -> None:
    handled = _by_file()
    assert set(handled) <= set(WHERE), "say in WHERE on which pages these files' keys work"
    helped = {group.name: {key for line in group.keys for key in line.keys} for group in GROUPS}
    for name, keys in handled.items():
        told: set[str] = set().union(*(helped[group] for group in WHERE[name]))
        assert keys <= told, (
            f"{name} handles {sorted(keys - told)}, which review_ui/rendering/shortcuts.py does not tell"
        )


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group.name)
def test_every_key_of_the_help_is_handled_somewhere_on_its_page(group: Group) -> None:
    handled = set().union(*(keys for name, keys in _by_file().items() if group.name in WHERE[name]))
    told = {key for line in group.keys for key in line.keys if (group.name, key) not in BY_BROWSER}
    assert told == handled


def test_shift_is_told_where_a_script_asks_for_it() -> None:
    for name in ("alert", "night"):
        assert "event.shiftKey" in (STATIC_DIR / "js" / f"{name}.js").read_text()
    assert {group.name for group in GROUPS if any(line.shift for line in group.keys)} == {"alert", "night"}


def test_the_keys_of_the_page_one_is_on_come_first() -> None:
    template = Pages(lambda: 0.0).environment.get_template("_keys.html")
    for path, title in (("/audit/sheets/3", "A contact sheet"), ("/", "Watch"), ("/alerts/17", "An alert")):
        titles = re.findall(r"<h3>([^<]*?) ?(<small>this page</small>)?</h3>", template.render(path=path))
        assert titles[0] == (title, "<small>this page</small>")
        assert sorted(each for each, _ in titles) == sorted(group.title for group in GROUPS)
        assert [each for each, here in titles if here] == [title]

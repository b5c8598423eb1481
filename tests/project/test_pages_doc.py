"""docs/pages.md shows every page that is photographed, and only pictures that there are."""

from __future__ import annotations

import re
from pathlib import Path

from tests.support.browser.pages_list import PAGES

DOCS = Path(__file__).parents[2] / "docs"
ALIKE = {"audit-sheet", "nights", "camps", "label-changes"}
"""Pages that look like one that is shown."""


def test_every_page_is_shown_and_every_picture_is_there() -> None:
    shown = re.findall(r'src="(pictures/pages/([a-z-]+)-(?:phone|desktop)\.png)"', (DOCS / "pages.md").read_text())
    assert {name for _, name in shown} == {each.name for each in PAGES} - ALIKE
    assert [path for path, _ in shown if not (DOCS / path).is_file()] == []

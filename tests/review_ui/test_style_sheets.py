"""What a page loads: one bundle of style sheets before its first paint, and scripts that its head already names."""

from __future__ import annotations

import re

from review_ui.rendering.pages import HERE, STATIC_DIR
from review_ui.rendering.style_sheets import BUNDLES, bundle, parts


def test_a_bundle_is_its_sheets_in_their_order_without_comments() -> None:
    text = bundle(STATIC_DIR, "css/site.css")
    assert text is not None
    assert "/*" not in text
    assert text.index(":root {") < text.index(".sign {") < text.index(".login {")
    assert bundle(STATIC_DIR, "css/night.css") is None


def test_no_page_links_to_a_part_of_a_bundle_and_every_sheet_belongs_to_some_page() -> None:
    templates = "".join(path.read_text() for path in (HERE / "templates").glob("*.html"))
    linked = set(re.findall(r"static\('(css/[a-z]+\.css)'\)", templates))
    assert linked & parts() == set()
    files = {f"css/{path.name}" for path in (STATIC_DIR / "css").glob("*.css")}
    assert linked - set(BUNDLES) | parts() == files


def test_the_head_names_every_module_that_the_pages_script_will_ask_for() -> None:
    base = (HERE / "templates" / "base.html").read_text()
    named = re.search(r"for script in \[(.*?)\]", base)
    assert named
    waiting, needed = ["page"], set()
    while waiting:
        name = waiting.pop()
        needed.add(name)
        text = (STATIC_DIR / "js" / f"{name}.js").read_text()
        waiting += set(re.findall(r'import .*?"\./(\w+)\.js"', text)) - needed
    assert set(re.findall(r'"(\w+)"', named[1])) == needed

"""Style sheets that every page needs, as one file for each kind of page: a browser draws nothing before it has them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

from core.charts import STYLE

SITE: Final = "css/site.css"
BUNDLES: Final[Mapping[str, tuple[str, ...]]] = {
    SITE: ("tokens", "base", "frame", "stop", "more", "watch", "alert", "forms"),
    "css/camper.css": ("tokens", "base", "frame", "forms", "camp"),
}
"""The file's address below the static files, and the sheets that it is made of, in their order."""
_COMMENT: Final = re.compile(r"/\*.*?\*/", re.DOTALL)


@cache
def bundle(directory: Path, path: str) -> str | None:
    """The sheets of a bundle one after another, without comments; None when no bundle is called that.

    Pages for rangers have charts, whose sheet belongs to them.
    """
    names = BUNDLES.get(path)
    if names is None:
        return None
    sheets = [(directory / "css" / f"{name}.css").read_text(encoding="utf-8") for name in names]
    if path == SITE:
        sheets.append(f"@layer pages {{\n{STYLE}}}")
    return "\n".join(_COMMENT.sub("", sheet).strip() for sheet in sheets) + "\n"


def parts() -> frozenset[str]:
    """Sheets that no page links to by themselves."""
    return frozenset(f"css/{name}.css" for names in BUNDLES.values() for name in names)

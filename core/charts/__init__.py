"""Charts as SVG, made on the server: readable without any script, and the same in a page, in a mailed file, on paper.

A chart says *where*; colours come from :data:`STYLE`, which takes them from the page around it. Whoever draws says what
is to be seen (:mod:`core.charts.line`, :mod:`core.charts.rows`, :mod:`core.charts.strip`); a drawing of another kind is
made of :mod:`core.charts.svg`. Nothing here knows the product, a database or a clock. A chart never stands alone: the
page says the same in words or in a table beside it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

STYLE: Final = (Path(__file__).parent / "charts.css").read_text(encoding="utf-8")
"""The style sheet of all charts. Its colours have defaults, so that it also serves where no page stands around."""

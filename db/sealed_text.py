"""A column whose text is sealed with the site's key on its way into the database, and opened on its way out.

The database alone, or a copy of it, then opens nothing: neither a webhook's key nor a broker's password. Whoever
compares such a column in SQL finds nothing, as the same text is sealed otherwise each time; digests are compared.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Dialect, Text
from sqlalchemy.types import TypeDecorator

from core.secret_box import LostKey, installed, is_sealed

LOST: Final = "sealed://"
"""So begins what stands in place of a text that this process cannot open: no address begins so."""


class SealedText(TypeDecorator[str]):
    """``whose`` binds what is sealed to its column. A process that has chosen no site writes as it is."""

    impl = Text
    cache_ok = True

    def __init__(self, whose: str) -> None:
        super().__init__()
        self.whose = whose

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Seal it."""
        box = installed()
        return value if value is None or box is None or value.startswith(LOST) else box.seal(value, self.whose)

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        """Open it; what was written before there was sealing is read as it is."""
        if value is None or not is_sealed(value):
            return value
        box = installed()
        try:
            return box.open(value, self.whose) if box is not None else f"{LOST}no site was chosen"
        except LostKey:
            return f"{LOST}another key than this site has"

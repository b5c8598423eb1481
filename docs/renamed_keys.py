"""Write the table of renamed configuration keys in docs/upgrade.md from the code: each with the name that it had."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from pydantic import AliasChoices, BaseModel
from pydantic.fields import FieldInfo

from core.config import Config
from docs.reference import SECTIONS

ROOT: Final = Path(__file__).parents[1]
UPGRADE: Final = ROOT / "docs" / "upgrade.md"
BEGIN: Final = "<!-- renamed keys: written by make reference -->"
END: Final = "<!-- renamed keys: until here -->"


def renamed() -> Iterator[tuple[str, str]]:
    """Each key that is also understood under another name, as ``(key, other name)``."""
    sections: dict[str, type[BaseModel]] = {**SECTIONS, "": Config}
    for section, model in sections.items():
        for name, field in model.model_fields.items():
            key = f"{section}.{name}".lstrip(".")
            yield from ((key, other) for other in names_of(field) if other != name)


def names_of(field: FieldInfo) -> list[str]:
    """The names under which a key is read besides its own, or with it; empty where it has no other."""
    alias = field.validation_alias
    if isinstance(alias, AliasChoices):
        return [each for each in alias.choices if isinstance(each, str)]
    return [alias] if isinstance(alias, str) else []


def table() -> str:
    """The table, or a sentence where no key has another name."""
    rows = [f"| `{key}` | `{other}` |" for key, other in sorted(renamed())]
    return "\n".join(["| key | was |", "|---|---|", *rows]) if rows else "No key has been renamed."


def with_table(text: str) -> str:
    """docs/upgrade.md with the table between its two marks."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


if __name__ == "__main__":
    UPGRADE.write_text(with_table(UPGRADE.read_text()))
    print(f"Wrote the renamed keys in {UPGRADE.relative_to(ROOT)}")

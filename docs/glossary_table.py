"""Write the table of retired words in docs/glossary.md from docs/retired_words.csv."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
GLOSSARY: Final = ROOT / "docs" / "glossary.md"
LIST: Final = ROOT / "docs" / "retired_words.csv"
BEGIN: Final = "<!-- retired words: written by make reference -->"
END: Final = "<!-- retired words: until here -->"
WHERE: Final = {"everywhere": "nowhere any more", "names": "in sentences only"}


@dataclass(frozen=True, slots=True)
class Retired:
    """A word or phrase that is used no more, and what is said instead. ``everywhere``: not even in sentences."""

    word: str
    now: str
    everywhere: bool

    @property
    def joined(self) -> str:
        """Its words with one space between them, as texts are compared."""
        return " ".join(re.findall(r"[a-z0-9]+", self.word.lower()))


def retired() -> list[Retired]:
    """The list. Raises ValueError for a line that says neither ``everywhere`` nor ``names``."""
    with LIST.open(newline="") as file:
        rows = list(csv.DictReader(file))
    if strange := [row["retired"] for row in rows if row["where"] not in WHERE]:
        raise ValueError(f"{LIST}: write everywhere or names in the last column of {', '.join(strange)}")
    return [Retired(row["retired"], row["now"], row["where"] == "everywhere") for row in rows]


RETIRED: Final = retired()


def table() -> str:
    """The table, by the retired word."""
    rows = ["| retired | say | the old word |", "|---|---|---|"]
    in_order = sorted(RETIRED, key=lambda one: one.joined)
    rows += [f"| {each.word} | {each.now} | {WHERE[_kind(each.everywhere)]} |" for each in in_order]
    return "\n".join(rows)


def _kind(everywhere: bool) -> str:
    return "everywhere" if everywhere else "names"


def with_table(text: str) -> str:
    """docs/glossary.md with the table between its two marks."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


if __name__ == "__main__":
    GLOSSARY.write_text(with_table(GLOSSARY.read_text()))
    print(f"Wrote the retired words in {GLOSSARY.relative_to(ROOT)}")

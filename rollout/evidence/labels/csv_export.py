"""The label set as a CSV that ``bearwatch train`` and ``bearwatch evaluate`` read, with the media folder as ``--root``.

``source`` is whose picture it is, the camera: training keeps whole sources apart, so that a network is never judged on
a camera that it was trained on. How the label came to be is ``label_source``, with its ``probability``.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from core.clock import civil
from rollout.evidence.labels.labelled import Labelled
from rollout.evidence.labels.vocabulary import Label

COLUMNS: Final = (
    "file", "label", "source", "probability", "label_source", "day_night", "campsite", "captured_at", "box", "item",
)  # fmt: skip
_NOT_TRAINED: Final = frozenset({Label.NOT_BEAR, Label.UNNAMED})
_NIGHT_HOURS: Final = frozenset({20, 21, 22, 23, 0, 1, 2, 3, 4, 5})


def manifest(labels: Iterable[Labelled], timezones: Mapping[str, str], *, for_training: bool = False) -> Iterator[str]:
    """The lines of the CSV, header first: every label that stands, says something, and whose picture is kept.

    ``for_training`` leaves out those of which is only known what they are not: the trainer has no word for that.
    ``timezones`` are the campsites' clocks.
    """
    yield _line(COLUMNS)
    for each in sorted(labels, key=lambda each: (each.captured_at, each.item)):
        usable = each.label not in _NOT_TRAINED if for_training else each.label != Label.UNNAMED
        if each.media is not None and not each.removed and usable:
            yield _line(_row(each, timezones.get(each.campsite_id, "UTC")))


def _row(each: Labelled, timezone: str) -> tuple[object, ...]:
    box = "" if each.box is None else " ".join(f"{side:.4f}" for side in each.box)
    return (
        each.media, each.label, each.camera_id, f"{each.probability:.9g}", each.source, _light(each, timezone),
        each.campsite_id, f"{each.captured_at:.3f}", box, each.item,
    )  # fmt: skip


def _light(each: Labelled, timezone: str) -> str:
    """``day`` or ``night_ir`` as the picture was, if that was noted; else by the clock, ``day`` or ``dark``."""
    if each.infrared is not None:
        return "night_ir" if each.infrared else "day"
    return "dark" if civil(each.captured_at, timezone).hour in _NIGHT_HOURS else "day"


def _line(values: Iterable[object]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerow(values)
    return out.getvalue()

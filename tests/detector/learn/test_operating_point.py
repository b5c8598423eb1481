"""What is said of a threshold: by light, by event, and on a source for which it was not fitted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from detector.evaluate.manifest import LabelledPicture
from detector.learn.held_out_thresholds import (
    DAY,
    NIGHT,
    TRAPS,
    JudgedPictures,
    flagged_by_other_sources,
    operating_point,
)
from detector.learn.judge import live_box


def row(label: str, source: str, light: str = "day", event: str = "", number: int = 0) -> LabelledPicture:
    columns = {"source": source, "day_night": light, "kind": "camtrap", "event": event}
    return LabelledPicture(f"{number}.jpg", Path("x.jpg"), label, columns)


def judged() -> JudgedPictures:
    """Two sources with 50 others each by day, of which those of ``boars`` score high; and bears by day and at night."""
    rows = [row("deer", "quiet", number=n) for n in range(50)] + [row("boar", "boars", number=n) for n in range(50)]
    scores = [*np.linspace(0, 0.2, 50), *np.linspace(0.3, 0.5, 50)]
    rows += [row("bear", "quiet", event="one", number=n) for n in range(4)]
    rows += [row("bear", "boars", event="two"), row("bear", "other", "night_ir", "three"), row("dog", "other", "dark")]
    return JudgedPictures(rows, np.array([*scores, 0.6, 0.6, 0.6, 0.1, 0.9, 0.7, 0.2]))


def test_lights_events_and_sources_are_told_apart() -> None:
    found = operating_point(judged(), (0.4, 0.5), 0.02)
    assert set(found) == {TRAPS, DAY, NIGHT}
    day = found[DAY]
    assert (day["bears"], day["events"], day["events found"], day["sources of bears"]) == (5, 2, 2, 2)
    assert day["recall"] == pytest.approx(0.8)
    assert day["false"] == pytest.approx(0.25)
    assert day["by source"]["boars"]["false"] == 25
    assert day["by source"]["quiet"]["false"] == 0
    assert found[NIGHT]["recall"] == 1.0


def test_a_threshold_is_asked_on_sources_that_it_was_not_fitted_on() -> None:
    shown = judged()
    flagged = flagged_by_other_sources(shown, 0.02)
    boars = np.array([picture.source == "boars" and picture.label != "bear" for picture in shown.pictures])
    assert flagged[boars].all(), "without the boars the threshold is that of the quiet source"
    found = operating_point(shown, (0.49, 0.49), 0.02)[DAY]
    assert found["false, threshold of other sources"] == pytest.approx(0.5)
    assert found["false"] < 0.05


def test_one_event_of_many_pictures_makes_no_narrow_interval() -> None:
    found = operating_point(judged(), (0.4, 0.5), 0.02)[DAY]
    low, high = found["over events"]["recall"]
    assert low <= 0.8 <= high
    assert high - low > 0.2
    assert found["over sources"]["false"][1] >= 0.49


def test_a_light_without_bears_is_not_judged() -> None:
    rows = [row("deer", "a", "night_ir"), row("bear", "a"), row("deer", "a")]
    assert set(operating_point(JudgedPictures(rows, np.array([0.1, 0.9, 0.1])), (0.5, 0.5), 0.02)) == {TRAPS, DAY}


def test_live_crops_are_cut_around_the_box_or_anywhere() -> None:
    bear = LabelledPicture("x.jpg", Path("x.jpg"), "bear", {}, (0.4, 0.4, 0.6, 0.7))
    x0, y0, x1, y1 = live_box(bear, 640, 480, 3)
    assert x0 <= 0.4
    assert y0 <= 0.4
    assert x1 >= 0.6
    assert y1 >= 0.7
    assert (x1 - x0) * 640 == pytest.approx((y1 - y0) * 480)
    empty = row("empty", "a")
    boxes = {live_box(empty, 640, 480, place) for place in range(20)}
    assert len(boxes) == 20
    assert all(0 <= low < high <= 1 for box in boxes for low, high in ((box[0], box[2]), (box[1], box[3])))

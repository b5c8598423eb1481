"""What a bundle's thresholds do to camera-trap pictures of sources that were held out, by light, event and source.

A threshold promises nothing on the next camera unless it is asked for there. So each source's threshold is also
fitted without it (``next_source``), and intervals are drawn over what is independent: events for recall, and whole
sources for what a source that nobody has seen may show. Pure numpy.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detector.evaluate.figures import auc, recall_at
from detector.evaluate.manifest import LabelledPicture
from detector.learn.calibrate import bear_thresholds, is_from_a_trap, is_infrared
from detector.learn.folds import held_together

DAY, NIGHT, TRAPS = "camera traps by day", "camera traps at night", "camera traps"
_NIGHT_LIGHTS = ("night_ir", "dark")
_DRAWS = 500
_FEWEST_OTHERS = 15
_RATES = (0.01, 0.02, 0.05)

Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class JudgedPictures:
    """Held-out pictures (n) with the bear score of each, (n,)."""

    pictures: Sequence[LabelledPicture]
    scores: NDArray[np.floating]

    def of(self, inside: Flags) -> JudgedPictures:
        """Those for which ``inside`` (n,) is true."""
        places = np.flatnonzero(inside)
        return JudgedPictures([self.pictures[place] for place in places.tolist()], self.scores[places])

    @property
    def is_bear(self) -> Flags:
        """The truth (n,)."""
        return np.array([picture.label == "bear" for picture in self.pictures], dtype=bool)

    def flagged(self, thresholds: tuple[float, float]) -> Flags:
        """(n,) whether each is called a bear, with thresholds by day and for infra-red."""
        infrared = np.array([is_infrared(picture) for picture in self.pictures], dtype=bool)
        return np.asarray(self.scores >= np.where(infrared, thresholds[1], thresholds[0]))


def trap_slices(pictures: Sequence[LabelledPicture]) -> dict[str, Flags]:
    """Pictures of camera traps (n,): all, by day, and at night, which is by infra-red lamp or in the dark.

    The lights of the manifest were checked by eye for every bear of them: what it calls grey is daylight on grey
    ground.
    """
    trap = np.array([is_from_a_trap(picture) for picture in pictures], dtype=bool)
    night = np.array([picture.light in _NIGHT_LIGHTS for picture in pictures], dtype=bool)
    return {TRAPS: trap, DAY: trap & ~night, NIGHT: trap & night}


def operating_point(judged: JudgedPictures, thresholds: tuple[float, float], rate: float) -> dict[str, Any]:
    """Slice to what the thresholds do there, as JSON values; slices without a bear or without others are left out.

    ``rate`` is the share of others for which the thresholds were fitted.
    """
    transferred = flagged_by_other_sources(judged, rate)
    flagged = judged.flagged(thresholds)
    found = {}
    for name, inside in trap_slices(judged.pictures).items():
        bears = judged.is_bear[inside]
        if 0 < bears.sum() < len(bears):
            found[name] = _slice(judged.of(inside), flagged[inside], transferred[inside])
    return found


def flagged_by_other_sources(judged: JudgedPictures, rate: float) -> Flags:
    """(n,) whether each picture is called a bear by thresholds fitted on all the other sources."""
    groups = np.array(held_together(judged.pictures))
    flagged = np.zeros(len(groups), dtype=bool)
    for group in sorted(set(groups.tolist())):
        others, own = judged.of(groups != group), groups == group
        flagged[own] = judged.of(own).flagged(bear_thresholds(others.scores, others.pictures, rate))
    return flagged


def _slice(judged: JudgedPictures, flagged: Flags, transferred: Flags) -> dict[str, Any]:
    is_bear, scores = judged.is_bear, judged.scores
    events = np.array([f"{picture.group}: {picture.event}" for picture in judged.pictures])
    groups = np.array(held_together(judged.pictures))
    recalls: dict[str, Callable[[NDArray[np.int64]], float]] = {
        f"recall at {rate:.0%}": lambda chosen, rate=rate: recall_at(scores[chosen], is_bear[chosen], rate).recall  # type: ignore[misc]
        for rate in _RATES
    }
    measures: dict[str, Callable[[NDArray[np.int64]], float]] = {
        "recall": lambda chosen: float(flagged[chosen][is_bear[chosen]].mean()),
        "false": lambda chosen: float(flagged[chosen][~is_bear[chosen]].mean()),
        "recall, threshold of other sources": lambda chosen: float(transferred[chosen][is_bear[chosen]].mean()),
        "false, threshold of other sources": lambda chosen: float(transferred[chosen][~is_bear[chosen]].mean()),
        "auc": lambda chosen: auc(scores[chosen], is_bear[chosen]),
        **recalls,
    }
    found_events = {event for event, yes in zip(events[is_bear], flagged[is_bear], strict=True) if yes}
    everything = np.arange(len(is_bear))
    return {
        "bears": int(is_bear.sum()),
        "events": len(set(events[is_bear].tolist())),
        "events found": len(found_events),
        "sources of bears": len(set(groups[is_bear].tolist())),
        "others": int((~is_bear).sum()),
        **{name: round(measure(everything), 4) for name, measure in measures.items()},
        "over events": _intervals(measures, events, is_bear),
        "over sources": _intervals(measures, groups, is_bear),
        "by source": _by_source(groups, is_bear, flagged, transferred),
    }


def _intervals(
    measures: Mapping[str, Callable[[NDArray[np.int64]], float]], clusters: NDArray[np.str_], is_bear: Flags
) -> dict[str, tuple[float, float]]:
    """The middle 90% of each measure when whole clusters are drawn with replacement, bears' and others' apart."""
    random = np.random.default_rng(3)
    members = [_members(clusters, kind) for kind in (is_bear, ~is_bear)]
    drawn: dict[str, list[float]] = {name: [] for name in measures}
    for _ in range(_DRAWS):
        chosen = np.concatenate(
            [of_kind[place] for of_kind in members for place in random.integers(len(of_kind), size=len(of_kind))]
        )
        for name, measure in measures.items():
            drawn[name].append(measure(chosen))
    low_high = {name: np.quantile(values, (0.05, 0.95)) for name, values in drawn.items()}
    return {name: (round(float(low), 3), round(float(high), 3)) for name, (low, high) in low_high.items()}


def _members(clusters: NDArray[np.str_], kind: Flags) -> list[NDArray[np.int64]]:
    return [np.flatnonzero(kind & (clusters == name)) for name in sorted(set(clusters[kind].tolist()))]


def _by_source(
    groups: NDArray[np.str_], is_bear: Flags, flagged: Flags, transferred: Flags
) -> dict[str, dict[str, Any]]:
    """Of each source with bears or enough others: how many, and what is called a bear, by either threshold."""
    found = {}
    for group in sorted(set(groups.tolist())):
        bears, others = (groups == group) & is_bear, (groups == group) & ~is_bear
        if not bears.any() and others.sum() < _FEWEST_OTHERS:
            continue
        found[group.removeprefix("group ")] = {
            "bears": int(bears.sum()),
            "found": int(flagged[bears].sum()),
            "found, threshold of other sources": int(transferred[bears].sum()),
            "others": int(others.sum()),
            "false": int(flagged[others].sum()),
            "false, threshold of other sources": int(transferred[others].sum()),
        }
    return found

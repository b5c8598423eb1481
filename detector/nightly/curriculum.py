"""Which labels a night is trained on, and in which order: half of each batch new, half replay of older ones. Pure.

Replay is stratified by light, campsite and label, so that what is rare or long ago is not drowned by what was
photographed last night. What the model itself selected is thinned and bounded before
(:mod:`rollout.evidence.labels.weights`), and every label counts in the loss by its weight.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rollout.evidence.labels import Split, TrainingLabel
from rollout.evidence.labels.weights import SelectedShare, bounded, thinned

LEAST_STEPS = 24
"""Of a night with few labels: fewer would move nothing."""


@dataclass(frozen=True, slots=True)
class NightDraws:
    """How a night is trained. ``labels`` at most are new, the newest; ``batch`` pictures make a step.

    ``new_since``: labels of pictures taken since then (UTC seconds) are new; None: all of them are.
    """

    labels: int = 2000
    batch: int = 32
    passes: float = 1.0
    seed: int = 1
    new_since: float | None = None


@dataclass(frozen=True, slots=True)
class Curriculum:
    """``labels`` are the new ones, then the older ones that are drawn; ``order`` (steps * batch,) are places there."""

    labels: tuple[TrainingLabel, ...]
    new: int
    order: NDArray[np.int64]
    summary: Mapping[str, Any]
    """How many were new, replayed, thinned out, and the like; as JSON values."""


def for_training(labels: Iterable[TrainingLabel]) -> list[TrainingLabel]:
    """Those that may train at all: neither golden nor rolling nor planted, whatever else they say."""
    return [each for each in labels if each.split is Split.TRAIN and not each.item.startswith("planted")]


def curriculum(labels: Sequence[TrainingLabel], effort_shares: Mapping[str, float], plan: NightDraws) -> Curriculum:
    """Lay out a night. ``effort_shares``: each campsite's share of the reviews.

    1. Of the labels that may train, the model-selected ones are thinned, and their weight is bounded.
    2. New are the newest ``plan.labels`` since the last run; the others are replayed.
    3. New ones come in turn, ``plan.passes`` times each, half of every batch. The other half is drawn from the older
       ones: a stratum first, all alike, then a label of it. Without older ones all of the batch is new.
    """
    trainable = for_training(labels)
    kept = bounded(thinned(trainable, effort_shares))
    since = float("-inf") if plan.new_since is None else plan.new_since
    recent = sorted(
        (each for each in kept if each.captured_at >= since), key=lambda each: (each.captured_at, each.item)
    )
    new = recent[max(0, len(recent) - plan.labels) :]
    chosen = {each.item for each in new}
    older = [each for each in kept if each.item not in chosen]
    random = np.random.default_rng(plan.seed)
    half = plan.batch // 2 if older else plan.batch
    steps = max(LEAST_STEPS, round(plan.passes * len(new) / half)) if new else 0
    fresh = _in_turn(len(new), steps * half, random).reshape(steps, half)
    replayed = _stratified(older, steps * (plan.batch - half), random).reshape(steps, plan.batch - half)
    used, places = np.unique(replayed, return_inverse=True)
    order = np.concatenate([fresh, places.reshape(replayed.shape) + len(new)], axis=1).ravel()
    drawn = [older[place] for place in used.tolist()]
    summary = _summary(labels, trainable, kept, new, drawn) | {"steps": steps, "waiting": len(recent) - len(new)}
    return Curriculum((*new, *drawn), len(new), order.astype(np.int64), summary)


def _in_turn(count: int, draws: int, random: np.random.Generator) -> NDArray[np.int64]:
    """(draws,) places below ``count``: all of them once in any order, then all again."""
    if not count or not draws:
        return np.zeros(draws, dtype=np.int64)
    turns = [random.permutation(count) for _ in range(-(-draws // count))]
    return np.concatenate(turns)[:draws].astype(np.int64)


def _stratified(older: Sequence[TrainingLabel], draws: int, random: np.random.Generator) -> NDArray[np.int64]:
    """(draws,) places among the older labels: each stratum as often as any other."""
    strata: dict[tuple[bool, str, str], list[int]] = defaultdict(list)
    for place, each in enumerate(older):
        strata[each.infrared, each.campsite, each.label].append(place)
    if not strata or not draws:
        return np.zeros(draws, dtype=np.int64)
    groups = [strata[key] for key in sorted(strata)]
    which = random.integers(0, len(groups), draws)
    within = random.random(draws)
    return np.array([groups[w][int(share * len(groups[w]))] for w, share in zip(which, within, strict=True)], np.int64)


def _summary(
    labels: Sequence[TrainingLabel],
    trainable: Sequence[TrainingLabel],
    kept: Sequence[TrainingLabel],
    new: Sequence[TrainingLabel],
    drawn: Sequence[TrainingLabel],
) -> dict[str, Any]:
    return {
        "in_snapshot": len(labels),
        "may_train": len(trainable),
        "thinned_out": len(trainable) - len(kept),
        "new": len(new),
        "replayed": len(drawn),
        "new_by_label": dict(sorted(Counter(each.label for each in new).items())),
        "new_by_labeller": {str(who): n for who, n in sorted(Counter(w for e in new for w in e.labellers).items())},
        "selected_share": round(SelectedShare.of(kept).share, 4),
    }

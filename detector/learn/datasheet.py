"""The sheet that travels with a model: what it was made from, how well it does, where it fails. For people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from detector.learn.recipe import Recipe
from detector.manifest import LabelledPicture
from detector.model import Model

_FEW = 30


def datasheet(
    model: Model,
    pictures: Sequence[LabelledPicture],
    recipe: Recipe,
    evaluation: Mapping[str, Any],
    left_out: Sequence[str],
) -> str:
    """Markdown. ``evaluation`` is what :func:`detector.learn.training.train` measured on held-out sources."""
    parts = [
        _head(model, recipe, evaluation),
        _training_data(pictures, left_out),
        _held_out(evaluation),
        _by_source(evaluation),
        _unknown(evaluation, model),
        _gaps(pictures),
    ]
    return "\n\n".join(parts) + "\n"


def _head(model: Model, recipe: Recipe, evaluation: Mapping[str, Any]) -> str:
    share = evaluation["share_of_trained_weights"]
    verdict = (
        "On sources it had not seen it was better than the pretrained network."
        if evaluation["better_than_generic"]
        else "**On sources it had not seen it was not better than the pretrained network. Do not use it instead.**"
    )
    thresholds = model.thresholds
    return f"""# Datasheet of the model `{model.name}@{model.input_px}`

{model.architecture}, pretrained on ImageNet, fine-tuned for {recipe.epochs:g} epochs at {recipe.train_px} px
and averaged with the pretrained weights ({share:.0%} trained, {1 - share:.0%} pretrained). {verdict}

It says how likely a picture shows a bear, and the likeliest of: {", ".join(model.labels.names)}.
Thresholds: {thresholds.day} by day, {thresholds.infrared} for infra-red and grey pictures (2% of held-out pictures
without a bear score higher). Temperature {model.labels.temperature}.

It is meant for motion crops and still frames of fixed cameras, as one witness whose word a ranger checks. It is not
meant to prove that there is no bear."""


def _training_data(pictures: Sequence[LabelledPicture], left_out: Sequence[str]) -> str:
    rows = Counter((picture.source, picture.columns.get("licence", "not stated")) for picture in pictures)
    bears = Counter(picture.source for picture in pictures if picture.label == "bear")
    lines = [
        f"| {source} | {count} | {bears[source]} | {licence} |" for (source, licence), count in sorted(rows.items())
    ]
    labels = Counter(picture.label for picture in pictures)
    lights = Counter((picture.light or "not stated", picture.label == "bear") for picture in pictures)
    by_light = "; ".join(
        f"{light}: {lights[light, True]} bears, {lights[light, False]} others"
        for light in sorted({k for k, _ in lights})
    )
    return f"""## Training pictures

{len(pictures)} pictures: {", ".join(f"{label} {count}" for label, count in labels.most_common())}.
By light: {by_light}. {len(left_out)} pictures could not be decoded and were left out.

Licences as the manifest states them. Most pictures were collected from the web by others and their copyright is
unknown; none of them is part of this program, only the weights are. Whoever needs certainty trains on pictures of
their own: `bearwatch train --manifest M.csv --out DIR`.

| source | pictures | bears | licence |
|---|---|---|---|
""" + "\n".join(lines)


def _held_out(evaluation: Mapping[str, Any]) -> str:
    lines = []
    for name, networks in evaluation["held_out"].items():
        for who, found in networks.items():
            if found["auc"] is None:
                continue
            recalls = " | ".join(
                f"{each['recall']:.3f} ({each['low']:.2f}-{each['high']:.2f})" for each in found["recalls"].values()
            )
            title = "pretrained" if who == "generic" else f"{float(who):.0%} trained"
            counts = f"{found['bears']} / {found['pictures']}"
            lines.append(f"| {name} | {counts} | {title} | {found['auc']:.3f} | {recalls} |")
    return """## What to expect: sources it had not seen

Each picture was judged by a network that was trained without any picture of its source. Whole pictures, seen once; no
motion to help. Intervals are exact 95% intervals that take pictures as independent; pictures of one event are not, so
the truth is less certain than that. The share of trained weights was chosen by these very figures, which makes them a
little too good. What a camera of another make and place will show is best predicted by the line "camera traps".

| slice | bears / all | network | AUC | recall at 1% false positives | at 2% | at 5% |
|---|---|---|---|---|---|---|
""" + "\n".join(lines)


def _by_source(evaluation: Mapping[str, Any]) -> str:
    columns = [f"{what} above 0.3, {who}" for what in ("bears", "others") for who in ("generic", "trained")]
    lines = []
    for source, found in evaluation["by_source"].items():
        shares = [_share(found[column]) for column in columns]
        bears, others = found["bears"], found["others"]
        lines.append(f"| {source} | {bears} | {shares[0]} | {shares[1]} | {others} | {shares[2]} | {shares[3]} |")
    return """## Source by source, each held out

Share of the bears, and of the others, that score above 0.3: pretrained, then trained.

| source | bears | pretrained | trained | others | pretrained | trained |
|---|---|---|---|---|---|---|
""" + "\n".join(lines)


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _unknown(evaluation: Mapping[str, Any], model: Model) -> str:
    thresholds = model.thresholds
    head = f"""## Animals it does not know

A picture whose energy exceeds {thresholds.unknown_day} (day) or {thresholds.unknown_infrared} (infra-red) is called
unknown; 1% of known pictures exceed it."""
    rows = [
        f"| {label} | {found['pictures']} | {found['flagged as unknown']:.3f} | {found['taken for a bear']:.3f} |"
        for label, found in evaluation["unknown_animals"].items()
    ]
    if not rows:
        return head + " No label was wholly absent from a fold's training, so this was not tested."
    return (
        head
        + """ Tested with labels of which the judging network had seen no picture in its training
(the pretrained network may have seen such animals under another name):

| never trained on | pictures | flagged as unknown | taken for a bear |
|---|---|---|---|
"""
        + "\n".join(rows)
    )


def _gaps(pictures: Sequence[LabelledPicture]) -> str:
    labels = Counter(picture.label for picture in pictures)
    few = [f"{label} ({count})" for label, count in sorted(labels.items()) if count < _FEW]
    night = sum(picture.label == "bear" and picture.light == "night_ir" for picture in pictures)
    small = f"Labels with fewer than {_FEW} pictures: {', '.join(few)}." if few else ""
    return f"""## Gaps

- {night} pictures of bears in infra-red light. What is known of them was mostly learned from daylight pictures made
  grey, dark and noisy; the figures for infra-red rest on these few.
- Bears in web pictures are large and well lit. On a campsite they are small: motion crops close part of that gap.
- Cubs, bears behind tents or cars, snow, heavy rain and thermal cameras were not measured. {small}
- Events are not marked in the pictures' lists, so bursts of one animal count as many pictures."""

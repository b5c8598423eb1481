"""The sheet that travels with a model: what it was made from, how well it does, where it fails. For people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from detector.evaluate.manifest import LabelledPicture
from detector.learn.calibrate import LIVE_RATE, STILL_RATE
from detector.learn.held_out_thresholds import DAY, NIGHT, TRAPS
from detector.learn.heldout import GENERIC_KEY
from detector.learn.recipe import Recipe
from detector.learn.sampling import is_at_night
from detector.models.crops import LEAST_EXPONENT
from detector.models.model import Model
from detector.models.ood import DOUBT, ENERGY, NEIGHBOURS, WAYS

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
        _training_data(pictures, recipe, left_out),
        _held_out(evaluation),
        _stills(evaluation, model),
        _made_hard(evaluation),
        _by_source(evaluation),
        _unknown(evaluation, model),
        _prediction(evaluation, model),
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
    limits = model.thresholds
    return f"""# Datasheet of the model `{model.name}@{model.input_px}`

{model.architecture}, pretrained on ImageNet, fine-tuned for {recipe.epochs:g} epochs at {recipe.train_px} px and
averaged with the pretrained weights ({share:.0%} trained, {1 - share:.0%} pretrained). {verdict}

It says how likely a picture shows a bear, and the likeliest of: {", ".join(model.labels.names)}.
It is meant for motion crops and still frames of fixed cameras, as one witness whose word a ranger checks. It is not
meant to prove that there is no bear.

| bear score from which a picture counts | by day | infra-red or grey |
|---|---|---|
| live crops, each seen once at {model.input_px} px | {limits.day} | {limits.infrared} |
| still pictures, seen as `{model.view}` | {limits.still_bear(False)} | {limits.still_bear(True)} |

Of the held-out pictures of camera traps without a bear (of all held-out pictures, where a light has fewer than 30 of
them) {LIVE_RATE:.1%} score higher than the first line, seen once, whole or as a square anywhere in them, and
{STILL_RATE:.1%} higher than the second. Pictures from the web decide neither. Behind the first line stands the rule for
visits: several frames have to agree - which guards against noise, not against a boar that stands there. What these
thresholds do on a source that they were not fitted on is said below. Check them against what the cameras of a place
really see.
{_floor(recipe)}

{_lift(model)}

Temperature: {model.labels.temperature}."""


def _floor(recipe: Recipe) -> str:
    """Why live thresholds may be stricter than held-out pictures want them."""
    if not recipe.live_at_least:
        return ""
    return (
        f"No live threshold is below {recipe.live_at_least:g}: staged boars and people, and clips of fixed cameras "
        "without a bear, were\nseen to need that, of which the labelled pictures know nothing. So fewer of these "
        "exceed "
        "it than said above, and more bears\nare missed by a single crop: see live crops below."
    )


def _lift(model: Model) -> str:
    if not model.lift:
        return "Dark pictures enter the network as they are."
    return (
        "Dark pictures are lifted before they enter the network: a gamma curve takes their median grey to\n"
        f"{model.lift:.0%} of white, with an exponent of {LEAST_EXPONENT:g} at the least; in training, live crops and "
        "still pictures alike."
    )


def _training_data(pictures: Sequence[LabelledPicture], recipe: Recipe, left_out: Sequence[str]) -> str:
    rows = Counter(map(_source_and_licence, pictures))
    bears = Counter(_source_and_licence(picture) for picture in pictures if picture.label == "bear")
    lines = [f"| {row[0]} | {count} | {bears[row]} | {row[1]} |" for row, count in sorted(rows.items())]
    labels = Counter(picture.label for picture in pictures)
    lights = Counter((picture.light or "not stated", picture.label == "bear") for picture in pictures)
    by_light = "; ".join(
        f"{light}: {lights[light, True]} bears, {lights[light, False]} others"
        for light in sorted({k for k, _ in lights})
    )
    return f"""## Training pictures

{len(pictures)} pictures: {", ".join(f"{label} {count}" for label, count in labels.most_common())}.
By light: {by_light}. {len(left_out)} pictures could not be decoded and were left out.
{_night(pictures)}

Drawn by the square root of how many a source has of a label and light, camera traps {recipe.camera_trap_weight:g}
times as often, bears {recipe.bear_share:.0%} of all, and bears of camera traps at night at least
{recipe.night_share:.0%} of these, as far as no single one is shown too often. Every label alike is
shown grey, by a made-up infra-red lamp, dark, noisy, blurred, coarse, hidden in part, small in an empty scene, with a
faint patch where somebody's box may have been painted over, and so on (`detector/learn/augmentations.py`). A picture
with a known box is also shown cut as the live system cuts. {recipe.pasted_bears:.0%} of the bears and
{recipe.pasted_others:.0%} of the others are animals cut out of daylight pictures and put into real scenes as an
infra-red camera would see them (`detector/learn/night_scenes.py`): **made, not photographed**; none of them is in any
figure below. The first {recipe.frozen_stages} stages of the network stayed as they were pretrained.

Licences as the manifest states them. Most pictures were collected from the web by others and their copyright is
unknown; none of them is part of this program, only the weights are. Whoever needs certainty trains on pictures of
their own: `bearwatch train --manifest M.csv --out DIR`.

| source | pictures | bears | licence |
|---|---|---|---|
""" + "\n".join(lines)


def _night(pictures: Sequence[LabelledPicture]) -> str:
    """How little there is of what matters most."""
    bears = [picture for picture in pictures if picture.label == "bear" and is_at_night(picture)]
    events = {f"{picture.group}: {picture.event}" for picture in bears}
    groups = {picture.group for picture in bears}
    return (
        f"Of camera traps at night: {len(bears)} pictures of bears, of {len(events)} events (a picture without one\n"
        f"counts as one itself) at {len(groups)} sources. Events and sources are held out whole, never a picture alone."
    )


def _source_and_licence(picture: LabelledPicture) -> tuple[str, str]:
    return picture.source, picture.columns.get("licence", "not stated")


_TABLE_HEAD = """| slice | bears / all | network | AUC | recall at 1% false positives | at 2% | at 5% |
|---|---|---|---|---|---|---|
"""


def _rows(found: Mapping[str, Mapping[str, Any]]) -> str:
    """Slice to network to figures, as lines of a table."""
    lines = []
    for name, networks in found.items():
        for who, figures in networks.items():
            if figures["auc"] is None:
                continue
            recalls = " | ".join(
                f"{each['recall']:.3f} ({each['low']:.2f}-{each['high']:.2f})" for each in figures["recalls"].values()
            )
            title = "pretrained" if who == GENERIC_KEY else f"{float(who):.0%} trained"
            counts = f"{figures['bears']} / {figures['pictures']}"
            lines.append(f"| {name} | {counts} | {title} | {figures['auc']:.3f} | {recalls} |")
    return "\n".join(lines)


def _held_out(evaluation: Mapping[str, Any]) -> str:
    return f"""## What to expect: sources it had not seen

Each picture was judged by a network that was trained without any picture of its source. Whole pictures, seen once; no
motion to help. Intervals are exact 95% intervals that take pictures as independent; pictures of one event are not, so
the truth is less certain than that. The share of trained weights was chosen by these very figures, which makes them a
little too good. What a camera of another make and place will show is best predicted by the lines "camera traps" and
"grey or infra-red".

{_TABLE_HEAD}{_rows(evaluation["held_out"])}"""


def _stills(evaluation: Mapping[str, Any], model: Model) -> str:
    return f"""## Still pictures, in the view of the bundle

A still picture is seen as `{model.view}` (see `detector/stills.py`), which costs more and sees more. The same sample
of held-out pictures - all bears of camera traps or without daylight, some other bears, and others of camera traps or
without daylight - first seen once, then in that view:

{_TABLE_HEAD}{_rows({f"{name}, once": each for name, each in evaluation["stills_whole"].items()})}
{_rows({f"{name}, view": each for name, each in evaluation["stills"].items()})}"""


def _made_hard(evaluation: Mapping[str, Any]) -> str:
    return f"""## Pictures made hard

There are few real pictures of bears at night or far away. So daylight pictures of held-out sources, bears and others
alike, were made hard by other formulas than those of training (`detector/learn/corruptions.py`), and seen once:

{_TABLE_HEAD}{_rows(evaluation["made_hard"])}"""


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
    limits, way = model.thresholds, evaluation["unknown_by"]
    how = {
        ENERGY: "the energy of its logits",
        DOUBT: "how surely it is an animal, times how undecided the network is which one",
        NEIGHBOURS: "how far its logits lie from those of the nearest of up to 2,000 training pictures",
    }[way]
    head = f"""## Animals it does not know

How strange a picture is, is told by {how}.
Above {limits.unknown_day} by day and {limits.unknown_infrared} for infra-red or grey pictures it is called an unknown
animal, unless it is called a bear; 0.5% of known held-out pictures lie above."""
    rows = []
    for label, found in evaluation["unknown_animals"].items():
        for each in WAYS:
            row = found[each]
            auc = "-" if row["auc"] is None else f"{row['auc']:.3f}"
            rows.append(
                f"| {label} | {found['pictures']} | {each}{' (used)' if each == way else ''} | {row['flagged']:.3f} | "
                f"{row['flagged at 5%']:.3f} | {found['taken for a bear']:.3f} | {auc} |"
            )
    if not rows:
        return head + " No label was wholly absent from a fold's training, so this was not tested."
    return (
        head
        + """ Tested with labels of which the judging network had seen no picture in its training
(the pretrained network may have seen such animals under another name). AUC: the probability that such a picture is
stranger than a known one.

| never trained on | pictures | told by | flagged as unknown | if 5% of known were | taken for a bear | AUC |
|---|---|---|---|---|---|---|
"""
        + "\n".join(rows)
        + """

An animal that resembles a known one is seldom flagged: it comes out as that one, or as `other_animal`. Flagging finds
some strangers; it does not promise to."""
    )


_STILLS = "still pictures"


def _prediction(evaluation: Mapping[str, Any], model: Model) -> str:
    """What to expect of camera-trap pictures from elsewhere, at the thresholds of the bundle."""
    share = f"{evaluation['share_of_trained_weights']:g}"
    at = evaluation["at_thresholds"]
    lines = [
        f"- {name}: AUC {_range(f, 'auc')}, recall at 1 / 2 / 5% false positives {_range(f, 'recall at 1%')} / "
        f"{_range(f, 'recall at 2%')} / {_range(f, 'recall at 5%')}; **at the thresholds for still pictures recall "
        f"{_range(f, TRANSFERRED)}, false {_range(f, TRANSFERRED_FALSE)}**"
        for name, f in at[_STILLS].items()
    ]
    said = "\n".join(lines) or "- nothing can be said: there are no held-out bears of camera traps."
    return f"""## What the thresholds do, source by source

Held-out pictures of camera traps, judged by networks that saw nothing of their source. "Other sources": the threshold
was fitted without the source as well, which is what happens on the next camera. In brackets the middle 90% when events
are drawn again, and when whole sources are: what chance alone may do, and what the next source may.

{_at_thresholds(at)}

By source, at the bundle's thresholds (in brackets: at those of the other sources):

{_sources_at_thresholds(at)}

## What this predicts for camera-trap pictures from other sources

Whole frames of cameras it has not seen, in the view `{model.view}`, no motion to help. In brackets the middle 90% over
sources:

{said}

These sets are small, and most bears in them are large in the frame. Where bears are small, expect less: see "far away"
above{_far_away(evaluation, share)}.
The bundle was trained on more than the networks behind these figures, on all night bears and not on about half of
them; it should do no worse.

{_shortfall(at)}"""


TRANSFERRED, TRANSFERRED_FALSE = "recall, threshold of other sources", "false, threshold of other sources"
_TARGETS = {
    TRAPS: (("auc", 0.988), ("recall at 1%", 0.8), ("recall at 2%", 0.88)),
    DAY: ((TRANSFERRED, 0.85),),
    NIGHT: (("auc", 0.975), ("recall at 2%", 0.75), ("recall at 5%", 0.88), (TRANSFERRED, 0.72)),
}
"""What was wanted of still pictures when the built-in model was made."""


def _shortfall(at: Mapping[str, Any]) -> str:
    short = [
        f"- {name}, {measure}: {found[measure]:.2f} where {wanted} was wanted"
        for name, found in at[_STILLS].items()
        for measure, wanted in _TARGETS.get(name, ())
        if found[measure] < wanted
    ]
    return "What falls short of what was wanted, by these figures:\n\n" + ("\n".join(short) or "- nothing.")


def _range(found: Mapping[str, Any], measure: str) -> str:
    low, high = found["over sources"][measure]
    return f"{found[measure]:.2f} ({low:.2f}-{high:.2f})"


def _at_thresholds(at: Mapping[str, Any]) -> str:
    columns = [
        *("seen", "slice", "bears, events, sources", "events found", "recall", "(events)", "(sources)"),
        *("at other sources' threshold", "others", "false", "(sources)", "at other sources' threshold"),
    ]
    head = f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}\n"
    lines = []
    for seen, slices in at.items():
        for name, f in slices.items():
            spread = [f[over][what] for over, what in (("over events", "recall"), ("over sources", "recall"))]
            events, sources = (f"{low:.2f}-{high:.2f}" for low, high in spread)
            low, high = f["over sources"]["false"]
            lines.append(
                f"| {seen} | {name} | {f['bears']}, {f['events']}, {f['sources of bears']} | {f['events found']} | "
                f"**{f['recall']:.2f}** | {events} | {sources} | {f[TRANSFERRED]:.2f} | {f['others']} | "
                f"{f['false']:.1%} | {low:.1%}-{high:.1%} | {f[TRANSFERRED_FALSE]:.1%} |"
            )
    return head + "\n".join(lines)


def _sources_at_thresholds(at: Mapping[str, Any]) -> str:
    head = "| seen | source | bears | found | others | told as bears |\n|---|---|---|---|---|---|\n"
    lines = []
    for seen, slices in at.items():
        for source, row in slices.get(TRAPS, {}).get("by source", {}).items():
            lines.append(
                f"| {seen} | {source} | {row['bears']} | {row['found']} ({row['found, threshold of other sources']}) | "
                f"{row['others']} | {row['false']} ({row['false, threshold of other sources']}) |"
            )
    return head + "\n".join(lines)


def _far_away(evaluation: Mapping[str, Any], share: str) -> str:
    found = evaluation["made_hard"].get("far away (made)", {}).get(share, {}).get("recalls", {}).get("0.02")
    return "" if found is None else f" (seen once, recall {found['recall']:.2f} at 2% false positives)"


def _gaps(pictures: Sequence[LabelledPicture]) -> str:
    labels = Counter(picture.label for picture in pictures)
    few = [f"{label} ({count})" for label, count in sorted(labels.items()) if count < _FEW]
    night = sum(picture.label == "bear" and is_at_night(picture) for picture in pictures)
    small = f"Labels with fewer than {_FEW} pictures: {', '.join(few)}." if few else ""
    return f"""## Gaps

- {night} pictures of bears at night. What is known of them was mostly learned from daylight pictures made grey, dark
  and noisy, or cut out and put into other scenes; the figures for the night rest on these few.
- Bears in web pictures are large and well lit. On a campsite they are small: motion crops close part of that gap.
- Cubs, bears behind tents or cars, snow, heavy rain and thermal cameras were not measured. {small}
- Events are marked only in part of the pictures' lists: elsewhere bursts of one animal count as many pictures."""

"""Go on from a bundle's weights instead of the pretrained ones: few steps, a small learning rate, the same network.

The result is a bundle like its parent in everything but weights, thresholds and, where there are new ones, labels. It
keeps what the parent said of each clean picture, where that was right about the bear (:mod:`detector.learn.objective`),
so that it forgets little of what it is not shown again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import save as save_tensors
from torch import Tensor

from core.messages import WHOLE_FRAME, Box, Reason
from core.version import VERSION
from detector.engines.engine import Engine
from detector.engines.network import load_network
from detector.evaluate.manifest import LabelledPicture, read_picture
from detector.learn.fit import Run, TrainingDiverged, WarmStart, fit
from detector.learn.intake import TrainingError
from detector.learn.objective import NOT_BEAR
from detector.learn.recipe import Recipe
from detector.learn.student import Start, last_layer
from detector.models.backbones import BackboneError
from detector.models.bundle import WEIGHTS, ModelBundle, write_bundle
from detector.models.crops import crops_for, cut
from detector.models.imagenet_labels import LabelMap
from detector.models.model import Provenance, Thresholds
from detector.models.ood import ENERGY, MOST, NEIGHBOURS, Reference

LAYERS = {"all": 0, "last": 5}
"""Which layers learn: how many of the network's stages stay as they are."""
_LESS_LIKELY = 1.5
_CHUNK = 32


def warm_recipe(parent: ModelBundle, recipe: Recipe) -> Recipe:
    """The recipe with what its parent decides: the pictures' size and lift."""
    train_px = min(recipe.train_px, parent.input_px)
    return replace(recipe, input_px=parent.input_px, train_px=train_px, lift=parent.model.lift)


def start_from(parent: ModelBundle, new_labels: Sequence[str] = ()) -> tuple[Start, LabelMap]:
    """The bundle's network as a beginning, and what its outputs mean; each new label gets an output more.

    A new output starts as the mean of those of other animals, a little less likely.

    Raises:
        TrainingError: the bundle holds no weights of its own, or they do not fit the architecture that it names.
    """
    if parent.content is None:
        raise TrainingError(
            f"{parent.label} is a pretrained network and no bundle: leave out --from, training starts there by itself"
        )
    try:
        state: dict[str, Tensor] = dict(load_network(parent).state_dict())
        weight, bias = last_layer(state)
    except BackboneError as error:
        raise TrainingError(f"{parent.label} cannot be started from: {error}") from error
    names, of_output = list(parent.labels.names), list(parent.labels.of_output)
    alike = [place for place, label in enumerate(of_output) if names[label] == "other_animal"] or [0]
    for label in new_labels:
        if label in names:
            continue
        names.append(label)
        of_output.append(len(names) - 1)
        state[weight] = torch.cat([state[weight], state[weight][alike].mean(0, keepdim=True)])
        state[bias] = torch.cat([state[bias], state[bias][alike].mean(0, keepdim=True) - _LESS_LIKELY])
    model = parent.model
    beginning = Start(model.name, model.architecture, model.mean, model.std, model.input_px, state)
    return beginning, LabelMap(tuple(names), tuple(of_output), parent.labels.temperature)


def refuse_another_architecture(parent: ModelBundle, backbone: str, architecture: str) -> None:
    """Raises :class:`TrainingError` when ``--backbone`` asks for another network than the bundle holds."""
    if parent.architecture != architecture:
        raise TrainingError(
            f"{parent.label} is a {parent.architecture}, --backbone {backbone} a {architecture}: weights of one do not "
            "fit the other; leave out --backbone, or --from"
        )


@dataclass(frozen=True, slots=True)
class Lesson:
    """What a warm start is shown: pictures (n), how much each counts (n,), and in which order they come.

    ``order`` (steps * batch,) holds places among the pictures.
    """

    pictures: Sequence[LabelledPicture]
    counts: NDArray[np.float32]
    order: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class FineTuned:
    """The trained state, and what its outputs mean."""

    parent: ModelBundle
    labels: LabelMap
    state: dict[str, NDArray[np.float32]]
    recipe: Recipe

    def bundle(self) -> ModelBundle:
        """In memory and in half precision, as it will be served; thresholds and the like are still the parent's."""
        content = save_tensors({name: each.astype(np.float16) for name, each in self.state.items()})
        weights = {"file": WEIGHTS, "sha256": hashlib.sha256(content).hexdigest()}
        model = replace(self.parent.model, labels=self.labels, weights=weights)
        return ModelBundle(model, Provenance(self.parent.digest), None, content, self.parent.reference)


def fine_tune(
    parent: ModelBundle,
    lesson: Lesson,
    recipe: Recipe,
    folder: Path,
    engine_of: Callable[[ModelBundle], Engine],
    threads: int = 1,
    before_step: Callable[[int, int], None] = lambda step, steps: None,
    asked: Callable[[int, int], None] = lambda done, total: None,
    device: str = "cpu",
) -> FineTuned:
    """Train from the parent's weights, or go on with a run that was interrupted in ``folder``.

    The same lesson, recipe and seed give the same weights. ``asked`` is told how many pictures the parent has been
    asked about, of how many. Whatever it or ``before_step`` raises comes through.

    Raises:
        TrainingError: the bundle cannot be started from.
        TrainingDiverged: the loss, or a weight in half precision, is no number.
    """
    known = {*parent.labels.names, NOT_BEAR}
    new = sorted({picture.label for picture in lesson.pictures} - known)
    beginning, labels = start_from(parent, new)
    recipe = warm_recipe(parent, recipe)
    taught = _taught(parent, lesson, folder, engine_of, asked)
    warm = WarmStart(beginning, labels, lesson.order, lesson.counts, before_step)
    state = fit(Run(lesson.pictures, taught, recipe, folder, device, threads, warm=warm))
    plain = {
        name: each.numpy().astype(np.float32)
        for name, each in state.items()
        if each.is_floating_point() and not name.endswith("tracked")
    }
    _refuse_no_numbers(plain)
    return FineTuned(parent, labels, plain, recipe)


def _taught(
    parent: ModelBundle,
    lesson: Lesson,
    folder: Path,
    engine_of: Callable[[ModelBundle], Engine],
    asked: Callable[[int, int], None],
) -> NDArray[np.float32]:
    """(n, outputs) logits by the parent of every picture that is drawn; kept, as a run may be taken up again."""
    key = hashlib.sha256(parent.digest.encode() + lesson.order.tobytes()).hexdigest()
    kept = folder / "taught.npz"
    if kept.is_file():
        with np.load(kept, allow_pickle=False) as stored:
            if str(stored["key"]) == key:
                return np.asarray(stored["logits"], dtype=np.float32)
    drawn = np.unique(lesson.order)
    logits = np.zeros((len(lesson.pictures), parent.outputs), dtype=np.float32)
    engine = engine_of(parent)
    for first in range(0, len(drawn), _CHUNK):
        asked(first, len(drawn))
        places = drawn[first : first + _CHUNK]
        crops = [live_crops(lesson.pictures[place], engine.bundle)[:1] for place in places.tolist()]
        logits[places] = engine.infer(np.concatenate(crops))
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / "taught.part.npz"
    np.savez(part, key=np.array(key), logits=logits)
    part.replace(kept)
    return logits


def live_boxes(picture: LabelledPicture, width: int, height: int, bundle: ModelBundle) -> tuple[Box, ...]:
    """What the live system would look at: around what moved, else the whole frame and its tiles."""
    reason = Reason.MOTION if picture.box is not None else Reason.KEEPALIVE
    boxes = () if picture.box is None else (picture.box,)
    return crops_for(reason, boxes, width, height, bundle.model.crops) or (WHOLE_FRAME,)


def live_crops(picture: LabelledPicture, bundle: ModelBundle) -> NDArray[np.uint8]:
    """The crops (k, px, px, 3) RGB of one picture as the live system cuts them; of a still one the whole frame first.

    Raises:
        UndecodablePicture: the file is gone, or no picture.
    """
    image = read_picture(picture.path)
    boxes = live_boxes(picture, image.shape[1], image.shape[0], bundle)
    return cut(image, boxes, bundle.input_px, bundle.model.lift)


def bear_scores(
    engine: Engine, pictures: Sequence[LabelledPicture], advance: Callable[[int], None] = lambda _: None
) -> NDArray[np.float32]:
    """(n,) the highest bear score among each picture's live crops.

    Raises:
        UndecodablePicture: see :func:`live_crops`.
        TrainingDiverged: a score is no number.
    """
    bundle, found = engine.bundle, np.zeros(len(pictures), dtype=np.float32)
    for first in range(0, len(pictures), _CHUNK // 2):
        chunk = pictures[first : first + _CHUNK // 2]
        crops = [live_crops(picture, bundle) for picture in chunk]
        scores = bundle.labels.bear_scores(engine.infer(np.concatenate(crops)))
        ends = np.cumsum([0, *map(len, crops)]).tolist()
        for place, (begin, end) in enumerate(pairwise(ends)):
            found[first + place] = scores[begin:end].max()
        if not np.isfinite(scores).all():
            broken = pictures[first + int(np.flatnonzero(~np.isfinite(found[first : first + len(chunk)]))[0])].file
            raise TrainingDiverged(f"{bundle.short_digest} gives scores that are no numbers, as for {broken}")
        advance(len(chunk))
    return found


def _refuse_no_numbers(state: dict[str, NDArray[np.float32]]) -> None:
    """Raises :class:`TrainingDiverged` for a weight that half precision cannot hold."""
    with np.errstate(over="ignore"):
        broken = [name for name, each in state.items() if not np.isfinite(each.astype(np.float16)).all()]
    if broken:
        raise TrainingDiverged(
            f"{len(broken)} layers hold no numbers after training, {broken[0]} first: it is no model"
        )


def new_reference(engine: Engine, pictures: Sequence[LabelledPicture]) -> Reference | None:
    """What known pictures look like to a new network, where its parent tells unknown animals by that; else None."""
    bundle = engine.bundle
    if bundle.model.unknown_by != NEIGHBOURS:
        return None
    places = np.unique(np.linspace(0, len(pictures) - 1, min(MOST, len(pictures))).astype(np.int64)).tolist()
    return Reference.of(np.concatenate([engine.infer(live_crops(pictures[place], bundle)[:1]) for place in places]))


@dataclass(frozen=True, slots=True)
class SaidOfChild:
    """What is written into a bundle beside its weights. ``data`` is the hash of what it was shown."""

    data: str
    evaluation: dict[str, Any]
    datasheet: str


def write_child(
    tuned: FineTuned, thresholds: Thresholds, said: SaidOfChild, folder: Path, reference: Reference | None = None
) -> ModelBundle:
    """Write the bundle of a warm start. ``reference`` is that of :func:`new_reference`."""
    parent = tuned.parent
    model = replace(
        parent.model,
        labels=tuned.labels,
        thresholds=thresholds,
        weights={"file": "", "sha256": ""},
        unknown_by=ENERGY if reference is not None else parent.model.unknown_by,
        reference="",
    )
    provenance = Provenance(parent.digest, said.data, VERSION, asdict(tuned.recipe) | {"from": parent.digest})
    return write_bundle(folder, model, tuned.state, provenance, said.datasheet, said.evaluation, reference)

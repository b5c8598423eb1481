"""One training run: from given weights to trained ones, step by step, taken up again where it stopped."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import DataLoader

from detector.evaluate.manifest import LabelledPicture
from detector.learn.cutouts import Cutouts
from detector.learn.objective import Objective, places_of
from detector.learn.recipe import Recipe
from detector.learn.sampling import SamplingPlan, batches, draw_weights
from detector.learn.student import Start, build, fold_for_training, freeze, start, student_labels
from detector.models.imagenet_labels import LabelMap

CHECKPOINT, PROGRESS, TRAINED = "checkpoint.pt", "progress.json", "trained.pt"
STEPS_BETWEEN_CHECKPOINTS = 25
_LARGEST_GRADIENT = 1.0


class TrainingDiverged(RuntimeError):
    """The loss is no number any more: these pictures with this learning rate lead nowhere."""


@dataclass(frozen=True, slots=True)
class WarmStart:
    """What differs in a run that starts from a bundle's weights.

    ``order`` (steps * batch,) says which picture is drawn when, ``counts`` (n,) how much each picture counts.
    ``before_step`` is told the step and their number; what it raises ends the run, which goes on there when it is
    begun again.
    """

    beginning: Start
    labels: LabelMap
    order: NDArray[np.int64]
    counts: NDArray[np.float32]
    before_step: Callable[[int, int], None] = lambda step, steps: None


@dataclass(frozen=True, slots=True)
class Run:
    """What one run trains on and where it writes.

    ``taught`` are the teacher's logits (n, k) of its first k outputs, a row a picture; ``cutouts`` are animals to paste
    into night scenes, of which a run uses those of its own pictures. Without ``warm`` it starts from the pretrained
    weights of the recipe's backbone.
    """

    pictures: Sequence[LabelledPicture]
    taught: NDArray[np.float32]
    recipe: Recipe
    folder: Path
    device: str = "cpu"
    threads: int = 1
    loaders: int = 0
    cutouts: Cutouts | None = None
    warm: WarmStart | None = None

    @property
    def steps(self) -> int:
        """How many batches."""
        if self.warm is not None:
            return len(self.warm.order) // self.recipe.batch
        return max(1, round(self.recipe.epochs * len(self.pictures) / self.recipe.batch))


def fit(run: Run) -> dict[str, Tensor]:
    """Train, or finish a run that was interrupted; returns the network's state on the CPU.

    Raises :class:`TrainingDiverged`.

    Every ``STEPS_BETWEEN_CHECKPOINTS`` steps everything needed to go on is written to the run's folder. A finished run
    is only read back.
    """
    finished = run.folder / TRAINED
    if finished.is_file():
        return dict(torch.load(finished, map_location="cpu", weights_only=True))
    torch.set_num_threads(run.threads)
    run.folder.mkdir(parents=True, exist_ok=True)
    learner = _Learner(run)
    learner.take_up()
    learner.go_on()
    state = learner.state()
    _write(finished, state)
    (run.folder / CHECKPOINT).unlink(missing_ok=True)
    return state


def learning_rate(step: int, steps: int, recipe: Recipe) -> float:
    """A short rise, then half a cosine down to zero."""
    warmup = max(1, round(recipe.warmup * steps))
    if step < warmup:
        return recipe.learning_rate * (step + 1) / warmup
    done = (step - warmup) / max(1, steps - warmup)
    return recipe.learning_rate * 0.5 * (1 + math.cos(math.pi * done))


class _Learner:
    def __init__(self, run: Run) -> None:
        self.run = run
        beginning = start(run.recipe.backbone) if run.warm is None else run.warm.beginning
        self.mean, self.std = beginning.mean, beginning.std
        plain = freeze(build(beginning).to(memory_format=torch.channels_last).to(run.device), run.recipe.frozen_stages)
        self.tensors: dict[str, Tensor] = dict(plain.state_dict(keep_vars=True))
        self.network = fold_for_training(plain, beginning.architecture)
        labels = student_labels() if run.warm is None else run.warm.labels
        self.objective = Objective(labels, run.recipe.smoothing, run.recipe.keep)
        self.truth = places_of(labels.names, (picture.label for picture in run.pictures))
        self.taught = torch.from_numpy(run.taught)
        self.counts = None if run.warm is None else torch.from_numpy(run.warm.counts)
        trained = [each for each in self.tensors.values() if isinstance(each, nn.Parameter) and each.requires_grad]
        # Decay pulls kernels, not biases and normalisations, towards zero.
        kernels, rest = [p for p in trained if p.ndim > 1], [p for p in trained if p.ndim <= 1]
        groups = [{"params": kernels, "weight_decay": run.recipe.weight_decay}, {"params": rest, "weight_decay": 0.0}]
        self.optimiser = torch.optim.AdamW(groups, lr=run.recipe.learning_rate)
        self.step = 0

    def take_up(self) -> None:
        path = self.run.folder / CHECKPOINT
        if not path.is_file():
            return
        found = torch.load(path, map_location=self.run.device, weights_only=True)
        with torch.no_grad():
            for name, each in self.tensors.items():
                each.copy_(found["state"][name])
        self.optimiser.load_state_dict(found["optimiser"])
        self.step = int(found["step"])

    def go_on(self) -> None:
        recipe, run = self.run.recipe, self.run
        count = run.steps * recipe.batch
        draws = self._draws(count)
        left = list(batches(count, recipe.batch, self.step))
        for pictures, numbers in DataLoader(draws, batch_sampler=left, num_workers=run.loaders):
            if run.warm is not None:
                run.warm.before_step(self.step, run.steps)
            loss = self._learn(pictures, numbers)
            if not math.isfinite(loss):
                raise TrainingDiverged(
                    f"the loss of step {self.step + 1} of {run.steps} is {loss}: try a smaller learning rate than "
                    f"{recipe.learning_rate:g}, and look for pictures that cannot be right"
                )
            self.step += 1
            report = {"step": self.step, "steps": run.steps, "loss": round(loss, 4)}
            _write_text(run.folder / PROGRESS, json.dumps(report))
            if self.step % STEPS_BETWEEN_CHECKPOINTS == 0:
                self._checkpoint()

    def _draws(self, count: int) -> SamplingPlan:
        recipe, run = self.run.recipe, self.run
        if run.warm is not None:
            return SamplingPlan.in_order(run.pictures, run.warm.order, recipe)
        weights = draw_weights(run.pictures, recipe.bear_share, recipe.camera_trap_weight, recipe.night_share)
        return SamplingPlan(run.pictures, weights, count, recipe, run.cutouts)

    def _learn(self, pictures: Tensor, numbers: Tensor) -> float:
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate(self.step, self.run.steps, self.run.recipe)
        device = self.run.device
        normalised = (pictures.to(device).float() - self.mean) / self.std
        logits = self.network(normalised.to(memory_format=torch.channels_last))
        counts = None if self.counts is None else self.counts[numbers].to(device)
        truth, taught = self.truth[numbers].to(device), self.taught[numbers].to(device)
        loss: Tensor = self.objective(logits, truth, taught, counts)
        self.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(
            [p for group in self.optimiser.param_groups for p in group["params"]], _LARGEST_GRADIENT
        )
        self.optimiser.step()
        return float(loss.detach())

    def _checkpoint(self) -> None:
        saved = {"step": self.step, "state": self.state(), "optimiser": self.optimiser.state_dict()}
        _write(self.run.folder / CHECKPOINT, saved)

    def state(self) -> dict[str, Tensor]:
        return {name: each.detach().cpu().contiguous().clone() for name, each in self.tensors.items()}


def _write(path: Path, value: object) -> None:
    """Whole or not at all."""
    torch.save(value, path.with_suffix(".part"))
    os.replace(path.with_suffix(".part"), path)


def _write_text(path: Path, text: str) -> None:
    path.with_suffix(".part").write_text(text)
    os.replace(path.with_suffix(".part"), path)

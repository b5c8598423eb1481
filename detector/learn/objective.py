"""What the network is asked for: the right label, without forgetting what it knew."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional as F

from detector.models.imagenet_labels import LabelMap

NOT_BEAR: Final = "not_bear"
"""A label that says only what a picture does not show: an alert was rejected, and nobody has named the animal."""
UNNAMED: Final = -1
"""Its place among the truths; no label's."""


def places_of(names: Sequence[str], labels: Iterable[str]) -> Tensor:
    """(n,) places of labels among a network's, :data:`UNNAMED` for :data:`NOT_BEAR`. Raises ValueError for others."""
    return torch.tensor([UNNAMED if label == NOT_BEAR else names.index(label) for label in labels])


class Objective:
    """The loss of a batch.

    1. Labels: the softmax over all outputs, summed by label; the negative logarithm of the right label's share. A
       share of ``smoothing`` of it is spread over all labels, so that a wrong label in the data costs a bounded
       amount: some "animal" pictures of camera traps are empty. Of a picture that is only known to show no bear it is
       that of the share of everything else: what it is instead stays as it was.
    2. Keeping: the pretrained network saw the clean picture; trained on the degraded one, ours shall still say the
       same among the ImageNet classes. Left out where the pretrained network was wrong about the bear. A network that
       starts from a bundle keeps what that bundle said.
    """

    def __init__(self, labels: LabelMap, smoothing: float, keep: float) -> None:
        self.labels = labels
        self.smoothing = smoothing
        self.keep = keep
        membership = torch.zeros(labels.outputs, len(labels.names))
        membership[torch.arange(labels.outputs), torch.tensor(labels.of_output)] = 1
        self.membership = membership

    def __call__(self, logits: Tensor, truth: Tensor, taught: Tensor, weights: Tensor | None = None) -> Tensor:
        """Mean loss of (n, outputs) logits; ``truth`` (n,) places of labels, ``taught`` (n, k) the teacher's logits.

        The teacher's are the first ``k`` outputs; ``weights`` (n,) say how much each picture counts, None: all alike.
        """
        counts = torch.ones_like(logits[:, 0]) if weights is None else weights.to(logits)
        counts = counts / counts.mean()
        shares = logits.softmax(1) @ self.membership.to(logits)
        of_label = shares.gather(1, truth.clamp(min=0)[:, None])[:, 0]
        of_truth = torch.where(truth == UNNAMED, 1 - shares[:, self.labels.bear], of_label)
        smoothed = (1 - self.smoothing) * of_truth + self.smoothing / len(self.labels.names)
        wrong = -(smoothed.log() * counts).mean()
        if not self.keep:
            return wrong
        teacher = taught.softmax(1)
        known = taught.shape[1]
        bear = teacher @ self.membership[:known, self.labels.bear].to(logits)
        right = ((bear - (truth == self.labels.bear).to(bear)).abs() < 0.5).to(bear)
        ours = F.log_softmax(logits[:, :known], 1)
        apart = F.kl_div(ours, teacher, reduction="none").sum(1)
        return wrong + self.keep * (apart * right * counts).mean()

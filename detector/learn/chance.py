"""Random numbers for augmentations, from torch's global generator, which the caller seeds for every picture."""

from __future__ import annotations

import torch


def chance(share: float) -> bool:
    """True for that share of the calls."""
    return bool(torch.rand(()) < share)


def between(low: float, high: float) -> float:
    """A random number of the range."""
    return float(low + (high - low) * torch.rand(()))

"""Test-time augmentation: how often a still picture is scored, how large, in which parts.

Live motion crops need none of this.

A view is a word, a ``@`` and input sizes in pixels, such as ``blend@224+320``:

- ``whole``: the picture once, squeezed to a square, in each size;
- ``flip``: the mean of the picture and its mirror image, in each size;
- ``best``: the highest of ``whole`` and the tiles of the crop policy, as the live system scores a still frame;
- ``blend``: two parts the mean of ``flip`` and of the same for the middle square, which is not squeezed; and one part
  the best tile, where that is higher. A tile shows an animal that is small; the others keep the many crops of parts of
  a large frame from crying bear.

Tiles are scored in the first size only. Without ``@`` the model's own input size is meant. The view is part of the
model; :mod:`detector.stills` scores pictures by it.
"""

from __future__ import annotations

from dataclasses import dataclass

from detector.models.backbones import LARGEST_INPUT_PX, SMALLEST_INPUT_PX

KINDS = ("whole", "flip", "best", "blend")


@dataclass(frozen=True, slots=True)
class View:
    """How a picture is scored. ``sizes_px`` is empty for the model's own input size."""

    kind: str = "whole"
    sizes_px: tuple[int, ...] = ()

    @classmethod
    def parse(cls, text: str) -> View:
        """Such as ``flip`` or ``whole@224+288``. Raises ValueError for anything else."""
        kind, at, sizes = text.partition("@")
        if kind not in KINDS:
            raise ValueError(f"unknown view {text!r}; known are {', '.join(KINDS)}, with @SIZE or @SIZE+SIZE")
        parts = sizes.split("+") if at else []
        if not all(part.isdecimal() and SMALLEST_INPUT_PX <= int(part) <= LARGEST_INPUT_PX for part in parts):
            raise ValueError(
                f"view {text!r}: sizes are whole numbers of pixels from {SMALLEST_INPUT_PX} to {LARGEST_INPUT_PX}, "
                f"as in {kind}@224+320"
            )
        return cls(kind, tuple(map(int, parts)))

    def __str__(self) -> str:
        return f"{self.kind}@{'+'.join(map(str, self.sizes_px))}" if self.sizes_px else self.kind


DEFAULT_VIEW = View()

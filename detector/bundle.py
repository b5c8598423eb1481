"""The model bundle: one directory that holds everything that inference needs, and refuses to be anything else.

    bundle.json         what decides a score (and its digest), and where the model came from
    weights.safetensors the network's state in half precision
    datasheet.md        what it was trained on, how well it does, where it fails; for people
    evaluation.json     the same numbers for machines

The digest covers the weights and everything that decides what a picture scores: architecture, input size,
preprocessing, labels, temperature, crop policy, thresholds. Two bundles with the same digest say the same. A bundle
whose digest does not match its content is not loaded. Needs no torch until something is predicted.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from core.messages import WHOLE_FRAME
from detector.backbones import Backbone, backbone, weights_path
from detector.crops import cut
from detector.labels import GENERIC, Label, LabelMap, energies
from detector.light import is_infrared
from detector.model import Model, Provenance, Thresholds

if TYPE_CHECKING:
    from torch import Tensor

    from detector.engine import Engine

FORMAT = 1
DESCRIPTION, WEIGHTS = "bundle.json", "weights.safetensors"
DATASHEET, EVALUATION = "datasheet.md", "evaluation.json"
UNKNOWN = "unknown animal"
_SHORT_DIGEST_CHARS = 8


class BundleError(RuntimeError):
    """The directory is no model bundle, of another format, incomplete, or was changed after it was written."""


@dataclass(frozen=True, slots=True)
class BundlePrediction:
    """What the model says of one picture. ``probabilities`` has one entry for each of the bundle's labels, in order.

    ``verdict`` is what a ranger is told: ``bear`` when the bear score reaches the threshold for the picture's light,
    else ``unknown animal`` when the energy exceeds its limit (never silently "no bear"), else ``label``.
    """

    label: str
    index: int
    probabilities: dict[str, float]
    energy: float
    infrared: bool
    verdict: str

    @property
    def bear(self) -> float:
        """The probability of a bear."""
        return self.probabilities["bear"]


class ModelBundle:
    """A model with everything that belongs to it. One bundle object predicts in one thread.

    ``model`` decides, ``provenance`` tells. ``directory`` is None for the pretrained networks.
    """

    def __init__(self, model: Model, provenance: Provenance, directory: Path | None, content: bytes | None) -> None:
        self.model = model
        self.provenance = provenance
        self.directory = directory
        self._content = content

    @classmethod
    def load(cls, path: Path | str) -> ModelBundle:
        """Read a bundle and check it.

        Raises:
            BundleError: the directory lacks a file, has another format, or its content is not what its digest says.
        """
        directory = Path(path)
        found = _read_description(directory / DESCRIPTION)
        try:
            model = Model.from_json(found["decides"])
            provenance = Provenance(**found["provenance"])
            claimed = found["digest"]
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise BundleError(f"{directory / DESCRIPTION} is not the description of a model: {error!r}") from error
        if model.digest != claimed:
            raise BundleError(
                f"{directory / DESCRIPTION} was changed after it was written: its digest is {model.digest}, "
                f"it says {claimed}; take the bundle again from where it came"
            )
        return cls(model, provenance, directory, _read_weights(directory, model.weights))

    @classmethod
    def generic(cls, label: str) -> ModelBundle:
        """A pretrained network, such as ``lite2@224``, as a bundle.

        Raises:
            BackboneError: the network is unknown.
        """
        known = backbone(label)
        weights = {"package": known.package, "version": known.version, "file": known.file, "sha256": known.sha256}
        model = Model(
            name=known.name,
            architecture=known.architecture,
            input_px=known.input_px,
            mean=known.mean,
            std=known.std,
            labels=GENERIC,
            weights=weights,
            thresholds=Thresholds(day=0.3, infrared=0.3),
        )
        return cls(model, Provenance(), None, None)

    @classmethod
    def open(cls, name: str) -> ModelBundle:
        """The bundle in a directory, or the pretrained network of that name.

        Raises:
            BundleError, BackboneError: see :meth:`load` and :meth:`generic`.
        """
        return cls.load(name) if "/" in name or Path(name).is_dir() else cls.generic(name)

    @property
    def architecture(self) -> str:
        """The name by which timm builds the network."""
        return self.model.architecture

    @property
    def input_px(self) -> int:
        """Side of the pictures that enter the network."""
        return self.model.input_px

    @property
    def mean(self) -> float:
        """Subtracted from the grey levels 0-255."""
        return self.model.mean

    @property
    def std(self) -> float:
        """The grey levels are divided by it."""
        return self.model.std

    @property
    def labels(self) -> LabelMap:
        """What the outputs mean."""
        return self.model.labels

    @property
    def outputs(self) -> int:
        """How many logits the network gives for one picture."""
        return self.labels.outputs

    @property
    def digest(self) -> str:
        """SHA-256 (hex) over the weights and everything that decides."""
        return self.model.digest

    @property
    def label(self) -> str:
        """Name and input size, for people."""
        return f"{self.model.name}@{self.input_px}"

    @property
    def short_digest(self) -> str:
        """For people and for messages, such as ``campsite@224:1a2b3c4d``."""
        return f"{self.label}:{self.digest[:_SHORT_DIGEST_CHARS]}"

    def at_size(self, input_px: int) -> ModelBundle:
        """The same network for larger or smaller pictures: another model, with a digest of its own."""
        model = Model.from_json(self.model.to_json() | {"input_px": input_px})
        return ModelBundle(model, self.provenance, self.directory, self._content)

    def tensors(self) -> dict[str, Tensor]:
        """The network's state in single precision, under the names of the architecture.

        Raises:
            BackboneError: the weights of a pretrained network are missing or damaged.
        """
        import torch

        from detector.network import load_network

        if self._content is None:
            known = Backbone(
                name=self.model.name,
                architecture=self.architecture,
                package=self.model.weights["package"],
                version=self.model.weights["version"],
                file=self.model.weights["file"],
                sha256=self.model.weights["sha256"],
                input_px=self.input_px,
            )
            weights_path(known)
            return dict(load_network(known).state_dict())
        return {name: torch.from_numpy(each).float() for name, each in load_tensors(self._content).items()}

    def predict(self, image: NDArray[np.uint8]) -> BundlePrediction:
        """What the model says of one picture (height, width, 3), uint8 BGR, seen whole."""
        return self.predict_batch([image])[0]

    def predict_batch(self, images: Sequence[NDArray[np.uint8]]) -> list[BundlePrediction]:
        """What the model says of pictures (height, width, 3), uint8 BGR, of any sizes, each seen whole."""
        if not images:
            return []
        crops = np.concatenate([cut(image, [WHOLE_FRAME], self.input_px) for image in images])
        return self.read_logits(self._engine.infer(crops), [is_infrared(image) for image in images])

    def read_logits(self, logits: NDArray[np.float32], infrared: Sequence[bool]) -> list[BundlePrediction]:
        """(n, outputs) logits as predictions; ``infrared`` (n,) tells the light of each."""
        return [
            self._read(shares, energy, dark)
            for shares, energy, dark in zip(
                self.labels.probabilities(logits), energies(logits).tolist(), infrared, strict=True
            )
        ]

    def _read(self, shares: NDArray[np.float32], energy: float, infrared: bool) -> BundlePrediction:
        names, index, thresholds = self.labels.names, int(shares.argmax()), self.model.thresholds
        verdict = names[index]
        if shares[self.labels.bear] >= thresholds.bear(infrared):
            verdict = Label.BEAR.value
        elif thresholds.is_unknown(energy, infrared):
            verdict = UNKNOWN
        probabilities = dict(zip(names, map(float, shares), strict=True))
        return BundlePrediction(names[index], index, probabilities, energy, infrared, verdict)

    @cached_property
    def _engine(self) -> Engine:
        from detector.torch_engine import TorchEngine

        return TorchEngine(self, "auto")


def write_bundle(
    directory: Path,
    model: Model,
    tensors: Mapping[str, NDArray[np.float32]],
    provenance: Provenance,
    datasheet: str,
    evaluation: Mapping[str, Any],
) -> ModelBundle:
    """Write a bundle and read it back. ``model.weights`` is filled in here; the state is stored in half precision.

    ``directory`` may exist; files of an earlier bundle in it are replaced, the description last, so that a bundle
    half written is refused.
    """
    directory.mkdir(parents=True, exist_ok=True)
    (directory / DESCRIPTION).unlink(missing_ok=True)
    content = save_tensors({name: each.astype(np.float16) for name, each in tensors.items()})
    (directory / WEIGHTS).write_bytes(content)
    weights = {"file": WEIGHTS, "sha256": hashlib.sha256(content).hexdigest()}
    written = Model.from_json(model.to_json() | {"weights": weights})
    (directory / DATASHEET).write_text(datasheet, encoding="utf-8")
    (directory / EVALUATION).write_text(_as_text(evaluation), encoding="utf-8")
    described = {
        "format": FORMAT,
        "digest": written.digest,
        "decides": written.to_json(),
        "provenance": asdict(provenance),
    }
    (directory / DESCRIPTION).write_text(_as_text(described), encoding="utf-8")
    return ModelBundle.load(directory)


def _as_text(value: Mapping[str, Any]) -> str:
    """JSON for people: indented, but lists of numbers on one line."""
    lines = [f"  {json.dumps(key)}: {json.dumps(each, ensure_ascii=False)}" for key, each in value.items()]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _read_description(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise BundleError(f"{path.parent} is not a model bundle: it has no {path.name}") from error
    except (OSError, ValueError) as error:
        raise BundleError(f"{path} cannot be read: {error}") from error
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        version = found.get("format") if isinstance(found, dict) else None
        raise BundleError(f"{path} has format {version}, this program reads format {FORMAT}")
    return found


def _read_weights(directory: Path, weights: Mapping[str, str]) -> bytes | None:
    """The checked content of the weights file; None for weights that come from a package."""
    if "package" in weights:
        return None
    path = directory / Path(weights["file"]).name
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BundleError(f"{directory} is incomplete: {path.name} cannot be read ({error})") from error
    found = hashlib.sha256(content).hexdigest()
    if found != weights["sha256"]:
        raise BundleError(
            f"{path} was changed or damaged: its SHA-256 is {found}, the bundle says {weights['sha256']}; "
            "take the bundle again from where it came"
        )
    try:
        load_tensors(content)
    except SafetensorError as error:
        raise BundleError(f"{path} holds no tensors: {error}") from error
    return content

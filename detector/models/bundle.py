"""The model bundle: one directory that holds everything that inference needs, and refuses to be anything else.

    bundle.json           what decides a score (and its digest), and where the model came from
    weights.safetensors   the network's state in half precision
    reference.safetensors what training pictures look like to the network, where unknown animals are told by that
    datasheet.md          what it was trained on, how well it does, where it fails; for people
    evaluation.json       the same numbers for machines
    model.onnx            the exported graph for machines without torch, with engine.json (see
    detector/engines/export.py)

The digest covers the weights and everything that decides what a picture scores: architecture, input size,
preprocessing, lift of dark pictures, labels, temperature, crop policy, view of still pictures, thresholds, reference.
Two bundles with the same digest say the same. A bundle whose digest does not match its content is not loaded. The
graphs, which run in the network's place, are no part of it: their hashes stand in the table ``files`` of bundle.json,
and what is not as it says there is not run (:mod:`core.bundles.file_table`). A bundle is a value: engines
(:mod:`detector.engines`) run it, and :mod:`detector.predictor` says what it sees in a picture.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from core.bundles.file_table import FILES, files_digest, files_of
from detector.models.backbones import Backbone, backbone
from detector.models.imagenet_labels import GENERIC, LabelMap, doubts, energies
from detector.models.model import Model, Provenance, Thresholds
from detector.models.ood import DOUBT, NEIGHBOURS, Reference

FORMAT = 1
DESCRIPTION, WEIGHTS = "bundle.json", "weights.safetensors"
DATASHEET, EVALUATION = "datasheet.md", "evaluation.json"
BUILT_IN = Path(str(files("detector"))) / "bundles" / "campsite"
"""The built-in model."""
BUILT_IN_NAME = "built-in"
_NAMES = (BUILT_IN_NAME, "shipped")
"""Its name, and the one that it had at first: both are read."""
REFERENCE = "reference.safetensors"
_SHORT_DIGEST_CHARS = 8


class BundleError(RuntimeError):
    """The directory is no model bundle, of another format, incomplete, or was changed after it was written."""


class ModelBundle:
    """A model with everything that belongs to it.

    ``model`` decides, ``provenance`` tells. ``directory`` is None for the pretrained networks. Unknown animals are told
    as ``model.unknown_by`` says. ``files`` are the graphs and what describes them, by name, with the SHA-256 of each.
    """

    def __init__(
        self,
        model: Model,
        provenance: Provenance,
        directory: Path | None,
        content: bytes | None,
        reference: Reference | None = None,
        files: Mapping[str, str] | None = None,
    ) -> None:
        self.model = model
        self.files = dict(files or {})
        self.provenance = provenance
        self.directory = directory
        self.reference = reference
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
            claimed, graphs = found["digest"], files_of(found)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise BundleError(f"{directory / DESCRIPTION} is not the description of a model: {error!r}") from error
        if model.digest != claimed:
            raise BundleError(
                f"{directory / DESCRIPTION} was changed after it was written: its digest is {model.digest}, "
                f"it says {claimed}; take the bundle again from where it came"
            )
        reference = _read_reference(directory, model.reference) if model.reference else None
        return cls(model, provenance, directory, _read_weights(directory, model.weights), reference, graphs)

    @classmethod
    def generic(cls, label: str) -> ModelBundle:
        """A pretrained network, such as ``lite2@224``, as a bundle: its weights come from a package.

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
        """The bundle in a directory, the built-in one (``built-in``), or the pretrained network of that
        name.

        Raises:
            BundleError, BackboneError: see :meth:`load` and :meth:`generic`.
        """
        if name in _NAMES:
            return cls.load(BUILT_IN)
        return cls.load(name) if "/" in name or Path(name).is_dir() else cls.generic(name)

    @property
    def content(self) -> bytes | None:
        """The checked content of the weights file; None for weights that come from a package."""
        return self._content

    @property
    def pretrained(self) -> Backbone | None:
        """The network whose weights come from a package; None where they are in :attr:`content`."""
        weights = self.model.weights
        if "package" not in weights:
            return None
        return Backbone(
            name=self.model.name,
            architecture=self.architecture,
            package=weights["package"],
            version=weights["version"],
            file=weights["file"],
            sha256=weights["sha256"],
            input_px=self.input_px,
            mean=self.mean,
            std=self.std,
        )

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
        """SHA-256 (hex) over the weights and everything that decides.

        A pretrained network outside a bundle's directory has the digest of its
        :class:`~detector.models.backbones.Backbone`, by which every site that runs one has always named it.
        """
        known = self.pretrained if self.directory is None else None
        return self.model.digest if known is None else known.digest

    @property
    def runs(self) -> str:
        """SHA-256 (hex) over every file that runs: what :attr:`digest` covers, and the graphs."""
        return files_digest(self.digest, self.files)

    def check_files(self) -> None:
        """Read each file of the table.

        Raises:
            BundleError: one is missing, or is not what the table says.
        """
        for name, sha256 in self.files.items():
            _read_checked((self.directory or Path()) / name, sha256)

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
        return ModelBundle(model, self.provenance, self.directory, self._content, self.reference, self.files)

    def unknown_scores(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        """(n, outputs) logits to (n,) scores: the higher, the less like anything that the model knows."""
        if self.reference is not None:
            return self.reference.distances(logits)
        return doubts(logits, self.labels) if self.model.unknown_by == DOUBT else energies(logits)


def write_bundle(
    directory: Path,
    model: Model,
    tensors: Mapping[str, NDArray[np.float32]],
    provenance: Provenance,
    datasheet: str,
    evaluation: Mapping[str, Any],
    reference: Reference | None = None,
) -> ModelBundle:
    """Write a bundle and read it back. ``model.weights`` and ``model.reference`` are filled in here; the state is
    stored in half precision.

    ``directory`` may exist; files of an earlier bundle in it are replaced, the description last, so that a bundle
    half written is refused.
    """
    directory.mkdir(parents=True, exist_ok=True)
    for earlier in (DESCRIPTION, REFERENCE):
        (directory / earlier).unlink(missing_ok=True)
    content = save_tensors({name: each.astype(np.float16) for name, each in tensors.items()})
    (directory / WEIGHTS).write_bytes(content)
    weights = {"file": WEIGHTS, "sha256": hashlib.sha256(content).hexdigest()}
    compared = reference.to_bytes() if reference is not None else b""
    if compared:
        (directory / REFERENCE).write_bytes(compared)
    found: dict[str, Any] = {"weights": weights, "reference": ""}
    if compared:
        found |= {"reference": hashlib.sha256(compared).hexdigest(), "unknown_by": NEIGHBOURS}
    written = Model.from_json(model.to_json() | found)
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


def write_file_table(directory: Path, names: Sequence[str]) -> None:
    """Write into a bundle's description which files run besides its weights, as they are now.

    Raises:
        BundleError: the directory has no description.
    """
    described = _read_description(directory / DESCRIPTION)
    table = {name: hashlib.sha256((directory / name).read_bytes()).hexdigest() for name in sorted(names)}
    half = directory / f".{DESCRIPTION}.{secrets.token_hex(4)}"
    half.write_text(_as_text({**described, FILES: table}), encoding="utf-8")
    half.chmod((directory / DESCRIPTION).stat().st_mode & 0o777)
    os.replace(half, directory / DESCRIPTION)


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
    content = _read_checked(path, weights["sha256"])
    try:
        load_tensors(content)
    except SafetensorError as error:
        raise BundleError(f"{path} holds no tensors: {error}") from error
    return content


def _read_reference(directory: Path, sha256: str) -> Reference:
    path = directory / REFERENCE
    try:
        return Reference.from_bytes(_read_checked(path, sha256))
    except (SafetensorError, KeyError, ValueError) as error:
        raise BundleError(f"{path} holds no reference: {error!r}") from error


def _read_checked(path: Path, sha256: str) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BundleError(f"{path.parent} is incomplete: {path.name} cannot be read ({error})") from error
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise BundleError(
            f"{path} was changed or damaged: its SHA-256 is {found}, the bundle says {sha256}; "
            "take the bundle again from where it came"
        )
    return content

"""The engine file of a bundle, and the pictures by which an engine proves that it says what torch says.

``engine.json`` stands beside the exported graphs, one for each size at which the model looks at pictures. It says whose
graphs they are, the SHA-256 of each, and the logits that torch gave for the reference pictures. It and the graphs are
no part of the bundle's digest. Their hashes stand in the table ``files`` of bundle.json: whoever changes a graph and
writes its new hash here has still changed the bundle, and the registry and a signature tell
(:mod:`core.bundles.file_table`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.bundles.file_table import files_of
from detector.models.bundle import DESCRIPTION, BundleError, ModelBundle

GRAPH, ENGINE_FILE = "model.onnx", "engine.json"
FORMAT = 1
PICTURES = 4
TOLERANCE = 1e-3
"""How far a logit may lie from torch's. Rounding in another order makes about 1e-5."""
_DECIMALS = 5
_MULTIPLIER, _INCREMENT = 6364136223846793005, 1442695040888963407  # Knuth's linear congruence


class EngineFileError(BundleError):
    """The exported graph cannot be used: missing, of another model, or in disagreement with torch. Torch still can."""


class ChangedGraphError(EngineFileError):
    """The exported graph is not the one that was exported. Somebody should look into that before anything runs."""


@dataclass(frozen=True, slots=True)
class Graph:
    """One exported graph. ``logits`` (PICTURES, outputs) are torch's for :func:`reference_pictures`."""

    file: str
    sha256: str
    logits: list[list[float]]

    def read(self, directory: Path) -> bytes:
        """The checked content.

        Raises:
            EngineFileError: the file is missing.
            ChangedGraphError: its SHA-256 is not the one written here.
        """
        path = directory / Path(self.file).name
        try:
            content = path.read_bytes()
        except OSError as error:
            raise EngineFileError(f"{path} cannot be read: {error}; {_how_to_make(directory)}") from error
        found = hashlib.sha256(content).hexdigest()
        if found != self.sha256:
            raise ChangedGraphError(
                f"{path} was changed or damaged: its SHA-256 is {found}, {ENGINE_FILE} says {self.sha256}; "
                "take the bundle again from where it came"
            )
        return content


@dataclass(frozen=True, slots=True)
class EngineFile:
    """What ``engine.json`` says: the model's digest and own input size, and its graphs by input size in pixels."""

    model: str
    input_px: int
    graphs: Mapping[int, Graph]
    made_with: Mapping[str, str]

    def write(self, directory: Path) -> None:
        """Write it into a bundle's directory."""
        graphs = {
            str(px): asdict(graph) | {"logits": [[round(value, _DECIMALS) for value in row] for row in graph.logits]}
            for px, graph in self.graphs.items()
        }
        found = {
            "format": FORMAT,
            "model": self.model,
            "input_px": self.input_px,
            "made_with": dict(self.made_with),
            "graphs": graphs,
        }
        (directory / ENGINE_FILE).write_text(json.dumps(found) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, directory: Path, files: Mapping[str, str] | None = None) -> EngineFile:
        """Read it from a bundle's directory. ``files`` is the bundle's table; None: as its description has it now.

        Raises:
            EngineFileError: it is missing, something else, or none of the bundle's files.
            ChangedGraphError: it, or the hash of a graph in it, is not what the table says.
        """
        path = directory / ENGINE_FILE
        try:
            content = path.read_bytes()
            table = files_of(json.loads((directory / DESCRIPTION).read_bytes())) if files is None else files
            _expect_listed(path, content, table)
            found = cls._of(json.loads(content))
        except FileNotFoundError as error:
            raise EngineFileError(f"{directory} has no {ENGINE_FILE}; {_how_to_make(directory)}") from error
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise EngineFileError(f"{path} cannot be read: {error!r}; {_how_to_make(directory)}") from error
        for graph in found.graphs.values():
            if table.get(graph.file) != graph.sha256:
                raise ChangedGraphError(
                    f"{ENGINE_FILE} and {DESCRIPTION} in {directory} do not name the same {graph.file}; "
                    "take the bundle again from where it came"
                )
        return found

    @classmethod
    def _of(cls, found: Mapping[str, Any]) -> EngineFile:
        if found["format"] != FORMAT:
            raise ValueError(f"format {found['format']}, this program reads format {FORMAT}")
        graphs = {int(px): Graph(**graph) for px, graph in found["graphs"].items()}
        return cls(found["model"], found["input_px"], graphs, found["made_with"])

    def graph_of(self, bundle: ModelBundle) -> Graph:
        """The graph for the bundle's input size.

        Raises:
            EngineFileError: the graphs are those of another model, or none has that size.
        """
        own = bundle if bundle.input_px == self.input_px else bundle.at_size(self.input_px)
        if own.digest != self.model:
            raise EngineFileError(
                f"the exported graphs in {bundle.directory} are those of model {self.model[:8]}, not of "
                f"{own.short_digest}; {_how_to_make(bundle.directory)}"
            )
        if bundle.input_px not in self.graphs:
            sizes = ", ".join(map(str, sorted(self.graphs)))
            raise EngineFileError(f"{own.short_digest} was exported for {sizes} px, not for {bundle.input_px} px")
        return self.graphs[bundle.input_px]


def _expect_listed(path: Path, content: bytes, table: Mapping[str, str]) -> None:
    if path.name not in table:
        raise EngineFileError(
            f"{path} is none of the bundle's files: {DESCRIPTION} does not name it, as before graphs were counted "
            f"among them; {_how_to_make(path.parent)}"
        )
    found = hashlib.sha256(content).hexdigest()
    if found != table[path.name]:
        raise ChangedGraphError(
            f"{path} was changed or damaged: its SHA-256 is {found}, {DESCRIPTION} says {table[path.name]}; "
            "take the bundle again from where it came"
        )


def _how_to_make(directory: Path | None) -> str:
    return f"run: bearwatch export --onnx {directory}"


def reference_pictures(input_px: int) -> NDArray[np.uint8]:
    """(PICTURES, input_px, input_px, 3) RGB: patches of colour under a slope, with a darker disc.

    Drawn with whole numbers only, so that they are the same on every machine and with every version of every library.
    """
    rows, columns = np.mgrid[0:input_px, 0:input_px].astype(np.int64)
    pictures = [_picture(number, rows, columns, input_px) for number in range(PICTURES)]
    return np.stack(pictures).astype(np.uint8)


def _picture(number: int, rows: NDArray[np.int64], columns: NDArray[np.int64], input_px: int) -> NDArray[np.int64]:
    patches = 4 << number
    colours = np.array(_numbers(number + 1, patches * patches * 3), dtype=np.int64).reshape(patches, patches, 3)
    picture = colours[rows * patches // input_px, columns * patches // input_px]
    slope = (rows * 3 + columns * 5 * (number + 1)) * 16 // input_px
    across, down = columns * 2 - input_px, rows * 2 - input_px
    disc = across * across + down * down < input_px * input_px // (number + 2)
    shaded: NDArray[np.int64] = picture // 2 + 64 + slope[:, :, None] - 70 * disc[:, :, None]
    return shaded.clip(0, 255)


def _numbers(seed: int, count: int) -> list[int]:
    """Numbers 0-127 from a linear congruence."""
    state, found = seed, list[int]()
    for _ in range(count):
        state = (state * _MULTIPLIER + _INCREMENT) % (1 << 64)
        found.append(state >> 57)
    return found


def farthest(found: NDArray[np.float32], expected: NDArray[np.float32]) -> float:
    """The largest distance between two sets of logits; infinite when their shapes differ or one is no number."""
    if found.shape != expected.shape or not np.isfinite(found).all():
        return float("inf")
    return float(np.abs(found - expected).max(initial=0.0))

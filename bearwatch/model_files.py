"""Bringing a model bundle into the data folder: checked before, whole or not at all."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Final

import numpy as np
from safetensors.numpy import load as load_tensors

from core.errors import OperatorError
from core.settings import Settings
from db.models import ModelOrigin
from detector.models.bundle import BUILT_IN_NAME, BundleError, ModelBundle
from detector.models.signature import expect_signed
from rollout.models.registry import RegisteredBundle

FOLDER: Final = "bundles"
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


class BadBundle(OperatorError):
    """What was to be added is no sound bundle, or cannot be brought into the data folder."""


def bring_bundle(named: str, chosen: Settings, at: float, by: str) -> RegisteredBundle:
    """Check a bundle and bring it below the data folder unless it lies there; ``built-in`` stays where it is.

    Raises :class:`BadBundle`: it is none, of another format, damaged, full of what is no number, not signed where that
    is asked for, or the disk is full.
    """
    try:
        bundle = ModelBundle.open(BUILT_IN_NAME) if named == BUILT_IN_NAME else ModelBundle.load(named)
        bundle.check_files()
        expect_signed(bundle, chosen.model_keys)
    except BundleError as error:
        raise BadBundle(f"{error}. Nothing was added.") from error
    _expect_numbers(bundle, named)
    directory = BUILT_IN_NAME if named == BUILT_IN_NAME else _below(Path(named), chosen.bearwatch_data, bundle)
    parent = bundle.provenance.parent or ""
    return RegisteredBundle(
        digest=bundle.digest,
        directory=directory,
        parent_digest=parent if _DIGEST.fullmatch(parent) else None,
        origin=ModelOrigin.BUILT_IN if named == BUILT_IN_NAME else ModelOrigin.FILE,
        learning_run_id=None,
        at=at,
        name=bundle.short_digest,
        by=by,
        runs="" if named == BUILT_IN_NAME else bundle.runs,  # that of the program is as good as the program
    )


def _expect_numbers(bundle: ModelBundle, named: str) -> None:
    for name, tensor in load_tensors(bundle.content or b"").items() if bundle.content else ():
        if not np.isfinite(tensor).all():
            raise BadBundle(f"{named} holds weights that are no numbers ({name}); train it again. Nothing was added.")


def _below(source: Path, data: Path, bundle: ModelBundle) -> str:
    """Where it lies below the data folder, as a path with ``/``; copied there where it does not."""
    root, place = data.resolve(), source.resolve()
    if place.is_relative_to(root) and place != root:
        return place.relative_to(root).as_posix()
    target = root / FOLDER / f"{bundle.model.name}-{bundle.digest[:12]}"
    half = target.with_name(f".{target.name}.half")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(half, ignore_errors=True)
        shutil.copytree(place, half)
        if not target.exists():
            half.replace(target)
        if ModelBundle.load(target).runs != bundle.runs:
            raise BadBundle(
                f"{target} holds the same model with other graphs. Remove that directory where nobody runs it, or "
                "bring its own graphs back with `bearwatch export --onnx`. Nothing was added."
            )
    except (OSError, shutil.Error, BundleError) as error:
        raise BadBundle(f"{source} cannot be brought to {target}: {error}. Nothing was added.") from error
    finally:
        shutil.rmtree(half, ignore_errors=True)
    return target.relative_to(root).as_posix()

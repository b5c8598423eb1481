"""What a training takes in: pictures that can be decoded, and a folder in which nothing else was trained."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from detector.evaluate.manifest import SYNONYMS, LabelledPicture, UndecodablePicture, read_picture
from detector.learn.recipe import Recipe
from detector.models.imagenet_labels import LabelMap

PLAN = "plan.json"


class TrainingError(RuntimeError):
    """The pictures or the folder cannot be used for this training."""


def usable_pictures(pictures: Sequence[LabelledPicture], labels: LabelMap) -> tuple[list[LabelledPicture], list[str]]:
    """The pictures that can be decoded, with the model's words for their labels; and why the others cannot."""
    named = [replace(picture, label=SYNONYMS.get(picture.label, picture.label)) for picture in pictures]
    strange = sorted({picture.label for picture in named} - set(labels.names))
    if strange:
        raise TrainingError(
            f"unknown labels {', '.join(strange)}; known are {', '.join(labels.names)}, object, nothing"
        )
    usable, left_out = list[LabelledPicture](), list[str]()
    for picture in named:
        try:
            read_picture(picture.path)
        except UndecodablePicture as error:
            left_out.append(str(error))
        else:
            usable.append(picture)
    bears = sum(picture.label == "bear" for picture in usable)
    if not 0 < bears < len(usable):
        raise TrainingError(f"{bears} of {len(usable)} readable pictures are bears; training needs bears and others")
    return usable, left_out


def contents_key(pictures: Sequence[LabelledPicture]) -> str:
    """Of the pictures in their order, with all that is said of them: everything that decides what is trained on."""
    lines = [
        json.dumps([picture.label, sorted(picture.columns.items()), picture.box, _hash(picture.path)])
        for picture in pictures
    ]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def claim(work: Path, key: str, recipe: Recipe) -> None:
    """Refuse a folder in which something else was trained."""
    plan = json.loads(json.dumps({"pictures": key, "recipe": asdict(recipe)}))
    path = work / PLAN
    if path.is_file() and json.loads(path.read_text()) != plan:
        raise TrainingError(
            f"{work} holds a training with other pictures or another recipe; use another --out, or delete it"
        )
    work.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(plan, indent=1))

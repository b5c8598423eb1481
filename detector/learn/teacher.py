"""What the pretrained network says of every clean picture: remembered, so that it is asked only once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.messages import WHOLE_FRAME
from detector.engines.engine import Engine
from detector.evaluate.manifest import LabelledPicture, read_picture
from detector.models.crops import cut

CHUNK = 32


def whole_logits(
    engine: Engine, pictures: Sequence[LabelledPicture], advance: Callable[[int], None] = lambda _: None
) -> NDArray[np.float32]:
    """(n, outputs) logits of whole pictures, squeezed as the live system squeezes a frame."""
    said = [np.empty((0, engine.bundle.outputs), dtype=np.float32)]
    for first in range(0, len(pictures), CHUNK):
        chunk = pictures[first : first + CHUNK]
        lift = engine.bundle.model.lift
        images = [cut(read_picture(picture.path), [WHOLE_FRAME], engine.input_px, lift) for picture in chunk]
        said.append(engine.infer(np.concatenate(images)))
        advance(len(chunk))
    return np.concatenate(said)


def remembered(path: Path, key: str, compute: Callable[[], NDArray[np.float32]]) -> NDArray[np.float32]:
    """The array that was stored under this key, or computed and stored now."""
    if path.is_file():
        with np.load(path, allow_pickle=False) as stored:
            if str(stored["key"]) == key:
                return np.asarray(stored["logits"], dtype=np.float32)
    logits = compute()
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, key=np.array(key), logits=logits)
    return logits

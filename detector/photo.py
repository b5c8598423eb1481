"""What the model says of one photo that somebody handed in, with the part that decided."""

from __future__ import annotations

import logging
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from core.messages import WHOLE_FRAME, Box
from core.pictures.photo_request import PhotoAnswer, UnreadablePhoto
from core.pictures.picture_format import BadPhoto, inspect
from detector.engines.choose import EngineError, engine_for
from detector.engines.engine import Device, Engine
from detector.jpeg import UndecodableFrame, decode_jpeg
from detector.models.bundle import BundleError, ModelBundle
from detector.models.view import View
from detector.predictor import BundlePrediction, Predictor

log = logging.getLogger(__name__)

SHOWN_PX = 960
CROP_PX = 360
JPEG_QUALITY = 82
PRETRAINED_VIEW = View("best")
"""A pretrained network has no view of its own: whole and in tiles, as a camera's still frame is scored."""


class PhotoDesk:
    """Predicts photos with an engine; further picture sizes get theirs when the first photo comes."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._predictor: Predictor | None = None

    def predict(self, data: bytes) -> PhotoAnswer:
        """What the model says of a file, by the model's own view of still pictures and the rule that holds everywhere
        (:func:`detector.models.prediction.verdict_of`).

        Raises:
            UnreadablePhoto: it cannot be decoded.
        """
        image = decode_photo(data)
        return self._answer(image, self._ready().predict(image))

    def warm_up(self) -> None:
        """Build what the first photo needs."""
        self._ready().predict(np.zeros((64, 64, 3), np.uint8))

    def _ready(self) -> Predictor:
        if self._predictor is None:
            bundle = self.engine.bundle
            view = bundle.model.view if bundle.directory else PRETRAINED_VIEW
            try:
                self._predictor = Predictor(bundle, view, self._engine_of)
            except (EngineError, BundleError) as error:  # a machine with nothing but the exported graph has one size
                log.warning("photos are scored in one size: %s", error)
                self._predictor = Predictor(bundle, View(view.kind), self._engine_of)
        return self._predictor

    def _engine_of(self, bundle: ModelBundle) -> Engine:
        if bundle.input_px == self.engine.input_px:
            return self.engine
        device: Device = "cuda" if self.engine.device == "cuda" else "cpu"
        return engine_for(bundle, device, self.engine.threads, measure=False)

    def _answer(self, image: NDArray[np.uint8], said: BundlePrediction) -> PhotoAnswer:
        height, width = image.shape[:2]
        return PhotoAnswer(
            verdict=said.verdict,
            label=said.label,
            probabilities=said.probabilities,
            bear=said.bear,
            threshold=said.threshold,
            infrared=said.infrared,
            unknown=said.unknown,
            unknown_score=said.unknown_score,
            box=said.box,
            width=width,
            height=height,
            model=self.engine.name,
            picture=_jpeg(image, SHOWN_PX),
            crop=_jpeg(_part(image, said.box), CROP_PX),
        )


def decode_photo(data: bytes) -> NDArray[np.uint8]:
    """JPEG, PNG or WebP as (height, width, 3) BGR, the right way up. Raises :class:`UnreadablePhoto`."""
    try:
        kind = inspect(data)
        if kind.name == "JPEG":
            return decode_jpeg(data)
        image = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), cv2.IMREAD_COLOR)
    except (BadPhoto, UndecodableFrame) as error:
        raise UnreadablePhoto(str(error)) from error
    except cv2.error as error:
        raise UnreadablePhoto(f"a damaged {kind.name} picture") from error
    if image is None:
        raise UnreadablePhoto(f"a damaged {kind.name} picture")
    return cast(NDArray[np.uint8], image)


def _part(image: NDArray[np.uint8], box: Box) -> NDArray[np.uint8]:
    if box == WHOLE_FRAME:
        return image
    height, width = image.shape[:2]
    left, top = int(box[0] * width), int(box[1] * height)
    return image[top : max(top + 1, round(box[3] * height)), left : max(left + 1, round(box[2] * width))]


def _jpeg(image: NDArray[np.uint8], longest_px: int) -> bytes:
    scale = longest_px / max(image.shape[:2])
    if scale < 1:
        size = max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    _, encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return encoded.tobytes()

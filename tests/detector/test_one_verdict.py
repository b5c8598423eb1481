"""One rule says "bear, unknown animal, or the likeliest label": whoever asks about a picture hears the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from core.messages import Reason
from detector.classify import score_frames
from detector.engines.choose import engine_for
from detector.engines.engine import Engine
from detector.engines.network import load_network
from detector.evaluate.evaluation import at_thresholds
from detector.evaluate.manifest import LabelledPicture
from detector.evaluate.scoring import score_pictures
from detector.jpeg import decode_jpeg
from detector.models.bundle import ModelBundle, write_bundle
from detector.models.imagenet_labels import LabelMap
from detector.models.model import Model, Provenance, Thresholds
from detector.models.prediction import UNKNOWN, verdict_of
from detector.photo import PhotoDesk
from detector.predictor import Predictor

ASSETS = Path(__file__).parents[2] / "simulation" / "cameras" / "assets"
EVERYTHING = (0.0, 0.0, 1.0, 1.0)
SIDE_PX = 320


def meadow(cutout: str = "") -> bytes:
    """A square JPEG of grass by daylight, with somebody on it; square, so that a crop of all of it is the whole."""
    image = np.full((SIDE_PX, SIDE_PX, 3), (60, 120, 90), dtype=np.float64)
    image += np.random.default_rng(1).normal(0, 10, image.shape)
    if cutout:
        shown = cv2.imread(str(ASSETS / f"{cutout}.png"), cv2.IMREAD_UNCHANGED)
        assert shown is not None
        scale = 0.8 * SIDE_PX / max(shown.shape[:2])
        shown = cv2.resize(shown, None, fx=scale, fy=scale)
        height, width = shown.shape[:2]
        top, left = (SIDE_PX - height) // 2, (SIDE_PX - width) // 2
        place, alpha = image[top : top + height, left : left + width], shown[:, :, 3:] / 255
        place[:] = place * (1 - alpha) + shown[:, :, :3] * alpha
    return cv2.imencode(".jpg", image.clip(0, 255).astype(np.uint8))[1].tobytes()


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """A real network to which every picture is strange: only what it shows can make a difference."""
    generic = ModelBundle.generic("lite0@128")
    tensors = load_network(generic).state_dict().items()
    state = {name: each.numpy() for name, each in tensors if each.is_floating_point()}
    model = replace(generic.model, thresholds=Thresholds(0.5, 0.5, unknown_day=-1e9, unknown_infrared=-1e9))
    bundle = write_bundle(tmp_path_factory.mktemp("strange"), model, state, Provenance(), "", {})
    return engine_for(bundle, "cpu", 1)


def told_live(engine: Engine, jpeg: bytes, _folder: Path) -> str:
    """A motion crop of all of a frame."""
    (scored,) = score_frames(engine, [(decode_jpeg(jpeg), [EVERYTHING], Reason.MOTION)])
    (crop,) = scored.crops
    return "bear" if crop.bear >= scored.threshold else UNKNOWN if crop.unknown else crop.label


def told_by_the_predictor(engine: Engine, jpeg: bytes, _folder: Path) -> str:
    """A still picture."""
    return Predictor(engine.bundle).predict(decode_jpeg(jpeg)).verdict


def told_to_somebody_who_tries_a_photo(engine: Engine, jpeg: bytes, _folder: Path) -> str:
    """A file that somebody handed in."""
    answer = PhotoDesk(engine).predict(jpeg)
    assert answer.unknown == (answer.verdict == UNKNOWN)
    return answer.verdict


def told_by_evaluation(engine: Engine, jpeg: bytes, folder: Path) -> str:
    """A labelled picture, as the table of what the thresholds do counts it."""
    (folder / "a.jpg").write_bytes(jpeg)
    scored = score_pictures(engine.bundle, [LabelledPicture("a.jpg", folder / "a.jpg", "?")], None, "cpu", 1)
    shares = at_thresholds(scored, np.array([False]), np.array([True]))
    if shares["false_positives"]:
        return "bear"
    return UNKNOWN if shares["unknown_others"] else scored.predictions[0].label


WAYS = (told_live, told_by_the_predictor, told_to_somebody_who_tries_a_photo, told_by_evaluation)


@pytest.mark.parametrize("told", WAYS, ids=lambda told: told.__name__.removeprefix("told_").replace("_", " "))
@pytest.mark.parametrize(
    ("cutout", "answer"), [("", "other"), ("walker", "other"), ("doe", UNKNOWN), ("brown-bear", "bear")]
)
def test_a_strange_picture_without_an_animal_is_no_unknown_animal_whoever_asks(
    engine: Engine, tmp_path: Path, cutout: str, answer: str, told: Callable[[Engine, bytes, Path], str]
) -> None:
    assert told(engine, meadow(cutout), tmp_path) == answer


@pytest.mark.parametrize(
    ("shares", "ood_score", "bear_from", "told"),
    [
        ((0.5, 0.4, 0.1), 1.0, 0.5, "bear"),
        ((0.49, 0.41, 0.1), 1.0, 0.5, UNKNOWN),
        ((0.3, 0.4, 0.3), 1.0, 0.5, UNKNOWN),
        ((0.3, 0.39, 0.31), 1.0, 0.5, "deer"),
        ((0.3, 0.4, 0.3), 0.0, 0.5, "deer"),
        ((0.2, 0.1, 0.7), 1.0, 0.5, "empty"),
    ],
)
def test_a_bear_goes_first_then_what_is_surely_an_animal_and_strange_then_the_likeliest(
    shares: tuple[float, ...], ood_score: float, bear_from: float, told: str
) -> None:
    labels = LabelMap(("bear", "deer", "empty"), (0, 1, 2))
    model = Model("m", "none", 64, 0.0, 1.0, labels, {}, Thresholds(0.9, 0.9, unknown_day=0.5))
    said = verdict_of(model, np.array(shares), ood_score, False, bear_from)
    assert said.told == told
    assert not (said.is_bear and said.unknown)

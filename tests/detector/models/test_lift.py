"""Dark pictures are lifted the same way wherever a network looks, and a model that does not lift stays what it was."""

from __future__ import annotations

from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from core.messages import WHOLE_FRAME, Reason
from detector.classify import score_frames
from detector.engines.torch_engine import TorchEngine
from detector.evaluate.manifest import read_manifest, read_picture
from detector.learn.recipe import Recipe
from detector.learn.sampling import SamplingPlan, draw_weights
from detector.learn.teacher import whole_logits
from detector.models.bundle import ModelBundle
from detector.models.crops import LEAST_EXPONENT, cut, lift_dark
from detector.models.model import Model
from detector.models.view import View
from detector.stills import Stills
from tests.support.tiny_pictures import picture, write_pictures

LIFT, PX = 0.35, 224
KNOWN_BEAR = Path(str(files("detector"))) / "known_pictures" / "bear.jpg"


def night(level: int = 20) -> NDArray[np.uint8]:
    """(72, 96, 3) of that grey, with a darker animal."""
    shown = picture("bear", 1, grey=True).astype(np.float32) / 150 * level
    return np.asarray(shown, dtype=np.uint8)


def test_a_dark_picture_gets_its_median_where_it_is_wanted() -> None:
    crop = cut(night(60), [WHOLE_FRAME], 64)[0]
    before = np.median(crop)
    lift_dark(crop, LIFT)
    assert before < 60
    assert np.median(crop) == pytest.approx(255 * LIFT, abs=6)


def test_what_is_nearly_black_is_lifted_no_further_than_its_noise_allows() -> None:
    crop = np.full((16, 16, 3), 4, dtype=np.uint8)
    lift_dark(crop, LIFT)
    assert crop.max() == round(255 * (4 / 255) ** LEAST_EXPONENT)
    assert crop.max() < 255 * LIFT
    black = np.zeros((16, 16, 3), dtype=np.uint8)
    lift_dark(black, LIFT)
    assert black.max() == 0


def test_a_bright_picture_stays_as_it_is_and_order_is_kept() -> None:
    day = cut(picture("bear", 2), [WHOLE_FRAME], 64)
    assert np.array_equal(cut(picture("bear", 2), [WHOLE_FRAME], 64, LIFT), day)
    ramp = np.repeat(np.arange(64, dtype=np.uint8)[None, :, None], 64, axis=0).repeat(3, axis=2)
    lift_dark(ramp, LIFT)
    assert (np.diff(ramp[0, :, 0].astype(int)) >= 0).all()


def test_a_lift_is_part_of_the_digest_and_none_is_no_part() -> None:
    plain = ModelBundle.open("lite0").model
    assert "lift" not in plain.to_json()
    lifting = replace(plain, lift=LIFT)
    assert lifting.digest != plain.digest
    assert Model.from_json(lifting.to_json()) == lifting
    assert Model.from_json(plain.to_json()).lift == 0.0
    with pytest.raises(ValueError, match="lift is 1"):
        Model.from_json(plain.to_json() | {"lift": 1.5})


def test_live_crops_stills_and_training_see_the_same_lifted_pictures(tmp_path: Path) -> None:
    generic = ModelBundle.generic("lite0").at_size(PX)
    lifting = ModelBundle(replace(generic.model, lift=LIFT), generic.provenance, None, None)
    dark = np.asarray(read_picture(KNOWN_BEAR) // 3, dtype=np.uint8)
    by_hand = cut(dark, [WHOLE_FRAME], PX)
    lift_dark(by_hand[0], LIFT)
    engine = TorchEngine(lifting, "cpu", 1)
    expected = lifting.labels.bear_scores(engine.infer(by_hand))[0]
    unlifted = lifting.labels.bear_scores(engine.infer(cut(dark, [WHOLE_FRAME], PX)))[0]
    assert abs(expected - unlifted) > 0.01, "the lift does not show: the test would prove nothing"
    live = score_frames(engine, [(dark, [], Reason.KEEPALIVE)])[0].crops[0]
    assert live.bear == pytest.approx(expected, abs=1e-5)
    still = Stills(lifting, View.parse(f"whole@{PX}"), lambda bundle: TorchEngine(bundle, "cpu", 1)).predict([dark])[0]
    assert still.probabilities[lifting.labels.bear] == pytest.approx(expected, abs=1e-5)
    rows = [row for row in read_manifest(write_pictures(tmp_path)) if row.light == "night_ir"]
    crops = np.concatenate([cut(read_picture(row.path), [WHOLE_FRAME], PX, LIFT) for row in rows])
    np.testing.assert_allclose(whole_logits(engine, rows), engine.infer(crops), atol=1e-4)


def test_training_draws_are_lifted_too(tmp_path: Path) -> None:
    rows = read_manifest(write_pictures(tmp_path))
    weights = draw_weights(rows, 0.3)
    lifted, plain = (SamplingPlan(rows, weights, 40, Recipe(train_px=64, lift=lift)) for lift in (LIFT, 0.0))
    brighter = 0
    for draw in range(40):
        one, other = lifted[draw][0].numpy(), plain[draw][0].numpy()
        if np.array_equal(one, other):
            assert np.median(other) >= 255 * (LIFT - 0.1) or other.max() == 0
        else:
            brighter += int(one.mean() > other.mean())
    assert brighter >= 3

"""Animals cut out by day and put into night scenes: bears and all others alike, and where there are none, nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from detector.engines.torch_engine import TorchEngine
from detector.evaluate.manifest import LabelledPicture, read_manifest
from detector.learn import cutouts as cutting
from detector.learn.augmentations import Augmentations, colourless, patched
from detector.learn.cutouts import CONTACT_SHEET, Cutouts, cut_out, cutout_places, make_cutouts
from detector.learn.night_scenes import at_night
from detector.learn.recipe import Recipe
from detector.learn.sampling import LARGEST_SHARE_OF_A_PICTURE, SamplingPlan, draw_weights, is_at_night
from detector.models.bundle import ModelBundle
from tests.support.tiny_pictures import picture, write_pictures

ASSETS = Path(__file__).parents[3] / "simulation" / "cameras" / "assets"


def animal(name: str = "brown-bear") -> NDArray[np.uint8]:
    """(h, w, 4): a photographed animal with its outline."""
    found = cv2.imread(str(ASSETS / f"{name}.png"), cv2.IMREAD_UNCHANGED)
    assert found is not None
    return np.asarray(found, dtype=np.uint8)


def on_grass(cutout: NDArray[np.uint8], height: int = 150) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """The animal in the middle of a meadow, and where it is."""
    scale = height / cutout.shape[0]
    small = cv2.resize(cutout, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    grass = np.random.default_rng(1).normal(0, 6, (small.shape[0] + 80, small.shape[1] + 100, 3))
    grass += np.array([60, 150, 110])
    alpha = small[:, :, 3:] / 255
    grass[40:-40, 50:-50] = grass[40:-40, 50:-50] * (1 - alpha) + small[:, :, :3] * alpha
    where = np.zeros(grass.shape[:2], dtype=bool)
    where[40:-40, 50:-50] = alpha[:, :, 0] > 0.5
    return np.asarray(grass.clip(0, 255), dtype=np.uint8), where


def row(label: str, source: str = "meadow", light: str = "day", **columns: str) -> LabelledPicture:
    return LabelledPicture("x.jpg", Path("x.jpg"), label, {"source": source, "day_night": light, **columns})


def scene(level: int = 60) -> torch.Tensor:
    shown = picture("empty", 3, grey=True, width=160, height=120).astype(np.float32) / 120 * level
    return torch.from_numpy(shown.astype(np.uint8)).permute(2, 0, 1).contiguous()


def test_an_animal_is_cut_out_along_its_outline() -> None:
    image, where = on_grass(animal())
    found = cut_out(image)
    assert found is not None
    kept = float((found[:, :, 3] > 128).sum())
    scale = min(1.0, cutting.LONGEST_PX / max(image.shape[:2]))
    assert kept == pytest.approx(where.sum() * scale**2, rel=0.25)
    again = cut_out(image)
    assert again is not None
    assert np.array_equal(found, again)


@pytest.mark.parametrize(
    "make",
    [
        lambda: np.full((120, 160, 3), 90, dtype=np.uint8),
        lambda: np.random.default_rng(1).integers(0, 255, (120, 160, 3), dtype=np.uint8),
        lambda: picture("bear", 1, width=40, height=30),
    ],
)
def test_where_nothing_stands_out_nothing_is_cut_out(make: Callable[[], NDArray[np.uint8]]) -> None:
    assert cut_out(make()) is None


def test_others_are_cut_out_too_but_no_toys_and_no_things() -> None:
    rows = [row(label) for label in ("bear", "dog", "teddy", "empty", "other", "vehicle", "deer")]
    assert [rows[place].label for place in cutout_places(rows)] == ["bear", "dog", "deer"]
    assert cutout_places([row("bear", light="night_ir")]) == []
    many = [row("bear")] * 900 + [row("dog")] * 900
    chosen = [many[place].label for place in cutout_places(many)]
    assert (chosen.count("bear"), chosen.count("dog")) == (cutting.MOST_BEARS, cutting.MOST_OF_A_LABEL)


def test_what_the_pretrained_network_does_not_recognise_is_not_kept(tmp_path: Path) -> None:
    rows = []
    for name, label in (("brown-bear", "bear"), ("dog", "bear"), ("doe", "deer"), ("brown-bear", "deer")):
        path = tmp_path / f"{name}-{label}.png"
        assert cv2.imwrite(str(path), on_grass(animal(name), 150 if label == "bear" else 151)[0])
        rows.append(LabelledPicture(path.name, path, label, {"day_night": "day"}))
    engine = TorchEngine(ModelBundle.generic("lite2"), "cpu", 1)
    found = make_cutouts(rows, tmp_path / "cutouts", engine)
    kept = [rows[place].file for place in found.places(rows)]
    assert "brown-bear-bear.png" in kept
    assert "dog-bear.png" not in kept
    assert "brown-bear-deer.png" not in kept
    assert (tmp_path / "cutouts" / CONTACT_SHEET).is_file()
    assert found.read(rows[0]).shape[2] == 4


def test_an_animal_at_night_has_no_colours_and_can_be_seen() -> None:
    plain = scene()
    for seed in range(25):
        torch.manual_seed(seed)
        shown = at_night(animal(), plain, 64)
        assert shown.shape == (3, 64, 64)
        assert shown.dtype == torch.uint8
        assert colourless(shown)
        assert shown.float().std() > 2


def test_bears_and_others_go_through_the_same_steps() -> None:
    """The same seed puts another animal into the same place, with the same lamp: only the animal differs."""
    for seed in range(6):
        shown = []
        for _ in range(2):
            torch.manual_seed(seed)
            shown.append(at_night(animal(), scene(), 64))
        assert torch.equal(*shown)
        torch.manual_seed(seed)
        assert not torch.equal(at_night(animal("doe"), scene(), 64), shown[0])


def test_a_painted_over_box_is_faint() -> None:
    for seed in range(20):
        torch.manual_seed(seed)
        before = scene(120)
        after = patched(before)
        changed = (after.float() - before.float()).abs().amax(0) > 8
        assert 0 < changed.float().mean() < 0.3
        assert after.shape == before.shape


@pytest.fixture
def with_cutouts(tmp_path: Path) -> tuple[list[LabelledPicture], Cutouts]:
    rows = read_manifest(write_pictures(tmp_path / "pictures"))
    cutouts = Cutouts(tmp_path / "cutouts")
    cutouts.folder.mkdir()
    for each in rows:
        if each.label in ("bear", "dog") and each.light == "day":
            assert cv2.imwrite(str(cutouts.path(each)), animal("brown-bear" if each.label == "bear" else "dog"))
    return rows, cutouts


def test_about_as_many_others_are_pasted_as_bears(with_cutouts: tuple[list[LabelledPicture], Cutouts]) -> None:
    rows, cutouts = with_cutouts
    recipe = Recipe(train_px=64, pasted_bears=0.3, pasted_others=0.15)
    plan = SamplingPlan(rows, draw_weights(rows, recipe.bear_share), 4000, recipe, cutouts)
    is_bear = np.array([rows[number].label == "bear" for number in plan.order])
    assert plan.pasted[is_bear].mean() == pytest.approx(recipe.pasted_bears, abs=0.05)
    assert plan.pasted[~is_bear].mean() == pytest.approx(recipe.pasted_others, abs=0.05)
    assert {rows[number].label for number in plan.order[plan.pasted]} == {"bear", "dog"}
    assert is_bear.mean() == pytest.approx(recipe.bear_share, abs=0.03)
    draw = int(np.flatnonzero(plan.pasted)[0])
    assert torch.equal(plan[draw][0], plan[draw][0])


def test_nothing_is_pasted_where_it_would_tell_the_label(with_cutouts: tuple[list[LabelledPicture], Cutouts]) -> None:
    rows, cutouts = with_cutouts
    recipe = Recipe(train_px=64, pasted_bears=0.3, pasted_others=0.15)
    for each in rows:
        if each.label == "dog":
            cutouts.path(each).unlink(missing_ok=True)
    assert not SamplingPlan(rows, draw_weights(rows, 0.3), 500, recipe, cutouts).pasted.any()
    assert not SamplingPlan(rows, draw_weights(rows, 0.3), 500, recipe, Cutouts(Path("nowhere"))).pasted.any()


def test_a_picture_with_a_box_is_never_cut_beside_its_animal(tmp_path: Path) -> None:
    shown = np.full((120, 160, 3), 100, dtype=np.uint8)
    shown[70:100, 20:50] = (0, 0, 255)
    path = tmp_path / "a.png"
    assert cv2.imwrite(str(path), shown)
    bear = LabelledPicture("a.png", path, "bear", {}, (20 / 160, 70 / 120, 50 / 160, 100 / 120))
    plan = SamplingPlan([bear], np.ones(1), 40, Recipe(train_px=64, lift=0.0))
    plan.augmentations.camera = lambda picture: picture  # type: ignore[method-assign] # only geometry is asked here
    red = [float(((p := plan[draw][0].float())[0] > p[2] + 60).float().mean()) for draw in range(40)]
    assert min(red) > 0.02
    assert max(red) > 0.12, "some have to be cut as the live system cuts"


def test_night_bears_are_drawn_more_often_but_not_learned_by_heart() -> None:
    night = {"light": "night_ir", "kind": "camtrap"}
    rows = [*[row("bear", kind="web")] * 900, *[row("bear", "trap", **night)] * 60, *[row("dog")] * 500]
    weights = draw_weights(rows, 0.3, night_share=0.25)
    assert weights.sum() == pytest.approx(1)
    assert weights[:960].sum() == pytest.approx(0.3)
    assert weights[900:960].sum() == pytest.approx(0.3 * 0.25, rel=1e-6)
    assert all(map(is_at_night, rows[900:960]))
    many = [*[row("bear", kind="web")] * 9000, *rows[900:905], *rows[960:]]
    few = draw_weights(many, 0.3, night_share=0.25)
    assert few[9000:9005] == pytest.approx(LARGEST_SHARE_OF_A_PICTURE)
    assert few[:9005].sum() == pytest.approx(0.3)
    plain = draw_weights(rows, 0.3)
    assert plain[900:960].sum() < weights[900:960].sum()


def test_a_night_picture_gets_no_second_lamp() -> None:
    augmentations = Augmentations(64)
    grey = scene(110)
    bright = []
    for seed in range(60):
        torch.manual_seed(seed)
        shown = augmentations(grey, None).float()
        bright.append(float(shown.mean()))
    assert np.percentile(bright, 10) > 30

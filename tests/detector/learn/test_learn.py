"""How pictures are drawn, changed and judged in training."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from numpy.typing import NDArray

from detector.engines.network import load_network
from detector.evaluate.manifest import LabelledPicture, read_manifest
from detector.learn.augmentations import Augmentations, dark, infrared, noisy, paste, smeared, stamped
from detector.learn.calibrate import bear_thresholds, fit_temperature, unknown_limits
from detector.learn.corruptions import BEARS, HARD, OTHERS, empty_scenes, hard_places
from detector.learn.fit import learning_rate
from detector.learn.folds import assign_folds
from detector.learn.heldout import HeldOut, choose_mix, known_pictures, table
from detector.learn.judge import STILL_OTHERS, still_places
from detector.learn.objective import Objective, places_of
from detector.learn.recipe import NEW_LABELS, Recipe
from detector.learn.sampling import SamplingPlan, batches, draw_weights
from detector.learn.student import build, fold_for_training, interpolate_weights, start, student_labels
from detector.learn.unseen_animals import better_way, compare, reference_places
from detector.models.backbones import BackboneError
from detector.models.bundle import ModelBundle
from detector.models.imagenet_labels import IMAGENET_CLASSES, ImagenetLabel
from detector.models.infrared import is_infrared
from detector.models.ood import DOUBT, ENERGY, NEIGHBOURS
from tests.support.tiny_pictures import picture, write_pictures

LABELS = student_labels()


def row(label: str, source: str = "meadow", light: str = "day", **columns: str) -> LabelledPicture:
    return LabelledPicture("x.jpg", Path("x.jpg"), label, {"source": source, "day_night": light, **columns})


def tensor(label: str, seed: int, grey: bool = False) -> torch.Tensor:
    shown = picture(label, seed, grey=grey)[:, :, ::-1].copy()
    return torch.from_numpy(shown).permute(2, 0, 1)


def sure_of(*outputs: int) -> NDArray[np.float32]:
    logits = np.zeros((len(outputs), LABELS.outputs), dtype=np.float32)
    logits[np.arange(len(outputs)), outputs] = 12
    return logits


def test_bears_get_their_share_and_small_sources_are_not_drowned() -> None:
    rows = [*[row("bear")] * 90, *[row("bear", light="night_ir")] * 10, *[row("dog")] * 400, *[row("dog", "creek")] * 4]
    weights = draw_weights(rows, 0.3)
    assert weights.sum() == pytest.approx(1)
    assert weights[:100].sum() == pytest.approx(0.3)
    assert weights[:90].sum() / weights[90:100].sum() == pytest.approx(3)
    assert weights[100:500].sum() / weights[500:].sum() == pytest.approx(10)


def test_pictures_of_camera_traps_are_drawn_more_often_within_their_label() -> None:
    rows = [*[row("bear", kind="web")] * 9, *[row("bear", "trap", kind="camtrap")] * 9, row("dog", kind="web")]
    weights = draw_weights(rows, 0.3, camera_trap_weight=2.0)
    assert weights[9:18].sum() / weights[:9].sum() == pytest.approx(2)
    assert weights[:18].sum() == pytest.approx(0.3)


def test_a_draw_depends_on_the_seed_and_its_number_alone(tmp_path: Path) -> None:
    rows = read_manifest(write_pictures(tmp_path))
    weights = draw_weights(rows, 0.3)
    recipe = Recipe(train_px=64, seed=4)
    draws, again = SamplingPlan(rows, weights, 12, recipe), SamplingPlan(rows, weights, 12, recipe)
    shown = [draws[number] for number in range(12)]
    torch.manual_seed(99)
    for number in (7, 2):
        assert torch.equal(again[number][0], shown[number][0])
        assert again[number][1] == shown[number][1]
    assert not torch.equal(SamplingPlan(rows, weights, 12, replace(recipe, seed=5))[7][0], shown[7][0])
    assert len({shown[number][0].sum().item() for number in range(12)}) == 12


def test_batches_go_on_where_a_run_stopped() -> None:
    assert list(batches(10, 3, 0)) == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]
    assert list(batches(10, 3, 2)) == [[6, 7, 8]]


def test_every_label_gets_the_same_augmentations() -> None:
    augmentations = Augmentations(48)
    greys = Counter[str]()
    for label in ("bear", "dog"):
        for seed in range(60):
            torch.manual_seed(seed)
            shown = augmentations(tensor(label, 1), tensor("empty", 2))
            assert shown.shape == (3, 48, 48)
            assert shown.dtype == torch.uint8
            greys[label] += int((shown.amax(0).int() - shown.amin(0).int()).float().mean() < 12)
    assert greys["bear"] >= 15
    assert greys["dog"] >= 15


def test_infrared_has_no_colours_to_speak_of() -> None:
    for seed in range(10):
        torch.manual_seed(seed)
        shown = infrared(tensor("dog", 1)).permute(1, 2, 0).numpy()
        assert is_infrared(np.ascontiguousarray(shown[:, :, ::-1]))


def test_no_augmentation_leaves_only_noise() -> None:
    flat = torch.full((3, 32, 32), 90, dtype=torch.uint8)
    assert (noisy(flat, 20).int() - 90).abs().max() <= 1
    edge = torch.full((3, 64, 64), 30, dtype=torch.uint8)
    edge[:, :, 32:] = 200
    for seed in range(30):
        torch.manual_seed(seed)
        for changed in (infrared(edge), dark(edge)):
            assert changed[:, :, 32:40].float().mean() > changed[:, :, 24:32].float().mean() + 2


def test_a_smeared_picture_is_smoother_sideways_and_keeps_its_size() -> None:
    torch.manual_seed(1)
    shown = tensor("empty", 1)
    changed = smeared(shown, 7)
    assert changed.shape == shown.shape
    across = [(each.float()[:, :, 1:] - each.float()[:, :, :-1]).abs().mean() for each in (shown, changed)]
    assert across[1] < 0.5 * across[0]
    assert abs(float(changed.float().mean() - shown.float().mean())) < 2


def test_a_stamp_covers_a_strip_above_or_below_and_nothing_else() -> None:
    flat = torch.full((3, 100, 100), 90, dtype=torch.uint8)
    for seed in range(20):
        torch.manual_seed(seed)
        touched = (stamped(flat).int() != 90).any(0).any(1)
        assert not touched[12:88].any()
        assert touched.any()


def test_a_pasted_animal_is_small_and_the_scene_stays() -> None:
    torch.manual_seed(3)
    scene = torch.full((3, 80, 80), 100, dtype=torch.uint8)
    shown = paste(torch.full((3, 60, 60), 200, dtype=torch.uint8), scene, 64)
    changed = ((shown.int() - 100).abs() > 5).any(0).float().mean()
    assert 0.05 < changed < 0.6


def test_a_colourless_scene_gets_a_colourless_animal() -> None:
    torch.manual_seed(3)
    shown = paste(tensor("dog", 1), torch.full((3, 80, 80), 100, dtype=torch.uint8), 64)
    assert (shown.amax(0).int() - shown.amin(0).int()).max() <= 1


def test_a_source_is_never_split_and_its_many_collectors_count_as_one() -> None:
    rows = [row("bear", f"s{number % 5}") for number in range(50)] + [row("dog", f"NTLNP via {who}") for who in "ab"]
    fold = assign_folds(rows, 2)
    assert set(fold) == {0, 1}
    assert all(
        len({int(f) for f, r in zip(fold, rows, strict=True) if r.group == g}) == 1 for g in {r.group for r in rows}
    )
    assert rows[-1].group == "NTLNP"
    assert row("dog", "x", group="burst 7").group == "burst 7"


def test_night_bears_are_spread_over_the_folds() -> None:
    rows = [row("bear", source, light) for source in "abcd" for light in ("day", "night_ir")]
    fold = assign_folds(rows, 2)
    assert [int((fold == number).sum()) for number in (0, 1)] == [4, 4]


def test_more_folds_than_sources_are_refused() -> None:
    with pytest.raises(ValueError, match="the manifest has 1"):
        assign_folds([row("bear"), row("dog")], 2)


def test_the_loss_is_small_for_the_right_label_and_bounded_for_a_wrong_one() -> None:
    objective = Objective(LABELS, smoothing=0.05, keep=0.0)
    logits, taught = torch.from_numpy(sure_of(294)), torch.zeros(1, IMAGENET_CLASSES)
    bear, deer = LABELS.names.index("bear"), LABELS.names.index("deer")
    assert objective(logits, torch.tensor([bear]), taught) < 0.1
    assert 4 < objective(logits, torch.tensor([deer]), taught) < -np.log(0.05 / len(LABELS.names)) + 0.1


def test_a_rejected_alert_makes_a_bear_less_likely_and_says_nothing_of_the_others() -> None:
    objective = Objective(LABELS, smoothing=0.0, keep=0.0)
    logits, taught = torch.from_numpy(sure_of(294)).requires_grad_(), torch.zeros(1, IMAGENET_CLASSES)
    truth = places_of(LABELS.names, ["not_bear"])
    for _ in range(200):
        (gradient,) = torch.autograd.grad(objective(logits, truth, taught), logits)
        logits = (logits - gradient).detach().requires_grad_()
    before, after = torch.from_numpy(sure_of(294)).softmax(1)[0], logits.detach().softmax(1)[0]
    bears = torch.tensor([LABELS.names[label] == "bear" for label in LABELS.of_output])
    assert before[bears].sum() > 0.9
    assert after[bears].sum() < 0.1
    shares = (after / before)[~bears]
    assert shares.max() / shares.min() == pytest.approx(1.0, rel=0.01), "what it is instead stays as it was"


def test_what_the_teacher_knew_is_kept_unless_it_was_wrong_about_the_bear() -> None:
    keeping, plain = Objective(LABELS, 0.05, keep=1.0), Objective(LABELS, 0.05, keep=0.0)
    bear = torch.tensor([LABELS.bear])
    black, brown = torch.from_numpy(sure_of(295)), torch.from_numpy(sure_of(294))
    assert keeping(black, bear, brown[:, :IMAGENET_CLASSES]) > plain(black, bear, brown[:, :IMAGENET_CLASSES]) + 5
    teddy = torch.from_numpy(sure_of(850))[:, :IMAGENET_CLASSES]
    assert keeping(black, bear, teddy) == pytest.approx(float(plain(black, bear, teddy)))


def test_the_student_starts_with_what_the_pretrained_network_says() -> None:
    beginning = start("lite0")
    pictures = torch.randn(2, 3, 64, 64)
    network = build(beginning).eval()
    with torch.no_grad():
        logits = network(pictures)
        expected = load_network(ModelBundle.generic("lite0"))(pictures)
        folded = fold_for_training(network, beginning.architecture)(pictures)
    torch.testing.assert_close(logits[:, :IMAGENET_CLASSES], expected, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(folded, logits, atol=1e-3, rtol=1e-3)
    assert logits.shape == (2, IMAGENET_CLASSES + len(NEW_LABELS))
    assert LABELS.of_output[294] == LABELS.names.index(ImagenetLabel.BEAR)
    assert LABELS.of_output[609] == LABELS.names.index("vehicle")


def test_an_unknown_backbone_is_named() -> None:
    with pytest.raises(BackboneError, match="unknown backbone 'lite9'"):
        start("lite9")


def test_another_backbone_is_a_one_word_change(monkeypatch: pytest.MonkeyPatch) -> None:
    create = timm.create_model

    def without_download(name: str, pretrained: bool = False, **rest: Any) -> Any:
        torch.manual_seed(0)
        return create(name, pretrained=False, **rest)

    monkeypatch.setattr(timm, "create_model", without_download)
    beginning = start(Recipe(backbone="mobilenetv3_small_050").backbone)
    assert (beginning.architecture, beginning.native_px) == ("mobilenetv3_small_050", 224)
    assert beginning.std == pytest.approx(58, abs=1)
    network = fold_for_training(build(beginning).eval(), beginning.architecture)
    with torch.no_grad():
        logits = network(torch.randn(2, 3, 64, 64))
    assert logits.shape == (2, LABELS.outputs)


def test_states_are_averaged() -> None:
    one, two = {"w": torch.zeros(2)}, {"w": torch.ones(2)}
    assert interpolate_weights(one, two, 0.3)["w"].tolist() == pytest.approx([0.3, 0.3])


def test_the_learning_rate_rises_and_falls() -> None:
    recipe = Recipe(learning_rate=1.0, warmup=0.1)
    rates = [learning_rate(step, 100, recipe) for step in range(100)]
    assert rates[0] == pytest.approx(0.1)
    assert max(rates) == pytest.approx(1.0)
    assert rates[-1] < 0.01
    assert rates[10:] == sorted(rates[10:], reverse=True)


@pytest.mark.parametrize(
    "changes",
    [
        {"epochs": 0.0},
        {"batch": 0},
        {"bear_share": 1.0},
        {"folds": 1},
        {"camera_trap_weight": 0.0},
        {"view": "up"},
        {"lift": 1.0},
        {"pasted_bears": -0.1},
        {"frozen_stages": -1},
    ],
)
def test_a_senseless_recipe_is_refused(changes: dict[str, float | str]) -> None:
    with pytest.raises(ValueError, match=r"must be (above|from|0)|at least 2 folds|unknown view"):
        replace(Recipe(), **changes)  # type: ignore[arg-type] # on purpose of any field


def test_overconfident_logits_get_a_temperature_above_one() -> None:
    truth = np.array([LABELS.bear] * 7 + [LABELS.names.index("deer")] * 3)
    assert fit_temperature(sure_of(*[294] * 10), LABELS, truth).temperature > 1.5


def test_infrared_gets_thresholds_of_its_own_when_there_are_enough_pictures() -> None:
    rows = [row("dog")] * 100 + [row("dog", light="night_ir")] * 100
    bear = np.concatenate([np.linspace(0, 0.4, 100), np.linspace(0, 0.8, 100)])
    known = np.ones(200, dtype=bool)
    day, dark = bear_thresholds(bear, rows, 0.01)
    assert (day, dark) == pytest.approx((0.4, 0.8), abs=0.01)
    assert bear_thresholds(bear, rows, 0.1) == pytest.approx((0.36, 0.72), abs=0.01)
    assert unknown_limits(bear, rows, known)[0] == pytest.approx(0.396, abs=0.01)
    few = bear_thresholds(bear[:110], rows[:110], 0.01)
    assert few[0] == day
    assert few[1] == pytest.approx(0.4, abs=0.01)


def test_camera_traps_decide_the_thresholds_where_there_are_enough() -> None:
    rows = [row("dog", kind="web")] * 1000 + [row("other_animal", "trail", kind="camtrap")] * 100 + [row("bear")] * 5
    bear = np.concatenate([np.zeros(1000), np.linspace(0, 0.7, 100), np.ones(5)])
    assert bear_thresholds(bear, rows, 0.02)[0] == pytest.approx(0.686, abs=0.01)
    assert bear_thresholds(bear[:1010], rows[:1010], 0.02)[0] == 0.05


def held_out() -> HeldOut:
    """Fold 1 never saw raccoons; the trained network is right about all, the generic one misses bears of fold 0."""
    rows = [*[row("bear")] * 20, *[row("dog", "creek")] * 30, *[row("raccoon", "creek")] * 10]
    fold = np.array([0] * 10 + [1] * 10 + [0] * 15 + [1] * 15 + [1] * 10)
    generic = sure_of(*[200] * 10, *[294] * 10, *[200] * 30, *[387] * 10)[:, :IMAGENET_CLASSES]
    trained = sure_of(*[294] * 20, *[200] * 30, *[387] * 10)
    trained[-10:] /= 6
    return HeldOut(rows, fold, generic, {0.5: trained})


def test_the_better_mix_is_chosen_and_the_pretrained_network_wins_ties() -> None:
    shown = held_out()
    assert choose_mix(table(shown, LABELS)) == "0.5"
    same = replace(shown, mixes={0.5: np.pad(shown.generic, ((0, 0), (0, len(NEW_LABELS))), constant_values=-30)})
    assert choose_mix(table(same, LABELS)) == "generic"


def test_what_a_judging_network_never_saw_is_unknown_to_it() -> None:
    shown = held_out()
    assert known_pictures(shown).tolist() == [True] * 50 + [False] * 10
    assert known_pictures(replace(shown, withheld="dog")).tolist() == [True] * 20 + [False] * 40


def test_strangers_are_counted_as_flagged_or_taken_for_a_bear() -> None:
    rows = [row("dog")] * 100 + [row("raccoon")] * 4
    known = np.array([True] * 100 + [False] * 4)
    strange = np.concatenate([np.linspace(0, 1, 100), [2.0, 2.0, 0.5, 2.0]])
    bear = np.array([0.0] * 103 + [0.9])
    found = compare(
        {ENERGY: -strange, DOUBT: np.zeros(104), NEIGHBOURS: strange},
        rows,
        known,
        bear,
        (0.3, 0.3),
    )
    assert found["raccoon"]["taken for a bear"] == 0.25
    assert found["raccoon"][NEIGHBOURS]["flagged"] == 0.5
    assert found["raccoon"][NEIGHBOURS]["bear or flagged"] == 0.75
    assert better_way(found) == NEIGHBOURS
    assert better_way({}) == DOUBT


def test_the_reference_takes_every_label_and_light_in_turn() -> None:
    rows = [*[row("dog")] * 500, *[row("bear", light="night_ir")] * 3, *[row("deer")] * 50]
    chosen = reference_places(rows, most=60)
    labels = Counter(rows[place].label for place in chosen)
    assert len(set(chosen)) == 60
    assert labels["bear"] == 3
    assert 27 <= labels["deer"] <= 30
    assert reference_places(rows, most=60) == chosen


def test_pictures_are_made_hard_alike_for_bears_and_others(tmp_path: Path) -> None:
    rows = read_manifest(write_pictures(tmp_path))
    places = hard_places(rows)
    assert {rows[place].light for place in places} == {"day"}
    assert "empty" not in {rows[place].label for place in places}
    assert len(hard_places([row("bear")] * 500 + [row("dog")] * 500)) == BEARS + OTHERS
    scenes = empty_scenes(rows)
    for make in HARD.values():
        shown = make(picture("bear", 1), 3, scenes)
        assert np.array_equal(shown, make(picture("bear", 1), 3, scenes))
        assert shown.dtype == np.uint8
        assert shown.std() > 3
    assert empty_scenes([row("bear")])[0].shape[2] == 3


def test_the_sample_of_stills_holds_every_bear_that_is_hard_to_see() -> None:
    rows = [row("bear", light="night_ir")] * 7 + [row("bear")] * 300 + [row("dog", kind="camtrap")] * 900
    places = still_places(rows)
    assert set(range(7)) <= set(places)
    assert sum(rows[place].label == "dog" for place in places) == STILL_OTHERS

"""How pictures are drawn, changed and judged in training."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from detector.backbones import BackboneError
from detector.labels import IMAGENET_CLASSES, Label
from detector.learn.calibrate import choose_thresholds, fit_temperature
from detector.learn.draws import Draws, batches, draw_weights
from detector.learn.fit import learning_rate
from detector.learn.folds import assign_folds, group_of
from detector.learn.heldout import HeldOut, choose_mix, table, unknown_animals, unseen_labels
from detector.learn.looks import Looks, infrared, paste
from detector.learn.objective import Objective
from detector.learn.recipe import NEW_LABELS, Recipe
from detector.learn.student import build, fold_for_training, mixed, start, student_labels
from detector.manifest import LabelledPicture, read_manifest
from detector.network import load_network
from tests.tiny_pictures import picture, write_pictures

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


def test_a_draw_depends_on_the_seed_and_its_number_alone(tmp_path: Path) -> None:
    rows = read_manifest(write_pictures(tmp_path))
    weights = draw_weights(rows, 0.3)
    draws, again = Draws(rows, weights, 12, 64, seed=4), Draws(rows, weights, 12, 64, seed=4)
    shown = [draws[number] for number in range(12)]
    torch.manual_seed(99)
    for number in (7, 2):
        assert torch.equal(again[number][0], shown[number][0])
        assert again[number][1] == shown[number][1]
    assert not torch.equal(Draws(rows, weights, 12, 64, seed=5)[7][0], shown[7][0])
    assert len({shown[number][0].sum().item() for number in range(12)}) == 12


def test_batches_go_on_where_a_run_stopped() -> None:
    assert list(batches(10, 3, 0)) == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]
    assert list(batches(10, 3, 2)) == [[6, 7, 8]]


def test_every_label_gets_the_same_looks() -> None:
    looks = Looks(48)
    greys = Counter[str]()
    for label in ("bear", "dog"):
        for seed in range(60):
            torch.manual_seed(seed)
            shown = looks(tensor(label, 1), tensor("empty", 2))
            assert shown.shape == (3, 48, 48)
            assert shown.dtype == torch.uint8
            greys[label] += int((shown.amax(0).int() - shown.amin(0).int()).float().mean() < 12)
    assert greys["bear"] >= 15
    assert greys["dog"] >= 15


def test_infrared_has_no_colours_to_speak_of() -> None:
    torch.manual_seed(1)
    shown = infrared(tensor("dog", 1))
    assert (shown.amax(0).int() - shown.amin(0).int()).float().mean() < 12


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
        len({int(f) for f, r in zip(fold, rows, strict=True) if group_of(r) == g}) == 1 for g in map(group_of, rows)
    )
    assert group_of(rows[-1]) == "NTLNP"
    assert group_of(row("dog", "x", group="burst 7")) == "burst 7"


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


def test_what_the_teacher_knew_is_kept_unless_it_was_wrong_about_the_bear() -> None:
    keeping, plain = Objective(LABELS, 0.05, keep=1.0), Objective(LABELS, 0.05, keep=0.0)
    bear = torch.tensor([LABELS.bear])
    black, brown = torch.from_numpy(sure_of(295)), torch.from_numpy(sure_of(294))
    assert keeping(black, bear, brown[:, :IMAGENET_CLASSES]) > plain(black, bear, brown[:, :IMAGENET_CLASSES]) + 5
    teddy = torch.from_numpy(sure_of(850))[:, :IMAGENET_CLASSES]
    assert keeping(black, bear, teddy) == pytest.approx(float(plain(black, bear, teddy)))


def test_the_student_starts_with_what_the_pretrained_network_says() -> None:
    from detector.backbones import backbone

    beginning = start("lite0")
    pictures = torch.randn(2, 3, 64, 64)
    network = build(beginning).eval()
    with torch.no_grad():
        logits = network(pictures)
        expected = load_network(backbone("lite0"))(pictures)
        folded = fold_for_training(network, beginning.architecture)(pictures)
    torch.testing.assert_close(logits[:, :IMAGENET_CLASSES], expected, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(folded, logits, atol=1e-3, rtol=1e-3)
    assert logits.shape == (2, IMAGENET_CLASSES + len(NEW_LABELS))
    assert LABELS.of_output[294] == LABELS.names.index(Label.BEAR)
    assert LABELS.of_output[609] == LABELS.names.index("vehicle")


def test_an_unknown_backbone_is_named() -> None:
    with pytest.raises(BackboneError, match="unknown backbone 'lite9'"):
        start("lite9")


def test_states_are_averaged() -> None:
    one, two = {"w": torch.zeros(2)}, {"w": torch.ones(2)}
    assert mixed(one, two, 0.3)["w"].tolist() == pytest.approx([0.3, 0.3])


def test_the_learning_rate_rises_and_falls() -> None:
    recipe = Recipe(learning_rate=1.0, warmup=0.1)
    rates = [learning_rate(step, 100, recipe) for step in range(100)]
    assert rates[0] == pytest.approx(0.1)
    assert max(rates) == pytest.approx(1.0)
    assert rates[-1] < 0.01
    assert rates[10:] == sorted(rates[10:], reverse=True)


@pytest.mark.parametrize("changes", [{"epochs": 0.0}, {"batch": 0}, {"bear_share": 1.0}, {"folds": 1}])
def test_a_senseless_recipe_is_refused(changes: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"must be above|at least 2 folds"):
        replace(Recipe(), **changes)  # type: ignore[arg-type] # on purpose of any field


def test_overconfident_logits_get_a_temperature_above_one() -> None:
    truth = np.array([LABELS.bear] * 7 + [LABELS.names.index("deer")] * 3)
    assert fit_temperature(sure_of(*[294] * 10), LABELS, truth).temperature > 1.5


def test_infrared_gets_thresholds_of_its_own_when_there_are_enough_pictures() -> None:
    rows = [row("dog")] * 100 + [row("dog", light="night_ir")] * 100
    logits = np.concatenate([sure_of(*[200] * 100), sure_of(*[200] * 100)])
    logits[:100, 294] = np.linspace(0, 11, 100)
    logits[100:, 294] = np.linspace(0, 14, 100)
    chosen = choose_thresholds(logits, LABELS, rows, np.ones(200, dtype=bool))
    assert chosen.day < chosen.infrared
    few = choose_thresholds(logits[:110], LABELS, rows[:110], np.ones(110, dtype=bool))
    assert 0 < few.infrared < chosen.infrared


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


def test_labels_that_a_network_never_saw_measure_how_it_takes_the_unknown() -> None:
    shown = held_out()
    assert unseen_labels(shown) == {0: set(), 1: {"raccoon"}}
    found = unknown_animals(shown, LABELS, 0.5, (-10.0, None), threshold=0.3)
    assert found["raccoon"]["pictures"] == 10
    assert found["raccoon"]["flagged as unknown"] == 1.0
    assert found["raccoon"]["taken for a bear"] == 0.0

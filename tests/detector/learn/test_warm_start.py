"""Going on from a bundle: the same network, little forgotten, the same every time, and refused where it cannot be."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from bearwatch.cli import main
from detector.engines.torch_engine import TorchEngine
from detector.evaluate.manifest import LabelledPicture, read_manifest
from detector.learn import fit as fitting
from detector.learn.fit import CHECKPOINT, TrainingDiverged
from detector.learn.intake import TrainingError
from detector.learn.recipe import Recipe
from detector.learn.student import start, student_labels
from detector.learn.warm_start import (
    FineTuned,
    Lesson,
    SaidOfChild,
    bear_scores,
    fine_tune,
    live_crops,
    start_from,
    write_child,
)
from detector.learn.warm_training import CHILD, PARENT, held_out_events, same_false_positives
from detector.models.bundle import BundleError, ModelBundle, write_bundle
from detector.models.model import Model, Provenance, Thresholds
from tests.support.tiny_pictures import write_manifest, write_pictures

TINY = Recipe(train_px=64, input_px=64, batch=5, seed=3, learning_rate=5e-5)


@pytest.fixture(scope="module")
def parent(tmp_path_factory: pytest.TempPathFactory) -> ModelBundle:
    """A small bundle with the pretrained weights of lite0."""
    return bundle_of("lite0", tmp_path_factory.mktemp("parent"))


def bundle_of(backbone: str, folder: Path) -> ModelBundle:
    beginning = start(backbone)
    model = Model(
        name="parent",
        architecture=beginning.architecture,
        input_px=64,
        mean=beginning.mean,
        std=beginning.std,
        labels=student_labels(),
        weights={"file": "", "sha256": ""},
        thresholds=Thresholds(0.3, 0.4, still_day=0.5),
    )
    state = {n: e.numpy() for n, e in beginning.state.items() if e.is_floating_point()}
    return write_bundle(folder, model, state, Provenance(), "sheet", {})


def lesson(pictures: list[LabelledPicture], steps: int, seed: int = 1) -> Lesson:
    order = np.random.default_rng(seed).integers(0, len(pictures), steps * TINY.batch)
    return Lesson(pictures, np.ones(len(pictures), dtype=np.float32), order)


def engine(bundle: ModelBundle) -> TorchEngine:
    return TorchEngine(bundle, "cpu", 1)


def tune(parent: ModelBundle, shown: Lesson, folder: Path, recipe: Recipe = TINY) -> FineTuned:
    return fine_tune(parent, shown, recipe, folder, engine)


def test_before_its_first_step_the_network_says_what_its_parent_says(parent: ModelBundle, tmp_path: Path) -> None:
    pictures = read_manifest(write_pictures(tmp_path / "p"))
    nothing = replace(TINY, learning_rate=1e-12, weight_decay=0.0)
    child = tune(parent, lesson(pictures, 1), tmp_path / "w", nothing).bundle()
    same = bear_scores(engine(child), pictures), bear_scores(engine(parent), pictures)
    np.testing.assert_allclose(*same, atol=2e-3)


def test_the_same_seed_gives_the_same_weights_and_another_gives_others(parent: ModelBundle, tmp_path: Path) -> None:
    pictures = read_manifest(write_pictures(tmp_path / "p"))
    one, again = (tune(parent, lesson(pictures, 2), tmp_path / name) for name in ("one", "again"))
    other = tune(parent, lesson(pictures, 2, seed=2), tmp_path / "other", replace(TINY, seed=4))
    assert one.bundle().digest == again.bundle().digest
    assert one.bundle().digest != other.bundle().digest


def test_a_few_steps_teach_the_network_what_it_took_for_bears(parent: ModelBundle, tmp_path: Path) -> None:
    """The dark blob is called a raccoon: after some steps that is thousands of times likelier."""
    rows = read_manifest(write_pictures(tmp_path / "p"))
    strangers = [replace(row, label="raccoon") for row in rows if row.label == "bear"]
    shown = lesson(strangers, 12)
    child = tune(parent, shown, tmp_path / "w", replace(TINY, learning_rate=3e-4)).bundle()
    raccoon = child.labels.names.index("raccoon")

    def share(of: ModelBundle) -> float:
        crops = np.concatenate([live_crops(each, of)[:1] for each in strangers])
        return float(of.labels.probabilities(engine(of).infer(crops))[:, raccoon].mean())

    assert share(child) > 1000 * share(parent)


def test_rejected_alerts_that_nobody_has_named_make_bears_less_likely_and_no_new_word(
    parent: ModelBundle, tmp_path: Path
) -> None:
    rows = read_manifest(write_pictures(tmp_path / "p"))
    bears, eager = [row for row in rows if row.label == "bear"], replace(TINY, learning_rate=3e-4)
    sure = tune(parent, lesson(bears, 12), tmp_path / "sure", eager).bundle()
    rejected = [replace(row, label="not_bear") for row in bears]
    child = tune(sure, lesson(rejected, 12), tmp_path / "w", eager).bundle()
    assert child.labels.names == parent.labels.names
    crops = np.concatenate([live_crops(each, parent)[:1] for each in bears])
    before, after = (float(of.labels.bear_scores(engine(of).infer(crops)).mean()) for of in (sure, child))
    assert after < 0.5 * before


def test_a_label_that_the_parent_does_not_know_gets_an_output_of_its_own(parent: ModelBundle, tmp_path: Path) -> None:
    _beginning, labels = start_from(parent, ["grizzly", "deer", "wolverine"])
    assert labels.names[-2:] == ("grizzly", "wolverine")
    assert labels.outputs == parent.outputs + 2
    rows = read_manifest(write_pictures(tmp_path / "p"))
    named = [replace(row, label="wolverine") if row.label == "other_animal" else row for row in rows]
    tuned = tune(parent, lesson(named, 1), tmp_path / "w")
    written = write_child(tuned, Thresholds(0.3, 0.3), SaidOfChild("", {}, ""), tmp_path / "bundle")
    assert ModelBundle.load(tmp_path / "bundle").labels.names[-1] == "wolverine"
    assert engine(written).infer(np.zeros((1, 64, 64, 3), np.uint8)).shape == (1, parent.outputs + 1)
    assert written.provenance.parent == parent.digest


def test_killed_between_two_steps_it_ends_where_an_undisturbed_one_ends(
    parent: ModelBundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fitting, "STEPS_BETWEEN_CHECKPOINTS", 1)
    shown = lesson(read_manifest(write_pictures(tmp_path / "p")), 3)

    def stop_at_two(step: int, steps: int) -> None:
        assert steps == 3
        if step == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fine_tune(parent, shown, TINY, tmp_path / "killed", engine, before_step=stop_at_two)
    assert (tmp_path / "killed" / CHECKPOINT).is_file()
    resumed, whole = tune(parent, shown, tmp_path / "killed"), tune(parent, shown, tmp_path / "whole")
    for name, each in whole.state.items():
        np.testing.assert_allclose(resumed.state[name], each, atol=1e-5)


def test_a_loss_that_is_no_number_ends_the_run_in_words(parent: ModelBundle, tmp_path: Path) -> None:
    shown = lesson(read_manifest(write_pictures(tmp_path / "p")), 30)
    with pytest.raises(TrainingDiverged, match=r"no number|loss of step"):
        tune(parent, shown, tmp_path / "w", replace(TINY, learning_rate=1e6, warmup=0.0))


def test_weights_that_half_precision_cannot_hold_are_refused(
    parent: ModelBundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = lesson(read_manifest(write_pictures(tmp_path / "p")), 1)
    state = fitting._Learner.state

    def too_large(learner: fitting._Learner) -> dict[str, torch.Tensor]:
        return {name: each * 1e9 for name, each in state(learner).items()}

    monkeypatch.setattr(fitting._Learner, "state", too_large)
    with pytest.raises(TrainingDiverged, match="hold no numbers"):
        tune(parent, shown, tmp_path / "w")


def test_every_fifth_event_is_held_out_whole_and_always_the_same(tmp_path: Path) -> None:
    pictures = [
        LabelledPicture(f"{event}-{n}.jpg", tmp_path, "bear" if event % 2 else "deer", {"event": str(event)})
        for event in range(40)
        for n in range(3)
    ]
    held = held_out_events(pictures)
    assert (held == held_out_events(pictures)).all()
    events = {picture.event for picture, out in zip(pictures, held, strict=True) if out}
    assert len(events) == 8
    assert held.sum() == 24
    with pytest.raises(TrainingError, match="two of either"):
        held_out_events(pictures[:6])


def test_the_threshold_keeps_the_false_positives_of_the_parent() -> None:
    judged = [LabelledPicture("x", Path("x"), label, {"day_night": "day"}) for label in ("deer",) * 10 + ("bear",) * 2]
    parents: NDArray[np.float32] = np.array([*np.linspace(0, 0.45, 10), 0.9, 0.9], dtype=np.float32)
    scores = {PARENT: parents, CHILD: np.array([*np.linspace(0.3, 0.9, 10), 0.9, 0.9], dtype=np.float32)}
    found = same_false_positives(judged, scores, Thresholds(0.3, 0.4, still_day=0.5))
    allowed = (scores[PARENT][:10] >= 0.3).sum()
    assert (scores[CHILD][:10] >= found.day).sum() == allowed
    assert found.infrared == 0.4
    assert found.still_day == 0.5


WORDS = ("--train-px", "64", "--epochs", "0.4", "--batch", "4", "--device", "cpu", "--jobs", "1")


@pytest.mark.long
def test_the_command_goes_on_from_a_bundle_and_judges_both(
    parent: ModelBundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = write_pictures(tmp_path / "p")
    words = ["train", "--manifest", str(manifest), "--out", str(tmp_path / "out"), "--from", str(parent.directory)]
    assert main([*words, *WORDS, "--layers", "last", "--json"]) == 0
    outcome = json.loads(capsys.readouterr().out)
    bundle = ModelBundle.load(tmp_path / "out" / "bundle")
    assert outcome["model"] == bundle.short_digest
    assert bundle.provenance.parent == parent.digest
    assert bundle.provenance.recipe["frozen_stages"] == 5
    assert set(outcome["held_out"]) == {PARENT, CHILD}
    assert bundle.model.thresholds.still_day == 0.5
    assert "goes on from" in (tmp_path / "out" / "bundle" / "datasheet.md").read_text()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--from", "lite2@224"), "is a pretrained network and no bundle"),
        (("--from", "PARENT", "--backbone", "lite2"), "weights of one do not fit the other"),
        (("--from", "PARENT", "--input-px", "224"), "--input-px does not go with --from"),
        (("--layers", "last"), "--layers goes with --from"),
        (("--from", "./nowhere/"), "is not a model bundle"),
    ],
)
def test_what_cannot_be_started_from_is_refused_in_words(
    words: tuple[str, ...], said: str, parent: ModelBundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = write_pictures(tmp_path / "p")
    given = [str(parent.directory) if word == "PARENT" else word for word in words]
    assert main(["train", "--manifest", str(manifest), "--out", str(tmp_path / "out"), *given]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out" / "bundle").exists()


def test_weights_of_another_architecture_under_this_ones_name_are_refused(tmp_path: Path) -> None:
    small = bundle_of("lite0", tmp_path / "b")
    assert small.content is not None
    lying = ModelBundle(replace(small.model, architecture="tf_efficientnet_lite2"), Provenance(), None, small.content)
    with pytest.raises(TrainingError, match="do not fit the architecture"):
        start_from(lying)
    unknown = ModelBundle(replace(small.model, architecture="no_such_network"), Provenance(), None, small.content)
    with pytest.raises(TrainingError, match="no_such_network"):
        start_from(unknown)


def test_a_bundle_of_another_format_is_refused(parent: ModelBundle, tmp_path: Path) -> None:
    assert parent.directory is not None
    folder = tmp_path / "b"
    folder.mkdir()
    for file in parent.directory.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    found = json.loads((folder / "bundle.json").read_text())
    (folder / "bundle.json").write_text(json.dumps(found | {"format": 7}))
    with pytest.raises(BundleError, match="format 7"):
        ModelBundle.open(str(folder))


def test_two_events_alone_are_too_few_to_hold_any_out(
    parent: ModelBundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = write_pictures(tmp_path / "p")
    rows = [
        ("000-bear.jpg", "bear", "meadow", "day", "camtrap", "-"),
        ("009-empty.jpg", "empty", "creek", "day", "-", "-"),
    ]
    manifest = write_manifest(whole.with_name("few.csv"), rows)
    out = str(tmp_path / "out")
    assert main(["train", "--manifest", str(manifest), "--out", out, "--from", str(parent.directory), *WORDS]) == 2
    assert "two of either are needed" in capsys.readouterr().err

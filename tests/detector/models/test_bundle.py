"""A model bundle is loaded whole and unchanged, or not at all."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from core.messages import WHOLE_FRAME
from detector.engines.choose import choose_engine
from detector.engines.network import load_network
from detector.learn.student import start, student_labels
from detector.models.bundle import DESCRIPTION, REFERENCE, WEIGHTS, BundleError, ModelBundle, write_bundle
from detector.models.crops import cut
from detector.models.imagenet_labels import GENERIC, LabelMap, doubts
from detector.models.infrared import is_infrared
from detector.models.model import Model, Provenance, Thresholds
from detector.models.ood import DOUBT, NEIGHBOURS, Reference
from detector.models.prediction import UNKNOWN, verdict_of
from detector.models.view import View
from detector.predictor import Predictor
from detector.stills import Stills
from tests.support.tiny_pictures import picture

PX = 64
ASSETS = Path(__file__).parents[3] / "simulation" / "cameras" / "assets"


def described(**changes: Any) -> Model:
    model = Model(
        name="tiny",
        architecture="tf_efficientnet_lite0",
        input_px=PX,
        mean=127.0,
        std=128.0,
        labels=replace(student_labels(), temperature=1.3),
        weights={"file": "", "sha256": ""},
        thresholds=Thresholds(0.3, 0.2, -9.0, -8.5),
    )
    return replace(model, **changes)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> ModelBundle:
    state = {name: each.numpy() for name, each in start("lite0").state.items() if not name.endswith("tracked")}
    folder = tmp_path_factory.mktemp("bundle")
    return write_bundle(folder, described(), state, Provenance(parent="p", data="d", code="c"), "# Sheet\n", {"a": 1})


@pytest.fixture
def copied(written: ModelBundle, tmp_path: Path) -> Path:
    assert written.directory is not None
    for file in written.directory.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    return tmp_path


def test_a_bundle_comes_back_as_it_was_written(written: ModelBundle) -> None:
    assert written.directory is not None
    again = ModelBundle.load(written.directory)
    assert again.model == written.model
    assert again.provenance == Provenance(parent="p", data="d", code="c")
    assert again.model.thresholds.unknown_infrared == -8.5
    assert {file.name for file in written.directory.iterdir()} == {
        DESCRIPTION,
        WEIGHTS,
        "datasheet.md",
        "evaluation.json",
    }
    assert sum(file.stat().st_size for file in written.directory.iterdir()) < 12_000_000


def test_predict_is_predict_batch_of_one(written: ModelBundle) -> None:
    images = [picture("bear", 1), picture("deer", 2, width=50, height=90)]
    predictor = Predictor(written)
    together = predictor.predict_batch(images)
    alone = predictor.predict(images[1])
    assert alone.label == together[1].label
    assert alone.probabilities == pytest.approx(together[1].probabilities, abs=1e-5)
    assert written.labels.names[alone.index] == alone.label
    assert sum(alone.probabilities.values()) == pytest.approx(1.0, abs=1e-5)
    assert predictor.predict_batch([]) == []


def test_the_fast_path_says_what_the_plain_network_says(written: ModelBundle) -> None:
    images = [picture("bear", 1), picture("deer", 2)]
    crops = np.concatenate([cut(image, [WHOLE_FRAME], PX) for image in images])
    plain = load_network(written)
    with torch.inference_mode():
        expected = plain((torch.from_numpy(crops).permute(0, 3, 1, 2).float() - 127) / 128).numpy()
    found = choose_engine("cpu", str(written.directory), threads=1).infer(crops)
    assert found.shape == (2, written.outputs)
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_the_engine_of_a_bundle_knows_its_labels_and_its_name(written: ModelBundle) -> None:
    engine = choose_engine("cpu", str(written.directory), threads=1)
    assert engine.bundle.labels == written.labels
    assert engine.name == written.short_digest
    assert engine.input_px == PX


@pytest.mark.parametrize(
    ("key", "value"),
    [("input_px", 128), ("mean", 0.0), ("thresholds", {"day": 0.99, "infrared": 0.2}), ("architecture", "resnet18")],
)
def test_a_changed_description_is_refused(copied: Path, key: str, value: object) -> None:
    found = json.loads((copied / DESCRIPTION).read_text())
    found["decides"][key] = value
    (copied / DESCRIPTION).write_text(json.dumps(found))
    with pytest.raises(BundleError, match="was changed after it was written"):
        ModelBundle.load(copied)


def test_changed_weights_are_refused(copied: Path) -> None:
    content = bytearray((copied / WEIGHTS).read_bytes())
    content[-1] ^= 1
    (copied / WEIGHTS).write_bytes(content)
    with pytest.raises(BundleError, match=r"weights\.safetensors was changed or damaged"):
        choose_engine("cpu", str(copied))


def test_a_bundle_without_weights_is_incomplete(copied: Path) -> None:
    (copied / WEIGHTS).unlink()
    with pytest.raises(BundleError, match="incomplete"):
        ModelBundle.load(copied)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "cannot be read"),
        ('{"format": 7}', "format 7, this program reads format 1"),
        ("[]", "format None"),
        ('{"format": 1, "decides": {}, "digest": "", "provenance": {}}', "not the description of a model"),
    ],
)
def test_anything_else_is_no_bundle(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / DESCRIPTION).write_text(text)
    with pytest.raises(BundleError, match=message):
        ModelBundle.load(tmp_path)


def test_an_empty_folder_is_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="not a model bundle"):
        ModelBundle.load(tmp_path)


def test_weights_outside_the_bundle_are_never_read(copied: Path) -> None:
    found = json.loads((copied / DESCRIPTION).read_text())
    model = Model.from_json(found["decides"] | {"weights": {"file": "../../etc/passwd", "sha256": "0"}})
    found |= {"decides": model.to_json(), "digest": model.digest}
    (copied / DESCRIPTION).write_text(json.dumps(found))
    with pytest.raises(BundleError, match=r"passwd cannot be read"):
        ModelBundle.load(copied)


def test_the_digest_covers_all_that_decides_and_nothing_else() -> None:
    base = described()
    changes: list[dict[str, Any]] = [
        {"name": "other"},
        {"input_px": 128},
        {"std": 1.0},
        {"labels": replace(base.labels, temperature=1.0)},
        {"weights": {"file": "", "sha256": "1"}},
        {"thresholds": Thresholds(0.5, 0.5)},
        {"crops": replace(base.crops, margin=0.2)},
        {"view": View("flip")},
        {"unknown_by": DOUBT},
        {"reference": "1"},
    ]
    assert len({base.digest, *(described(**change).digest for change in changes)}) == len(changes) + 1


def test_the_pretrained_network_is_a_bundle_too() -> None:
    bundle = ModelBundle.open("lite0@64")
    assert bundle.labels == GENERIC
    image = picture("bear", 3)
    crops = cut(image, [WHOLE_FRAME], 64)
    expected = GENERIC.probabilities(choose_engine("cpu", "lite0@64", threads=1).infer(crops))[0]
    found = Predictor(bundle).predict(image)
    assert list(found.probabilities.values()) == pytest.approx(expected.tolist(), abs=1e-5)


def test_a_pretrained_network_keeps_the_name_under_which_its_scores_are_stored() -> None:
    engine = choose_engine("cpu", "lite0@64", threads=1)
    assert engine.name == engine.bundle.short_digest == "lite0@64:a7b1d397"
    assert engine.bundle.at_size(96).digest == ModelBundle.generic("lite0@96").digest != engine.bundle.digest


def test_a_label_map_needs_a_bear_and_an_output_for_every_label() -> None:
    with pytest.raises(ValueError, match="'bear'"):
        LabelMap(("dog",), (0,))
    with pytest.raises(ValueError, match="every label needs an output"):
        LabelMap(("bear", "dog"), (0, 0))
    with pytest.raises(ValueError, match="temperature"):
        LabelMap(("bear", "dog"), (0, 1), 0.0)


def test_a_higher_temperature_is_less_sure() -> None:
    logits = np.array([[3.0, 0.0]], dtype=np.float32)
    cool, warm = LabelMap(("bear", "dog"), (0, 1)), LabelMap(("bear", "dog"), (0, 1), 3.0)
    assert cool.bear_scores(logits)[0] == pytest.approx(1 / (1 + np.exp(-3)))
    assert warm.bear_scores(logits)[0] == pytest.approx(1 / (1 + np.exp(-1)))


@pytest.mark.parametrize(
    ("bear", "energy", "infrared", "told"),
    [
        (0.31, -20.0, False, "bear"),
        (0.25, -20.0, False, "dog"),
        (0.25, -20.0, True, "bear"),
        (0.25, -8.9, False, UNKNOWN),
        (0.1, -8.9, True, "dog"),
        (0.1, -8.4, True, UNKNOWN),
        (0.31, -8.4, False, "bear"),
    ],
)
def test_the_verdict_follows_the_light_and_the_unknown_never_becomes_no_bear(
    bear: float, energy: float, infrared: bool, told: str
) -> None:
    labels = LabelMap(("bear", "dog"), (0, 1))
    bundle = ModelBundle(described(labels=labels), Provenance(), None, None)
    logits = np.array([[np.log(bear), np.log(1 - bear)]], dtype=np.float32) - np.float32(energy)
    (shares,), (strange,) = labels.probabilities(logits), bundle.unknown_scores(logits).tolist()
    found = verdict_of(bundle.model, shares, strange, infrared, bundle.model.thresholds.bear(infrared))
    assert found.bear == pytest.approx(bear, abs=1e-5)
    assert found.unknown_score == pytest.approx(energy, abs=1e-4)
    assert found.told == told
    assert not (found.is_bear and found.unknown)


def test_doubt_is_for_what_is_surely_an_animal_and_of_no_known_kind() -> None:
    labels = LabelMap(("bear", "dog", "other"), (0, 1, 1, 2, 2))
    known, undecided, thing = [0, 9, 0, 0, 0], [5, 5, 5, 0, 0], [1, 1, 1, 9, 0]
    doubt = doubts(np.array([known, undecided, thing], dtype=np.float32), labels)
    assert doubt[1] == pytest.approx(np.log(3), abs=0.05)
    assert max(doubt[0], doubt[2]) < 0.02
    bundle = ModelBundle(described(labels=labels, unknown_by=DOUBT), Provenance(), None, None)
    assert bundle.unknown_scores(np.array([undecided], dtype=np.float32))[0] == doubt[1]


@pytest.mark.parametrize(("by", "reference"), [("smell", ""), (NEIGHBOURS, ""), (DOUBT, "abc")])
def test_an_unknown_way_to_tell_the_unknown_is_refused(by: str, reference: str) -> None:
    with pytest.raises(ValueError, match="unknown_by"):
        Model.from_json(described().to_json() | {"unknown_by": by, "reference": reference})


def random_logits(count: int, seed: int, around: int) -> NDArray[np.float32]:
    """Logits that are high around one output."""
    random = np.random.default_rng(seed)
    logits = random.normal(0, 1, (count, 40)).astype(np.float32)
    logits[:, around] += 8
    return logits


def test_what_resembles_no_known_picture_is_far_from_all() -> None:
    known = np.concatenate([random_logits(60, 1, 3), random_logits(60, 2, 7)])
    reference = Reference.of(known, dimensions=8)
    near, far = reference.distances(random_logits(30, 3, 7)), reference.distances(random_logits(30, 4, 20))
    assert near.max() < far.min()
    again = Reference.from_bytes(reference.to_bytes())
    np.testing.assert_allclose(again.distances(known), reference.distances(known), atol=1e-6)
    assert reference.distances(np.empty((0, 40), dtype=np.float32)).shape == (0,)


def test_a_bundle_carries_its_reference_and_refuses_another(tmp_path: Path) -> None:
    labels = LabelMap(("bear", "dog"), tuple([0] * 20 + [1] * 20))
    reference = Reference.of(random_logits(50, 1, 3), dimensions=4)
    weights = {"x": np.zeros(3, dtype=np.float32)}
    bundle = write_bundle(tmp_path, described(labels=labels), weights, Provenance(), "", {}, reference)
    logits = random_logits(5, 2, 30)
    assert bundle.unknown_scores(logits).tolist() == pytest.approx(reference.distances(logits).tolist(), abs=1e-5)
    assert bundle.at_size(128).unknown_scores(logits).tolist() == bundle.unknown_scores(logits).tolist()
    content = bytearray((tmp_path / REFERENCE).read_bytes())
    content[-1] ^= 1
    (tmp_path / REFERENCE).write_bytes(content)
    with pytest.raises(BundleError, match=r"reference\.safetensors was changed or damaged"):
        ModelBundle.load(tmp_path)
    (tmp_path / REFERENCE).unlink()
    with pytest.raises(BundleError, match="incomplete"):
        ModelBundle.load(tmp_path)


class Countable:
    """An engine that says how bright a picture's middle is: bear for bright, and what it was asked."""

    device, threads, runtime = "cpu", 1, "by hand"

    def __init__(self, bundle: ModelBundle) -> None:
        self.bundle = bundle
        self.name, self.input_px = bundle.short_digest, bundle.input_px
        self.asked = 0

    def infer(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        self.asked += len(images)
        bright = images.mean(axis=(1, 2, 3)) / 255 if len(images) else np.empty(0)
        return np.stack([np.log(bright + 1e-6), np.log(1 - bright + 1e-6)], axis=1).astype(np.float32)


def a_spot() -> NDArray[np.uint8]:
    """A dark frame with a bright patch in a corner."""
    image = np.zeros((180, 320, 3), dtype=np.uint8)
    image[100:, 240:] = 250
    return image


@pytest.mark.parametrize(
    ("view", "asked"), [("whole", 1), ("flip", 2), ("whole@64+96", 2), ("best", 9), ("blend", 12), ("blend@64+96", 16)]
)
def test_a_view_says_how_often_a_still_is_looked_at(view: str, asked: int) -> None:
    labels = LabelMap(("bear", "dog"), (0, 1))
    engines: list[Countable] = []

    def engine_of(bundle: ModelBundle) -> Countable:
        engines.append(Countable(bundle))
        return engines[-1]

    bundle = ModelBundle(described(labels=labels), Provenance(), None, None)
    (predicted,) = Stills(bundle, View.parse(view), engine_of).predict([a_spot()])
    assert sum(engine.asked for engine in engines) == asked
    whole = float(a_spot().mean()) / 255
    if "whole" in view or "flip" in view:
        assert predicted.box == WHOLE_FRAME
        assert predicted.probabilities[0] == pytest.approx(whole, abs=0.01)
    else:
        assert predicted.box[0] > 0.4
        assert predicted.box[1] > 0.2
        assert predicted.probabilities[0] > 1.5 * whole


def test_the_blend_is_two_parts_whole_and_middle_and_one_part_best_tile() -> None:
    labels = LabelMap(("bear", "dog"), (0, 1))
    bundle = ModelBundle(described(labels=labels), Provenance(), None, None)
    image = a_spot()
    (predicted,) = Stills(bundle, View("blend"), Countable).predict([image])
    (best,) = Stills(bundle, View("best"), Countable).predict([image])
    middle = image[:, 70:250]
    seen = (image.mean() + middle.mean()) / 2 / 255
    expected = seen + (best.probabilities[0] - seen) / 3
    assert predicted.probabilities[0] == pytest.approx(expected, abs=0.01)
    assert predicted.box == best.box
    (even,) = Stills(bundle, View("blend"), Countable).predict([np.full((50, 90, 3), 128, dtype=np.uint8)])
    assert even.probabilities[0] == pytest.approx(128 / 255, abs=0.01)


def test_the_thresholds_of_stills_are_their_own() -> None:
    both = Thresholds(0.3, 0.4, still_day=0.6)
    assert (both.bear(False), both.bear(True)) == (0.3, 0.4)
    assert (both.still_bear(False), both.still_bear(True)) == (0.6, 0.4)


def test_a_picture_without_colours_is_infrared_whatever_its_tint() -> None:
    grey = picture("bear", 1, grey=True)
    assert is_infrared(grey)
    assert is_infrared((grey * np.array([1.0, 0.9, 0.85])).astype(np.uint8))
    assert not is_infrared(picture("deer", 1))

"""A graph that somebody has swapped is found, however carefully they covered it."""

from __future__ import annotations

import hashlib
import json
import shutil
import stat
from collections.abc import Callable
from functools import partial
from pathlib import Path

import onnx
import pytest

from bearwatch.cli import main
from bearwatch.model_files import BadBundle, bring_bundle
from core.bundles.wanted_model import BundlePlace
from core.settings import Settings, settings
from detector.bundle_loader import BundleLoader, ModelRefused
from detector.engines.choose import engine_for
from detector.engines.equivalence import ENGINE_FILE, GRAPH, ChangedGraphError, EngineFileError
from detector.engines.onnx_engine import OnnxEngine
from detector.models.bundle import BUILT_IN, DESCRIPTION, ModelBundle, write_file_table
from detector.models.signature import SIGNATURE, UnsignedError, expect_signed, public_key, signer, signing_key


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """The built-in model in a directory that somebody else can write to."""
    return Path(shutil.copytree(BUILT_IN, tmp_path / "site" / "bundles" / "campsite"))


def swap_graph(folder: Path) -> None:
    """Another graph that says the same of everything, with its new hash in engine.json: what the proof lets pass."""
    graph = onnx.load(folder / GRAPH, load_external_data=False)
    graph.doc_string = "another one"
    content = graph.SerializeToString()
    (folder / GRAPH).write_bytes(content)
    said = json.loads((folder / ENGINE_FILE).read_text())
    px = next(px for px, each in said["graphs"].items() if each["file"] == GRAPH)
    said["graphs"][px]["sha256"] = hashlib.sha256(content).hexdigest()
    (folder / ENGINE_FILE).write_text(json.dumps(said))


def swap_graph_and_table(folder: Path) -> None:
    """The same, and the description says so as well."""
    swap_graph(folder)
    write_file_table(folder, list(json.loads((folder / DESCRIPTION).read_text())["files"]))


def loader_of(folder: Path, **more: frozenset[str]) -> BundleLoader:
    return BundleLoader(str(folder), folder.parents[1], partial(engine_for, device="cpu", runtime="onnx"), None, **more)


def test_a_graph_that_was_swapped_with_its_hash_in_the_engine_file_is_not_run(copied: Path) -> None:
    digest = ModelBundle.load(copied).digest
    swap_graph(copied)
    assert ModelBundle.load(copied).digest == digest
    with pytest.raises(ChangedGraphError, match=r"engine\.json was changed or damaged: its SHA-256 is"):
        OnnxEngine(ModelBundle.load(copied))


def test_a_bundle_without_the_table_has_no_graph_that_runs(copied: Path) -> None:
    write_file_table(copied, [])
    with pytest.raises(EngineFileError, match=r"bundle\.json does not name it.* run: bearwatch export --onnx"):
        OnnxEngine(ModelBundle.load(copied))


def test_whoever_writes_the_table_anew_is_found_by_what_was_registered(copied: Path) -> None:
    before = ModelBundle.load(copied)
    place = BundlePlace(before.digest, "bundles/campsite", before.runs)
    assert loader_of(copied).load(place).digest == before.digest
    swap_graph_and_table(copied)
    assert ModelBundle.load(copied).digest == before.digest
    OnnxEngine(ModelBundle.load(copied))
    with pytest.raises(ModelRefused, match="other graphs than were registered"):
        loader_of(copied).load(place)


def test_another_digest_beside_the_right_graphs_is_refused_as_before(copied: Path) -> None:
    with pytest.raises(ModelRefused, match="not abababababab that was promoted"):
        loader_of(copied).load(BundlePlace("ab" * 32, "bundles/campsite", "cd" * 32))


def test_a_bundle_is_signed_with_a_key_that_is_made_for_its_owner_alone(
    copied: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    key = tmp_path / "model.key"
    assert main(["models", "sign", str(copied), "--key", str(key), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert signer(ModelBundle.load(copied)) == said["key"] == public_key(signing_key(key))
    monkeypatch.setenv("BEARWATCH_MODEL_KEYS", f"{said['key']} another")
    settings.cache_clear()
    assert main(["models", "verify", str(copied), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["trusted"] is True


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (swap_graph_and_table, "is over other files than lie there"),
        (lambda folder: (folder / SIGNATURE).unlink(), "is not signed"),
        (lambda folder: (folder / SIGNATURE).write_text("[]"), "holds no signature"),
        (
            lambda folder: main(["models", "sign", str(folder), "--key", str(folder / "other.key")]),
            "none of those that",
        ),
    ],
)
def test_where_signatures_are_asked_for_nothing_else_is_taken(
    copied: Path, tmp_path: Path, spoil: Callable[[Path], object], says: str
) -> None:
    key = tmp_path / "model.key"
    assert main(["models", "sign", str(copied), "--key", str(key)]) == 0
    trusted = frozenset([public_key(signing_key(key))])
    expect_signed(ModelBundle.load(copied), trusted)
    spoil(copied)
    with pytest.raises(UnsignedError, match=says):
        expect_signed(ModelBundle.load(copied), trusted)
    with pytest.raises(ModelRefused, match=says):
        loader_of(copied, trusted=trusted).load(None)
    chosen = Settings(bearwatch_data=tmp_path / "other", bearwatch_model_keys=" ".join(trusted))
    with pytest.raises(BadBundle, match=says):
        bring_bundle(str(copied), chosen, 0.0, "mara")
    assert not (tmp_path / "other").exists()


def test_a_damaged_file_is_not_signed_and_not_brought(
    copied: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (copied / "model-320.onnx").write_bytes(b"")
    assert main(["models", "sign", str(copied), "--key", str(tmp_path / "model.key")]) == 2
    assert "model-320.onnx was changed or damaged" in capsys.readouterr().err
    assert main(["models", "verify", str(copied)]) == 1
    with pytest.raises(BadBundle, match=r"model-320\.onnx was changed"):
        bring_bundle(str(copied), Settings(bearwatch_data=tmp_path / "other"), 0.0, "mara")


def test_the_built_in_model_names_all_its_graphs_and_needs_no_signature() -> None:
    bundle = ModelBundle.load(BUILT_IN)
    assert set(bundle.files) == {ENGINE_FILE, *(each.name for each in BUILT_IN.glob("*.onnx"))}
    bundle.check_files()
    expect_signed(bundle, {"somebody"})

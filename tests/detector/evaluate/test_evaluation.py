"""Manifests, views, slices, baselines and the report."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from bearwatch.cli import main
from detector.evaluate.baselines import mean_image_similarity
from detector.evaluate.contact import contact_sheet, worst
from detector.evaluate.evaluation import evaluate
from detector.evaluate.evaluation_page import as_html
from detector.evaluate.manifest import ManifestError, UndecodablePicture, read_manifest, read_picture, snapshot_hash
from detector.evaluate.scoring import Scored, score_pictures
from detector.evaluate.slices import ALL, NIGHT, slices_of
from detector.models.bundle import ModelBundle
from detector.models.view import View
from tests.support.tiny_pictures import picture, write_manifest, write_pictures

SMALL_NETWORK = "lite0@64"


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pictures(tmp_path_factory.mktemp("pictures"))


@pytest.fixture(scope="module")
def bundle() -> ModelBundle:
    return ModelBundle.generic(SMALL_NETWORK)


@pytest.fixture(scope="module")
def scored(manifest: Path, bundle: ModelBundle) -> Scored:
    return score_pictures(bundle, read_manifest(manifest), View("whole"), "cpu", 1)


def test_rows_keep_their_columns(manifest: Path) -> None:
    first = read_manifest(manifest)[0]
    assert (first.label, first.source, first.light) == ("bear", "meadow", "day")
    assert first.path == manifest.parent / first.file


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    path = write_manifest(tmp_path / "m.csv", [("a.jpg",)], columns=("file",))
    with pytest.raises(ManifestError, match="lacks the column label"):
        read_manifest(path)


def test_a_row_without_a_label_is_named_by_its_line(tmp_path: Path) -> None:
    path = write_manifest(tmp_path / "m.csv", [("a.jpg", "bear"), ("b.jpg", "")], columns=("file", "label"))
    with pytest.raises(ManifestError, match="line 3"):
        read_manifest(path)


def test_the_snapshot_hash_follows_labels_and_contents_not_the_order(tmp_path: Path) -> None:
    rows = read_manifest(write_pictures(tmp_path))
    before = snapshot_hash(rows)
    assert snapshot_hash(rows[::-1]) == before
    rows[0].path.write_bytes(rows[0].path.read_bytes() + b"x")
    assert snapshot_hash(rows) != before


def test_cut_off_empty_and_gigantic_pictures_are_undecodable(tmp_path: Path) -> None:
    gigantic = bytearray(cv2.imencode(".png", picture("bear", 1))[1].tobytes())
    gigantic[16:24] = (200_000).to_bytes(4, "big") * 2
    for content in (b"", b"no picture", bytes(gigantic)):
        (tmp_path / "p").write_bytes(content)
        with pytest.raises(UndecodablePicture):
            read_picture(tmp_path / "p")
    with pytest.raises(UndecodablePicture, match="No such file"):
        read_picture(tmp_path / "missing")


@pytest.mark.parametrize("text", ["sideways", "whole@x", "", "whole@", "flip@224+", "flip@9999"])
def test_an_unknown_view_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="view"):
        View.parse(text)


def test_a_mirrored_picture_scores_the_same_when_seen_with_its_mirror_image(
    tmp_path: Path, bundle: ModelBundle
) -> None:
    image = np.hstack([picture("bear", 1), picture("deer", 2)])
    for name, shown in (("a.png", image), ("b.png", image[:, ::-1])):
        cv2.imwrite(str(tmp_path / name), shown)
    rows = read_manifest(
        write_manifest(tmp_path / "m.csv", [("a.png", "bear"), ("b.png", "bear")], columns=("file", "label"))
    )
    once = score_pictures(bundle, rows, View("whole"), "cpu", 1).bear
    both = score_pictures(bundle, rows, View("flip"), "cpu", 1).bear
    assert both[0] == pytest.approx(both[1], abs=1e-6)
    assert both[0] == pytest.approx(once.mean(), abs=1e-5)


def test_the_best_view_is_never_below_the_whole(manifest: Path, scored: Scored, bundle: ModelBundle) -> None:
    best = score_pictures(bundle, scored.pictures[:4], View("best"), "cpu", 1).bear
    assert (best >= scored.bear[:4] - 1e-6).all()
    assert (best > scored.bear[:4]).any()


def test_several_sizes_are_averaged(scored: Scored, bundle: ModelBundle) -> None:
    one = score_pictures(bundle, scored.pictures[:3], View("whole", (64,)), "cpu", 1).bear
    other = score_pictures(bundle, scored.pictures[:3], View("whole", (96,)), "cpu", 1).bear
    both = score_pictures(bundle, scored.pictures[:3], View("whole", (64, 96)), "cpu", 1).bear
    assert one.tolist() == pytest.approx(scored.bear[:3].tolist())
    assert both.tolist() == pytest.approx(((one + other) / 2).tolist(), abs=1e-6)


def test_slices_follow_the_columns(scored: Scored) -> None:
    found = slices_of(scored.pictures, scored.sizes_px)
    assert found[ALL].all()
    assert found[NIGHT].sum() == found["day_night: night_ir"].sum() == 10
    assert found["source: creek"].sum() == 10
    assert found["bear against deer"].sum() == 8
    assert found["size: small"].all()


def test_the_mean_picture_knows_dark_blobs_of_another_source(manifest: Path) -> None:
    rows = read_manifest(manifest)
    scores = mean_image_similarity(rows)
    assert scores is not None
    bears = np.array([row.label == "bear" for row in rows])
    assert scores[bears].min() > scores[~bears].max()


def test_one_source_alone_has_no_mean_picture_of_others(tmp_path: Path) -> None:
    assert mean_image_similarity(read_manifest(write_pictures(tmp_path, sources=("meadow",)))) is None


def test_the_worst_mistakes_are_missed_bears_and_false_bears(scored: Scored) -> None:
    bear = np.array([0.9 if row.label == "bear" else 0.0 for row in scored.pictures])
    bear[[0, 5]] = 0.01, 0.7
    places = worst(scored.pictures, bear, most=2)
    assert scored.pictures[0].label == "bear"
    assert scored.pictures[5].label != "bear"
    assert places == [0, 5]
    sheet = cv2.imdecode(np.frombuffer(contact_sheet(scored.pictures, bear, places), dtype=np.uint8), cv2.IMREAD_COLOR)
    assert sheet is not None
    assert sheet.shape[1] == 6 * 180


def test_the_evaluation_stands_beside_its_baselines(scored: Scored, bundle: ModelBundle) -> None:
    found = evaluate(bundle, scored, View("whole"), "cpu", 1)
    figures = found["slices"][ALL]
    assert set(figures) == {"model", "never bear", "generic network (lite2@224)", "mean picture"}
    assert figures["never bear"]["auc"] == 0.5
    assert figures["mean picture"]["auc"] == 1.0
    assert found["pictures"] == 20
    assert sum(sum(row.values()) for row in found["confusion"].values()) == 20
    assert json.loads(json.dumps(found)) == found
    told = found["at_thresholds"][ALL]
    assert set(told) == {"recall", "false_positives", "unknown_bears", "unknown_others"}
    assert told["recall"] == (scored.bear[[p.label == "bear" for p in scored.pictures]] >= 0.3).mean()
    page = as_html(found, b"")
    assert page.count("<svg") == 2
    assert "night: infra-red" in page
    assert "<script" not in page


def test_file_names_cannot_break_the_report() -> None:
    page = as_html(
        {
            "model": {"name": "<b>", "view": "", "digest": ""},
            "pictures": 0,
            "bears": 0,
            "curves": {},
            "slices": {},
            "at_thresholds": {},
            "confusion": {"<i>": {"bear": 1}},
            "notes": [],
            "undecodable": [{"file": "x", "why": "<script>x</script>"}],
        },
        b"",
    )
    assert "<script>" not in page
    assert "<b>" not in page
    assert "<i>" not in page


def test_the_command_writes_scores_and_lists_what_it_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = write_pictures(tmp_path)
    with manifest.open("a") as file:
        file.write("gone.jpg,bear,creek,day,camtrap,none\n")
    scores = tmp_path / "out" / "scores.csv"
    words = ["evaluate", "--manifest", str(manifest), "--bundle", SMALL_NETWORK, "--scores", str(scores)]
    report = tmp_path / "report"
    assert main([*words, "--json", "--device", "cpu", "--threads", "1", "--report", str(report)]) == 0
    with scores.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["file"] for row in rows] == [each.file for each in read_manifest(manifest)]
    assert list(rows[0]) == ["file", "score"]
    assert all(0 <= float(row["score"]) <= 1 for row in rows[:-1])
    assert rows[-1] == {"file": "gone.jpg", "score": ""}  # not seen is not "no bear"
    said = capsys.readouterr()
    assert "gone.jpg" in said.err
    assert json.loads(said.out)["undecodable"][0]["file"] == "gone.jpg"
    assert {file.name for file in report.iterdir()} == {"report.html", "evaluation.json"}


def test_the_command_says_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    manifest = write_manifest(tmp_path / "m.csv", [("gone.jpg", "bear")], columns=("file", "label"))
    words = ["evaluate", "--scores", str(tmp_path / "s.csv"), "--manifest"]
    assert main([*words, str(tmp_path / "none.csv")]) == 2
    assert main([*words, str(manifest), "--bundle", "lite9"]) == 2
    assert main([*words, str(manifest), "--bundle", str(tmp_path)]) == 2
    assert main([*words, str(manifest), "--bundle", SMALL_NETWORK, "--view", "up"]) == 2
    assert main([*words, str(manifest), "--bundle", SMALL_NETWORK]) == 2
    said = capsys.readouterr().err
    for part in ("cannot be read", "unknown backbone", "not a model bundle", "unknown view", "none of the 1 pictures"):
        assert part in said

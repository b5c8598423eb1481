"""The model page says what a bundle's files say, and which model is in use; odd files never break it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from core.bundles.bundle_files import BUILT_IN, bundle_directories, read_bundle
from core.redis_client import connect
from core.telemetry import Telemetry
from detector.models.bundle import BUILT_IN as BUILT_IN_BUNDLE
from review_ui.models.view import evaluation, recall_rows
from review_ui.rendering.markdown import rendered
from tests.support.pages import Stage

DIGEST = "ab" * 32


def _figures(recall: float) -> dict[str, Any]:
    at = {"recall": recall, "low": recall - 0.1, "high": recall + 0.05, "threshold": 0.3, "false_positives": 0.02}
    return {
        "pictures": 100,
        "bears": 20,
        "auc": 0.9,
        "recalls": {"0.01": at, "0.02": at, "0.05": at},
        "calibration": 0.05,
    }


EVALUATED = {
    "model": {"name": "x", "digest": DIGEST, "view": "whole"},
    "pictures": 100,
    "bears": 20,
    "slices": {"all": {"never bear": _figures(0.1), "model": _figures(0.91)}},
    "confusion": {"bear": {"bear": 18, "deer": 2}, "deer": {"bear": 1, "deer": 79}},
    "curves": {"model": {"precision_recall": [[1, 0.2], [0, 1]], "reliability": [[0.1, 0.1, 9], [0.9, 0.8, 9]]}},
    "worst": [{"file": "a<b>.jpg", "label": "bear", "bear": 0.02}],
    "notes": ["a note"],
}
HELD_OUT = {
    "what": "held-out sources",
    "held_out": {"all": {"generic": _figures(0.8), "0.5": _figures(0.93), "1": _figures(0.85)}},
    "share_of_trained_weights": 0.5,
}


def _bundle(folder: Path, evaluated: Any = None, datasheet: str | None = None, digest: str = DIGEST) -> Path:
    folder.mkdir(parents=True)
    decides = {"name": "campsite", "input_px": 224, "labels": {"names": ["bear", "deer"]}, "thresholds": {"day": 0.27}}
    described = {"format": 1, "digest": digest, "decides": decides, "provenance": {"data": "cd" * 32}}
    (folder / "bundle.json").write_text(json.dumps(described))
    if evaluated is not None:
        (folder / "evaluation.json").write_text(json.dumps(evaluated))
    if datasheet is not None:
        (folder / "datasheet.md").write_text(datasheet)
    return folder


def test_a_model_is_shown_with_its_figures_beside_the_baselines_and_its_datasheet(page: Stage, tmp_path: Path) -> None:
    _bundle(tmp_path / "bundles" / "new", EVALUATED, "# Datasheet\n\nNo bears <script>alert(1)</script> by night.\n")
    person = page.person()
    assert "campsite@224:abababab" in person.get("/models").text
    shown = person.get(f"/models/{DIGEST[:16]}").text
    assert "never bear" in shown
    assert "0.91" in shown
    assert '<td class="number right">18</td>' in shown
    assert "<h3>Datasheet</h3>" in shown
    assert "<script>alert" not in shown
    assert "&lt;script&gt;alert(1)&lt;/script&gt; by night" in shown
    assert "a&lt;b&gt;.jpg" in shown
    answer = person.get(f"/api/v1/models/{DIGEST}").json()
    assert answer["evaluation"] == EVALUATED
    assert (answer["live"], answer["thresholds"]) == (False, {"day": 0.27})


def test_the_model_in_use_is_named_and_a_silent_detector_is_loud(page: Stage, tmp_path: Path, redis_url: str) -> None:
    _bundle(tmp_path / "bundles" / "new", HELD_OUT)
    client = connect(redis_url)
    telemetry = Telemetry(client)
    person = page.person()
    assert "No detector has ever reported." in person.get("/models").text
    facts = {"model": "campsite@224:abababab", "device": "cpu", "frames_per_s": 12.0}
    telemetry.beat("detector:one", page.clock.now - 2, facts)
    assert "<strong>in use</strong>" in person.get("/models").text
    assert [each["digest"] for each in person.get("/api/v1/models").json()["models"] if each["live"]] == [DIGEST]
    telemetry.beat("detector:one", page.clock.now - 600, facts)
    client.close()
    shown = person.get("/models").text
    assert "not heard of for 10 min: it scores nothing" in shown
    assert "<strong>in use</strong>" not in shown
    assert "50% trained (this model)" in person.get(f"/models/{DIGEST[:8]}").text


def test_without_evaluation_and_datasheet_the_page_says_what_that_means(page: Stage, tmp_path: Path) -> None:
    _bundle(tmp_path / "bundles" / "bare")
    shown = page.person().get(f"/models/{DIGEST}").text
    assert "treat it as unknown" in shown
    assert "Do not promote a stage with it." in shown
    assert page.person().get("/models/" + "0" * 64).status_code == 404
    assert page.person().get("/models/../x").status_code == 404
    assert page.person().get("/models/zz").status_code == 422


def test_files_that_are_no_bundles_are_left_out(tmp_path: Path) -> None:
    bundles = tmp_path / "bundles"
    _bundle(bundles / "good")
    for number, text in enumerate(("", "[]", "{}", '{"digest": 1, "decides": []}', "not json")):
        folder = _bundle(bundles / f"bad{number}")
        (folder / "bundle.json").write_text(text)
    (bundles / "empty").mkdir()
    found = [read_bundle(each) for each in bundle_directories(tmp_path)]
    assert [each.directory.name for each in found if each and bundles in each.directory.parents] == ["good"]
    assert BUILT_IN_BUNDLE.parent == BUILT_IN


@pytest.mark.parametrize(
    "odd",
    [
        {"slices": {"all": {"model": {"bears": "many"}}}},
        {"slices": [1]},
        {"held_out": {"all": {"generic": None}}},
        {"confusion": {"bear": ["x"]}},
        {"curves": {"model": {"precision_recall": [[1]]}}},
        {"worst": [{}]},
    ],
)
def test_an_odd_evaluation_loses_its_odd_part_and_says_so(odd: dict[str, Any]) -> None:
    found = evaluation({**EVALUATED, **odd})
    assert len(found.unread) >= 1
    assert found.notes == ("a note",)


def test_the_chart_shows_the_model_first(tmp_path: Path) -> None:
    (row,) = recall_rows(evaluation(HELD_OUT).slices)
    assert [each.name for each in row.marks] == ["50% trained (this model)", "pretrained network", "100% trained"]


def test_other_peoples_markdown_brings_no_html_styles_pictures_or_odd_links() -> None:
    html = rendered("# A\n\n<b onclick=x>b</b> [x](javascript:y) ![p](/media/x)\n\n| a |\n|:-:|\n| 1 |\n")
    for bad in ("<b ", 'javascript:y"', "<img", "style="):
        assert bad not in html
    assert html.startswith("<h3>A</h3>")
    assert 'tabindex="0"' in html  # a wide table can be scrolled by keyboard

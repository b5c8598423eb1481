"""Staged nights in which a small network is really trained: the animals, the labels, and that the real gate decides."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from bearwatch.cli import main
from detector.evaluate.manifest import read_picture
from detector.nightly import curriculum
from rollout.evidence.labels import LabelSource, Split
from simulation.learning import learning_season
from simulation.learning.learning_season import NAIVE, NEVER, THIS, LearningSeason, NightFigures
from simulation.learning.nights_table import as_document, markdown, write_nights
from simulation.learning.staged_nights import BEARS, CAMPSITES, DAY_S, NEWCOMERS, OTHERS, StagedNights
from simulation.learning.staged_pictures import STAGED_BY, staged_picture


@pytest.mark.parametrize("label", STAGED_BY)
def test_the_same_seed_stages_the_same_picture_with_the_animal_in_its_box(label: str) -> None:
    for seed in range(4):
        infrared = seed % 2 == 1
        picture, box = staged_picture(label, infrared, seed)
        again, _box = staged_picture(label, infrared, seed)
        assert (picture == again).all()
        assert picture.shape == (180, 320, 3)
        assert 0 <= box[0] < box[2] <= 1
        assert 0 <= box[1] < box[3] <= 1
        grey = (picture.max(axis=2).astype(int) - picture.min(axis=2)).mean() < 1
        assert grey == infrared


def test_newcomers_come_from_their_night_on_and_nights_keep_their_split(tmp_path: Path) -> None:
    staged = StagedNights(tmp_path, 1, 3, 1, history=4)
    first, second = staged.night(0), staged.night(1)
    each = BEARS + len(OTHERS)
    assert len(first) == each * len(CAMPSITES)
    assert len(second) == (each + NEWCOMERS) * len(CAMPSITES)
    assert sum(visit.is_newcomer for visit in second) == NEWCOMERS * len(CAMPSITES)
    assert {visit.label.split for visit in second if visit.label.bear_night == second[0].label.bear_night} == {
        second[0].label.split
    }
    assert all(read_picture(visit.picture.path).shape == (180, 320, 3) for visit in first)
    assert all(label.captured_at < first[0].label.captured_at for label in staged.before)


@pytest.mark.long
def test_a_season_is_really_trained_and_really_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learning_season, "SCHOOL_STEPS", 3)
    monkeypatch.setattr(learning_season, "SCHOOL_PICTURES", 4)
    monkeypatch.setattr(learning_season, "LATE_LABELS_S", 2 * DAY_S)  # a week would train for minutes
    monkeypatch.setattr(learning_season, "PASSES", 1.0)
    for module in (learning_season, curriculum):
        monkeypatch.setattr(module, "LEAST_STEPS", 4)
    said = list[str]()
    season = LearningSeason(tmp_path, 1, 0, 1, said.append, history=4)
    found = season.play()
    assert set(found) == {NEVER, NAIVE, THIS}
    for nights in found.values():
        assert [(night.newcomers, night.bears) for night in nights] == [(NEWCOMERS * 3, BEARS * 3)]
    assert "not promoted: golden events" in found[THIS][0].said  # four nights hold no 150 golden bears
    assert said[0] == "teaching the first model"
    judging = [label for label in season.staged.before if label.split is not Split.TRAIN]
    assert judging
    assert {label.source for label in season.staged.before} == {LabelSource.AUDIT}


def figures(policy: str) -> list[NightFigures]:
    alarms = {NEVER: 12, NAIVE: 3, THIS: 1}[policy]
    return [NightFigures(night, 15, alarms, 2, 18, 17, "promoted" if policy == THIS else "") for night in (1, 2)]


def test_the_table_the_document_and_the_curve_say_the_same(tmp_path: Path) -> None:
    found = {name: figures(name) for name in (NEVER, NAIVE, THIS)}
    assert "| 1 | 15 | 12 | 3 | 1 | 17 of 18 | 17 of 18 | 17 of 18 | promoted |" in markdown(found)
    assert "this: 2 false alarms of 30 raccoons, 4 of others, 34 of 36 bears found" in markdown(found)
    write_nights(found, 1, tmp_path)
    assert json.loads((tmp_path / "learning.json").read_text()) == as_document(found, 1)
    curve = (tmp_path / "learning.svg").read_text()
    assert curve.count("<svg") == 1
    assert all(name in curve for name in (NEVER, NAIVE, THIS))


def test_an_arrival_outside_of_the_nights_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "--learning", "--nights", "3", "--arrival", "4"]) == 2
    assert "--arrival must be one of the nights" in capsys.readouterr().err


def test_pictures_of_different_seeds_differ() -> None:
    one, other = staged_picture("bear", False, 1)[0], staged_picture("bear", False, 2)[0]
    assert np.abs(one.astype(int) - other).mean() > 1

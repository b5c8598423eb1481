"""``bearwatch models``: real bundles, a real database, a real Redis, and what a person reads."""

from __future__ import annotations

import argparse
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import redis
import yaml

from bearwatch.cli.models import add_arguments, run
from bearwatch.model_files import BadBundle
from core.bundles.challenger_counts import Beside
from core.bundles.wanted_model import BundlePlace, WantedModel, read_wanted
from core.settings import settings
from db.models import Role, User
from db.places import sync_places
from db.session import Database
from detector.models.bundle import BUILT_IN, ModelBundle
from review_ui.auth.accounts import hash_password
from rollout.control.service import perform
from rollout.models.challenger import store_counts
from rollout.models.champion import standing
from rollout.stages import commands as c
from rollout.stages.plan_watcher import PlanWatcher
from tests.support.bundles import changed_bundle, nan_bundle, of_another_format, of_other_weights
from tests.support.rollout.rollout_plans import DIGEST, START
from tests.support.rollout.rollout_plans import settings as configured

PASSWORD = "correct-horse-battery"
Command = Callable[..., tuple[int, Any]]


@pytest.fixture
def folder(tmp_path: Path, sqlite_database: Database) -> Path:
    """A site's folder, in shadow, with an owner of models and a ranger."""
    (tmp_path / "bearwatch.yaml").write_text(
        yaml.safe_dump(configured().model_dump(mode="json", exclude_unset=True), sort_keys=False)
    )
    with sqlite_database.write() as session:
        sync_places(session, configured())
        for name, role in (("omar", Role.MODEL_OWNER), ("rosa", Role.RANGER)):
            session.add(User(name=name, password_hash=hash_password(PASSWORD), role=role, created_at=START))
    plan = PlanWatcher.load(tmp_path / "bearwatch.yaml").plan
    for command in (c.PlanChanged(), c.ModelChanged(DIGEST)):
        perform(sqlite_database, plan, command, START)
    return tmp_path


@pytest.fixture
def command(
    folder: Path, redis_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """Run ``bearwatch models …``; returns the exit status and what was printed, as JSON where it was asked for."""
    monkeypatch.setenv("BEARWATCH_PASSWORD", PASSWORD)
    monkeypatch.setattr(settings(), "redis_url", redis_url)

    def call(*words: str) -> tuple[int, Any]:
        parser = argparse.ArgumentParser()
        add_arguments(parser)
        site = ["--config", str(folder / "bearwatch.yaml"), "--data", str(folder)]
        capsys.readouterr()
        status = run(parser.parse_args([*words, *site]), lambda: START + 60.0)
        said = capsys.readouterr()
        return status, json.loads(said.out) if "--json" in words else said.out + said.err

    return call


def test_a_model_is_added_compared_promoted_and_rolled_back(
    command: Command, folder: Path, tmp_path_factory: pytest.TempPathFactory, redis_client: redis.Redis
) -> None:
    brought = changed_bundle(tmp_path_factory.mktemp("usb") / "night-model")
    assert command("list")[1].startswith("Champion: the model that the configuration names")
    status, said = command("add", str(brought.directory), "--json")
    place = f"bundles/campsite-{brought.digest[:12]}"
    assert (status, said["model"]) == (
        0, {"digest": brought.digest, "name": brought.short_digest, "directory": place},
    )  # fmt: skip
    assert ModelBundle.load(folder / place).digest == brought.digest
    assert command("add", "built-in")[0] == 0

    built_in = ModelBundle.load(BUILT_IN)
    shown = command("show", brought.digest[:8], "--json")[1]
    assert (shown["lineage"][0], shown["origin"]) == (built_in.digest, "file")
    assert shown["thresholds"]["day"] == built_in.model.thresholds.day
    beside = command("compare", built_in.digest[:12], brought.digest[:12], "--json")[1]
    assert (beside["differs"], beside["notes"]) == ({}, [])
    assert all(each["first"] == each["second"] for each in beside["slices"])
    assert "They differ in their weights alone." in command("compare", built_in.digest[:12], brought.digest[:12])[1]

    status, said = command("promote", brought.digest[:12], "--as", "omar", "--reason", "sees more at night")
    assert status == 1
    assert "Evidence starts anew" in said
    assert "Add --yes when you have read this." in said
    promote = ("promote", brought.digest[:12], "--as", "omar", "--reason", "sees more at night", "--yes", "--json")
    status, said = command(*promote)
    assert (status, "0 of 24 different hours" in said["why"][0]) == (1, True)
    assert "LACKING  24 h of live shadow" in command("show", brought.digest[:8])[1]
    status, said = command(*promote[:4], "--override", "--yes")
    assert (status, "the reason is empty" in said) == (1, True)
    status, said = command(*promote, "--override")
    assert (status, said["kind"], said["to"], said["detectors_told"]) == (0, "promote", brought.digest, True)
    assert read_wanted(redis_client) == WantedModel(said["change"], BundlePlace(brought.digest, place, brought.runs))
    listed = command("list")[1]
    assert f"Champion: {brought.short_digest}" in listed
    assert "OVERRIDDEN" in listed
    assert "A rollback leads to: the model that the configuration names" in listed
    assert "sees more at night" in " ".join(listed.split())

    status, said = command("rollback", "--json")
    assert (status, said["to"]) == (0, None)
    assert read_wanted(redis_client) == WantedModel(said["change"])
    status, said = command("rollback", "--json")
    assert (status, said["done"]) == (1, False)
    assert "there is none before it" in said["why"][0]


def test_a_challenger_scores_beside_the_champion_until_it_is_withdrawn(
    command: Command, redis_client: redis.Redis, sqlite_database: Database
) -> None:
    added = command("add", "built-in", "--json")[1]["model"]
    assert "needs --as with your account" in command("challenge", added["digest"][:12])[1]
    assert command("challenge", added["digest"][:12], "--as", "omar")[0] == 0
    wanted = read_wanted(redis_client)
    assert wanted is not None
    assert (wanted.challenger, wanted.change) == (BundlePlace(added["digest"], "built-in"), 0)
    beside = Beside(added["digest"], "ab" * 32, "upper-creek", False, int(START))
    with sqlite_database.write() as session:
        store_counts(session, {beside: {"frames": 9, "both": 8, "challenger_only": 1}})
    assert f"Challenger: {added['name']}" in command("list")[1]
    [said] = command("list", "--json")[1]["challenger"]["agreements"]
    assert (said["camera"], said["light"], said["frames"], said["challenger_only"]) == ("upper-creek", "day", 9, 1)
    assert command("withdraw", "--as", "omar")[0] == 0
    assert read_wanted(redis_client) == WantedModel()
    assert "no challenger scores" in command("withdraw", "--as", "omar")[1]


def test_who_may_not_is_told_which_right_it_takes(command: Command, sqlite_database: Database) -> None:
    command("add", "built-in")
    digest = ModelBundle.load(BUILT_IN).digest[:12]
    for words, why in (
        (("promote", digest, "--yes"), "needs --as with your account"),
        (("promote", digest, "--yes", "--as", "rosa"), "it takes the right: promote models and roll them back"),
        (("rollback", "--as", "rosa"), "it takes the right: promote models and roll them back"),
        (("promote", digest, "--yes", "--as", "nobody"), "there is no account 'nobody'"),
        (("approve", digest, "--as", "rosa"), "has none of the roles that count here"),
    ):
        status, said = command(*words)
        assert (status, why in said) == (1, True), said
    with sqlite_database.read() as session:
        assert standing(session).last is None


def test_a_wrong_password_promotes_nothing(
    command: Command, sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    command("add", "built-in")
    monkeypatch.setenv("BEARWATCH_PASSWORD", "wrong")
    status, said = command("promote", ModelBundle.load(BUILT_IN).digest[:12], "--as", "omar", "--yes", "--json")
    assert (status, said["done"]) == (1, False)
    assert "this is not the password of omar" in said["why"][0]
    with sqlite_database.read() as session:
        assert standing(session).last is None


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (of_another_format, "has format 2, this program reads format 1"),
        (of_other_weights, "was changed or damaged"),
        (nan_bundle, "holds weights that are no numbers (classifier.bias)"),
        (lambda folder: folder.mkdir(), "is not a model bundle: it has no bundle.json"),
        (lambda folder: None, "is not a model bundle: it has no bundle.json"),
    ],
    ids=["format", "damaged", "nan", "empty", "missing"],
)
def test_what_is_no_sound_bundle_is_not_added(
    command: Command, folder: Path, tmp_path_factory: pytest.TempPathFactory, make: Callable[[Path], object], why: str
) -> None:
    there = tmp_path_factory.mktemp("usb") / "bundle"
    make(there)
    with pytest.raises(BadBundle) as refused:
        command("add", str(there))
    assert why in str(refused.value)
    assert "Nothing was added" in str(refused.value)
    assert not (folder / "bundles").exists()
    assert command("list", "--json")[1]["models"] == []


def test_a_disk_that_takes_no_more_leaves_no_half_bundle(
    command: Command, folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    there = changed_bundle(tmp_path_factory.mktemp("usb") / "bundle")
    (folder / "bundles").write_text("no folder can be made here")
    with pytest.raises(BadBundle, match="cannot be brought to"):
        command("add", str(there.directory))
    assert command("list", "--json")[1]["models"] == []


def test_what_lies_in_the_data_folder_already_is_not_copied(command: Command, folder: Path) -> None:
    there = changed_bundle(folder / "bundles" / "tonight")
    assert command("list", "--json")[1]["unregistered"][-1]["digest"] == there.digest
    assert command("add", str(there.directory), "--json")[1]["model"]["directory"] == "bundles/tonight"
    assert os.listdir(folder / "bundles") == ["tonight"]
    shutil.rmtree(folder / "bundles")
    assert "its files are not there" in command("show", there.digest[:12])[1]


@pytest.mark.parametrize("words", [("show",), ("compare", "a1a1a1a1"), ("list", "x"), ("rollback", "x")])
def test_a_wrong_number_of_names_is_said(command: Command, words: tuple[str, ...]) -> None:
    status, said = command(*words)
    assert status == 2
    assert f"bearwatch models {words[0]} takes" in said


def test_an_unknown_digest_is_said(command: Command) -> None:
    for words in (("show", "ffffffff"), ("compare", "ffffffff", "ffffffff"), ("show", "ff")):
        status, said = command(*words)
        assert status == 1
        assert "Refused: " in said

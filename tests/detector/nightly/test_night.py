"""A whole night: from what rangers answered to a registered challenger, and everything that may come between."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from core.config import Config
from db.ledger import verify
from db.models import BreakerTrip, LearningRun, LearningTrigger, LedgerEntry, RegisteredModel
from detector.models.bundle import ModelBundle
from detector.nightly import curriculum, environment, guard, night, run_store
from detector.nightly import nightly_training as training
from detector.nightly.learning_site import Company, LearningSite, work_folder
from detector.nightly.night import learn
from detector.nightly.run_store import AlreadyLearning, claim
from rollout.evidence.challenger_gate import ChallengerRules
from rollout.models.registry import registered_models
from tests.support.learning_world import LearningWorld, build_world

pytestmark = pytest.mark.long

BY_HAND = LearningTrigger.PERSON


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> LearningWorld:
    places = {
        "regions": {"sierra": {"timezone": "America/Los_Angeles"}},
        "campsites": {"upper-pines": {"region": "sierra"}, "lower-pines": {"region": "sierra"}},
        "cameras": {
            "upper-creek": {"campsite": "upper-pines", "url": "rtsp://127.0.0.1:1/creek"},
            "lower-meadow": {"campsite": "lower-pines", "url": "rtsp://127.0.0.1:1/meadow"},
        },
    }
    return build_world(tmp_path_factory.mktemp("world"), Config.model_validate(places))


@pytest.fixture
def site(world: LearningWorld, tmp_path: Path) -> LearningSite:
    return world.copy(tmp_path / "site")


@pytest.fixture
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """No exported graph, which takes half a minute, and a look at every step."""
    monkeypatch.setattr(training, "export_if_possible", lambda bundle: None)
    monkeypatch.setattr(guard, "LOOK_EVERY_S", 0.0)
    monkeypatch.setattr(run_store, "HEARTBEAT_EVERY_S", 0.0)
    monkeypatch.setattr(curriculum, "LEAST_STEPS", 8)
    monkeypatch.setattr(guard, "BREAKERS_EVERY_S", 0.0)


def tonight(site: LearningSite, world: LearningWorld, company: Company | None = None) -> LearningRun:
    return learn(site, BY_HAND, company, clock=lambda: world.until)


def models(site: LearningSite) -> list[RegisteredModel]:
    with site.database.read() as session:
        return registered_models(session)


def rows(site: LearningSite) -> list[LearningRun]:
    with site.database.read() as session:
        return list(session.scalars(select(LearningRun)))


def nothing_changed(site: LearningSite) -> bool:
    return not models(site) and not (site.data / "models").exists() and not any((site.data / "learning").glob("*"))


def configured(site: LearningSite, **learning: Any) -> LearningSite:
    config = site.config.model_copy(update={"learning": site.config.learning.model_copy(update=learning)})
    return replace(site, config=config)


def stop_in(site: LearningSite, stage: str) -> Company:
    """Company that asks this process to end when the row says that stage, a step or more into it."""

    def stopped() -> bool:
        row = rows(site)[0]
        return row.stage == stage and row.done >= min(3, row.total - 1)

    return Company(stopped=stopped)


@pytest.mark.usefixtures("quickly")
def test_a_night_makes_a_challenger_that_is_registered_with_its_whole_lineage(
    site: LearningSite, world: LearningWorld
) -> None:
    row = tonight(site, world)
    assert (row.status, row.stage) == ("passed", "done"), row.said
    (model,) = models(site)
    bundle = ModelBundle.load(site.data / model.directory)
    champion = ModelBundle.load(site.data / "small")
    assert model.digest == bundle.digest == row.challenger
    assert (model.parent_digest, model.origin, model.learning_run_id) == (champion.digest, "learned", row.id)
    assert row.champion == bundle.provenance.parent == champion.digest
    assert bundle.provenance.data == row.snapshot
    assert row.labels["new"] == row.labels["may_train"] < row.labels["in_snapshot"]
    assert row.environment["torch"]
    assert len(row.environment["packages"]) == 64
    assert row.verdict is not None
    assert all(each["sentence"] for each in row.verdict["conditions"])
    assert row.golden is not None
    assert set(row.golden["who"]) >= {"champion", "challenger", "anchor", "never-bear", "motion-only", "mean picture"}
    assert row.cost is not None
    assert row.cost["peak_mb"] > 0
    assert bundle.model.thresholds.day == row.golden["who"]["challenger"]["threshold_day"]
    assert bundle.model.thresholds.still_day == champion.model.thresholds.still_day
    assert not (site.data / "learning").exists() or not any((site.data / "learning").iterdir())
    with site.database.read() as session:
        kinds = list(session.scalars(select(LedgerEntry.kind)))
        assert kinds[-2:] == ["learning.ended", "model.registered"]
        assert verify(session).broken_at is None


@pytest.mark.usefixtures("quickly")
def test_a_challenger_that_does_not_pass_is_written_down_and_not_registered(
    site: LearningSite, world: LearningWorld
) -> None:
    row = tonight(replace(site, rules=ChallengerRules()), world)
    assert row.status == "rejected"
    assert "150 are needed" in row.said
    assert row.challenger is not None
    assert row.verdict is not None
    assert not row.verdict["passed"]
    assert nothing_changed(site)


@pytest.mark.usefixtures("quickly")
def test_the_second_night_trains_on_what_is_new_and_replays_the_rest(site: LearningSite, world: LearningWorld) -> None:
    claim(site.database, BY_HAND, 1, world.until - 5 * 86400)
    with site.database.write() as session:
        session.execute(update(LearningRun).values(status="rejected"))
    row = tonight(site, world)
    assert row.status in ("passed", "rejected")
    assert 0 < row.labels["new"] < row.labels["may_train"]
    assert row.labels["replayed"] > 0


def test_a_kind_of_bear_is_learnt_as_a_bear(site: LearningSite, world: LearningWorld) -> None:
    run = claim(site.database, BY_HAND, 1, world.until)
    plain, _effort, _before = training._read(site, run)
    bears = {each.item for each in plain.labels if each.label == "bear"}
    assert bears
    kinds = [replace(each, label="grizzly") if each.item in bears else each for each in plain.labels]
    one = training._bears_as_one(replace(plain, labels=tuple(kinds)), {"bear", "grizzly"})
    assert {each.item for each in one.labels if each.label == "bear"} == bears
    assert one.digest == plain.digest


@pytest.mark.usefixtures("quickly")
@pytest.mark.parametrize("stage", ["asking the champion", "training", "challenger on golden events"])
def test_stopped_in_any_stage_the_same_run_goes_on_to_the_same_challenger(
    stage: str, site: LearningSite, world: LearningWorld, tmp_path: Path
) -> None:
    stopped = tonight(site, world, stop_in(site, stage))
    assert stopped.status == "running"
    assert nothing_changed(replace(site, data=tmp_path / "elsewhere"))
    assert not (site.data / "models").exists()
    with site.database.write() as session:  # the process that was stopped is gone
        session.execute(update(LearningRun).values(holder="another-machine:1:1", heartbeat_at=0.0))
    row = learn(site, BY_HAND, clock=lambda: world.until + 3600)
    assert (row.id, row.status) == (stopped.id, "passed")
    undisturbed = world.copy(tmp_path / "undisturbed")
    assert tonight(undisturbed, world).challenger == row.challenger


@pytest.mark.usefixtures("quickly")
def test_killed_between_bundle_and_registration_nothing_is_there_twice_and_nothing_half(
    site: LearningSite, world: LearningWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(night, "finish", _pull_the_plug)
        with pytest.raises(KeyboardInterrupt):
            tonight(site, world)
    assert not models(site)
    with site.database.write() as session:
        session.execute(update(LearningRun).values(holder="another-machine:1:1", heartbeat_at=0.0))
    assert tonight(site, world).status == "passed"
    (model,) = models(site)
    assert [each.name for each in (site.data / "models").iterdir()] == [Path(model.directory).name]
    assert len(rows(site)) == 1


def _pull_the_plug(*_: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.usefixtures("quickly")
def test_a_run_whose_labels_have_changed_since_it_was_killed_starts_again(
    site: LearningSite, world: LearningWorld
) -> None:
    stopped = tonight(site, world, stop_in(site, "training"))
    folder = work_folder(site.data, stopped.id)
    assert (folder / "taught.npz").is_file()
    (folder / "trained.pt").write_bytes(b"of other labels")
    key = sorted((site.media.root).glob("*/*/*.jpg"))[0]
    key.unlink()
    with site.database.write() as session:
        session.execute(update(LearningRun).values(holder="another-machine:1:1", heartbeat_at=0.0))
    row = tonight(site, world)
    assert (row.id, row.status) == (stopped.id, "passed")
    assert row.labels["left_out"] == {"picture_deleted": 1}


def test_two_at_once_are_refused(site: LearningSite, world: LearningWorld) -> None:
    claim(site.database, BY_HAND, 1, world.until)
    with pytest.raises(AlreadyLearning, match="one at a time"):
        tonight(site, world)
    assert len(rows(site)) == 1


def test_too_few_labels_are_said_with_their_numbers(site: LearningSite, world: LearningWorld) -> None:
    row = tonight(configured(site, at_least=5000), world)
    assert row.status == "skipped"
    assert "120 new labels may train, 5000 are needed" in row.said
    assert nothing_changed(site)


def test_a_site_where_nobody_has_answered_yet_waits(site: LearningSite, world: LearningWorld) -> None:
    row = learn(site, BY_HAND, clock=lambda: 1000.0)
    assert (row.status, row.said[:29]) == ("skipped", "0 new labels may train, 20 ar")


def test_without_torch_it_says_what_is_missing_and_where_it_can_run(
    site: LearningSite, world: LearningWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environment, "NEEDED", ("torch_that_is_not_there",))
    row = tonight(site, world)
    assert row.status == "skipped"
    assert "torch_that_is_not_there cannot be used here" in row.said
    assert "on another machine with the same DATABASE_URL" in row.said


def test_a_full_disk_is_said_before_anything_is_written(
    site: LearningSite, world: LearningWorld, full_disk: Path
) -> None:
    row = tonight(replace(site, data=full_disk), world)
    assert row.status == "skipped"
    assert "free some space" in row.said
    assert not (full_disk / "learning").exists()


@pytest.mark.usefixtures("quickly")
def test_a_disk_that_fills_up_in_the_night_ends_it_and_leaves_nothing(
    site: LearningSite, world: LearningWorld, full_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "LEAST_FREE_BYTES", 0)
    row = tonight(replace(site, data=full_disk), world)
    assert row.status == "failed"
    assert "is full; free some space" in row.said
    assert not any((full_disk / "learning").glob("*"))


@pytest.mark.usefixtures("quickly")
def test_a_challenger_that_is_no_number_is_said_and_changes_nothing(site: LearningSite, world: LearningWorld) -> None:
    row = tonight(replace(site, recipe=replace(site.recipe, learning_rate=1e6, warmup=0.0)), world)
    assert row.status == "failed"
    assert "is nan: try a smaller learning rate" in row.said or "hold no numbers" in row.said
    assert nothing_changed(site)


def trip(site: LearningSite, breaker: str) -> None:
    with site.database.write() as session:
        session.add(
            BreakerTrip(
                breaker=breaker,
                scope="rollout",
                scope_id="rollout",
                action="page",
                tripped_at=1.0,
                value=30.0,
                limit=20.0,
                why="labels follow where people look",
                series=[],
                reset_at=None,
                reset_by=None,
                cause=None,
            )
        )


def test_while_the_loop_breaker_is_open_nothing_is_learnt(site: LearningSite, world: LearningWorld) -> None:
    trip(site, "loop")
    row = tonight(site, world)
    assert row.status == "skipped"
    assert "the breaker loop is open" in row.said
    assert "labels follow where people look" in row.said


@pytest.mark.usefixtures("quickly")
def test_a_drift_breaker_that_opens_in_the_night_ends_it(site: LearningSite, world: LearningWorld) -> None:
    def opens() -> int:
        if rows(site)[0].stage == "training" and rows(site)[0].done > 2:
            with site.database.read() as session:
                known = session.scalars(select(BreakerTrip)).first()
            if known is None:
                trip(site, "drift")
        return 0

    row = tonight(site, world, Company(waiting=opens))
    assert row.status == "failed"
    assert "nothing was changed: stopped after" in row.said
    assert "the breaker drift is open" in row.said
    assert nothing_changed(site)


@pytest.mark.usefixtures("quickly")
def test_it_steps_aside_while_frames_wait(site: LearningSite, world: LearningWorld) -> None:
    said = list[str]()
    queue = iter([500, 500, 0])

    def sleep(_seconds: float) -> None:
        said.append(rows(site)[0].stage)

    row = tonight(configured(site, at_least=5000), world, Company(lambda: next(queue, 0), sleep=sleep))
    assert row.status == "skipped"
    assert said == ["pausing, 500 frames wait (reading labels)"] * 2


@pytest.mark.usefixtures("quickly")
@pytest.mark.parametrize(
    ("limits", "said"),
    [({"minutes": 1e-9}, "minutes were over"), ({"memory_mb": 1}, "`learning.memory_mb` allows 1")],
)
def test_time_and_memory_are_bounded(
    limits: dict[str, float], said: str, site: LearningSite, world: LearningWorld
) -> None:
    row = tonight(configured(site, **limits), world)
    assert row.status == "failed"
    assert said in row.said
    assert nothing_changed(site)


def test_a_champion_that_is_no_bundle_cannot_be_started_from(site: LearningSite, world: LearningWorld) -> None:
    detector = site.config.detector.model_copy(update={"backbone": "lite0@64"})
    row = tonight(replace(site, config=site.config.model_copy(update={"detector": detector})), world)
    assert row.status == "failed"
    assert "is a pretrained network and no bundle" in row.said


def spoil(file: str, change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    def harm(folder: Path) -> None:
        (folder / file).write_bytes(change((folder / file).read_bytes()))

    return harm


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (spoil("weights.safetensors", lambda content: content[:-5]), "was changed or damaged"),
        (spoil("bundle.json", lambda content: content.replace(b'"format": 1', b'"format": 9')), "has format 9"),
        (lambda folder: (folder / "bundle.json").unlink(), "is not a model bundle"),
    ],
)
def test_a_champion_that_is_damaged_is_said(
    harm: Callable[[Path], None], said: str, site: LearningSite, world: LearningWorld
) -> None:
    harm(site.data / "small")
    row = tonight(site, world)
    assert row.status == "failed"
    assert said in row.said
    assert nothing_changed(site)

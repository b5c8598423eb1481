"""A running detector takes another model, refuses a bad one, and goes back: real networks, a real Redis."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import redis

from core.bundles.wanted_model import BundlePlace, WantedModel, keep_wanted, kept_wanted, publish_wanted
from core.clock import now_s
from core.config import Detector
from core.messages import FrameScores
from core.redis_client import connect
from core.streams import DETECTORS, TRACKER, FrameStreams
from core.telemetry import Telemetry
from detector.bundle_loader import BundleLoader, ModelRefused
from detector.engines.choose import engine_for
from detector.engines.engine import Engine
from detector.model_switch import ModelSwitch
from detector.models.bundle import BUILT_IN, ModelBundle
from detector.self_test import AGAIN_AFTER_S, EVERY_S
from detector.worker import DetectorWorker
from tests.support.bundles import blind_bundle, changed_bundle, nan_bundle, of_another_format, of_other_weights
from tests.support.factories import frame
from tests.support.waiting import wait_for

WITHIN_S = 60.0
"""From the key to the first frame scored by the other model, at most."""
engine_of: Callable[[ModelBundle], Engine] = partial(engine_for, device="cpu", threads=1, measure=False)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with bundles of all kinds."""
    folder = tmp_path_factory.mktemp("data")
    changed_bundle(folder / "bundles" / "second")
    changed_bundle(folder / "bundles" / "third", 0.1)
    nan_bundle(folder / "bundles" / "nan")
    blind_bundle(folder / "bundles" / "blind")
    of_another_format(folder / "bundles" / "format")
    of_other_weights(folder / "bundles" / "damaged")
    return folder


@pytest.fixture(scope="module")
def built_in() -> ModelBundle:
    """What the configuration names."""
    return ModelBundle.load(BUILT_IN)


def place(data: Path, name: str) -> BundlePlace:
    """A bundle of the data folder, as the registry knows it."""
    return BundlePlace(ModelBundle.load(data / "bundles" / name).digest, f"bundles/{name}")


class Site:
    """A worker on a thread, and what it says."""

    def __init__(self, client: redis.Redis, data: Path) -> None:
        self.client, self.data = client, data
        self.streams = FrameStreams(client)
        self.streams.ensure_group(self.streams.frames, DETECTORS)
        self.streams.ensure_group(self.streams.scores, TRACKER)
        self.sent = 0
        self.stop = threading.Event()
        self.threads: list[threading.Thread] = []

    def start(self, wanted: WantedModel | None = None) -> DetectorWorker:
        """As ``bearwatch detector`` does."""
        loader = BundleLoader("built-in", self.data, engine_of, None)
        switch = ModelSwitch(loader, self.data)
        engine = switch.begin(wanted, lambda: engine_of(ModelBundle.load(BUILT_IN))).engine
        worker = DetectorWorker(engine, Detector(), self.client, [0], switch)
        self.stop = threading.Event()
        self.threads.append(threading.Thread(target=worker.run, args=(self.stop,)))
        self.threads[-1].start()
        return worker

    def end(self) -> None:
        """End the worker."""
        self.stop.set()
        for thread in self.threads:
            thread.join()

    def send(self, count: int = 1) -> None:
        """Frames of a camera."""
        frames = [frame("upper-creek", now_s(), self.sent + n) for n in range(count)]
        self.sent += count
        self.streams.send_frames(frames)

    def scores(self) -> list[FrameScores]:
        """All that was scored, in order."""
        found = [FrameScores.unpack(entry.fields) for entry in self.streams.newest(self.streams.scores, 10_000)]
        return sorted(found, key=lambda each: each.frame.sequence)

    def change(self) -> dict[str, Any]:
        """What the worker says about the last change."""
        beats = Telemetry(self.client).heartbeats()
        return next((facts["model_change"] for facts in beats.values() if "model_change" in facts), {})

    def keep_sending(self) -> bool:
        """Send the next frame when all before are scored; true, so that a condition may go on."""
        if self.client.xlen(self.streams.scores) == self.sent:
            self.send()
        return True

    def is_scored_by(self, digest: str) -> bool:
        """Whether the newest scores are this model's."""
        newest = self.streams.newest(self.streams.scores, 1)
        self.keep_sending()
        return any(FrameScores.unpack(entry.fields).model.endswith(digest[:8]) for entry in newest)


@pytest.fixture
def site(redis_url: str, redis_client: redis.Redis, tmp_path: Path, data: Path) -> Iterator[Site]:
    """A site without a worker yet, with a data folder of its own."""
    (tmp_path / "bundles").symlink_to(data / "bundles")
    client = connect(redis_url)
    begun = Site(client, data)
    (data / "wanted_model.json").unlink(missing_ok=True)
    yield begun
    begun.end()
    client.close()


def test_another_model_scores_within_a_minute_and_no_frame_is_lost(
    site: Site, data: Path, built_in: ModelBundle
) -> None:
    site.start()
    wait_for(lambda: site.is_scored_by(built_in.digest), WITHIN_S)
    second = place(data, "second")
    asked_at = now_s()
    publish_wanted(site.client, WantedModel(1, second))
    wait_for(lambda: site.is_scored_by(second.digest), WITHIN_S)
    wait_for(lambda: len(site.scores()) == site.sent, WITHIN_S)
    wait_for(lambda: site.change()["first_scored_at"], WITHIN_S)
    took = site.change()["first_scored_at"] - asked_at
    print(f"from the key to the first frame scored by the other model: {took:.2f} s")
    assert 0 < took < WITHIN_S
    said = site.change()
    assert (said["change"], said["state"], said["digest"], said["why"]) == (1, "in_use", second.digest, "")
    assert said["kept"] == [built_in.digest], "the one before stays loaded"
    assert [each.frame.sequence for each in site.scores()] == list(range(site.sent)), "each frame was scored once"
    models = [each.model[-8:] for each in site.scores()]
    assert models == sorted(models, key=[built_in.digest[:8], second.digest[:8]].index), "one change, between batches"

    asked_at = now_s()
    publish_wanted(site.client, WantedModel(2, None))
    wait_for(
        lambda: site.keep_sending() and site.change()["change"] == 2 and site.change()["first_scored_at"], WITHIN_S
    )
    print(f"back to the model that stayed loaded: {site.change()['first_scored_at'] - asked_at:.2f} s")
    wait_for(lambda: len(site.scores()) == site.sent, WITHIN_S)
    assert site.scores()[-1].model.endswith(built_in.digest[:8])


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (lambda data: place(data, "nan"), "its scores are no numbers"),
        (lambda data: place(data, "blind"), "it does not see the known bear"),
        (lambda data: BundlePlace("ab" * 32, "bundles/format"), "has format 2, this program reads format 1"),
        (lambda data: BundlePlace("ab" * 32, "bundles/damaged"), "was changed or damaged"),
        (lambda data: BundlePlace("ab" * 32, "bundles/none"), "is not a model bundle: it has no bundle.json"),
        (lambda data: replace(place(data, "second"), digest="ab" * 32), "not abababababab that was promoted"),
        (lambda data: BundlePlace("ab" * 32, "../elsewhere"), "does not lie below the data folder"),
        (lambda data: BundlePlace("ab" * 32, "/etc"), "does not lie below the data folder"),
    ],
    ids=["nan", "blind", "format", "damaged", "missing", "wrong-digest", "outside", "absolute"],
)
def test_a_bad_model_is_refused_in_words_and_the_champion_goes_on(
    site: Site, data: Path, built_in: ModelBundle, wrong: Callable[[Path], BundlePlace], why: str
) -> None:
    site.start()
    publish_wanted(site.client, WantedModel(1, wrong(data)))
    wait_for(lambda: site.change().get("state") == "refused", WITHIN_S)
    assert why in site.change()["why"]
    assert site.change()["digest"] == built_in.digest
    site.send(3)
    wait_for(lambda: len(site.scores()) == site.sent, WITHIN_S)
    assert {each.model for each in site.scores()} == {built_in.short_digest}
    assert all(each.self_test_ok for each in site.scores())


def test_after_a_refusal_the_next_change_is_followed(site: Site, data: Path) -> None:
    site.start()
    publish_wanted(site.client, WantedModel(1, place(data, "nan")))
    wait_for(lambda: site.change().get("state") == "refused", WITHIN_S)
    publish_wanted(site.client, WantedModel(2, place(data, "second")))
    wait_for(lambda: site.change()["change"] == 2 and site.change()["state"] == "in_use", WITHIN_S)


def test_nonsense_in_redis_changes_nothing(site: Site, built_in: ModelBundle) -> None:
    site.start()
    wait_for(lambda: site.is_scored_by(built_in.digest), WITHIN_S)
    site.client.set("wanted_model", b'{"change": "two"}')
    before = len(site.scores())
    wait_for(lambda: site.is_scored_by(built_in.digest) and len(site.scores()) > before + 5, WITHIN_S)
    assert site.change()["change"] == 0


def test_after_a_restart_with_a_wiped_redis_it_comes_up_with_the_wanted_model(site: Site, data: Path) -> None:
    second, third = place(data, "second"), place(data, "third")
    site.start()
    publish_wanted(site.client, WantedModel(4, third, second))
    wait_for(lambda: site.change().get("state") == "in_use" and site.change()["change"] == 4, WITHIN_S)
    wait_for(lambda: second.digest in site.change()["kept"], WITHIN_S)
    site.end()
    assert kept_wanted(data) == WantedModel(4, third, second)
    site.client.flushall()
    site.streams.ensure_group(site.streams.frames, DETECTORS)
    sent_before, site.sent = site.sent, 0
    assert sent_before == 0
    site.start(kept_wanted(data))
    site.send()
    wait_for(lambda: len(site.scores()) == 1, WITHIN_S)
    assert site.scores()[0].model.endswith(third.digest[:8])


def test_a_start_at_which_the_wanted_model_is_gone_takes_the_one_before_it(site: Site, data: Path) -> None:
    second = place(data, "second")
    wanted = WantedModel(5, BundlePlace("ab" * 32, "bundles/none"), second)
    publish_wanted(site.client, wanted)
    site.start(wanted)
    wait_for(lambda: site.change().get("state") == "refused", WITHIN_S)
    assert site.change()["digest"] == second.digest


def test_a_champion_that_fails_its_self_test_twice_gives_way_to_the_one_before(
    site: Site, data: Path, built_in: ModelBundle
) -> None:
    loader = BundleLoader("built-in", data, engine_of, None)
    switch = ModelSwitch(loader, data)
    switch.begin(None, lambda: engine_of(built_in))
    wanted = WantedModel(1, place(data, "second"))
    switch.follow(wanted)
    wait_for(lambda: switch.take() is not None, WITHIN_S)
    scoring = switch.facts()
    assert (scoring["state"], scoring["digest"]) == ("in_use", place(data, "second").digest)
    before = switch.fall_back("it does not see the known bear")
    assert before is not None
    assert before.digest == built_in.digest
    said = switch.facts()
    assert (said["state"], said["digest"], said["why"]) == (
        "refused", built_in.digest, "it does not see the known bear",
    )  # fmt: skip
    switch.follow(wanted)
    assert switch.take() is None, "the same change is not tried again"
    assert AGAIN_AFTER_S < EVERY_S


def test_where_there_is_no_other_model_a_failed_self_test_changes_nothing(data: Path, built_in: ModelBundle) -> None:
    switch = ModelSwitch(BundleLoader("built-in", data, engine_of, None), data)
    switch.begin(None, lambda: engine_of(built_in))
    assert switch.fall_back("it does not see the known bear") is None
    assert switch.facts()["state"] == "in_use"


def test_a_bundle_that_is_a_link_to_elsewhere_is_not_loaded(data: Path, tmp_path: Path) -> None:
    changed_bundle(tmp_path / "elsewhere")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "link").symlink_to(tmp_path / "elsewhere")
    loader = BundleLoader("built-in", tmp_path / "data", engine_of, None)
    with pytest.raises(ModelRefused, match="does not lie below the data folder"):
        loader.load(BundlePlace(place(data, "second").digest, "link"))


def test_what_is_followed_survives_a_data_folder_that_cannot_be_written(
    data: Path, built_in: ModelBundle, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    gone = tmp_path / "gone"
    switch = ModelSwitch(BundleLoader("built-in", data, engine_of, None), gone)
    switch.begin(None, lambda: engine_of(built_in))
    switch.follow(WantedModel(1, place(data, "second")))
    wait_for(lambda: switch.take() is not None, WITHIN_S)
    assert "cannot be kept for a restart" in caplog.text
    assert not os.path.exists(gone)
    keep_wanted(data, WantedModel())

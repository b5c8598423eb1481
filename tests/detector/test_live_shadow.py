"""A challenger scores the same frames beside the champion: counted, never published, never in the way."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import redis

from core.bundles.challenger_counts import Beside, take_counts
from core.bundles.wanted_model import BundlePlace, WantedModel, publish_wanted
from core.clock import now_s
from core.config import Detector
from core.messages import Frame, FrameScores, Reason
from core.redis_client import connect
from core.streams import DETECTORS, TRACKER, FrameStreams
from core.telemetry import Telemetry
from detector.bundle_loader import BundleLoader, LoadedModel
from detector.classify import decode_jpeg, prepare_frames, score_frames, score_prepared
from detector.engines.choose import engine_for
from detector.engines.engine import Engine
from detector.live_shadow import LiveShadow
from detector.model_switch import ModelSwitch
from detector.models.bundle import BUILT_IN, ModelBundle
from detector.self_test import BEAR_BOX, PICTURES
from detector.worker import DetectorWorker
from tests.support.bundles import blind_bundle, changed_bundle, nan_bundle
from tests.support.factories import frame
from tests.support.waiting import wait_for

engine_of: Callable[[ModelBundle], Engine] = partial(engine_for, device="cpu", threads=1, measure=False)


@pytest.fixture(scope="module")
def champion() -> Engine:
    """The built-in model."""
    return engine_of(ModelBundle.load(BUILT_IN))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with a challenger that sees no bear, one that answers nonsense, and a good one."""
    folder = tmp_path_factory.mktemp("data")
    blind_bundle(folder / "bundles" / "blind")
    nan_bundle(folder / "bundles" / "nan")
    changed_bundle(folder / "bundles" / "good")
    return folder


def known(name: str, camera: str = "upper-creek", number: int = 0) -> Frame:
    """A frame that shows the known bear, or the known empty picture."""
    return frame(camera, now_s(), number, picture=(PICTURES / f"{name}.jpg").read_bytes(), boxes=(BEAR_BOX,))


def shadow_of(data: Path, name: str, every: int = 1) -> LiveShadow:
    """A challenger, whether it would pass its self-test or not."""
    loader = BundleLoader("built-in", data, engine_of, None)
    engine = engine_of(ModelBundle.load(data / "bundles" / name))
    return LiveShadow(LoadedModel(engine, loader.unproved(engine)), None, every)


def look(shadow: LiveShadow, champion: Engine, frames: list[Frame]) -> dict[tuple[Beside, str], int]:
    """One batch through both."""
    seen = [(each, (decode_jpeg(each.jpeg), each.boxes, each.reason)) for each in frames]
    prepared = prepare_frames(champion, [one for _frame, one in seen])
    shadow.look(seen, prepared, score_prepared(champion, prepared), champion.bundle.digest)
    return shadow.take_counts()


def test_what_both_say_is_counted_by_camera_and_light(champion: Engine, data: Path) -> None:
    shadow = shadow_of(data, "blind")
    counts = look(shadow, champion, [known("bear"), known("empty", number=1), known("bear", "upper-trail")])
    by_camera: dict[str, dict[str, int]] = {}
    for (beside, what), amount in counts.items():
        assert (beside.challenger, beside.champion) == (shadow.digest, champion.bundle.digest)
        by_camera.setdefault(beside.camera, {})[what] = amount
    assert {k: v for k, v in by_camera["upper-creek"].items() if k != "difference_ppm"} == {
        "frames": 2, "champion_only": 1, "neither": 1,
    }  # fmt: skip
    assert by_camera["upper-trail"]["difference_ppm"] > 800_000
    assert shadow.take_counts() == {}
    assert look(shadow_of(data, "good"), champion, [known("bear")])[
        Beside(ModelBundle.load(data / "bundles" / "good").digest, champion.bundle.digest, "upper-creek",
               next(iter(counts))[0].infrared, next(iter(counts))[0].hour_at), "both"] == 1  # fmt: skip


def test_it_looks_at_one_frame_in_so_many_and_at_no_test_clip(champion: Engine, data: Path) -> None:
    shadow = shadow_of(data, "good", every=3)
    counts = look(shadow, champion, [known("empty", number=n) for n in range(7)])
    assert sum(amount for (_beside, what), amount in counts.items() if what == "frames") == 2
    assert look(shadow_of(data, "good"), champion, [known("bear", "canary:upper-creek")]) == {}


def test_a_challenger_that_answers_nonsense_is_left_out(champion: Engine, data: Path) -> None:
    shadow = shadow_of(data, "nan")
    assert look(shadow, champion, [known("bear")]) == {}
    assert shadow.why == "its scores are no numbers"
    assert look(shadow, champion, [known("bear")]) == {}


def test_the_same_crops_give_the_same_scores_alone_and_in_a_batch(champion: Engine) -> None:
    pictures = [decode_jpeg((PICTURES / f"{name}.jpg").read_bytes()) for name in ("bear", "empty")]
    frames = [(picture, (BEAR_BOX,), reason) for picture in pictures for reason in (Reason.MOTION, Reason.AUDIT)]
    prepared = prepare_frames(champion, frames)
    whole = score_frames(champion, frames)
    some = score_prepared(champion, prepared.only([3, 0]))
    for one, other in zip(some, (whole[3], whole[0]), strict=True):
        assert [crop.box for crop in one.crops] == [crop.box for crop in other.crops]
        assert np.allclose([c.bear for c in one.crops], [c.bear for c in other.crops], atol=1e-4)
    assert score_prepared(champion, prepared.only([])) == []


@pytest.fixture
def worker(redis_url: str, redis_client: redis.Redis, data: Path, champion: Engine) -> Iterator[redis.Redis]:
    """A worker on a thread; yields a client of its Redis."""
    client = connect(redis_url)
    streams = FrameStreams(client)
    streams.ensure_group(streams.frames, DETECTORS)
    streams.ensure_group(streams.scores, TRACKER)
    switch = ModelSwitch(BundleLoader("built-in", data, engine_of, None), data)
    engine = switch.begin(None, lambda: champion).engine
    stop, own = threading.Event(), connect(redis_url)
    thread = threading.Thread(target=DetectorWorker(engine, Detector(), own, [0], switch).run, args=(stop,))
    thread.start()
    yield client
    stop.set()
    thread.join()
    client.close()
    own.close()


def test_a_worker_counts_beside_the_champion_and_publishes_its_scores_alone(
    worker: redis.Redis, champion: Engine, data: Path
) -> None:
    streams = FrameStreams(worker)
    good = ModelBundle.load(data / "bundles" / "good").digest
    publish_wanted(worker, WantedModel(challenger=BundlePlace(good, "bundles/good"), challenger_every=2))
    wait_for(lambda: _said(worker).get("challenger", {}) == {"digest": good, "state": "in_use", "why": ""}, 60)
    for number in range(6):
        streams.send_frames([known("bear", number=number)])
        wait_for(lambda done=number + 1: worker.xlen(streams.scores) == done, 60)  # type: ignore[misc]
    found: dict[str, int] = {}

    def counted() -> bool:
        for counts in take_counts(worker).values():
            for what, amount in counts.items():
                found[what] = found.get(what, 0) + amount
        return found.get("frames", 0) == 3

    wait_for(counted, 60)
    assert found["both"] == 3
    published = [FrameScores.unpack(entry.fields) for entry in streams.newest(streams.scores, 100)]
    assert {each.model for each in published} == {champion.bundle.short_digest}
    publish_wanted(worker, WantedModel())
    wait_for(lambda: _said(worker)["challenger"] is None, 60)


def test_a_challenger_that_cannot_be_loaded_is_said_and_the_champion_goes_on(worker: redis.Redis) -> None:
    publish_wanted(worker, WantedModel(challenger=BundlePlace("ab" * 32, "bundles/none")))
    wait_for(lambda: (_said(worker).get("challenger") or {}).get("state") == "refused", 60)
    assert "it has no bundle.json" in _said(worker)["challenger"]["why"]
    assert _said(worker)["state"] == "in_use"


def _said(client: redis.Redis) -> dict[str, Any]:
    beats = Telemetry(client).heartbeats()
    return next((facts["model_change"] for name, facts in beats.items() if name.startswith("detector:")), {})

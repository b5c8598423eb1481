"""The real process ``bearwatch detector`` follows the registry: promoted, killed, restarted with an empty Redis."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
import yaml

from core.bundles.wanted_model import read_wanted
from core.clock import now_s
from core.messages import FrameScores
from core.streams import DETECTORS, TRACKER, FrameStreams
from core.telemetry import Telemetry
from db.models import ModelOrigin
from db.session import Database
from detector.models.bundle import BUILT_IN, ModelBundle
from rollout.control.controller import Controller
from rollout.models.champion import first_scored_at
from rollout.models.model_changes import promote_model, roll_back
from rollout.models.model_follower import tell_detectors
from rollout.models.registry import RegisteredBundle, register_model
from rollout.stages.plan_watcher import PlanWatcher
from tests.support.bundles import changed_bundle
from tests.support.factories import frame
from tests.support.rollout.rollout_plans import OWNER, settings
from tests.support.waiting import wait_for

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[2]
WITHIN_S = 60.0


class Detectors:
    """Starts the process, and sends it frames one after the other."""

    def __init__(self, folder: Path, client: redis.Redis, url: str) -> None:
        self.folder, self.client, self.url, self.sent = folder, client, url, 0
        self.process: subprocess.Popen[bytes] | None = None
        self.prepare()

    def prepare(self) -> None:
        """The streams, as the other processes make them."""
        self.streams = FrameStreams(self.client)
        self.streams.ensure_group(self.streams.frames, DETECTORS)
        self.streams.ensure_group(self.streams.scores, TRACKER)
        self.sent = 0

    def start(self) -> None:
        """``bearwatch detector``."""
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "REDIS_URL": self.url, "BEARWATCH_DEVICE": "cpu"}
        site = ["--config", str(self.folder / "bearwatch.yaml"), "--data", str(self.folder), "--threads", "1"]
        self.process = subprocess.Popen([sys.executable, "-m", "bearwatch", "detector", *site], env=environment)

    def kill(self) -> None:
        """As a power cut does."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def newest(self) -> str:
        """The model that scored last; the next frame is sent when all before are scored."""
        entries = self.streams.newest(self.streams.scores, 1)
        if self.client.xlen(self.streams.scores) == self.sent:
            self.streams.send_frames([frame("upper-creek", now_s(), self.sent)])
            self.sent += 1
        return FrameScores.unpack(entries[0].fields).model if entries else ""

    def models(self) -> list[str]:
        """Every model that scored, in order."""
        found = [FrameScores.unpack(entry.fields) for entry in self.streams.newest(self.streams.scores, 10_000)]
        return [each.model for each in sorted(found, key=lambda each: each.frame.sequence)]


@pytest.fixture
def detectors(tmp_path: Path, redis_client: redis.Redis, redis_url: str) -> Iterator[Detectors]:
    whole: dict[str, Any] = settings().model_dump(mode="json", exclude_unset=True)
    whole["detector"] = {"backbone": "built-in", "engine": "torch"}
    (tmp_path / "bearwatch.yaml").write_text(yaml.safe_dump(whole, sort_keys=False))
    made = Detectors(tmp_path, redis_client, redis_url)
    yield made
    made.kill()


@pytest.fixture
def second(tmp_path: Path) -> ModelBundle:
    """Another model in the data folder."""
    return changed_bundle(tmp_path / "bundles" / "second")


def test_the_detector_process_follows_the_registry_and_comes_up_with_the_champion(
    detectors: Detectors, second: ModelBundle, sqlite_database: Database, tmp_path: Path
) -> None:
    built_in, client = ModelBundle.load(BUILT_IN), detectors.client
    controller = Controller(PlanWatcher.load(tmp_path / "bearwatch.yaml"), sqlite_database, client)
    detectors.start()
    wait_for(lambda: detectors.newest() == built_in.short_digest, WITHIN_S)
    with sqlite_database.write() as session:
        place = RegisteredBundle(second.digest, "bundles/second", None, ModelOrigin.FILE, None, now_s())
        register_model(session, place)
    with sqlite_database.write() as session:
        change = promote_model(session, controller.watcher.plan, second.digest, OWNER, now_s(), "fog", override=True)
        number, asked_at = change.id, change.at
    assert tell_detectors(sqlite_database, client)
    wait_for(lambda: detectors.newest() == second.short_digest, WITHIN_S)

    def written() -> float | None:
        controller.tick(now_s())
        with sqlite_database.read() as session:
            return first_scored_at(session, number)

    wait_for(_true(written), WITHIN_S)
    print(f"from the promotion to the first frame of the other model: {(written() or 0) - asked_at:.2f} s")
    wait_for(lambda: client.xlen(detectors.streams.scores) == detectors.sent, WITHIN_S)
    assert len(detectors.models()) == detectors.sent, "no frame was lost"
    assert sorted(set(detectors.models())) == sorted({built_in.short_digest, second.short_digest})

    detectors.kill()
    client.flushall()
    detectors.prepare()
    detectors.start()
    wait_for(lambda: detectors.newest() == second.short_digest, WITHIN_S)
    assert set(detectors.models()) == {second.short_digest}, "not one frame was scored by another model"
    assert read_wanted(client) is None
    controller.tick(now_s())
    assert read_wanted(client) is not None, "the controller says it again"

    wait_for(lambda: built_in.digest in _kept(client) and bool(detectors.newest()), WITHIN_S)
    with sqlite_database.write() as session:
        back = roll_back(session, "omar", now_s()).at
    assert tell_detectors(sqlite_database, client)
    wait_for(lambda: detectors.newest() == built_in.short_digest, WITHIN_S)
    print(f"from the rollback to the first frame seen of the model before: {now_s() - back:.2f} s")


def _true(found: Callable[[], object]) -> Callable[[], bool]:
    return lambda: found() is not None


def _kept(client: redis.Redis) -> list[str]:
    beats = Telemetry(client).heartbeats()
    return next((facts["model_change"]["kept"] for name, facts in beats.items() if name.startswith("detector:")), [])

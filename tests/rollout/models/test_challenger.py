"""What a challenger says beside the champion is counted once, by camera and light, and decides nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
import redis

from core.bundles.challenger_counts import CHALLENGER_COUNTS_KEY, COUNTED, Beside, add_counts, take_counts
from core.bundles.wanted_model import BundlePlace, read_wanted
from db.models import ModelOrigin
from db.retention import forget_challenger_counts
from db.session import Database
from rollout.models.challenger import agreements, challenge, store_counts, withdraw
from rollout.models.champion import standing, wanted
from rollout.models.model_changes import promote_model
from rollout.models.model_status import model_registry_status
from rollout.models.registry import RegisteredBundle, register_model
from rollout.stages.commands import Refused
from tests.support.rollout.controller_site import ControllerSite
from tests.support.rollout.rollout_plans import OWNER

A, B = "a1" * 32, "b2" * 32
CREEK = Beside(A, B, "upper-creek", True, 1_800_000_000)
SAID = {"frames": 10, "both": 2, "neither": 6, "champion_only": 1, "challenger_only": 1, "difference_ppm": 500_000}


@pytest.fixture
def site(tmp_path: Path, sqlite_database: Database, redis_client: redis.Redis) -> ControllerSite:
    """In shadow, with two registered models."""
    there = ControllerSite(tmp_path, sqlite_database, redis_client)
    with sqlite_database.write() as session:
        for digest, folder in ((A, "bundles/a"), (B, "bundles/b")):
            register_model(session, RegisteredBundle(digest, folder, None, ModelOrigin.FILE, None, there.now))
    there.tick()
    return there


def test_counts_go_through_redis_once(redis_client: redis.Redis) -> None:
    counts = {(CREEK, what): amount for what, amount in SAID.items()}
    add_counts(redis_client, counts)
    add_counts(redis_client, {**counts, (CREEK, "both"): 0})
    redis_client.hset(CHALLENGER_COUNTS_KEY, "nonsense|frames", "7")
    redis_client.hset(CHALLENGER_COUNTS_KEY, CREEK.field("frames").replace("|1|", "|2|"), "7")
    assert take_counts(redis_client) == {CREEK: {**{what: 2 * SAID[what] for what in COUNTED}, "both": 2}}
    assert take_counts(redis_client) == {}


def test_the_controller_stores_them_by_camera_and_light(site: ControllerSite) -> None:
    stranger = Beside(A, B, "no-such-camera", False, CREEK.hour_at)
    day = Beside(A, B, "upper-creek", False, CREEK.hour_at)
    for _ in range(2):
        add_counts(site.client, {(beside, what): n for beside in (CREEK, day, stranger) for what, n in SAID.items()})
        site.tick(5)
    with site.database.read() as session:
        found = [(each.camera, each.infrared, each.champion, each.frames) for each in agreements(session, A)]
        assert found == [("upper-creek", False, B, 20), ("upper-creek", True, B, 20)]
        one = agreements(session, A)[0]
        assert (one.both, one.neither, one.champion_only, one.challenger_only) == (4, 12, 2, 2)
        assert one.difference == pytest.approx(0.05)
        assert agreements(session, A, since=CREEK.hour_at + 7200.0) == []
        assert agreements(session, B) == []


def test_more_counts_of_the_same_hour_are_added(database: Database) -> None:
    for _ in range(3):
        with database.write() as session:
            assert store_counts(session, {CREEK: SAID}) == 10
    with database.read() as session:
        [row] = agreements(session, A)
        assert (row.frames, row.challenger_only) == (30, 3)


def test_old_counts_go_with_the_rest_of_history(sqlite_database: Database) -> None:
    later = Beside(A, B, "upper-creek", True, CREEK.hour_at + 7200)
    with sqlite_database.write() as session:
        store_counts(session, {CREEK: SAID, later: SAID})
        forget_challenger_counts(session, CREEK.hour_at + 3600.0)
        assert [each.frames for each in agreements(session, A)] == [10]


def test_one_challenger_at_a_time_is_wanted_until_it_is_withdrawn_or_champion(site: ControllerSite) -> None:
    with site.database.write() as session:
        challenge(session, A, "omar", site.now)
        challenge(session, B[:8], "omar", site.now)
        assert wanted(session).challenger == BundlePlace(B, "bundles/b")
        assert standing(session).last is None, "a challenger changes no champion"
    site.tick(5)
    told = read_wanted(site.client)
    assert told is not None
    assert (told.change, told.challenger, told.challenger_every > 1) == (0, BundlePlace(B, "bundles/b"), True)
    with site.database.read() as session:
        status = model_registry_status(session, site.watcher.plan, site.now)
        assert status.challenger is not None
        assert (status.challenger.digest, status.challenger.by) == (B, "omar")
        assert status.changes == ()
    with site.database.write() as session:
        withdraw(session, "omar", site.now)
        assert wanted(session).challenger is None
        with pytest.raises(Refused, match="no challenger scores"):
            withdraw(session, "omar", site.now)
        challenge(session, A, "omar", site.now)
        promote_model(session, site.watcher.plan, A, OWNER, site.now, "a test", override=True)
        assert wanted(session).challenger is None
        with pytest.raises(Refused, match="it is the champion"):
            challenge(session, A, "omar", site.now)

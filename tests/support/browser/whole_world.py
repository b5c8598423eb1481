"""One site with something on every page: a rollout that runs, a night behind it, people, audits, labels, a model."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

from fastapi.testclient import TestClient
from sqlalchemy import select

from core.clock import hour_start
from core.config import Config
from core.media import MediaStore
from core.messages import Box, CropScore, FrameScores
from core.night_span import date_of
from core.redis_client import connect
from core.settings import Settings
from core.telemetry import Telemetry
from db.models import (
    Alert,
    AuditDraw,
    AuditSheet,
    AuthorityLease,
    CameraHour,
    EncounterCrop,
    LabelChange,
    MessageKind,
    SheetKind,
    User,
    Verdict,
)
from db.session import Database
from detector.tracking.encounter_writer import EncounterWriter
from detector.tracking.tracker import AlertRule, EncounterDraft, Opened
from review_ui.app import create_app
from review_ui.rendering.routes import every_route
from rollout.alerting.alerts import Decision, decide
from rollout.alerting.camper_messages import CamperNote, receive
from rollout.alerting.recipients import Recipients
from rollout.stages.commands import Effect
from tests.support.browser.pages_list import PAGES, Sheet
from tests.support.cast import seen
from tests.support.factories import frame, jpeg
from tests.support.pages import Clock, Stage, report, served
from tests.support.rollout.rollout_pages import STAGES, RolloutStage, with_plan

FRAMES = 6
ZONE = "America/Los_Angeles"
MODEL = "ab" * 32
Painter = Callable[[str, int], tuple[bytes, Box]]
"""A picture of a camera and where the animal is in it, by number."""
NO_PAGES = frozenset(
    {
        "/healthz", "/metrics", "/sw.js", "/manifest.webmanifest", "/account/push", "/alerts.csv", "/labels.csv",
        "/ledger.jsonl",
        "/media/{key:path}", "/login/openid", "/login/openid/back", "/login/code", "/alerts/{alert_id:int}/panel",
        "/cameras/live", "/cameras/{camera}/still.jpg",
        "/sightings/{sighting_id:int}/match", "/nights/{date}/frames", "/audit/sheets/{sheet_id:int}/{index:int}.jpg",
        "/reports/{kind}/{suffix}", "/reports/stored/{day}/{campsite}/{suffix}",
    }
)  # fmt: skip
"""What answers with something else than a page of its own."""


def plain(camera: str, number: int) -> tuple[bytes, Box]:
    """A grey picture, quickly made."""
    left = 0.05 + 0.05 * (number % 8)
    return jpeg(40 + 10 * (number % 18), 640, 360), (left, 0.4, left + 0.2, 0.8)


@dataclass
class World:
    """A served site, its parts, and what the paths of its pages are filled with."""

    url: str
    there: RolloutStage
    names: dict[str, str]

    def pages(self) -> list[tuple[Sheet, str]]:
        """Every page that this version has, with its path."""
        known = html_routes(self.there.page)
        return [(each, each.path.format(**self.names)) for each in PAGES if (each.pattern or each.path) in known]

    def token(self, name: str = "root") -> str:
        """A session cookie's value."""
        return str(self.there.page.person(name).cookies["bearwatch"])


def html_routes(stage: Stage) -> set[str]:
    """The paths of all routes that a browser may look at."""
    routes = (route.path for route in every_route(stage.app) if "GET" in (route.methods or ()))
    return {path for path in routes if not path.startswith(("/api/", "/fragments/", "/static/"))}


@contextmanager
def _nothing_grows_old() -> Iterator[None]:
    """No reader and no tracker run beside it: what they would say by the second is written once, from the future."""
    with (
        patch("review_ui.live.camera_status.AHEAD_S", float("inf")),
        patch("rollout.authority.freshness.CLOCKS_DIFFER_S", float("inf")),
    ):
        yield


@contextmanager
def whole_world(
    database: Database, config: Config, redis_url: str, data: Path, painter: Painter = plain, thumbnails: int = 24
) -> Iterator[World]:
    """The site, served."""
    with _nothing_grows_old():
        yield from _whole_world(database, config, redis_url, data, painter, thumbnails)


def _whole_world(
    database: Database, config: Config, redis_url: str, data: Path, painter: Painter, thumbnails: int
) -> Iterator[World]:
    now = time.time()
    whole = with_plan(config, STAGES)
    _model(data / "bundles" / "campsite")
    app = create_app(Settings(redis_url=redis_url, bearwatch_data=data), whole, database)
    client = connect(redis_url)
    for camera in whole.cameras:
        report(Telemetry(client), camera, now + 3600)
    client.close()
    stage = Stage(app, database, whole, MediaStore(data / "media"), Clock(now))
    stage.person("root", "administrator")  # type: ignore[arg-type]  # the role's word
    there = RolloutStage(stage)
    there.go_live()
    there.trip("score_drift", "scores are higher than before", "lower-meadow", "lower-pines", Effect.REVIEW)
    names = _night(stage, painter, now)
    _sheets(stage, painter, now, thumbnails)
    names |= _by_hand(stage, stage.person("root"))
    _unnamed(stage, painter, now)
    with served(app) as url:
        yield World(url, there, names)


def _night(stage: Stage, painter: Painter, now: float) -> dict[str, str]:
    """Alerts: two decided ones, one that somebody is unsure about, two that wait; what campers wrote."""
    with stage.database.write() as session:
        session.get_one(AuthorityLease, "upper-pines").granted_at = now - 9000
        for camera in stage.config.cameras:
            seen(session, camera, now + 3600, now - 9000)
    for number, (camera, ago_s, verdict) in enumerate(
        (
            ("upper-trail", 5000, Verdict.NOT_A_BEAR), ("lower-meadow", 4000, Verdict.UNSURE),
            ("upper-creek", 700, Verdict.BEAR), ("upper-trail", 200, None), ("lower-meadow", 90, None),
        )
    ):  # fmt: skip
        alert = _alert(stage, painter, camera, now - ago_s)
        if verdict is not None:
            with stage.database.write() as session:
                ranger = session.scalars(select(User.id).where(User.name == "rosa")).one()
                decision = Decision(alert, ranger, verdict, 1, f"a-decision-{number}", score_hidden=True)
                decide(session, decision, Recipients.of(stage.config), now - ago_s + 60)
    for kind, words in ((MessageKind.REPORT, "by <the> bins"), (MessageKind.APPEAL, "my dog")):
        message = CamperNote("upper-pines", kind, words, "198.51.100.7", f"this-{kind}")
        receive(stage.database, stage.app.state.site.limiter, message, now)
    night = str(date_of(now - 700, ZONE))
    return {"open": "4", "decided": "3", "night": night, "appeal": "1", "person": str(stage.user_id("rosa"))}


def _unnamed(stage: Stage, painter: Painter, now: float) -> None:
    """Three visits of an animal that nobody has named."""
    for number in range(3):
        alert = _alert(stage, painter, "upper-trail", now - 9000 + 900 * number)
        with stage.database.write() as session:
            ranger = session.scalars(select(User.id).where(User.name == "rosa")).one()
            rejected = Decision(alert, ranger, Verdict.NOT_A_BEAR, 1, f"an-unnamed-{number}", score_hidden=True)
            decide(session, rejected, Recipients.of(stage.config), now - 8900 + 900 * number)
            box, features = (0.1, 0.4, 0.3, 0.8), bytes([90 + number] * 2 + [0] * 62)
            encounter = session.get_one(Alert, alert).encounter_id
            crop = EncounterCrop(encounter_id=encounter, box=box, infrared=False, model="campsite", features=features)
            session.add(crop)


def _alert(stage: Stage, painter: Painter, camera: str, start: float) -> int:
    seen = []
    for step in range(FRAMES):
        picture, box = painter(camera, step)
        shown = frame(camera, start + step / 5, step, boxes=(box,), picture=picture)
        seen.append(FrameScores(shown, (CropScore(box, 0.9, "bear", 0.9),), "campsite@224:abababab", start + step / 5))
    writer = EncounterWriter(stage.config, stage.media, AlertRule.of(stage.config.detector), clock=lambda: start + 2)
    with stage.database.write() as session:
        (encounter,) = writer.write(session, camera, False, [Opened(EncounterDraft(tuple(seen), ()))])
        return session.scalars(select(Alert.id).where(Alert.encounter_id == encounter.id)).one()


def _sheets(stage: Stage, painter: Painter, now: float, thumbnails: int) -> None:
    """A camera-hour, and a contact sheet drawn from it."""
    at = float(hour_start(now - 5400))
    keys = [stage.media.put("upper-creek", at + 60 * n, painter("upper-creek", 40 + n)[0]) for n in range(thumbnails)]
    with stage.database.write() as session:
        seen = {"frames": {}, "histogram": [0] * 20, "max_score": 0.1, "minutes": (1 << thumbnails) - 1}
        session.add(CameraHour(camera_id="upper-creek", hour_at=at, thumbnails=keys, **seen))
        session.add(AuditDraw(day="2027-01-15", drawn_at=now, seed="1", hours=2, hours_digest="0" * 64))
        session.flush()
        for number in range(2):
            session.add(
                AuditSheet(
                    day="2027-01-15", position=number, kind=SheetKind.RANDOM, campsite_id="upper-pines",
                    camera_id="upper-creek", hour_at=at + 3600 * number, stratum="x", probability=0.5,
                    thumbnails=keys, minutes=list(range(thumbnails)), planted_index=None, planted_encounter_id=None,
                    drawn_at=now, due_at=now + 86400,
                )
            )  # fmt: skip


def _model(folder: Path) -> None:
    """A model bundle's words, without its weights."""
    folder.mkdir(parents=True)
    decides = {"name": "campsite", "input_px": 224, "labels": {"names": ["bear", "deer"]}, "thresholds": {"day": 0.27}}
    about = {"format": 1, "digest": MODEL, "decides": decides, "provenance": {"data": "cd" * 32}}
    (folder / "bundle.json").write_text(json.dumps(about))
    (folder / "evaluation.json").write_text(json.dumps(_evaluation()))
    (folder / "datasheet.md").write_text("# Datasheet\n\nTrained on staged pictures. It has seen no bear in snow.\n")


def _evaluation() -> dict[str, object]:
    def figures(recall: float) -> dict[str, object]:
        at = {"recall": recall, "low": recall - 0.1, "high": recall + 0.05, "threshold": 0.3, "false_positives": 0.02}
        return {
            "pictures": 100, "bears": 20, "auc": 0.9, "recalls": dict.fromkeys(("0.01", "0.02", "0.05"), at),
            "calibration": 0.05,
        }  # fmt: skip

    return {
        "model": {"name": "campsite", "digest": MODEL, "view": "whole"},
        "pictures": 100,
        "bears": 20,
        "slices": {"all": {"never bear": figures(0.1), "model": figures(0.91)}},
        "confusion": {"bear": {"bear": 18, "deer": 2}, "deer": {"bear": 1, "deer": 79}},
        "curves": {"model": {"precision_recall": [[1, 0.2], [0, 1]], "reliability": [[0.1, 0.1, 9], [0.9, 0.8, 9]]}},
        "worst": [{"file": "night-17.jpg", "label": "bear", "bear": 0.02}],
        "notes": ["Twenty bears are few: the interval is wide."],
    }


def _by_hand(stage: Stage, person: TestClient) -> dict[str, str]:
    """What is made by the pages' own forms: a sighting, and a draft of a change to the labels."""
    sealed = person.post(
        "/sightings",
        data={"campsite": "upper-pines", "animal": "deer", "number": "2", "when": "now",
              "note": "at the creek", "idempotency_key": "a-sighting-key"},
    )  # fmt: skip
    assert sealed.status_code == 303, sealed.text
    rosa = stage.person("rosa")  # she decided: what was decided is hidden from those who may take a second review
    labels = rosa.get("/api/v1/labels").json()["labels"]
    edited = rosa.post("/labels/edits", data={"item": labels[0]["item"], "action": "keep", "seen": labels[0]["label"]})
    assert edited.status_code in (200, 303), edited.text
    told = person.post("/api/v1/weather", json={"observations": _weather(stage.clock())})
    assert told.status_code == 201, told.text
    with stage.database.read() as session:
        change = session.scalars(select(LabelChange.id)).first()
    return {"sighting": sealed.headers["location"].rpartition("/")[2], "change": str(change), "model": MODEL[:16]}


def _weather(now: float) -> list[dict[str, object]]:
    """Twenty hours of a wet night."""
    skies = ("clear", "clear", "partly cloudy", "overcast", "light rain", "rain", "fog")
    return [
        {
            "region": "sierra", "at": now - 3600 * ago, "temperature_c": 11.0 - ago / 2, "source": "ranger house",
            "rain_mm": 0.8 if skies[(20 - ago) // 3].endswith("rain") else 0.0, "wind_ms": 2.5,
            "sky": skies[(20 - ago) // 3],
        }
        for ago in range(20, 0, -1)
    ]  # fmt: skip

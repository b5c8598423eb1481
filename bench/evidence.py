"""How long it takes to assess a stage: a county's season in a SQLite database, with thousands of encounters.

python -m bench.evidence [--encounters 10000] [--json]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import insert, select

from bench.tables import show
from core.messages import EncounterKind
from db.ledger import record
from db.migrate import upgrade
from db.models import (
    Alert,
    AlertStatus,
    Camera,
    CameraHour,
    Campsite,
    Encounter,
    Mode,
    Region,
    Review,
    Sighting,
    User,
    Verdict,
    Watch,
)
from db.session import Database
from rollout.evidence.assessment import AssessmentScope, assess
from rollout.evidence.audits import draw_day
from rollout.evidence.seals import SEALED, digest_of_sighting

START = 1_800_000_000.0 // 86400 * 86400
MODEL = "bench-model"
CAMPSITES, CAMERAS, DAYS = 10, 40, 60
BATCH = 2000


def season(database: Database, encounters: int, seed: int = 0) -> float:
    """Fill an empty database; returns the moment at which the season ends."""
    rng = np.random.default_rng(seed)
    end = START + DAYS * 86400.0
    with database.write() as session:
        session.add(Region(id="county", name="County", timezone="America/Los_Angeles"))
        session.flush()
        sites = [f"site-{number}" for number in range(CAMPSITES)]
        cameras = [f"camera-{number:02d}" for number in range(CAMERAS)]
        home = {camera: sites[number % CAMPSITES] for number, camera in enumerate(cameras)}
        session.add_all(Campsite(id=site, region_id="county", name=site) for site in sites)
        session.add(User(id=1, name="ranger", password_hash="!", role="ranger", active=True, created_at=START))
        session.flush()
        session.add_all(
            Camera(id=camera, campsite_id=home[camera], name=camera, enabled=True, configured=True)
            for camera in cameras
        )
        session.flush()
        seen = np.sort(rng.uniform(START, end, encounters))
        where = [cameras[index] for index in rng.integers(0, CAMERAS, encounters)]
        bear = rng.random(encounters) < 0.6
        tables: list[tuple[Any, list[dict[str, Any]]]] = [
            (Encounter, [_encounter(n, where[n], at) for n, at in enumerate(seen.tolist())]),
            (Alert, [_alert(n, where[n], home[where[n]], at, bool(bear[n])) for n, at in enumerate(seen.tolist())]),
            (Review, [_review(n, at, bool(bear[n])) for n, at in enumerate(seen.tolist())]),
            (Watch, [_watch(site, day) for site in sites for day in range(DAYS)]),
            (Sighting, _sightings(rng, seen, bear, [home[camera] for camera in where])),
            (CameraHour, [_hour(rng, camera, hour) for camera in cameras for hour in range(DAYS * 24)]),
        ]
        for table, rows in tables:
            for first in range(0, len(rows), BATCH):
                session.execute(insert(table), rows[first : first + BATCH])
        for row in session.scalars(select(Sighting).order_by(Sighting.id)).all():
            body = {"sighting": row.id, "seal": row.seal, "blind": row.blind, "animal": row.animal,
                    "seen_at": row.seen_at}  # fmt: skip
            subject = f"sighting:{row.id}"
            record(session, at=row.sealed_at, kind=SEALED, subject=subject, actor="user:1", campsite=row.campsite_id,
                   body=body)  # fmt: skip
    for day in range(DAYS):
        with database.write() as session:
            draw_day(session, time.strftime("%Y-%m-%d", time.gmtime(START + day * 86400)), end, rng_seed=day)
    return end + 3600.0


def _encounter(number: int, camera: str, at: float) -> dict[str, Any]:
    return {
        "id": number + 1, "camera_id": camera, "kind": EncounterKind.BEAR, "first_at": at, "last_at": at + 40.0,
        "decided_at": at + 1.0, "closed_at": at + 100.0, "hits": 20, "peak_score": 0.9,
        "peak_box": [0.1, 0.1, 0.4, 0.4], "cover": None, "label": "bear", "zones": [], "model": MODEL, "late": False,
        "held": False,
    }  # fmt: skip


def _alert(number: int, camera: str, site: str, at: float, bear: bool) -> dict[str, Any]:
    return {
        "id": number + 1, "encounter_id": number + 1, "camera_id": camera, "campsite_id": site,
        "kind": EncounterKind.BEAR, "captured_at": at + 1.0, "created_at": at + 1.4, "mode": Mode.SHADOW,
        "status": AlertStatus.CONFIRMED if bear else AlertStatus.REJECTED, "version": 2,
    }  # fmt: skip


def _review(number: int, at: float, bear: bool) -> dict[str, Any]:
    return {
        "id": number + 1, "alert_id": number + 1, "user_id": 1, "verdict": Verdict.BEAR if bear else Verdict.NOT_A_BEAR,
        "undoes_id": None, "seen_version": 1, "created_at": at + 600.0, "effective_at": at + 600.0,
        "score_hidden": True, "idempotency_key": f"review-{number}",
    }  # fmt: skip


def _watch(site: str, day: int) -> dict[str, Any]:
    begin = START + day * 86400.0
    return {"campsite_id": site, "user_id": 1, "started_at": begin, "ended_at": begin + 43200.0}


def _sightings(rng: np.random.Generator, seen: Any, bear: Any, site: list[str]) -> list[dict[str, Any]]:
    """A person sees one bear in four, up to a minute after the model; one in twenty of them the model does not see."""
    rows = []
    for number in np.flatnonzero(bear & (rng.random(len(seen)) < 0.25)).tolist():
        late = 90_000.0 if rng.random() < 0.05 else float(rng.uniform(0, 60))
        at = float(seen[number]) + late
        entered = {"campsite": site[number], "camera": None, "animal": "bear", "number": 1, "note": "", "seen_at": at}
        rows.append(
            {
                "campsite_id": site[number], "camera_id": None, "user_id": 1, "watch_id": None, "animal": "bear",
                "number": 1, "note": "", "seen_at": at, "sealed_at": at + 30.0,
                "seal": digest_of_sighting(entered, 1, at + 30.0), "blind": True,
                "idempotency_key": f"sighting-{number}",
            }
        )  # fmt: skip
    return rows


def _hour(rng: np.random.Generator, camera: str, hour: int) -> dict[str, Any]:
    return {
        "camera_id": camera, "hour_at": START + hour * 3600.0, "frames": {"motion": int(rng.integers(0, 200))},
        "histogram": [100] + [0] * 19, "unknown": {}, "max_score": float(rng.beta(0.5, 8)),
        "scene_gap": float(rng.gamma(4.0, 3.0)), "minutes": 2**60 - 1,
        "thumbnails": [f"2027-01-15/{camera}/{minute:032x}.jpg" for minute in range(60)],
    }  # fmt: skip


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--encounters", type=int, default=10_000)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        database = Database(f"sqlite:///{Path(directory) / 'season.sqlite3'}")
        upgrade(database)
        now = season(database, arguments.encounters)
        sites = [f"site-{number}" for number in range(CAMPSITES)]
        begin, cpu = time.perf_counter(), time.process_time()
        with database.read() as session:
            scope = AssessmentScope(campsites=sites, since=START, until=now, model=MODEL, handovers={})
            measured = assess(session, scope)
        took, cpu = time.perf_counter() - begin, time.process_time() - cpu
        database.close()
    recall = measured["recall_blind"]
    row = {
        "encounters": arguments.encounters,
        "camera-hours": CAMERAS * DAYS * 24,
        "bear-nights": int(recall.n),
        "recall": recall.value,
        "metrics": len(measured),
        "seconds": took,
        "CPU-s": cpu,
    }
    show("Evidence for a stage", [row], arguments.json)


if __name__ == "__main__":
    main()

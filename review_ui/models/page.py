"""``/models``: which model is in use, and what is known of each: figures beside the baselines, and its datasheet."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Self

import redis
from fastapi import APIRouter, HTTPException, Request
from fastapi import Path as InPath
from fastapi.responses import Response
from pydantic import BaseModel, Field
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.bundle_files import BundleFiles, bundle_directories, read_bundle
from core.charts.axes import SHARES
from core.charts.line import unit_square
from core.charts.rows import row_chart
from db.models import Encounter
from review_ui.models.view import CHART_RATE, RATES, evaluation, recall_rows
from review_ui.rendering.cursors import AfterKey, Limit, NextAfterKey, page_of
from review_ui.rendering.markdown import rendered
from review_ui.site import Site, SiteDep, Viewer
from review_ui.web.page_chrome import page_chrome

router = APIRouter()

SILENT_AFTER_S: Final = 60.0
"""A detector that has not been heard of for so long is not working."""
NO_SUCH_MODEL: Final = "There is no such model here. Perhaps its bundle has been removed."
Digest = Annotated[str, InPath(pattern=r"^[0-9a-f]{8,64}$")]


@dataclass(frozen=True, slots=True)
class Working:
    """One detector process and the model that it uses."""

    process: str
    model: str
    device: str
    frames_per_s: float
    age_s: float

    @property
    def silent(self) -> bool:
        """Whether it has not been heard of lately."""
        return self.age_s > SILENT_AFTER_S


class WorkingOut(BaseModel):
    """One detector process."""

    process: str
    model: str
    device: str
    age_s: float = Field(description="since it was last heard of")

    @classmethod
    def of(cls, each: Working) -> Self:
        """From a process."""
        return cls(process=each.process, model=each.model, device=each.device, age_s=round(each.age_s, 1))


class ModelOut(BaseModel):
    """One model bundle."""

    name: str
    digest: str
    labels: list[str]
    thresholds: dict[str, float]
    live: bool = Field(description="whether a detector uses it now")
    evaluation: dict[str, Any] | None = None
    datasheet: str | None = Field(default=None, description="Markdown")


class ModelsOut(BaseModel):
    """What is in use, and what there is."""

    working: list[WorkingOut]
    models: list[ModelOut]
    next_after: NextAfterKey


@router.get("/models")
def models_page(request: Request, site: SiteDep, account: Viewer) -> Response:
    """All bundles, and what the detectors use."""
    bundles, working = _bundles(site), _working(site)
    with site.database.read() as session:
        context = {
            "chrome": page_chrome(session, site, account, site.clock()),
            "bundles": bundles,
            "working": working,
            "redis_away": working is None,
            "live": {b.digest for b in bundles for w in working or () if not w.silent and b.is_named(w.model)},
            "used": _used(session),
            "configured": site.config.detector.backbone,
        }
        return site.pages.render(request, "models.html", context)


@router.get("/models/{digest}")
def model_page(request: Request, site: SiteDep, account: Viewer, digest: Digest) -> Response:
    """One bundle: its figures and its datasheet."""
    bundle = _bundle(site, digest)
    found = evaluation(bundle.evaluation) if bundle.evaluation else None
    rows = recall_rows(found.slices) if found else []
    with site.database.read() as session:
        context = {
            "chrome": page_chrome(session, site, account, site.clock()),
            "bundle": bundle,
            "found": found,
            "rates": RATES,
            "chart": row_chart(f"Recall at {float(CHART_RATE):.0%} false positives, by slice", rows, SHARES)
            if rows
            else None,
            "precision": unit_square("Precision over recall", "recall", "precision", found.precision)
            if found and found.precision
            else None,
            "calibration": unit_square("Calibration", "mean score", "share of bears", found.calibration)
            if found and found.calibration
            else None,
            "datasheet": rendered(bundle.datasheet) if bundle.datasheet else None,
            "working": [w for w in _working(site) or () if bundle.is_named(w.model)],
        }
        return site.pages.render(request, "model.html", context)


@router.get("/api/v1/models", summary="Which model is in use, and which there are")
def list_models(site: SiteDep, account: Viewer, after: AfterKey = "", limit: Limit = 50) -> ModelsOut:
    """By their digests, without evaluations: ask for one model."""
    working = _working(site) or []
    models, following = page_of([_out(each, working) for each in _bundles(site)], lambda m: m.digest, after, limit)
    return ModelsOut(working=[WorkingOut.of(each) for each in working], models=models, next_after=following)


@router.get("/api/v1/models/{digest}", summary="One model with its evaluation and datasheet")
def get_model(site: SiteDep, account: Viewer, digest: Digest) -> ModelOut:
    """As its bundle's files say."""
    bundle = _bundle(site, digest)
    out = _out(bundle, _working(site) or [])
    return out.model_copy(update={"evaluation": bundle.evaluation, "datasheet": bundle.datasheet})


def _out(bundle: BundleFiles, working: list[Working]) -> ModelOut:
    live = any(bundle.is_named(each.model) and not each.silent for each in working)
    return ModelOut(
        name=bundle.short, digest=bundle.digest, labels=list(bundle.labels), thresholds=bundle.thresholds, live=live
    )


def _bundles(site: Site) -> list[BundleFiles]:
    configured = site.config.detector.backbone
    others = [Path(configured)] if "/" in configured else []
    found = [read_bundle(each) for each in bundle_directories(site.settings.bearwatch_data, *others)]
    return list({each.digest: each for each in found if each is not None}.values())


def _bundle(site: Site, digest: str) -> BundleFiles:
    found = next((each for each in _bundles(site) if each.digest.startswith(digest)), None)
    if found is None:
        raise HTTPException(404, NO_SUCH_MODEL)
    return found


def _working(site: Site) -> list[Working] | None:
    """The detectors by their last heartbeat; None when Redis is unreachable, and nobody knows."""
    try:
        beats = site.telemetry.heartbeats()
    except redis.RedisError:
        return None
    now = site.clock()
    return [
        Working(
            process=name,
            model=str(facts.get("model", "unknown")),
            device=str(facts.get("device", "unknown")),
            frames_per_s=float(facts.get("frames_per_s", 0.0)),
            age_s=max(0.0, now - float(facts.get("at", 0.0))),
        )
        for name, facts in sorted(beats.items())
        if name.startswith("detector:")
    ]


def _used(session: Session) -> list[tuple[str, int, float]]:
    """Models that have opened encounters: name, how many, the newest."""
    newest = func.max(Encounter.decided_at)
    query = select(Encounter.model, func.count(Encounter.id), newest).group_by(Encounter.model).order_by(newest.desc())
    return [(model, number, at) for model, number, at in session.execute(query.limit(20))]

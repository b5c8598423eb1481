"""``/models``: which model is champion, what is known of each, and the buttons to promote one and to roll back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Final, Self

import redis
from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel, Field
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.bundles.bundle_files import BundleFiles
from core.charts.axes import SHARES
from core.charts.line import unit_square
from core.charts.rows import row_chart
from db.models import Encounter
from review_ui.auth.accounts import Account
from review_ui.auth.passwords import LONGEST_PASSWORD
from review_ui.models import model_commands
from review_ui.models.api import Digest, named_bundle
from review_ui.models.bundle_comparison import compare_models
from review_ui.models.learning_nights import learning_nights
from review_ui.models.model_commands import LONGEST_WORDS
from review_ui.models.view import CHART_RATE, RATES, evaluation, recall_rows
from review_ui.rendering.cursors import AfterKey, Limit, NextAfterKey, page_of
from review_ui.rendering.markdown import rendered
from review_ui.site import Approver, ModelOwner, Site, SiteDep, Viewer
from review_ui.web.page_chrome import page_chrome
from review_ui.web.sighting_form import storable
from review_ui.web.step_up import NotProved, prove
from rollout.control.status_words import in_words
from rollout.evidence.labels.vocabulary import read_vocabulary
from rollout.models.model_status import RegisteredView, lacking_for
from rollout.models.registry import BadRegistration, UnknownModel
from rollout.stages.commands import Refused

router = APIRouter()

SILENT_AFTER_S: Final = 60.0
"""A detector that has not been heard of for so long is not working."""
Password = Annotated[str, Form(max_length=LONGEST_PASSWORD)]
Words = Annotated[str, Form(max_length=LONGEST_WORDS)]
DONE: Final = {
    "promoted": "It is champion. The detectors take it once they have proved it; the first frame is written below.",
    "rolled-back": "The champion was rolled back. The detectors have the model before it loaded.",
    "approved": "Your approval is written down.",
    "challenging": "It scores beside the champion from now on, and alerts nobody.",
    "withdrawn": "No model scores beside the champion any more. What was counted stays.",
    "registered": "The model is registered: it can be promoted now.",
}


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
def models_page(request: Request, site: SiteDep, account: Viewer, done: str = "") -> Response:
    """Champion, all models, and what was changed."""
    return _list(request, site, account, notice=DONE.get(done, ""))


@router.post("/models/rollback")
def rollback(
    request: Request, site: SiteDep, account: ModelOwner, reason: Words = "", password: Password = ""
) -> Response:
    """Go back to the model before the champion."""
    problem = _done(site, account, password, lambda: model_commands.rollback(site, account, storable(reason)))
    if problem is not None:
        return _list(request, site, account, problem=problem[0], status=problem[1], typed=reason)
    return _back("/models", "rolled-back")


@router.get("/models/{digest}")
def model_page(request: Request, site: SiteDep, account: Viewer, digest: Digest, done: str = "") -> Response:
    """One bundle: its figures, its datasheet, and how it becomes the champion."""
    return _one(request, site, account, digest, notice=DONE.get(done, ""))


@router.post("/models/withdraw")
def withdraw(request: Request, site: SiteDep, account: ModelOwner) -> Response:
    """Let no challenger score any more."""
    problem = _obeyed(lambda: model_commands.end_shadow(site, account))
    if problem is not None:
        return _list(request, site, account, problem=problem[0], status=problem[1])
    return _back("/models", "withdrawn")


@router.post("/models/{digest}/challenge")
def challenge(request: Request, site: SiteDep, account: ModelOwner, digest: Digest) -> Response:
    """Let it score beside the champion."""
    problem = _obeyed(lambda: model_commands.start_shadow(site, account, digest))
    if problem is not None:
        return _one(request, site, account, digest, problem=problem[0], status=problem[1])
    return _back(f"/models/{digest}", "challenging")


@router.post("/models/{digest}/promote")
def promote(
    request: Request,
    site: SiteDep,
    account: ModelOwner,
    digest: Digest,
    reason: Words = "",
    password: Password = "",
    override: Annotated[bool, Form()] = False,
) -> Response:
    """Make it the champion."""
    problem = _done(
        site,
        account,
        password,
        lambda: model_commands.promote(site, account, digest, storable(reason), override=override),
    )
    if problem is not None:
        return _one(request, site, account, digest, problem=problem[0], status=problem[1], typed=reason)
    return _back("/models", "promoted")


@router.post("/models/{digest}/approve")
def approve(
    request: Request, site: SiteDep, account: Approver, digest: Digest, note: Words = "", password: Password = ""
) -> Response:
    """Agree to promote it."""
    problem = _done(site, account, password, lambda: model_commands.approve(site, account, digest, storable(note)))
    if problem is not None:
        return _one(request, site, account, digest, problem=problem[0], status=problem[1], typed=note)
    return _back(f"/models/{digest}", "approved")


@router.post("/models/{digest}/register")
def register(request: Request, site: SiteDep, account: ModelOwner, digest: Digest, password: Password = "") -> Response:
    """Register a bundle that lies in the data folder."""
    bundle = named_bundle(site, digest)
    problem = _done(site, account, password, lambda: model_commands.register(site, account, bundle))
    if problem is not None:
        return _one(request, site, account, digest, problem=problem[0], status=problem[1])
    return _back(f"/models/{digest}", "registered")


def _done(site: Site, account: Account, password: str, command: Callable[[], None]) -> tuple[str, int] | None:
    """Obey; returns what is wrong and the HTTP status, or None when it was done."""
    try:
        prove(site, account, password)
    except NotProved as not_proved:
        return str(not_proved), not_proved.status
    return _obeyed(command)


def _obeyed(command: Callable[[], None]) -> tuple[str, int] | None:
    """Obey what needs no proof, as :func:`_done`."""
    try:
        command()
    except (Refused, BadRegistration, UnknownModel) as refused:
        text = in_words(str(refused))
        return f"{text[:1].upper()}{text[1:].rstrip('.')}. Nothing was changed.", 409
    return None


def _back(where: str, done: str) -> Response:
    return RedirectResponse(f"{where}?done={done}", status_code=303)


def _list(
    request: Request,
    site: Site,
    account: Account,
    *,
    notice: str = "",
    problem: str = "",
    typed: str = "",
    status: int = 200,
) -> Response:
    """The whole page; ``typed`` is the reason that a refused form had."""
    bundles, working = model_commands.bundles_of(site), _working(site)
    with site.database.read() as session:
        registry = model_commands.registry_status(session, site, account)
        registered = {each.digest for each in registry.models}
        around = page_chrome(session, site, account, site.clock())
        context = {
            "chrome": around,
            "registry": registry,
            "bundles": {each.digest: each for each in bundles},
            "unregistered": [each for each in bundles if each.digest not in registered],
            "working": working,
            "redis_away": working is None,
            "live": {b.digest for b in bundles for w in working or () if not w.silent and b.is_named(w.model)},
            "used": _used(session),
            "learning": learning_nights(session, around.timezone),
            "label_names": read_vocabulary(session).names,
            "configured": site.config.detector.backbone,
            "notice": notice,
            "problem": problem,
            "typed": typed,
        }
        return site.pages.render(request, "models.html", context, status=status)


def _one(
    request: Request,
    site: Site,
    account: Account,
    digest: str,
    *,
    notice: str = "",
    problem: str = "",
    typed: str = "",
    status: int = 200,
) -> Response:
    """One model's page; ``typed`` is what a refused form had."""
    bundle = named_bundle(site, digest)
    with site.database.read() as session:
        registry = model_commands.registry_status(session, site, account)
        registered = next((each for each in registry.models if each.digest == bundle.digest), None)
        plan = site.plan_watcher.current()
        context = {
            **_figures(bundle),
            "chrome": page_chrome(session, site, account, site.clock()),
            "bundle": bundle,
            "working": [w for w in _working(site) or () if bundle.is_named(w.model)],
            "registry": registry,
            "registered": registered,
            "lacking": in_words(lacking_for(session, plan, bundle.digest, account.name, site.clock()) or ""),
            "approval_rule": in_words(registry.approval_rule),
            "beside": _beside_champion(site, bundle, registry.champion, registered),
            "notice": notice,
            "problem": problem,
            "typed": typed,
        }
        return site.pages.render(request, "model.html", context, status=status)


def _figures(bundle: BundleFiles) -> dict[str, Any]:
    """What its evaluation and its datasheet say."""
    found = evaluation(bundle.evaluation) if bundle.evaluation else None
    rows = recall_rows(found.slices) if found else []
    return {
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
    }


def _beside_champion(site: Site, bundle: BundleFiles, champion: str | None, registered: RegisteredView | None) -> Any:
    """The champion beside this model; None where this is the champion, or the champion's files are not here."""
    if registered is not None and registered.is_champion:
        return None
    others = model_commands.bundles_of(site)
    if champion is None:
        live = [w.model for w in _working(site) or () if not w.silent]
        other = next((each for each in others if any(each.is_named(model) for model in live)), None)
    else:
        other = next((each for each in others if each.digest == champion), None)
    return None if other is None or other.digest == bundle.digest else compare_models(other, bundle)


@router.get("/api/v1/models", summary="Which model is in use, and which there are")
def list_models(site: SiteDep, account: Viewer, after: AfterKey = "", limit: Limit = 50) -> ModelsOut:
    """By their digests, without evaluations: ask for one model."""
    working = _working(site) or []
    models, following = page_of(
        [_out(each, working) for each in model_commands.bundles_of(site)], lambda m: m.digest, after, limit
    )
    return ModelsOut(working=[WorkingOut.of(each) for each in working], models=models, next_after=following)


@router.get("/api/v1/models/{digest}", summary="One model with its evaluation and datasheet")
def get_model(site: SiteDep, account: Viewer, digest: Digest) -> ModelOut:
    """As its bundle's files say."""
    bundle = named_bundle(site, digest)
    out = _out(bundle, _working(site) or [])
    return out.model_copy(update={"evaluation": bundle.evaluation, "datasheet": bundle.datasheet})


def _out(bundle: BundleFiles, working: list[Working]) -> ModelOut:
    live = any(bundle.is_named(each.model) and not each.silent for each in working)
    return ModelOut(
        name=bundle.short, digest=bundle.digest, labels=list(bundle.labels), thresholds=bundle.thresholds, live=live
    )


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

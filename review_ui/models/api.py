"""``/api/v1/models``: the registry as JSON, and every command to it, under the same rights as the page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Final

from fastapi import APIRouter, HTTPException
from fastapi import Path as InPath
from pydantic import Field

from core.bundles.bundle_files import BundleFiles
from review_ui.auth.accounts import Account
from review_ui.auth.passwords import LONGEST_PASSWORD
from review_ui.models import model_commands
from review_ui.models.bundle_comparison import ModelComparison, compare_models
from review_ui.models.model_commands import LONGEST_WORDS
from review_ui.rendering.cursors import StrictBody
from review_ui.site import Approver, ModelOwner, Site, SiteDep, Viewer
from review_ui.web.sighting_form import storable
from review_ui.web.step_up import NotProved, prove
from rollout.models.model_status import ModelRegistryStatus
from rollout.models.registry import BadRegistration, UnknownModel
from rollout.stages.commands import Refused

router = APIRouter(prefix="/api/v1/models")

NO_SUCH_MODEL: Final = "There is no such model here. Perhaps its bundle has been removed."
NOT_REGISTERED: Final = "No such model is registered."
Digest = Annotated[str, InPath(pattern=r"^[0-9a-f]{8,64}$")]
REFUSED: Final[dict[int | str, dict[str, Any]]] = {
    409: {"description": "it is refused; `detail` says why and what to do. Nothing was written"},
    429: {"description": "too many wrong passwords; wait"},
}


class ModelProved(StrictBody):
    """A command that somebody has to prove it is them for. A token is its self-test; a browser gives the password."""

    password: str = Field(default="", max_length=LONGEST_PASSWORD)


class ModelApproveIn(ModelProved):
    """Agree to promote a model."""

    note: str = Field(default="", max_length=LONGEST_WORDS)


class ModelChangeIn(ModelProved):
    """Promote a model, or roll the champion back."""

    reason: str = Field(default="", max_length=LONGEST_WORDS)


class ModelPromoteIn(ModelChangeIn):
    """Promote a model, if need be although a condition does not hold."""

    override: bool = Field(
        default=False, description="although conditions of the registry do not hold; `reason` must say why"
    )


@router.get("/registry", summary="Champion, the model before it, registered models, and what was changed")
def get_registry(site: SiteDep, account: Viewer) -> ModelRegistryStatus:
    """The newest twenty changes; `consequences` is what another model does to the rollout."""
    with site.database.read() as session:
        return model_commands.registry_status(session, site, account)


@router.post("/rollback", summary="Go back to the model before the champion", responses=REFUSED)
def post_rollback(site: SiteDep, account: ModelOwner, body: ModelChangeIn) -> ModelRegistryStatus:
    """The detectors have it loaded: the next frame but a few is scored by it. Where campers are warned, that ends."""
    _prove(site, account, body, programs=True)
    return _answer(site, account, lambda: model_commands.rollback(site, account, storable(body.reason)))


@router.post("/{digest}/register", summary="Register a bundle that lies in the data folder", responses=REFUSED)
def post_register(site: SiteDep, account: ModelOwner, digest: Digest, body: ModelProved) -> ModelRegistryStatus:
    """It can be promoted from then on; once registered it stays."""
    _prove(site, account, body, programs=True)
    bundle = named_bundle(site, digest)
    return _answer(site, account, lambda: model_commands.register(site, account, bundle))


@router.post("/{digest}/approvals", summary="Agree to promote a model", responses=REFUSED)
def post_model_approval(site: SiteDep, account: Approver, digest: Digest, body: ModelApproveIn) -> ModelRegistryStatus:
    """Asked for where campers are warned: the people of the rollout plan, and not the one who asks."""
    _prove(site, account, body)
    return _answer(site, account, lambda: model_commands.approve(site, account, digest, storable(body.note)))


@router.post("/{digest}/promote", summary="Make a registered model the champion", responses=REFUSED)
def post_model_promotion(
    site: SiteDep, account: ModelOwner, digest: Digest, body: ModelPromoteIn
) -> ModelRegistryStatus:
    """Read `consequences` of the registry before: evidence starts anew, and authority ends where it holds.

    It is refused while one of the model's `conditions` does not hold, unless `override` and `reason` say otherwise.
    """
    _prove(site, account, body, programs=True)
    return _answer(
        site,
        account,
        lambda: model_commands.promote(site, account, digest, storable(body.reason), override=body.override),
    )


@router.post("/{digest}/challenge", summary="Let a registered model score beside the champion", responses=REFUSED)
def post_challenge(site: SiteDep, account: ModelOwner, digest: Digest, body: StrictBody) -> ModelRegistryStatus:
    """Its live shadow: counted, alerting nobody. One at a time; any other challenger goes."""
    return _answer(site, account, lambda: model_commands.start_shadow(site, account, digest))


@router.post("/withdraw", summary="Let no challenger score any more", responses=REFUSED)
def post_withdrawal(site: SiteDep, account: ModelOwner, body: StrictBody) -> ModelRegistryStatus:
    """What it was counted so far stays."""
    return _answer(site, account, lambda: model_commands.end_shadow(site, account))


@router.get("/{digest}/compare/{other}", summary="Two models side by side")
def get_comparison(site: SiteDep, account: Viewer, digest: Digest, other: Digest) -> ModelComparison:
    """What decides a score differently, and what both evaluations say of the same slices."""
    return compare_models(named_bundle(site, digest), named_bundle(site, other))


def named_bundle(site: Site, digest: str) -> BundleFiles:
    """The bundle whose digest begins so. Raises HTTPException 404."""
    found = next((each for each in model_commands.bundles_of(site) if each.digest.startswith(digest)), None)
    if found is None:
        raise HTTPException(404, NO_SUCH_MODEL)
    return found


def _answer(site: Site, account: Account, command: Callable[[], None]) -> ModelRegistryStatus:
    try:
        command()
    except UnknownModel:
        raise HTTPException(404, NOT_REGISTERED) from None
    except (Refused, BadRegistration) as refused:
        text = str(refused)
        raise HTTPException(409, f"{text[:1].upper()}{text[1:].rstrip('.')}.") from None
    with site.database.read() as session:
        return model_commands.registry_status(session, site, account)


def _prove(site: Site, account: Account, body: ModelProved, *, programs: bool = False) -> None:
    try:
        prove(site, account, body.password, programs=programs)
    except NotProved as not_proved:
        detail: object = {"password": str(not_proved)} if not_proved.status == 422 else str(not_proved)
        raise HTTPException(not_proved.status, detail) from None

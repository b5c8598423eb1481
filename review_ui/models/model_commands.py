"""Commands to the model registry as people give them on the page and in the API: who, and the way to the rollout."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from sqlalchemy.orm import Session

from core.bundles.bundle_files import BUILT_IN, BundleFiles, known_bundles
from db.models import ModelOrigin
from review_ui.auth.access_scope import access_scope
from review_ui.auth.accounts import Account
from review_ui.site import Site
from rollout.control.model_approval import approve_model
from rollout.models.challenger import challenge, withdraw
from rollout.models.model_changes import promote_model, roll_back
from rollout.models.model_follower import tell_detectors
from rollout.models.model_status import ModelRegistryStatus, model_registry_status
from rollout.models.registry import BUILT_IN_DIRECTORY, BadRegistration, RegisteredBundle, register_model
from rollout.stages.commands import Person

LONGEST_WORDS: Final = 600


def registry_status(session: Session, site: Site, account: Account) -> ModelRegistryStatus:
    """The registry, as far as this person may know it."""
    blind = access_scope(session, account, site.clock(), site.match_rule).blind
    knows_all = account.campsites is None and not blind
    return model_registry_status(session, site.plan_watcher.current(), site.clock(), knows_all=knows_all)


def register(site: Site, account: Account, bundle: BundleFiles) -> None:
    """Register a bundle that lies in the data folder, or the built-in one. Detectors check it when they load it.

    Raises :class:`BadRegistration`.
    """
    built_in = bundle.directory.resolve().is_relative_to(BUILT_IN.resolve())
    data = site.settings.bearwatch_data.resolve()
    place = bundle.directory.resolve()
    if not built_in and not place.is_relative_to(data):
        raise BadRegistration(
            f"{bundle.short} does not lie in the data folder; `bearwatch models add` brings it there and registers it"
        )
    if not built_in and site.settings.model_keys:
        raise BadRegistration(
            f"models from directories must be signed here; `bearwatch models add` looks at that of {bundle.short}"
        )
    parent = bundle.provenance.get("parent")
    with site.database.write() as session:
        register_model(
            session,
            RegisteredBundle(
                digest=bundle.digest,
                directory=BUILT_IN_DIRECTORY if built_in else place.relative_to(data).as_posix(),
                parent_digest=str(parent) if parent else None,
                origin=ModelOrigin.BUILT_IN if built_in else ModelOrigin.FILE,
                learning_run_id=None,
                at=site.clock(),
                name=bundle.short,
                by=account.name,
                runs="" if built_in else bundle.runs,
            ),
        )
    site.wake_pages()


def approve(site: Site, account: Account, digest: str, note: str) -> None:
    """Agree to promote a model. Prove who it is first (:func:`review_ui.web.step_up.prove`).

    Raises :class:`rollout.models.registry.UnknownModel` and :class:`rollout.stages.commands.Refused`.
    """
    plan = site.plan_watcher.current()
    approve_model(site.database, plan, digest, _person(account), site.clock(), note, _actor(account))
    site.wake_pages()


def promote(site: Site, account: Account, digest: str, reason: str, *, override: bool = False) -> None:
    """Make a model the champion, and tell the detectors. Raises as :func:`approve`.

    ``override``: although the gate says no; the reason must be given.
    """
    plan = site.plan_watcher.current()
    with site.database.write() as session:
        promote_model(session, plan, digest, _person(account), site.clock(), reason, _actor(account), override=override)
    _told(site)


def start_shadow(site: Site, account: Account, digest: str) -> None:
    """Let a registered model score beside the champion from now on. Raises as :func:`approve`."""
    with site.database.write() as session:
        challenge(session, digest, account.name, site.clock(), _actor(account))
    _told(site)


def end_shadow(site: Site, account: Account) -> None:
    """Let no challenger score any more. Raises :class:`rollout.stages.commands.Refused` where none does."""
    with site.database.write() as session:
        withdraw(session, account.name, site.clock(), _actor(account))
    _told(site)


def rollback(site: Site, account: Account, reason: str) -> None:
    """Go back to the model before the champion. Raises :class:`rollout.stages.commands.Refused`."""
    with site.database.write() as session:
        roll_back(session, account.name, site.clock(), reason, _actor(account))
    _told(site)


def bundles_of(site: Site) -> list[BundleFiles]:
    """Every bundle whose files are here."""
    configured = site.config.detector.backbone
    others = [Path(configured)] if "/" in configured else []
    return list(known_bundles(site.settings.bearwatch_data, *others).values())


def _told(site: Site) -> None:
    tell_detectors(site.database, site.telemetry.client)
    site.wake_pages()


def _person(account: Account) -> Person:
    return Person(account.name, (account.role.value,))


def _actor(account: Account) -> str:
    return f"user:{account.id}"

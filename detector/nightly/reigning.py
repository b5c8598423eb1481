"""Who is champion now, and when a model was promoted last."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.config import Config
from db.models import ChangeKind, ModelChange, RegisteredModel
from detector.models.bundle import BUILT_IN_NAME, ModelBundle
from rollout.models.champion import standing
from rollout.models.registry import BUILT_IN_DIRECTORY


@dataclass(frozen=True, slots=True)
class Reigning:
    """The champion. ``promoted_at`` is when any model was promoted last; None: never."""

    bundle: ModelBundle
    promoted_at: float | None


def reigning(session: Session, config: Config, data: Path) -> Reigning:
    """The model that was made champion last, else the one that the configuration names.

    Raises:
        BundleError, BackboneError: its directory is gone, or holds something else.
    """
    now = standing(session).champion
    promoted = select(ModelChange.at).where(ModelChange.kind == ChangeKind.PROMOTE).order_by(ModelChange.id.desc())
    promoted_at = session.scalars(promoted.limit(1)).first()
    if now is None:
        return Reigning(ModelBundle.open(config.detector.backbone), promoted_at)
    row = session.get_one(RegisteredModel, now)
    built_in = row.directory == BUILT_IN_DIRECTORY
    bundle = ModelBundle.open(BUILT_IN_NAME) if built_in else ModelBundle.load(data / row.directory)
    return Reigning(bundle, promoted_at)

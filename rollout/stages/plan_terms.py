"""What a plan's change would loosen, and what is under evidence beside the model. Pure.

A model is not what earns trust alone: the thresholds, the agreement rule, masks and motion settings turn its scores
into alerts. And a plan is a promise between people: whoever loosens it alone has broken it.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any, Final

from core.config import Config
from rollout.stages.plan import without_unsaid
from rollout.stages.spec import RolloutSection

Rules = tuple[tuple[str, str], ...]
"""What is under evidence, by its name, each as a digest; sorted."""
_NOT_SCORING: Final = {
    "backbone", "engine", "max_batch", "max_wait_ms", "fresh_s", "context_s", "unknown_hits", "unknown_cooldown_s",
}  # fmt: skip
"""Keys of ``detector:`` that change no alert about a bear; the backbone is the model itself, which has its own name."""
_NOT_SEEING: Final = {"campsite", "url", "username", "password", "record_url", "name", "enabled", "zones"}
"""Keys of a camera that change nothing of what its pictures show."""
_FREE: Final = {"metadata", "apiVersion", "kind", "gate_sets", "roster", "freezes"}
"""Keys of the plan that loosen nothing: names, who is on call, gate sets, which stand in the stages too, and freezes:
without one a promotion takes two people all the same."""


def scoring_rules(config: Config, timezone: str) -> Rules:
    """Everything that turns pictures into alerts, and the clock that deadlines follow: one digest for each.

    A camera has its own, so that one which is added changes nothing of the others. Keys that are added later are part
    of it by themselves.
    """
    rules = {
        "detector": config.detector.model_dump(mode="json", exclude=_NOT_SCORING),
        "motion": config.motion.model_dump(mode="json", exclude={"audit_s"}),
        "timezone": timezone,
    }
    for name, camera in config.cameras.items():
        rules[f"camera:{name}"] = camera.model_dump(mode="json", exclude=_NOT_SEEING)
    return tuple(sorted((name, _digest(value)) for name, value in rules.items()))


def changed_rules(before: Rules, after: Rules) -> tuple[str, ...]:
    """The names whose digest is another one; what was not there before has no history that could be wrong."""
    known = dict(before)
    return tuple(name for name, digest in after if known.get(name, digest) != digest)


def merged_rules(before: Rules, after: Rules) -> Rules:
    """The newest digest of each name. What is gone is remembered: it may come back as something else."""
    return tuple(sorted({**dict(before), **dict(after)}.items()))


def terms_of(section: RolloutSection) -> str:
    """A digest over all that can be loosened. Another name, author or person on call is no other promise."""
    said = section.model_dump(mode="json", by_alias=True, exclude={"on_call", "metadata", "gate_sets"})
    without_unsaid(said)
    return _digest({key: value for key, value in said.items() if key not in _FREE})


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]

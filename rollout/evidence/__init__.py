"""Evidence: what people and the model saw, side by side, and how sure one may be of it.

The modules of plain values hold the statistics and know neither database nor clock; :mod:`rollout.evidence.loader`
reads what they need, and :mod:`rollout.evidence.assessment` puts every metric together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rollout.evidence.assessment import assess

__all__ = ["assess"]


def __getattr__(name: str) -> Any:
    # Breakers and audits need single modules of this package, and the assessment needs theirs: it is imported late.
    if name == "assess":
        from rollout.evidence.assessment import assess

        return assess
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

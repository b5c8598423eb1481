"""Who is told, and how long people have to say no: what the configuration says about the outside world."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from core.config import Config


@dataclass(frozen=True, slots=True)
class Recipients:
    """Addresses by audience, and the waits. Durations in seconds."""

    campers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By campsite."""
    rangers: tuple[str, ...] = ()
    staff: tuple[str, ...] = ()
    veto_window_s: float = 20.0
    ack_within_s: float = 180.0
    join_s: float = 600.0
    undo_s: float = 10.0

    @classmethod
    def of(cls, config: Config, on_call: Iterable[str] = ()) -> Recipients:
        """As configured. Without ``rollout.staff``, staff are the addresses of ``on_call``, else the rangers."""
        asked = config.rollout
        return cls(
            campers={key: _once(asked.notify, site.notify) for key, site in config.campsites.items()},
            rangers=_once(asked.rangers),
            staff=_once(asked.staff or list(on_call) or asked.rangers),
            veto_window_s=asked.veto_window_s,
            ack_within_s=asked.ack_within_s,
            join_s=asked.join_s,
            undo_s=asked.undo_s,
        )


def _once(*lists: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(address for addresses in lists for address in addresses))

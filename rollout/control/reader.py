"""Who reads about the rollout, and what they may know: their campsites, less what would tell a blind watcher.

A reader may know of a campsite that is theirs; of others only how many there are. Whoever watches blind learns no
number that moves with what the model sees: a count that has gone up since the last reading is as good as an alert.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Self

from pydantic import BaseModel, ConfigDict, Field

from core.config import Config
from rollout.base.scopes import Places
from rollout.control.status_words import and_list


class Values(BaseModel):
    """A value that never changes."""

    model_config = ConfigDict(frozen=True)


class PlacesView(Values):
    """Campsites, as far as they are the reader's."""

    campsites: tuple[str, ...]
    names: tuple[str, ...]
    cameras: dict[str, tuple[str, ...]] = Field(
        default={}, description="of campsites where only some cameras are meant: which"
    )
    others: int = Field(default=0, description="how many more there are that are not yours")

    @property
    def words(self) -> str:
        """For people."""
        more = [f"{self.others} more"] if self.others else []
        return and_list([*self.names, *more]) or "nowhere"

    @property
    def lines(self) -> list[str]:
        """As configurations write them: ``upper-pines`` or ``upper-pines (creek, trail)``."""
        return [
            f"{each} ({', '.join(self.cameras[each])})" if each in self.cameras else each for each in self.campsites
        ]


@dataclass(frozen=True, slots=True)
class Names:
    """What people call campsites and cameras, by their keys; a key that has no name stands for itself."""

    campsites: Mapping[str, str] = field(default_factory=dict)
    cameras: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, config: Config) -> Self:
        """As the configuration says."""
        return cls(
            {key: each.name or key for key, each in config.campsites.items()},
            {key: each.name or key for key, each in config.cameras.items()},
        )

    def campsite(self, key: str) -> str:
        """A campsite's name."""
        return self.campsites.get(key, key)

    def camera(self, key: str) -> str:
        """A camera's name."""
        return self.cameras.get(key, key)

    def these(self, campsites: Iterable[str]) -> PlacesView:
        """Campsites with all of their cameras."""
        keys = tuple(campsites)
        return PlacesView(campsites=keys, names=tuple(map(self.campsite, keys)))

    def places(self, places: Places) -> PlacesView:
        """Places, each with all or some of its cameras."""
        some = {place.campsite: place.cameras for place in places if place.cameras is not None}
        return self.these(place.campsite for place in places).model_copy(update={"cameras": some})


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads, and what they may know. By default everything: somebody at the machine, who is nobody's account."""

    names: Names = field(default_factory=Names)
    campsites: frozenset[str] | None = None
    """Those that are theirs; None: all."""
    blind: frozenset[str] = frozenset()
    """Those that they watch blind now."""
    user: str = ""
    """The name of their account."""
    takes_watch: bool = False
    """Whether their role can take over a watch."""
    operates: bool = True
    """Whether their role runs the machines: they read what is wrong with the configuration, and sealed plans."""

    def covers(self, campsite: str) -> bool:
        """Whether a campsite is theirs."""
        return self.campsites is None or campsite in self.campsites

    def places(self, view: PlacesView) -> PlacesView:
        """Campsites as far as they are theirs."""
        mine = [(key, name) for key, name in zip(view.campsites, view.names, strict=True) if self.covers(key)]
        return PlacesView(
            campsites=tuple(key for key, _ in mine),
            names=tuple(name for _, name in mine),
            cameras={key: some for key, some in view.cameras.items() if self.covers(key)},
            others=view.others + len(view.campsites) - len(mine),
        )

    def knows_all(self, campsites: Iterable[str] | None) -> bool:
        """Whether words about these campsites may be shown as they are; None: about everything."""
        if campsites is None:
            return self.campsites is None
        return all(map(self.covers, campsites))

    def is_blind(self, campsites: Iterable[str] | None) -> bool:
        """Whether numbers about these campsites would tell what the model sees where they watch blind."""
        return bool(self.blind) if campsites is None else bool(self.blind & set(campsites))

"""How far something reaches: one camera, one campsite, one region, or everything under the rollout."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from core.config import Config


class Scope(StrEnum):
    """The reach of a breaker, narrowest first."""

    CAMERA = "camera"
    SITE = "site"
    REGION = "region"
    ROLLOUT = "rollout"

    @property
    def width(self) -> int:
        """0 for the narrowest."""
        return list(Scope).index(self)


@dataclass(frozen=True, slots=True, order=True)
class Unit:
    """One thing of a scope: ``camera`` ``upper-creek``, ``site`` ``upper-pines``. The rollout's id is ``rollout``."""

    scope: Scope
    id: str

    def __str__(self) -> str:
        return f"{self.scope}:{self.id}"

    @classmethod
    def parse(cls, text: str) -> Unit:
        """The unit that ``str`` wrote."""
        scope, _, name = text.partition(":")
        return cls(Scope(scope), name)


EVERYTHING = Unit(Scope.ROLLOUT, "rollout")


@dataclass(frozen=True, slots=True)
class Places:
    """Which camera stands at which campsite, and which campsite in which region; switched-off cameras are left out."""

    site_of: dict[str, str]
    region_of: dict[str, str]

    @classmethod
    def of(cls, config: Config) -> Places:
        """The places that the configuration names."""
        return cls(
            {name: camera.campsite for name, camera in config.enabled_cameras().items()},
            {name: campsite.region for name, campsite in config.campsites.items()},
        )

    def units(self, scope: Scope) -> list[Unit]:
        """Everything of a scope, in order."""
        names = {
            Scope.CAMERA: self.site_of.keys(),
            Scope.SITE: self.region_of.keys(),
            Scope.REGION: set(self.region_of.values()),
            Scope.ROLLOUT: ("rollout",),
        }
        return [Unit(scope, name) for name in sorted(names[scope])]

    def widen(self, unit: Unit, scope: Scope) -> Unit:
        """The unit of a wider scope that holds ``unit``; raises ValueError for a narrower one."""
        while unit.scope is not scope:
            if unit.scope is Scope.CAMERA:
                unit = Unit(Scope.SITE, self.site_of[unit.id])
            elif unit.scope is Scope.SITE:
                unit = Unit(Scope.REGION, self.region_of[unit.id])
            elif unit.scope is Scope.REGION:
                unit = EVERYTHING
            else:
                raise ValueError(f"{unit} reaches further than one {scope}")
        return unit

    def sites(self, unit: Unit) -> list[str]:
        """The campsites that lie in a unit; for a camera the campsite that it stands at."""
        if unit.scope is Scope.CAMERA:
            return [self.site_of[unit.id]] if unit.id in self.site_of else []
        if unit.scope is Scope.SITE:
            return [unit.id]
        return sorted(
            site for site, region in self.region_of.items() if unit.scope is Scope.ROLLOUT or region == unit.id
        )

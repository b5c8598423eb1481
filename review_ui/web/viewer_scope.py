"""Who reads about the rollout, and what they may know: their campsites, less what would tell a blind watcher."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field

from review_ui.auth.accounts import Account
from review_ui.rendering.rollout_wording import and_list
from review_ui.site import Site


class Values(BaseModel):
    """A value that never changes."""

    model_config = ConfigDict(frozen=True)


class PlacesOut(Values):
    """Campsites, as far as they are the reader's."""

    campsites: list[str]
    names: list[str]
    others: int = Field(description="how many more there are that are not yours")

    @property
    def words(self) -> str:
        """For people."""
        more = [f"{self.others} more"] if self.others else []
        return and_list([*self.names, *more]) or "nowhere"


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads, and what they may know."""

    site: Site
    account: Account
    blind: frozenset[str]

    def name(self, campsite: str) -> str:
        """A campsite's name."""
        known = self.site.config.campsites.get(campsite)
        return (known.name if known else None) or campsite

    def camera(self, camera: str) -> str:
        """A camera's name."""
        known = self.site.config.cameras.get(camera)
        return (known.name if known else None) or camera

    def places(self, campsites: Iterable[str]) -> PlacesOut:
        """Campsites as far as they are theirs."""
        listed = list(campsites)
        mine = [each for each in listed if self.account.covers(each)]
        return PlacesOut(campsites=mine, names=[self.name(each) for each in mine], others=len(listed) - len(mine))

    def knows_all(self, campsites: Iterable[str] | None) -> bool:
        """Whether words about these campsites may be shown as they are; None: about everything."""
        if campsites is None:
            return self.account.campsites is None
        return all(self.account.covers(each) for each in campsites)

    def is_blind(self, campsites: Iterable[str] | None) -> bool:
        """Whether numbers about these campsites would tell what the model sees where they watch blind."""
        return bool(self.blind) if campsites is None else bool(self.blind & set(campsites))

"""Where something holds: campsites, each with all of its cameras or with some. Plain values, plain set arithmetic."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A campsite; ``cameras`` are the only ones meant, None means all of them, also those that come later."""

    campsite: str
    cameras: tuple[str, ...] | None = None

    def holds(self, other: Place) -> bool:
        """Whether ``other`` lies within this."""
        if self.campsite != other.campsite:
            return False
        return self.cameras is None or (other.cameras is not None and set(other.cameras) <= set(self.cameras))


Places = tuple[Place, ...]
"""Sorted, one entry a campsite."""


def together(places: Iterable[Place]) -> Places:
    """The union."""
    found: dict[str, Place] = {}
    for place in places:
        known = found.get(place.campsite)
        if known is None:
            found[place.campsite] = place
        elif known.cameras is None or place.cameras is None:
            found[place.campsite] = Place(place.campsite)
        else:
            found[place.campsite] = Place(place.campsite, tuple(sorted({*known.cameras, *place.cameras})))
    return tuple(found[name] for name in sorted(found))


def within(inner: Places, outer: Places) -> bool:
    """Whether everything of ``inner`` lies in ``outer``."""
    return all(any(place.holds(part) for place in outer) for part in inner)


def common(one: Places, other: Places) -> Places:
    """The intersection."""
    by_name = {place.campsite: place for place in other}
    found = []
    for place in one:
        twin = by_name.get(place.campsite)
        if twin is None:
            continue
        if place.cameras is None or twin.cameras is None:
            found.append(twin if place.cameras is None else place)
        else:
            cameras = tuple(sorted(set(place.cameras) & set(twin.cameras)))
            if cameras:
                found.append(Place(place.campsite, cameras))
    return tuple(found)


def without(places: Places, campsites: Iterable[str]) -> Places:
    """What is left when these campsites go."""
    gone = set(campsites)
    return tuple(place for place in places if place.campsite not in gone)


def campsites_of(places: Iterable[Place]) -> tuple[str, ...]:
    """Their campsites."""
    return tuple(place.campsite for place in places)

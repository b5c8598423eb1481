"""Who can come by: one photographic cut-out per kind, how tall it is, how it walks and where its eyes are."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Subject:
    """One kind of visitor.

    ``aspect`` is width over height of the cut-out, ``belly`` the height (0-1 from the top) where the legs begin,
    ``stride_m`` the way of one full step cycle, ``eyes`` their places (0-1 from the left, from the top).
    """

    kind: str
    asset: str
    aspect: float
    tall_m: float
    belly: float
    stride_m: float
    faces_right: bool
    eyes: tuple[tuple[float, float], ...] = ()
    is_bear: bool = False


SUBJECTS: dict[str, Subject] = {
    subject.kind: subject
    for subject in (
        Subject("bear", "brown-bear.png", 1.183, 1.25, 0.62, 1.7, True, ((0.805, 0.41), (0.915, 0.405)), True),
        Subject("black_bear", "black-bear.png", 1.029, 1.05, 0.58, 1.5, True, ((0.885, 0.39), (0.965, 0.385)), True),
        Subject("deer", "doe.png", 0.886, 1.3, 0.58, 1.5, True, ((0.74, 0.18), (0.86, 0.18))),
        Subject("elk", "elk.png", 1.157, 1.9, 0.68, 2.0, False, ((0.135, 0.37),)),
        Subject("dog", "dog.png", 0.875, 0.75, 0.62, 0.95, True, ((0.86, 0.19),)),
        Subject("fox", "fox.png", 1.964, 0.46, 0.62, 0.8, False, ((0.035, 0.29),)),
        Subject("badger", "badger.png", 2.581, 0.36, 0.72, 0.6, False, ((0.10, 0.40),)),
        Subject("boar", "boar.png", 1.353, 0.85, 0.62, 1.1, True, ((0.80, 0.36), (0.92, 0.35))),
        Subject("person", "walker.png", 0.603, 1.75, 0.62, 1.5, False),
    )
}

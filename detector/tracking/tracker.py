"""From frame scores to encounters: one visit of one animal is one encounter, not three hundred alerts. Pure.

A :class:`Track` holds what is known of one camera. :func:`observe` takes the next scored frame and returns the new
track with what has changed. The same frame twice changes nothing.

A visit is a bear's, or that of an animal which the model does not know. A bear's is judged by all its frames together
(:mod:`core.visit_evidence`), an unknown animal's by how many frames agree. Which frames agree is said by
the frames themselves: each carries the threshold for its light. A bear always comes first: it opens a visit where
unknown frames would too, and takes over a visit that began as an unknown animal's.

A visit ends when the evidence for it has ended: one frame alone neither opens a visit nor keeps one open.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from core.config import Detector, Point
from core.messages import WHOLE_FRAME, Box, EncounterKind, FrameScores, Reason
from core.visit_evidence import (
    WEAKEST,
    WITHOUT_AGREEMENT,
    VisitEvidence,
    along,
    can_fire,
    least_fps,
    level_of,
    needed,
    window_at,
)

MAX_KEPT = 60
"""Frames kept of one encounter: half a minute of a bear that stays, and every new best one."""
KEEP_EVERY_S = 0.5


LEAST_SUPPORT: Final = 2
"""So many agreeing frames of an unknown animal within the window keep its visit open: one alone does not."""


@dataclass(frozen=True, slots=True)
class AlertRule:
    """When frames are enough for an encounter, and when it ends. Unknown animals need ``unknown_hits`` of them.

    A bear needs as much evidence as ``min_hits`` frames on the threshold make at five a second. Frames further apart
    than ``window_s`` seconds do not belong together.
    """

    min_hits: int
    unknown_hits: int
    window_s: float
    quiet_gap_s: float
    context_s: float

    @classmethod
    def of(cls, detector: Detector) -> AlertRule:
        """The rule that the configuration asks for."""
        return cls(
            detector.min_hits, detector.unknown_hits, detector.window_s, detector.quiet_gap_s, detector.context_s
        )

    @property
    def memory_s(self) -> float:
        """How far back a track has to remember."""
        return max(self.window_s, self.context_s)

    @property
    def needed(self) -> float:
        """The evidence that opens a bear's encounter (:func:`core.visit_evidence.needed`)."""
        return needed(self.min_hits)

    def for_rate(self, fps: float) -> AlertRule:
        """The rule for a camera with so many frames a second (:func:`core.visit_evidence.window_at`)."""
        window_s = window_at(fps, self.window_s, self.unknown_hits)
        return self if window_s == self.window_s else replace(self, window_s=window_s)

    def can_fire(self, fps: float) -> bool:
        """Whether a bear that is on the threshold in every frame ever opens an encounter at that frame rate."""
        return can_fire(fps, self.window_s, self.min_hits)

    @property
    def least_fps(self) -> float:
        """The lowest frame rate at which this rule, as it stands, can fire, to a percent; infinity where none does."""
        return least_fps(self.window_s, self.min_hits)


@dataclass(frozen=True, slots=True)
class EncounterDraft:
    """What an encounter is when it begins: the agreeing frames, and the seconds before them.

    Where a bear's agreeing frames are fewer than the rule's ``min_hits``, and the visit is one all the same by what all
    frames say together, ``hits`` are all that speak for a bear.
    """

    hits: tuple[FrameScores, ...]
    context: tuple[FrameScores, ...]
    kind: EncounterKind = EncounterKind.BEAR

    @property
    def cover(self) -> FrameScores:
        """The frame that says it best: the likeliest bear, or the strangest animal."""
        return max(self.hits, key=lambda scores: strength(scores, self.kind))


@dataclass(frozen=True, slots=True)
class TrackedVisit:
    """An open encounter as far as the rule needs it. ``peak`` is the :func:`strength` of its best frame."""

    last_at: float
    peak: float
    kept: int
    kept_at: float
    kind: EncounterKind = EncounterKind.BEAR


@dataclass(frozen=True, slots=True)
class Track:
    """What is known of one camera: its recent frames in capture order, and the open encounter if there is one.

    ``trail`` is the evidence for a bear after each frame of the history, ``before`` that of the frames that have left.
    """

    history: tuple[FrameScores, ...] = ()
    visit: TrackedVisit | None = None
    trail: tuple[VisitEvidence, ...] = ()
    before: VisitEvidence | None = None


@dataclass(frozen=True, slots=True)
class Opened:
    """An encounter begins."""

    draft: EncounterDraft


@dataclass(frozen=True, slots=True)
class Upgraded:
    """What visits as an unknown animal is a bear: the encounter is a bear's from now on."""

    draft: EncounterDraft


@dataclass(frozen=True, slots=True)
class Extended:
    """An open encounter has one more agreeing frame; ``keep`` says whether its picture is worth keeping."""

    hit: FrameScores
    keep: bool
    is_peak: bool
    kind: EncounterKind = EncounterKind.BEAR


@dataclass(frozen=True, slots=True)
class Closed:
    """An encounter has ended: nothing agreed for the quiet gap after ``last_at``."""

    last_at: float
    closed_at: float
    kind: EncounterKind = EncounterKind.BEAR


Change = Opened | Upgraded | Extended | Closed


def observe(track: Track, scores: FrameScores, rule: AlertRule) -> tuple[Track, list[Change]]:
    """Take the next scored frame of a camera.

    1. A frame that is already in the history changes nothing, nor does an audit frame: it is the thumbnail of a
       picture that counts already.
    2. A frame long after the last agreeing one first closes the open encounter.
    3. The history takes it in, in capture order; what is older than the rule's memory stays as evidence only.
    4. Without an open encounter, the evidence may open one for a bear, or agreeing frames one for an unknown animal.
    5. With an open one of an unknown animal, enough evidence of a bear makes it a bear's.
    6. Otherwise frames extend it, as long as there are enough of them (:func:`_supported`). What an unknown animal does
       while a bear is in view is no news.
    """
    seen_before = any(known.frame.key == scores.frame.key for known in track.history)
    if seen_before or scores.frame.reason is Reason.AUDIT:
        return track, []
    track, changes = expire(track, scores.frame.captured_at, rule)
    track = _remember(track, scores, rule)
    visit = track.visit
    if visit is None:
        draft = _bear_draft(track, rule) or _unknown_draft(track.history, rule)
        return (track, changes) if draft is None else (replace(track, visit=_begin(draft)), [*changes, Opened(draft)])
    if visit.kind is EncounterKind.UNKNOWN_ANIMAL:
        bear = _bear_draft(track, rule)
        if bear is not None:
            return replace(track, visit=_take_over(visit, bear)), [*changes, Upgraded(bear)]
    for hit in _supported(track, visit, scores, rule):
        visit, extended = _extend(visit, hit)
        changes = [*changes, extended]
    return replace(track, visit=visit), changes


def expire(track: Track, now: float, rule: AlertRule) -> tuple[Track, list[Change]]:
    """Close the open encounter when nothing has agreed for the quiet gap (also when no frame comes any more)."""
    visit = track.visit
    if visit is None or now - visit.last_at <= rule.quiet_gap_s:
        return track, []
    closed = Closed(visit.last_at, visit.last_at + rule.quiet_gap_s, visit.kind)
    return replace(track, visit=None), [closed]


def decide(history: Sequence[FrameScores], rule: AlertRule) -> EncounterDraft | None:
    """Open an encounter when the recent frames of one camera, in capture order, are enough.

    1. Evidence of a bear that reaches ``rule.needed`` opens a bear's encounter; where no frame has reached the
       threshold, it takes :data:`core.visit_evidence.WITHOUT_AGREEMENT`.
    2. Otherwise ``rule.unknown_hits`` frames within ``rule.window_s`` that show no bear, and an animal that the model
       does not know, open one of an unknown animal.
    3. Whatever else the history holds becomes the context.
    """
    trail = along([(scores.frame.captured_at, bear_level(scores)) for scores in history], rule.window_s)
    return _bear_draft(Track(tuple(history), None, tuple(trail)), rule) or _unknown_draft(history, rule)


def bear_level(scores: FrameScores) -> float:
    """What a frame says of a bear: see :func:`core.visit_evidence.level_of`."""
    return level_of(scores.bear, scores.threshold) if scores.crops else WEAKEST


def strength(scores: FrameScores, kind: EncounterKind) -> float:
    """How well a frame shows what the visit is taken for: the bear score, or how strange the animal is."""
    return scores.bear if kind is EncounterKind.BEAR else scores.unknown_score


def subject_box(scores: FrameScores) -> Box:
    """Where the subject of the deciding crop is: the motion inside that crop, else the crop itself."""
    best = scores.best
    if best is None:
        return WHOLE_FRAME
    inside = [box for box in scores.frame.boxes if _contains(best.box, _centre(box))]
    if not inside:
        return best.box
    return (
        min(box[0] for box in inside),
        min(box[1] for box in inside),
        max(box[2] for box in inside),
        max(box[3] for box in inside),
    )


def zones_of(box: Box, zones: Mapping[str, Sequence[Point]]) -> list[str]:
    """The named areas that a subject stands in: its feet count, the bottom-centre of its box."""
    feet = ((box[0] + box[2]) / 2, box[3])
    return [name for name, polygon in zones.items() if _inside(feet, polygon)]


@dataclass
class Tracks:
    """The tracks of many cameras. ``trial`` gives a copy, which ``commit`` makes true once its effects are durable."""

    by_key: dict[tuple[str, bool], Track] = field(default_factory=dict)

    def trial(self) -> Tracks:
        """A copy that can be thrown away."""
        return Tracks(dict(self.by_key))

    def commit(self, trial: Tracks) -> None:
        """Take over what the copy has become."""
        self.by_key = trial.by_key

    def key_for(self, scores: FrameScores, rule: AlertRule) -> tuple[str, bool]:
        """Which track a frame belongs to: ``(camera, late)``.

        A frame far older than the newest one of its camera waited out an outage. It belongs to a second track of
        that camera, so that old frames neither close nor extend what happens now.
        """
        camera = scores.frame.camera
        track = self.by_key.get((camera, False), Track())
        newest = track.history[-1].frame.captured_at if track.history else float("-inf")
        return (camera, scores.frame.captured_at < newest - rule.memory_s)


def _bear_draft(track: Track, rule: AlertRule) -> EncounterDraft | None:
    """The encounter of a bear, if the evidence is enough at some frame of the last ``window_s``."""
    seen_well = any(scores.is_bear for scores in track.history)
    reached = _reached(track, rule, rule.needed if seen_well else max(rule.needed, WITHOUT_AGREEMENT))
    if reached is None:
        return None
    recent = _within(track.history, rule)
    agreeing = tuple(scores for scores in recent if scores.is_bear)
    speaking = tuple(scores for scores in recent if bear_level(scores) > 0.0)
    hits = agreeing if len(agreeing) >= rule.min_hits else speaking
    return EncounterDraft(hits, _context(track.history, hits, rule), EncounterKind.BEAR)


def _unknown_draft(history: Sequence[FrameScores], rule: AlertRule) -> EncounterDraft | None:
    hits = tuple(scores for scores in _within(history, rule) if scores.unknown)
    if len(hits) < rule.unknown_hits:
        return None
    return EncounterDraft(hits, _context(history, hits, rule), EncounterKind.UNKNOWN_ANIMAL)


def _reached(track: Track, rule: AlertRule, enough: float) -> float | None:
    """When the evidence for a bear was last ``enough``, within the window before the newest frame; None: it was not."""
    for found in reversed(track.trail):
        if found.at < track.trail[-1].at - rule.window_s:
            return None
        if found.level > 0.0 and found.total >= enough:
            return found.at
    return None


def _supported(track: Track, visit: TrackedVisit, scores: FrameScores, rule: AlertRule) -> list[FrameScores]:
    """The frames that extend a visit now that this one has come: none while it is alone.

    1. A frame from before the visit's last one belongs to it, if it speaks for it.
    2. A later one does once it is not alone: when the evidence for a bear is enough once more, or for an unknown animal
       when :data:`LEAST_SUPPORT` frames agree within the window. Then those that waited for this count too.
    """
    is_bear = visit.kind is EncounterKind.BEAR
    speaking = [each for each in _within(track.history, rule) if _speaks(each, visit.kind)]
    if scores.frame.captured_at <= visit.last_at:
        return [each for each in speaking if each is scores]
    if is_bear:
        until = _reached(track, rule, rule.needed)
    else:
        until = speaking[-1].frame.captured_at if len(speaking) >= LEAST_SUPPORT else None
    return [] if until is None else [each for each in speaking if visit.last_at < each.frame.captured_at <= until]


def _speaks(scores: FrameScores, kind: EncounterKind) -> bool:
    return bear_level(scores) > 0.0 if kind is EncounterKind.BEAR else scores.shows(kind)


def _within(history: Sequence[FrameScores], rule: AlertRule) -> list[FrameScores]:
    since = history[-1].frame.captured_at - rule.window_s if history else 0.0
    return [scores for scores in history if scores.frame.captured_at >= since]


def _context(history: Sequence[FrameScores], hits: Sequence[FrameScores], rule: AlertRule) -> tuple[FrameScores, ...]:
    agreeing = {scores.frame.key for scores in hits}
    since = hits[0].frame.captured_at - rule.context_s
    return tuple(s for s in history if s.frame.key not in agreeing and s.frame.captured_at >= since)


def _begin(draft: EncounterDraft) -> TrackedVisit:
    last = draft.hits[-1].frame.captured_at
    kept = len(draft.hits) + len(draft.context)
    return TrackedVisit(last, strength(draft.cover, draft.kind), kept, last, draft.kind)


def _take_over(visit: TrackedVisit, bear: EncounterDraft) -> TrackedVisit:
    """The visit goes on as a bear's; what was kept of it stays kept, and the bear gets as much room again."""
    begun = _begin(bear)
    return replace(begun, last_at=max(visit.last_at, begun.last_at))


def _extend(visit: TrackedVisit, hit: FrameScores) -> tuple[TrackedVisit, Extended]:
    at = hit.frame.captured_at
    shown = strength(hit, visit.kind)
    is_peak = shown > visit.peak
    keep = is_peak or (visit.kept < MAX_KEPT and at - visit.kept_at >= KEEP_EVERY_S)
    longer = TrackedVisit(
        last_at=max(visit.last_at, at),
        peak=max(visit.peak, shown),
        kept=visit.kept + keep,
        kept_at=at if keep else visit.kept_at,
        kind=visit.kind,
    )
    return longer, Extended(hit, keep, is_peak, visit.kind)


def _remember(track: Track, scores: FrameScores, rule: AlertRule) -> Track:
    """Take a frame into the history, at its place: one that comes out of order counts as if it had not."""
    order = (scores.frame.captured_at, scores.frame.sequence)
    place = bisect_right(track.history, order, key=lambda s: (s.frame.captured_at, s.frame.sequence))
    history = (*track.history[:place], scores, *track.history[place:])
    since = track.trail[place - 1] if place else track.before
    levels = [(each.frame.captured_at, bear_level(each)) for each in history[place:]]
    trail = (*track.trail[:place], *along(levels, rule.window_s, since))
    oldest = history[-1].frame.captured_at - rule.memory_s
    gone = bisect_left(trail, oldest, key=lambda found: found.at)
    return replace(track, history=history[gone:], trail=trail[gone:], before=trail[gone - 1] if gone else track.before)


def _centre(box: Box) -> Point:
    return ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)


def _contains(box: Box, point: Point) -> bool:
    return box[0] <= point[0] <= box[2] and box[1] <= point[1] <= box[3]


def _inside(point: Point, polygon: Sequence[Point]) -> bool:
    """Even-odd rule: a ray to the right crosses the outline an odd number of times."""
    x, y = point
    inside = False
    for (x0, y0), (x1, y1) in zip(polygon, [*polygon[1:], polygon[0]], strict=True):
        if (y0 > y) != (y1 > y) and x < (x1 - x0) * (y - y0) / (y1 - y0) + x0:
            inside = not inside
    return inside

"""From frame scores to encounters: one visit of one animal is one encounter, not three hundred alerts. Pure.

A :class:`Track` holds what is known of one camera. :func:`observe` takes the next scored frame and returns the new
track with what has changed. The same frame twice changes nothing.

A visit is a bear's, or that of an animal which the model does not know. Which frames agree is said by the frames
themselves: each carries the threshold that its model has for its light. A bear always comes first: it opens a visit
where unknown frames would too, and takes over a visit that began as an unknown animal's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from core.config import Detector, Point
from core.messages import WHOLE_FRAME, Box, EncounterKind, FrameScores, Reason

MAX_KEPT = 60
"""Frames kept of one encounter: half a minute of a bear that stays, and every new best one."""
KEEP_EVERY_S = 0.5


@dataclass(frozen=True, slots=True)
class AlertRule:
    """When frames are enough for an encounter, and when it ends. Unknown animals need ``unknown_hits`` of them."""

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


@dataclass(frozen=True, slots=True)
class EncounterDraft:
    """What an encounter is when it begins: the agreeing frames, and the seconds before them."""

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
    """What is known of one camera: its recent frames in capture order, and the open encounter if there is one."""

    history: tuple[FrameScores, ...] = ()
    visit: TrackedVisit | None = None


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
    3. The history takes it in, in capture order, and forgets what is older than the rule's memory.
    4. Without an open encounter, :func:`decide` may open one, for a bear or for an unknown animal.
    5. With an open one of an unknown animal, enough frames of a bear make it a bear's.
    6. Otherwise an agreeing frame extends it. What an unknown animal does while a bear is in view is no news.
    """
    seen_before = any(known.frame.key == scores.frame.key for known in track.history)
    if seen_before or scores.frame.reason is Reason.AUDIT:
        return track, []
    track, changes = expire(track, scores.frame.captured_at, rule)
    track = replace(track, history=_remember(track.history, scores, rule.memory_s))
    visit = track.visit
    if visit is None:
        draft = decide(track.history, rule)
        return (track, changes) if draft is None else (replace(track, visit=_begin(draft)), [*changes, Opened(draft)])
    if visit.kind is EncounterKind.UNKNOWN_ANIMAL:
        bear = _draft(track.history, rule, EncounterKind.BEAR)
        if bear is not None:
            return replace(track, visit=_take_over(visit, bear)), [*changes, Upgraded(bear)]
    if scores.shows(visit.kind):
        visit, extended = _extend(visit, scores)
        return replace(track, visit=visit), [*changes, extended]
    return track, changes


def expire(track: Track, now: float, rule: AlertRule) -> tuple[Track, list[Change]]:
    """Close the open encounter when nothing has agreed for the quiet gap (also when no frame comes any more)."""
    visit = track.visit
    if visit is None or now - visit.last_at <= rule.quiet_gap_s:
        return track, []
    closed = Closed(visit.last_at, visit.last_at + rule.quiet_gap_s, visit.kind)
    return replace(track, visit=None), [closed]


def decide(history: Sequence[FrameScores], rule: AlertRule) -> EncounterDraft | None:
    """Open an encounter when enough recent frames of one camera agree.

    1. Look at the last ``rule.window_s`` seconds before the newest frame.
    2. ``rule.min_hits`` frames in there that show a bear open a bear's encounter.
    3. Otherwise ``rule.unknown_hits`` frames that show no bear, and an animal that the model does not know, open one of
       an unknown animal.
    4. Whatever else the history holds becomes the context.
    """
    return _draft(history, rule, EncounterKind.BEAR) or _draft(history, rule, EncounterKind.UNKNOWN_ANIMAL)


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


def _draft(history: Sequence[FrameScores], rule: AlertRule, kind: EncounterKind) -> EncounterDraft | None:
    if not history:
        return None
    since = history[-1].frame.captured_at - rule.window_s
    is_bear = kind is EncounterKind.BEAR
    hits = tuple(s for s in history if s.frame.captured_at >= since and (s.is_bear if is_bear else s.unknown))
    if len(hits) < (rule.min_hits if is_bear else rule.unknown_hits):
        return None
    agreeing = {scores.frame.key for scores in hits}
    first = hits[0].frame.captured_at
    context = tuple(s for s in history if s.frame.key not in agreeing and s.frame.captured_at >= first - rule.context_s)
    return EncounterDraft(hits, context, kind)


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


def _remember(history: tuple[FrameScores, ...], scores: FrameScores, memory_s: float) -> tuple[FrameScores, ...]:
    merged = sorted((*history, scores), key=lambda s: (s.frame.captured_at, s.frame.sequence))
    oldest = merged[-1].frame.captured_at - memory_s
    return tuple(s for s in merged if s.frame.captured_at >= oldest)


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

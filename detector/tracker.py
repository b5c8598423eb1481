"""From frame scores to encounters: one visit of one bear is one encounter, not three hundred alerts. Pure.

A :class:`Track` holds what is known of one camera. :func:`observe` takes the next scored frame and returns the new
track with what has changed. The same frame twice changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from core.config import Detector, Point
from core.messages import WHOLE_FRAME, Box, FrameScores, Reason

MAX_KEPT = 60
"""Frames kept of one encounter: half a minute of a bear that stays, and every new best one."""
KEEP_EVERY_S = 0.5


@dataclass(frozen=True, slots=True)
class AlertRule:
    """When frames are enough for an encounter, and when it ends."""

    threshold: float
    min_hits: int
    window_s: float
    quiet_gap_s: float
    context_s: float

    @classmethod
    def of(cls, detector: Detector) -> AlertRule:
        """The rule that the configuration asks for."""
        return cls(detector.threshold, detector.min_hits, detector.window_s, detector.quiet_gap_s, detector.context_s)

    @property
    def memory_s(self) -> float:
        """How far back a track has to remember."""
        return max(self.window_s, self.context_s)


@dataclass(frozen=True, slots=True)
class EncounterDraft:
    """What an encounter is when it begins: the agreeing frames, and the seconds before them."""

    hits: tuple[FrameScores, ...]
    context: tuple[FrameScores, ...]

    @property
    def cover(self) -> FrameScores:
        """The highest-scoring frame."""
        return max(self.hits, key=lambda scores: scores.bear)


@dataclass(frozen=True, slots=True)
class Visit:
    """An open encounter as far as the rule needs it."""

    last_at: float
    peak: float
    kept: int
    kept_at: float


@dataclass(frozen=True, slots=True)
class Track:
    """What is known of one camera: its recent frames in capture order, and the open encounter if there is one."""

    history: tuple[FrameScores, ...] = ()
    visit: Visit | None = None


@dataclass(frozen=True, slots=True)
class Opened:
    """An encounter begins."""

    draft: EncounterDraft


@dataclass(frozen=True, slots=True)
class Extended:
    """An open encounter has one more agreeing frame; ``keep`` says whether its picture is worth keeping."""

    hit: FrameScores
    keep: bool
    is_peak: bool


@dataclass(frozen=True, slots=True)
class Closed:
    """An encounter has ended: nothing agreed for the quiet gap after ``last_at``."""

    last_at: float
    closed_at: float


Change = Opened | Extended | Closed


def observe(track: Track, scores: FrameScores, rule: AlertRule) -> tuple[Track, list[Change]]:
    """Take the next scored frame of a camera.

    1. A frame that is already in the history changes nothing, nor does an audit frame: it is the thumbnail of a
       picture that counts already.
    2. A frame long after the last agreeing one first closes the open encounter.
    3. The history takes it in, in capture order, and forgets what is older than the rule's memory.
    4. With an open encounter, an agreeing frame extends it. Without one, :func:`decide` may open it.
    """
    seen_before = any(known.frame.key == scores.frame.key for known in track.history)
    if seen_before or scores.frame.reason is Reason.AUDIT:
        return track, []
    track, changes = expire(track, scores.frame.captured_at, rule)
    track = replace(track, history=_remember(track.history, scores, rule.memory_s))
    if track.visit is not None:
        if scores.bear >= rule.threshold:
            visit, extended = _extend(track.visit, scores)
            return replace(track, visit=visit), [*changes, extended]
        return track, changes
    draft = decide(track.history, rule)
    if draft is None:
        return track, changes
    return replace(track, visit=_begin(draft)), [*changes, Opened(draft)]


def expire(track: Track, now: float, rule: AlertRule) -> tuple[Track, list[Change]]:
    """Close the open encounter when nothing has agreed for the quiet gap (also when no frame comes any more)."""
    visit = track.visit
    if visit is None or now - visit.last_at <= rule.quiet_gap_s:
        return track, []
    closed = Closed(visit.last_at, visit.last_at + rule.quiet_gap_s)
    return replace(track, visit=None), [closed]


def decide(history: Sequence[FrameScores], rule: AlertRule) -> EncounterDraft | None:
    """Open an encounter when enough recent frames of one camera agree.

    1. Look at the last ``rule.window_s`` seconds before the newest frame.
    2. Return None unless ``rule.min_hits`` frames in there reach ``rule.threshold``.
    3. Whatever else the history holds becomes the context.
    """
    if not history:
        return None
    since = history[-1].frame.captured_at - rule.window_s
    hits = tuple(s for s in history if s.frame.captured_at >= since and s.bear >= rule.threshold)
    if len(hits) < rule.min_hits:
        return None
    agreeing = {scores.frame.key for scores in hits}
    first = hits[0].frame.captured_at
    context = tuple(s for s in history if s.frame.key not in agreeing and s.frame.captured_at >= first - rule.context_s)
    return EncounterDraft(hits, context)


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


def _begin(draft: EncounterDraft) -> Visit:
    last = draft.hits[-1].frame.captured_at
    kept = len(draft.hits) + len(draft.context)
    return Visit(last_at=last, peak=draft.cover.bear, kept=kept, kept_at=last)


def _extend(visit: Visit, hit: FrameScores) -> tuple[Visit, Extended]:
    at = hit.frame.captured_at
    is_peak = hit.bear > visit.peak
    keep = is_peak or (visit.kept < MAX_KEPT and at - visit.kept_at >= KEEP_EVERY_S)
    longer = Visit(
        last_at=max(visit.last_at, at),
        peak=max(visit.peak, hit.bear),
        kept=visit.kept + keep,
        kept_at=at if keep else visit.kept_at,
    )
    return longer, Extended(hit, keep, is_peak)


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

"""Cameras, latency and breakers of the daily report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import and_, or_, select

from db.models import Alert, BreakerTrip, Camera, CanaryRun, Encounter
from rollout.authority.freshness import paused_s
from rollout.breakers.trip_scope import Scope
from rollout.evidence.operations import FLUSH_S
from rollout.reports.context import ReportContext
from rollout.reports.document import Cell, Column, Figure, Form, Section, Spot, Spots, Table, table
from rollout.reports.sections.camera_coverage import MOST_HOURS, CameraCoverage, seeing, seen_minutes
from rollout.reports.sections.percentiles import percentiles

MACHINE_BREAKERS: Final = ("gpu_temp", "machine")
_MOST_SPOTS: Final = 24


@dataclass(frozen=True, slots=True)
class Cameras:
    """What all cameras saw. ``listed`` is false when the period is too long to go through minute by minute."""

    seen: tuple[CameraCoverage, ...]
    listed: bool = True

    @property
    def share(self) -> float | None:
        """The share of all camera-minutes that were seen; None when there are none."""
        wanted = sum(each.wanted for each in self.seen)
        return sum(each.seen for each in self.seen) / wanted if wanted else None


def cameras_of(asked: ReportContext) -> Cameras:
    """Go through every camera's minutes. The newest two are not asked for: the tracker writes a little later."""
    cameras = asked.cameras()
    start, end = asked.period.start, min(asked.period.end, asked.now - FLUSH_S)
    if len(cameras) * (end - start) / 3600.0 > MOST_HOURS:
        return Cameras((), False)
    found = seen_minutes(asked.session, cameras, start, end)
    return Cameras(tuple(seeing(camera, found.get(camera, {}), start, end) for camera in sorted(cameras)))


def cameras_section(asked: ReportContext, cameras: Cameras) -> Section:
    """Uptime and blind spells."""
    title = "Cameras"
    if not cameras.listed:
        return Section("cameras", title, ("This is too long a time for so many cameras to go through minute by minute: "
                                          "ask for fewer days or one campsite.",))  # fmt: skip
    worst = sorted(cameras.seen, key=lambda each: each.share if each.share is not None else 0.0)
    rows: list[tuple[Cell, ...]] = [
        (asked.camera(each.camera), asked.name(asked.cameras()[each.camera]), each.share, len(each.spells),
         each.longest_s) for each in worst
    ]  # fmt: skip
    spells = sorted((s for each in cameras.seen for s in each.spells), key=lambda s: -s.length_s)
    lost: list[tuple[Cell, ...]] = [(asked.camera(s.camera), s.start, s.end, s.length_s) for s in spells]
    minutes = sum(each.wanted for each in cameras.seen)
    why = "" if minutes else "no camera is switched on here, or it has only just begun"
    spots = tuple(Spot(asked.camera(each.camera), each.share, kind="people") for each in worst[:_MOST_SPOTS])
    return Section(
        "cameras",
        title,
        figures=(Figure("camera_uptime", "Camera time with fresh content", cameras.share, Form.SHARE,
                        sure="counted in full", n=minutes, of="camera-minutes", why=why), _rested(asked)),
        plots=(Spots("uptime", "Uptime, worst cameras first", spots),) if spots and minutes else (),
        tables=(
            table("uptime", "By camera", (Column("camera", "Camera"), Column("campsite", "Campsite"), Column("share",
                  "Seen", Form.SHARE), Column("spells", "Blind spells", Form.NUMBER), Column("longest_s", "Longest",
                  Form.SECONDS)), rows, "No camera is switched on here."),
            table("spells", "Blind spells, longest first", (Column("camera", "Camera"), Column("start", "From",
                  Form.TIME), Column("end", "To", Form.TIME), Column("length_s", "Length", Form.SECONDS)), lost,
                  "No camera was blind for three minutes or longer."),
            breakers_table(asked),
        ),
    )  # fmt: skip


def _rested(asked: ReportContext) -> Figure:
    """How long cameras had authority but no fresh pictures: nobody was warned on their account, and pages said so."""
    paused = paused_s(asked.session, asked.campsites, asked.period.start, min(asked.period.end, asked.now))
    worst = max(paused, key=lambda camera: paused[camera], default=None)
    return Figure(
        "paused_s", "Warnings paused because pictures did not arrive, all cameras together", sum(paused.values()),
        Form.SECONDS, sure="counted in full", n=len(paused), of="cameras",
        note=f"most at {asked.camera(worst)}" if worst is not None else "",
    )  # fmt: skip


def latency_section(asked: ReportContext) -> Section:
    """From the lens to the ranger, of alerts and of test clips."""
    session, period = asked.session, asked.period
    alerts = session.execute(
        select(Alert.created_at - Alert.captured_at, Encounter.late)
        .join(Encounter, Encounter.id == Alert.encounter_id)
        .where(Alert.campsite_id.in_(asked.campsites), Alert.created_at >= period.start, Alert.created_at < period.end)
    ).all()
    clips = session.execute(
        select(CanaryRun.latency_s, CanaryRun.seen)
        .join(Camera, Camera.id == CanaryRun.camera_id)
        .where(
            Camera.campsite_id.in_(asked.campsites),
            CanaryRun.planted_at >= period.start,
            CanaryRun.planted_at < period.end,
            CanaryRun.seen.is_not(None),
        )
    ).all()
    prompt = [seconds for seconds, late in alerts if not late]
    late = len(alerts) - len(prompt)
    seen = sum(bool(was_seen) for _, was_seen in clips)
    return Section(
        "latency",
        "From the lens to the ranger",
        (f"{late} alerts were found in frames that had waited out an outage; they are not in these times.",)
        if late else (),
        figures=(
            *percentiles("alert_end_to_end", "Capture to queue", prompt, "alerts", "no alert was raised in this time"),
            *percentiles("planted", "Test clips", [s for s, _ in clips if s is not None], "clips",
                         "no test clip was seen in this time"),
            Figure("canary_clip_recall", "Test clips that were seen", seen / len(clips) if clips else None,
                   Form.SHARE, sure="counted in full", n=len(clips), of="clips",
                   why="" if clips else "no test clip was sent in this time"),
        ),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class BreakerRow:
    """A breaker that tripped in the period."""

    breaker: str
    scope: str
    unit: str
    at: float
    why: str
    reset_at: float | None
    reset_by: str | None
    cause: str | None

    @property
    def open(self) -> bool:
        """Whether it is still open."""
        return self.reset_at is None

    @property
    def about_machines(self) -> bool:
        """Whether it watches machines."""
        return self.breaker in MACHINE_BREAKERS


def breaker_rows(asked: ReportContext) -> list[BreakerRow]:
    """Breakers of these campsites and their cameras; those of regions and of the whole only with ``everything``."""
    cameras = select(Camera.id).where(Camera.campsite_id.in_(asked.campsites))
    here = or_(
        and_(BreakerTrip.scope == Scope.SITE, BreakerTrip.scope_id.in_(asked.campsites)),
        and_(BreakerTrip.scope == Scope.CAMERA, BreakerTrip.scope_id.in_(cameras)),
    )
    rows = asked.session.scalars(
        select(BreakerTrip)
        .where(BreakerTrip.tripped_at >= asked.period.start, BreakerTrip.tripped_at < asked.period.end)
        .where(or_(here, BreakerTrip.scope.in_((Scope.REGION, Scope.ROLLOUT))) if asked.everything else here)
        .order_by(BreakerTrip.tripped_at)
    )
    return [
        BreakerRow(r.breaker, r.scope, r.scope_id, r.tripped_at, r.why, r.reset_at, r.reset_by, r.cause) for r in rows
    ]


def breakers_table(asked: ReportContext) -> Table:
    """What tripped, and whether it has been closed."""
    rows: list[tuple[Cell, ...]] = [
        (each.at, each.breaker, f"{each.scope} {each.unit}", each.why, each.reset_at, each.cause)
        for each in breaker_rows(asked)
    ]
    columns = (Column("at", "Tripped", Form.TIME), Column("breaker", "Breaker"), Column("unit", "Of"),
               Column("why", "Why"), Column("reset_at", "Closed", Form.TIME), Column("cause", "Cause"))  # fmt: skip
    return table("breakers", "Breakers that tripped", columns, rows, "No breaker tripped in this time.")

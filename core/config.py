"""What the configuration file says: regions, campsites, cameras, and how to watch them.

The models are strict: an unknown key is an error. :mod:`core.config_file` reads the file and names the line.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$", description="lower-case letters, digits, - and _")]
Unit = Annotated[float, Field(ge=0.0, le=1.0)]
Point = tuple[Unit, Unit]


def _polygon(points: list[Point]) -> list[Point]:
    if len(points) < 3:
        raise ValueError("a polygon needs at least three [x, y] corners in 0-1 coordinates")
    return points


Polygon = Annotated[list[Point], AfterValidator(_polygon)]


def _timezone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError(f"unknown time zone {name!r}; write a name such as America/Los_Angeles")
    ZoneInfo(name)
    return name


def _camera_url(url: str) -> str:
    scheme = urlsplit(url).scheme
    if scheme not in ("rtsp", "rtsps", "http", "https", "file", ""):
        raise ValueError(f"cannot open {scheme}:// addresses; write rtsp://, http(s):// (MJPEG) or a file's path")
    return url


CameraUrl = Annotated[str, Field(min_length=1), AfterValidator(_camera_url)]


class Strict(BaseModel):
    """Base of every section: unknown keys are errors, values do not change after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Region(Strict):
    """A county or park: one clock, one stream shard."""

    timezone: Annotated[str, AfterValidator(_timezone)] = Field(description="IANA name, as America/Los_Angeles")
    name: str | None = Field(default=None, description="shown to people; the key if unset")
    shard: int = Field(default=0, ge=0, le=1023, description="which streams carry this region's frames")


class Campsite(Strict):
    """Where people sleep."""

    region: Name = Field(description="key of one of the regions")
    name: str | None = Field(default=None, description="shown to people; the key if unset")


class Camera(Strict):
    """One camera. Analyse its small substream; keep the main stream for evidence."""

    campsite: Name = Field(description="key of one of the campsites")
    url: CameraUrl = Field(description="stream to analyse: rtsp://…, http://… (MJPEG) or a video file")
    record_url: CameraUrl | None = Field(
        default=None,
        description="better stream of the same camera; `bearwatch check` opens it, nothing is recorded from it yet",
    )
    name: str | None = Field(default=None, description="shown to people; the key if unset")
    enabled: bool = Field(default=True, description="false: neither opened nor watched, and shown so")
    fps: float = Field(default=5.0, gt=0.0, le=30.0, description="frames analysed per second")
    width: int = Field(default=640, ge=160, le=3840, description="frames wider than this are scaled down, pixels")
    height: int = Field(default=360, ge=90, le=2160, description="frames higher than this are scaled down, pixels")
    masks: list[Polygon] = Field(default_factory=list, description="areas whose motion is ignored")
    zones: dict[Name, Polygon] = Field(default_factory=dict, description="named areas, for the ranger to read")


class Motion(Strict):
    """When a frame is worth sending to the detector."""

    keepalive_s: float = Field(
        default=10.0,
        ge=1.0,
        le=600.0,
        description="a camera sends a short burst of whole frames this often, for a bear that sits still",
    )
    audit_s: float = Field(default=60.0, ge=10.0, le=3600.0, description="one thumbnail this often, for audits")
    min_area: float = Field(default=0.0008, gt=0.0, lt=0.5, description="smallest moving area, as a share of the frame")
    threshold: int = Field(default=14, ge=2, le=128, description="smallest change of a moving pixel, in grey levels")


class Detector(Strict):
    """How frames become encounters."""

    backbone: Annotated[str, Field(pattern=r"^[a-z0-9_]+@[1-9][0-9]{1,3}$")] = Field(
        default="lite2@224", description="which pretrained network, at which input size in pixels"
    )
    threshold: Unit = Field(
        default=0.3, description="bear score from which a frame agrees; it belongs to one backbone and size"
    )
    min_hits: int = Field(default=3, ge=1, le=50, description="agreeing frames that open an encounter")
    window_s: float = Field(default=3.0, gt=0.0, le=60.0, description="within so many seconds")
    quiet_gap_s: float = Field(default=60.0, ge=1.0, le=3600.0, description="silence that closes an encounter")
    context_s: float = Field(default=3.0, ge=0.0, le=30.0, description="seconds kept before an encounter")
    max_batch: int = Field(default=8, ge=1, le=512, description="crops scored in one batch")
    max_wait_ms: float = Field(default=0.0, ge=0.0, le=1000.0, description="longest wait for a fuller batch")
    fresh_s: float = Field(default=1.0, gt=0.0, le=60.0, description="when overloaded, older frames give way")


class Rollout(Strict):
    """Where the road from shadow to everywhere starts. There is one answer: in shadow, with no power at all."""

    mode: Literal["shadow"] = Field(
        default="shadow",
        description="shadow: nothing leaves the building. More is never written here; it is granted as a lease",
    )
    notify: list[str] = Field(
        default_factory=list, description="Apprise addresses that may be told once authority allows it"
    )
    undo_s: float = Field(default=10.0, ge=0.0, le=300.0, description="a 'not a bear' takes effect after this")


class Retention(Strict):
    """How long things stay on disk."""

    media_days: int = Field(default=30, ge=1, le=3650, description="pictures that no alert, review or label needs")
    evidence_days: int = Field(default=400, ge=1, le=3650, description="pictures of encounters")


class Config(Strict):
    """The whole file."""

    regions: dict[Name, Region] = Field(min_length=1)
    campsites: dict[Name, Campsite] = Field(min_length=1)
    cameras: dict[Name, Camera] = Field(min_length=1)
    blind_after_s: float = Field(
        default=15.0, ge=2.0, le=600.0, description="a camera without new content for this long is BLIND"
    )
    motion: Motion = Field(default_factory=Motion)
    detector: Detector = Field(default_factory=Detector)
    rollout: Rollout = Field(default_factory=Rollout)
    retention: Retention = Field(default_factory=Retention)

    @model_validator(mode="after")
    def _places_exist(self) -> Config:
        problems = []
        for key, campsite in self.campsites.items():
            if campsite.region not in self.regions:
                problems.append(PlaceProblem(("campsites", key, "region"), campsite.region, tuple(self.regions)))
        for key, camera in self.cameras.items():
            if camera.campsite not in self.campsites:
                problems.append(PlaceProblem(("cameras", key, "campsite"), camera.campsite, tuple(self.campsites)))
        if problems:
            raise UnknownPlaces(problems)
        return self

    def region_of(self, camera: str) -> Region:
        """The region that a camera stands in."""
        return self.regions[self.campsites[self.cameras[camera].campsite].region]

    def shard_of(self, camera: str) -> int:
        """The stream shard that carries a camera's frames."""
        return self.region_of(camera).shard

    def shards(self) -> list[int]:
        """All shards in use."""
        return sorted({region.shard for region in self.regions.values()})

    def enabled_cameras(self) -> dict[str, Camera]:
        """Cameras that are to be watched."""
        return {key: camera for key, camera in self.cameras.items() if camera.enabled}


class PlaceProblem:
    """One reference to a place that is not configured."""

    def __init__(self, key: tuple[str, ...], value: str, known: tuple[str, ...]) -> None:
        self.key = key
        self.message = f"{value!r} is not configured; write one of: {', '.join(known)}"


class UnknownPlaces(ValueError):
    """References to places that are not configured."""

    def __init__(self, problems: list[PlaceProblem]) -> None:
        super().__init__("; ".join(f"{'.'.join(p.key)}: {p.message}" for p in problems))
        self.problems = problems


_CREDENTIALS = re.compile(r"(?<=://)[^/@\s]+@")


def without_credentials(url: str) -> str:
    """An address that may be shown and logged: ``rtsp://***@host/path``."""
    return _CREDENTIALS.sub("***@", url)

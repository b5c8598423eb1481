"""What the configuration file says: regions, campsites, cameras, and how to watch them.

The models are strict: an unknown key is an error. :mod:`core.config_file` reads the file and names the line.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Literal
from urllib.parse import quote, urlsplit
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, ConfigDict, Field, SecretStr, ValidationError, model_validator
from pydantic_core import InitErrorDetails

from core.site_config import Costs, Learning, Outside, Retention
from core.strict_model import Strict

DEFAULT_MODEL = "built-in"
"""What sees unless the configuration says otherwise: a pretrained network, a bundle's directory, or ``built-in``."""

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


TimeZone = Annotated[str, AfterValidator(_timezone)]


def _camera_url(url: str) -> str:
    scheme, there, rest = url.partition("://")
    if not there:
        scheme = "" if "/" in url.partition(":")[0] else url.partition(":")[0] if ":" in url else ""
    if scheme.lower() not in ("rtsp", "rtsps", "http", "https", "file", ""):
        raise ValueError(f"cannot open {scheme}:// addresses; write rtsp://, http(s):// (MJPEG) or a file's path")
    if scheme and scheme.lower() != "file":
        _check_authority(url, rest)
    return url


def _check_authority(url: str, rest: str) -> None:
    """An address that would be understood as another one than was meant: a sign of the password ended its host."""
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    hint = (
        "a / ? # [ or ] in a name or password ends the address there: write them into the keys `username` and "
        "`password` beside it, as they are"
    )
    try:
        host, _ = urlsplit(url).hostname, urlsplit(url).port
    except ValueError:
        raise ValueError(f"host and port make no sense; {hint}") from None
    if not host or ("@" not in authority and "@" in rest and not re.fullmatch(r"[^:]+(:[0-9]+)?", authority)):
        raise ValueError(f"no host; {hint}" if not host else f"host and port make no sense; {hint}")


CameraUrl = Annotated[str, Field(min_length=1), AfterValidator(_camera_url)]


HardwareDecoding = Literal["auto", "cuda", "vaapi", "none"]


class Region(Strict):
    """A county or park: one clock, one stream shard."""

    timezone: TimeZone = Field(description="IANA name, as America/Los_Angeles")
    name: str | None = Field(default=None, description="shown to people; the key if unset")
    shard: int = Field(default=0, ge=0, le=1023, description="which streams carry this region's frames")


class Campsite(Strict):
    """Where people sleep."""

    region: Name = Field(description="key of one of the regions")
    name: str | None = Field(default=None, description="shown to people; the key if unset")
    notify: list[str] = Field(
        default_factory=list,
        description="addresses that tell this campsite's campers, besides those of `rollout.notify`",
    )


class Camera(Strict):
    """One camera. Analyse its small substream; keep the main stream for evidence."""

    campsite: Name = Field(description="key of one of the campsites")
    url: CameraUrl = Field(description="stream to analyse: rtsp://…, http://… (MJPEG) or a video file")
    record_url: CameraUrl | None = Field(
        default=None,
        description="the camera's main stream, of the same view: small animals are looked at in it before an alert, "
        "and an alert keeps a picture at full size and a clip of it",
    )
    username: str | None = Field(
        default=None, min_length=1, description="who logs in to the camera, for both streams; as it is, without quoting"
    )
    password: SecretStr | None = Field(
        default=None, description="their password, as `${NAME}`: any signs, without quoting"
    )
    name: str | None = Field(default=None, description="shown to people; the key if unset")
    enabled: bool = Field(default=True, description="false: neither opened nor watched, and shown so")
    fps: float = Field(default=5.0, gt=0.0, le=30.0, description="frames analysed per second")
    width: int = Field(default=640, ge=160, le=3840, description="frames wider than this are scaled down, pixels")
    height: int = Field(default=360, ge=90, le=2160, description="frames higher than this are scaled down, pixels")
    hwaccel: HardwareDecoding = Field(
        default="none",
        description="what decodes its pictures: a graphics chip (`cuda`, `vaapi`, `auto` for the first that is there) "
        "or the processor. Where the chip cannot, the processor does, and the camera's page says so",
    )
    masks: list[Polygon] = Field(default_factory=list, description="areas whose motion is ignored")
    zones: dict[Name, Polygon] = Field(default_factory=dict, description="named areas, for the ranger to read")

    @model_validator(mode="after")
    def _one_login(self) -> Camera:
        if self.password is not None and self.username is None:
            raise ValueError("a password without a `username`")
        if self.username is not None and any(
            "@" in url.partition("://")[2] for url in (self.url, self.record_url or "")
        ):
            raise ValueError("a name stands both in the address and in `username`; keep one")
        return self

    @property
    def stream_url(self) -> str:
        """The address to open: ``url`` with name and password before its host. Never to be shown."""
        return self._with_login(self.url)

    @property
    def record_stream_url(self) -> str:
        """The same of ``record_url``; empty where there is none."""
        return self._with_login(self.record_url or "")

    def _with_login(self, url: str) -> str:
        scheme, there, rest = url.partition("://")
        if self.username is None or not there or scheme.lower() == "file":
            return url
        password = f":{quote(self.password.get_secret_value(), safe='')}" if self.password is not None else ""
        return f"{scheme}://{quote(self.username, safe='')}{password}@{rest}"


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

    backbone: Annotated[str, Field(pattern=r"^(built-in|shipped|[a-z0-9_]+@[1-9][0-9]{1,3}|[^\x00]*/[^\x00]*)$")] = (
        Field(
            default=DEFAULT_MODEL,
            description="which model: `built-in` (the trained model of this program), a model bundle's directory (with "
            "a `/` in it), or a pretrained network at an input size in pixels, as `lite2@224`",
        )
    )
    engine: Literal["auto", "torch", "onnx"] = Field(
        default="auto",
        description="what runs the model: torch, its exported graph in ONNX Runtime (CPU), or the faster as measured "
        "at the start",
    )
    threshold: Unit | None = Field(
        default=None,
        description="bear score from which a frame agrees, by day and by infra-red light; unset: the model's own, "
        "one for each light",
    )
    false_alarms_per_camera_day: float | None = Field(
        default=None,
        gt=0.0,
        le=100.0,
        description="so many false alarms a day rangers accept of each camera: its thresholds follow from its own "
        "visits; unset: 1 in shadow, 0.2 where campers are warned. It has no effect where `threshold` is set",
    )
    min_hits: int = Field(
        default=3,
        ge=1,
        le=50,
        description="an encounter needs as much evidence of a bear as so many agreeing frames in a row give, at five a "
        "second. Frames that are nearly sure count too; never one frame alone, unless this is 1",
    )
    window_s: float = Field(
        default=3.0,
        gt=0.0,
        le=60.0,
        description="frames further apart do not belong together, seconds; longer on a camera with few frames",
    )
    unknown_hits: int = Field(
        default=4,
        ge=1,
        le=50,
        description="frames with an animal that the model does not know, within `window_s`, that open an encounter",
    )
    unknown_cooldown_s: float = Field(
        default=1800.0,
        ge=0.0,
        le=86400.0,
        description="one alert about unknown animals per camera this often; what comes meanwhile is written down, "
        "counted and shown beside it. A bear is never held back",
    )
    quiet_gap_s: float = Field(
        default=60.0,
        ge=1.0,
        le=3600.0,
        description="silence that closes an encounter; a single frame does not break it",
    )
    use_main_stream: bool = Field(
        default=True,
        description="what moved and is small, or nearly a bear, is looked at in the main stream (`record_url`) before "
        "an alert",
    )
    sprint: bool = Field(
        default=True,
        description="after a camera's first suspicious frame, fifteen of its pictures a second are looked at for a "
        "moment",
    )
    context_s: float = Field(default=3.0, ge=0.0, le=30.0, description="seconds kept before an encounter")
    max_batch: int = Field(default=8, ge=1, le=512, description="crops scored in one batch")
    max_wait_ms: float = Field(default=0.0, ge=0.0, le=1000.0, description="longest wait for a fuller batch")
    fresh_s: float = Field(default=1.0, gt=0.0, le=60.0, description="when overloaded, older frames give way")


PLAN_KEYS: Mapping[str, str] = {
    "metadata": "name, author, time zone",
    "model": "which model the evidence is about",
    "scopes": "named parts of the site",
    "defaults": "what holds for every stage",
    "approvals": "who must agree to what",
    "gate_sets": "gates that several stages share",
    "stages": "the rollout plan, in order; unset: the default plan",
    "freezes": "times in which nothing is promoted",
    "breakers": "circuit breakers",
    "on_call": "who takes over the watch; without it nothing goes live",
}
"""The keys of `rollout:` that describe the rollout plan, with their meaning; they may stand in a file of their own."""
FORMER_PLAN_KEYS = ("roster",)
"""What some of them were called at first; they are read as well."""


class Rollout(Strict):
    """The rollout from shadow to everywhere: how much the model may do, where, how long, and what must be true first.

    The rollout plan's own keys (:data:`PLAN_KEYS`) are carried as they are written: what they mean is known to
    :mod:`rollout.stages.spec`, which checks them.
    """

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, object]

    mode: Literal["shadow"] = Field(
        default="shadow",
        description="where every rollout begins; there is no other value. More is never written here: people grant it, "
        "stage by stage, and it dies by itself",
    )
    notify: list[str] = Field(
        default_factory=list,
        description="addresses that tell the campers of every campsite, once authority allows it: Apprise's, "
        "`hmac+https://…?key=…` or `mqtt://…`",
    )
    rangers: list[str] = Field(
        default_factory=list, description="addresses that tell rangers of new alerts in every live stage and handover"
    )
    staff: list[str] = Field(
        default_factory=list, description="addresses that are paged when something needs a person; `rangers` if empty"
    )
    veto_window_s: float = Field(
        default=20.0, ge=5.0, le=300.0, description="in automatic mode campers are warned this long after the alert"
    )
    ack_within_s: float = Field(
        default=180.0, ge=30.0, le=3600.0, description="and staff are paged if no ranger has looked at it by then"
    )
    join_s: float = Field(
        default=600.0,
        ge=0.0,
        le=3600.0,
        description="a bear on several cameras of one campsite within this is told of once",
    )
    undo_s: float = Field(default=10.0, ge=0.0, le=300.0, description="a 'not a bear' takes effect after this")
    file: str | None = Field(default=None, description="a file of its own with the keys below, beside this one")

    @model_validator(mode="after")
    def _only_known_keys(self) -> Rollout:
        unknown = [name for name in self.plan if name not in PLAN_KEYS and name not in FORMER_PLAN_KEYS]
        if unknown:
            wrong = [InitErrorDetails(type="extra_forbidden", loc=(key,), input=self.plan[key]) for key in unknown]
            raise ValidationError.from_exception_data(type(self).__name__, wrong)
        return self

    @property
    def plan(self) -> Mapping[str, object]:
        """The rollout plan's keys that are written here, not checked yet."""
        return self.__pydantic_extra__


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
    learning: Learning = Field(default_factory=Learning)
    costs: Costs = Field(default_factory=Costs)
    outside: Outside = Field(default_factory=Outside)

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

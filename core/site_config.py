"""How a site is run: what it costs, who elsewhere notices its silence, how long things are kept."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlsplit, urlunsplit

from pydantic import AfterValidator, Field

from core.strict_model import Strict


class Learning(Strict):
    """Learning at night from what rangers have said. A challenger is trained and judged; nothing is promoted by it."""

    nightly: bool = Field(
        default=True,
        description="train at midnight in the campsites' time zone, where there are labels enough and torch; false: "
        "only when somebody says `bearwatch learn --now`",
    )
    at_least: int = Field(
        default=50, ge=1, le=100_000, description="new labels without which there is nothing to train on yet"
    )
    labels_per_night: int = Field(
        default=2000, ge=10, le=100_000, description="new labels of one night, the newest; the others wait"
    )
    threads: int = Field(default=2, ge=1, le=64, description="processor cores that training may take, behind all else")
    minutes: float = Field(
        default=60.0, gt=0.0, le=720.0, description="training that is not done by then is given up; pauses do not count"
    )
    memory_mb: int = Field(default=4096, ge=512, le=1_048_576, description="training that needs more is given up")
    queue_frames: int = Field(
        default=100,
        ge=1,
        le=1_000_000,
        description="training pauses while more frames than these wait for the detector",
    )


class Costs(Strict):
    """What the watch costs, for the reports and the cost breaker: computed from these prices, not measured."""

    currency: str = Field(default="USD", max_length=8, description="of all prices here")
    camera_day: float = Field(default=0.0, ge=0.0, description="one camera for one day: power, link, depreciation")
    gpu_hour: float = Field(default=0.0, ge=0.0, description="one GPU for one hour")
    message: float = Field(default=0.0, ge=0.0, description="one message tried, such as an SMS")
    budget_day: float | None = Field(
        default=None, gt=0.0, description="what a day may cost; unset: the cost breaker has nothing to compare with"
    )


def _web_address(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("write a whole address, as https://example.org/ping/${PING_KEY}")
    return url


WebAddress = Annotated[str, AfterValidator(_web_address)]


class Outside(Strict):
    """Who notices that this whole site has fallen silent: a service elsewhere that expects to hear from it."""

    ping_url: WebAddress | None = Field(
        default=None, description="address elsewhere that is called while all is well; unset, nobody is told anything"
    )
    fail_url: WebAddress | Literal[""] | None = Field(
        default=None,
        description="address that is called while it is not; unset, `ping_url` with `/fail` behind its path; empty, "
        "then nothing is called",
    )
    every_s: float = Field(default=60.0, ge=10.0, le=3600.0, description="how often")

    @property
    def failing(self) -> str | None:
        """The address to call while something is wrong; None for none."""
        if self.fail_url is not None or self.ping_url is None:
            return self.fail_url or None
        parts = urlsplit(self.ping_url)
        return urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/fail"))


class Retention(Strict):
    """How long things stay on disk."""

    media_days: int = Field(default=30, ge=1, le=3650, description="pictures that no alert, review or label needs")
    evidence_days: int = Field(default=400, ge=1, le=3650, description="pictures of encounters")
    camper_days: int = Field(
        default=30, ge=1, le=365, description="what campers have written; that they wrote is kept, their words are not"
    )
    reports_days: int = Field(default=400, ge=1, le=3650, description="stored daily reports")
    history_days: int = Field(
        default=400,
        ge=1,
        le=3650,
        description="how machines and queues were (by the minute for 30 days, then the worst of each hour), test "
        "clips, freshness gaps and weather observations",
    )

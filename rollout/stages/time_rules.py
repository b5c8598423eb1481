"""Times of the plan: when nothing is promoted, how long authority lives, and how fresh pictures must be."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field, model_validator

from core.strict_model import Strict
from rollout.base.durations import CivilDuration, Duration


class Freeze(Strict):
    """A time in which nothing is promoted: a holiday weekend, a fire, a week without the people who know."""

    begins: datetime = Field(description='local time of the plan\'s clock, as "2027-07-02 12:00"')
    ends: datetime = Field(description="the same; from then on promotions go on")
    why: str = Field(min_length=3, max_length=200, description="shown to whoever would promote")

    @model_validator(mode="after")
    def _consistent(self) -> Freeze:
        if self.begins.tzinfo is not None or self.ends.tzinfo is not None:
            raise ValueError("write local times, without a zone: the plan's clock holds")
        if self.ends <= self.begins:
            raise ValueError("it ends before it begins")
        return self


class LeaseTimes(Strict):
    """Authority dies by itself."""

    ttl: CivilDuration = Field(default=Duration(0, 120), description="it is dead this long after its last renewal")
    renew: CivilDuration = Field(default=Duration(0, 30), description="the controller renews it this often")

    @model_validator(mode="after")
    def _renewed_in_time(self) -> LeaseTimes:
        if not 1 <= self.renew.nominal_s * 2 <= self.ttl.nominal_s <= 600:
            raise ValueError("renew at least twice within ttl, and let ttl be ten minutes at most")
        return self


class FreshnessTimes(Strict):
    """How fresh a camera's pictures must be; otherwise its warnings are paused."""

    within: CivilDuration = Field(
        default=Duration(0, 30), description="a camera whose last handled picture is older has no authority"
    )
    back_after: CivilDuration = Field(
        default=Duration(0, 15), description="it has it again when pictures have come for so long"
    )
    clips_every: CivilDuration = Field(
        default=Duration(0, 900), description="a test clip is sent down each live camera's path this often"
    )

    @model_validator(mode="after")
    def _soon(self) -> FreshnessTimes:
        if not 5 <= self.within.nominal_s <= 120 or not 0 <= self.back_after.nominal_s <= 600:
            raise ValueError("let `within` be 5 s to 2 min, and `back_after` ten minutes at most")
        if not 180 <= self.clips_every.nominal_s <= 3600:
            raise ValueError("let `clips_every` be 3 min to 1 h")
        return self

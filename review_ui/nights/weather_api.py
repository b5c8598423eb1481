"""``POST /api/v1/weather``: what the weather was, told by a weather station or a script; shown on the night's page."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, HTTPException
from pydantic import AfterValidator, BaseModel, Field

from db.weather import LONGEST_SKY, LONGEST_SOURCE, Observation, StoredWeather, store
from review_ui.auth.accounts import Account
from review_ui.rendering.cursors import StrictBody
from review_ui.site import Operator, Site, SiteDep
from review_ui.web.sighting_form import storable

router = APIRouter()

MOST_AT_ONCE = 250
Measured = Annotated[float | None, Field(allow_inf_nan=False)]


class ObservationIn(StrictBody):
    """One observation, of a campsite or of a whole region. Leave out what nobody measured."""

    campsite: str | None = Field(default=None, max_length=63)
    region: str | None = Field(default=None, max_length=63)
    at: float = Field(allow_inf_nan=False, description="seconds since 1970 (UTC)")
    temperature_c: Measured = None
    rain_mm: Measured = Field(default=None, description="what fell in the hour before `at`")
    wind_ms: Measured = None
    sky: Annotated[str, AfterValidator(storable)] = Field(
        default="", max_length=LONGEST_SKY, description="in the source's words: fog, overcast, light rain"
    )
    source: Annotated[str, AfterValidator(storable)] = Field(min_length=1, max_length=LONGEST_SOURCE)


class WeatherIn(StrictBody):
    """Observations that belong together."""

    observations: list[ObservationIn] = Field(min_length=1, max_length=MOST_AT_ONCE)


class WeatherStoredOut(BaseModel):
    """What became of them."""

    new: int
    replaced: int = Field(description="took the place of one from the same source, place and moment")


@router.post("/api/v1/weather", summary="Tell what the weather was", status_code=201)
def post_weather(site: SiteDep, account: Operator, body: WeatherIn) -> WeatherStoredOut:
    """All of them or, when one is wrong, none. Sent again, an observation takes the place of the one before."""
    observations = [Observation(**each.model_dump()) for each in body.observations]
    wrong = {
        f"observations.{number}": f"{problem[:1].upper()}{problem[1:]}."
        for number, each in enumerate(observations)
        if (problem := _problem(site, account, each))
    }
    if wrong:
        raise HTTPException(422, wrong)
    stored = _store(site, account, observations)
    return WeatherStoredOut(new=stored.new, replaced=stored.replaced)


def _problem(site: Site, account: Account, each: Observation) -> str | None:
    """What is wrong with it. A campsite that is not theirs is no campsite; a region takes all of its campsites."""
    if problem := each.problem(site.clock()):
        return problem
    if each.campsite is not None:
        known = each.campsite in site.config.campsites and account.covers(each.campsite)
        return None if known else "there is no such campsite among yours"
    theirs = all(account.covers(key) for key, camp in site.config.campsites.items() if camp.region == each.region)
    return None if each.region in site.config.regions and theirs else "there is no such region that is all yours"


def _store(site: Site, account: Account, observations: list[Observation]) -> StoredWeather:
    with site.database.write() as session:
        return store(session, observations, account.id, site.clock())

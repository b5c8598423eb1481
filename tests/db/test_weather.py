"""Weather that somebody measured: told over the API or from a file, shown beside the night, never made up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from bearwatch.cli import main
from bearwatch.housekeeping import forget_rows
from core.clock import civil
from core.night_span import date_of
from core.site_config import Retention
from db.models import LedgerEntry, Role, UserCampsite, Weather
from db.session import Database
from review_ui.nights.weather_view import icon, in_words
from tests.support.factories import T0
from tests.support.pages import Stage

ZONE = "America/Los_Angeles"


def _told(at: float = T0 - 3600, **values: Any) -> dict[str, Any]:
    return {"at": at, "source": "ranger house", **values}


def _tell(page: Stage, *observations: dict[str, Any], name: str = "olga", role: Role = Role.OPERATOR) -> Any:
    return page.person(name, role).post("/api/v1/weather", json={"observations": list(observations)})


def test_a_foggy_night_is_told_and_stands_beside_what_the_cameras_saw(page: Stage) -> None:
    answer = _tell(
        page,
        _told(T0 - 5 * 3600, region="sierra", temperature_c=-2.4, rain_mm=0.0, wind_ms=1.2, sky="clear"),
        _told(T0 - 1800, region="sierra", temperature_c=3.6, rain_mm=4.1, wind_ms=5.2, sky="Dense fog"),
    )
    assert (answer.status_code, answer.json()) == (201, {"new": 2, "replaced": 0})
    night = date_of(T0, ZONE)
    text = page.person().get(f"/nights/{night}").text
    assert "\N{MINUS SIGN}2 to 4 °C, 4.1 mm of rain, wind up to 5 m/s" in text
    assert f"Dense fog at {civil(T0 - 1800, ZONE):%H:%M}" in text
    assert text.count('class="weather-chart"') == 2  # both campsites lie in the region
    assert "measured elsewhere in the region" in text
    assert 'class="wx wx-fog"' in text
    told = page.person().get(f"/api/v1/nights/{night}?campsite=upper-pines").json()["weather"]
    assert [(each["sky"], each["rain_mm"], each["own"]) for each in told] == [
        ("clear", 0.0, False),
        ("Dense fog", 4.1, False),
    ]


def test_a_night_of_which_nobody_told_shows_no_weather(page: Stage) -> None:
    _tell(page, _told(T0 - 3 * 86400, region="sierra", temperature_c=5))
    night = date_of(T0, ZONE)
    assert "weather-chart" not in page.person().get(f"/nights/{night}").text
    assert page.person().get(f"/api/v1/nights/{night}").json()["weather"] == []


def test_a_campsites_own_station_counts_more_than_the_regions(page: Stage) -> None:
    _tell(page, _told(region="sierra", temperature_c=20), _told(campsite="upper-pines", temperature_c=4))
    told = page.person().get(f"/api/v1/nights/{date_of(T0, ZONE)}").json()["weather"]
    assert {(each["campsite"], each["temperature_c"], each["own"]) for each in told} == {
        ("upper-pines", 4.0, True),
        ("lower-pines", 20.0, False),
    }


def test_the_same_observation_again_takes_the_place_of_the_first(page: Stage) -> None:
    _tell(page, _told(campsite="upper-pines", temperature_c=4))
    again = _tell(
        page, _told(campsite="upper-pines", temperature_c=5), _told(T0 - 60, campsite="upper-pines", sky="rain")
    )
    assert again.json() == {"new": 1, "replaced": 1}
    with page.database.read() as session:
        assert session.scalars(select(Weather.temperature_c).order_by(Weather.at)).all() == [5.0, None]
        entries = session.scalars(select(LedgerEntry).where(LedgerEntry.kind == "weather.stored")).all()
    assert [(each.subject, each.campsite) for each in entries] == [("campsite:upper-pines", "upper-pines")] * 2


@pytest.mark.parametrize(
    ("observation", "why"),
    [
        (_told(campsite="upper-pines", region="sierra", sky="fog"), "one of them"),
        (_told(campsite="nowhere", sky="fog"), "no such campsite"),
        (_told(T0 + 86400, campsite="upper-pines", sky="fog"), "not in the future"),
        (_told(campsite="upper-pines", temperature_c=277.0), "another unit"),
        (_told(campsite="upper-pines", rain_mm=-1), "another unit"),
        (_told(campsite="upper-pines"), "says nothing"),
    ],
)
def test_what_cannot_be_true_is_refused_and_nothing_of_it_is_stored(
    page: Stage, observation: dict[str, Any], why: str
) -> None:
    answer = _tell(page, _told(campsite="upper-pines", temperature_c=4), observation)
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert error["loc"] == ["body", "observations.1"]
    assert why in error["msg"]
    with page.database.read() as session:
        assert session.scalars(select(Weather)).all() == []


def test_whoever_looks_after_one_campsite_tells_of_that_one_only(page: Stage) -> None:
    page.person("olga", Role.OPERATOR)
    with page.database.write() as session:
        session.add(UserCampsite(user_id=page.user_id("olga"), campsite_id="upper-pines"))
    assert _tell(page, _told(campsite="upper-pines", sky="fog")).status_code == 201
    assert _tell(page, _told(campsite="lower-pines", sky="fog")).status_code == 422
    assert _tell(page, _told(region="sierra", sky="fog")).status_code == 422
    assert _tell(page, _told(campsite="upper-pines", sky="fog"), name="lena", role=Role.LEAD_RANGER).status_code == 403


def test_words_are_shown_as_they_are_and_never_as_markup(page: Stage) -> None:
    _tell(page, _told(campsite="upper-pines", sky="<b>fog</b>", source="<script>"))
    text = page.person().get(f"/nights/{date_of(T0, ZONE)}").text
    assert "&lt;b&gt;fog&lt;/b&gt;" in text
    assert "<script>," not in text


@pytest.mark.parametrize(
    ("said", "drawn"),
    [("Light rain", "rain"), ("thunderstorm with rain", "storm"), ("Overcast", "cloud"), ("FAIR", "clear"),
     ("smoke", "fog"), ("wintry", None)],
)  # fmt: skip
def test_a_sources_words_choose_the_icon(said: str, drawn: str | None) -> None:
    found = icon(said)
    assert (found[0] if found else None) == drawn


def test_only_what_was_measured_is_said() -> None:
    row = Weather(place="region:sierra", at=T0, source="x", temperature_c=None, rain_mm=None, wind_ms=3.0, sky="")
    assert in_words((row,), ZONE) == "wind up to 3 m/s"


@pytest.fixture
def site(tmp_path: Path, sqlite_database: Database, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration file beside the database that the command then uses."""
    monkeypatch.setenv("DATABASE_URL", str(sqlite_database.engine.url))
    config = tmp_path / "bearwatch.yaml"
    config.write_text(
        "regions: {sierra: {timezone: America/Los_Angeles}}\n"
        "campsites: {upper-pines: {region: sierra}}\n"
        "cameras: {creek: {campsite: upper-pines, url: 'rtsp://127.0.0.1:1/x'}}\n"
    )
    return config


def _import(site: Path, text: str, *more: str) -> int:
    file = site.with_name("weather.csv")
    file.write_text(text, encoding="utf-8")
    return main(["weather", "import", str(file), "--config", str(site), *more])


def test_a_stations_file_is_brought_in_by_the_clock_at_the_campsite(
    site: Path, sqlite_database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = (
        "at,campsite,region,temperature_c,rain_mm,sky\n"
        "2026-07-01T02:00,upper-pines,,3.5,,fog\n"
        "2026-07-01T09:00Z,,sierra,,0.4,\n"
    )
    assert _import(site, rows, "--source", "ranger house") == 0
    assert "2 observations stored, 0 replaced." in capsys.readouterr().out
    with sqlite_database.read() as session:
        found = session.scalars(select(Weather).order_by(Weather.id)).all()
        assert [(each.place, each.at, each.temperature_c, each.rain_mm) for each in found] == [
            ("campsite:upper-pines", 1782896400.0, 3.5, None),
            ("region:sierra", 1782896400.0, None, 0.4),
        ]
    assert _import(site, rows, "--source", "ranger house") == 0
    assert "0 observations stored, 2 replaced." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("at,campsite,temperature_c,source\n2026-07-01T02:00,upper-pines,3,x\nyesterday,upper-pines,4,x\n",
         "line 3: write the time"),
        ("at,campsite,temperature_c,source\n2026-07-01T02:00,uper-pines,3,x\n", "no campsite 'uper-pines'"),
        ("at,campsite,temperature_c,source\n2026-07-01T02:00,upper-pines,warm,x\n", "must be a number"),
        ("at,campsite,temperature_c\n2026-07-01T02:00,upper-pines,3\n", "who measured it?"),
        ("at,campsite,degrees,source\n2026-07-01T02:00,upper-pines,3,x\n", "unknown: {'degrees'}"),
        ("at,campsite,source\n", "there is no observation in it"),
    ],
)  # fmt: skip
def test_a_file_with_a_wrong_line_is_not_stored_at_all_and_the_line_is_named(
    site: Path, sqlite_database: Database, capsys: pytest.CaptureFixture[str], text: str, said: str
) -> None:
    assert _import(site, text) == 1
    told = capsys.readouterr().err
    assert said in told
    assert "Nothing was stored." in told
    with sqlite_database.read() as session:
        assert session.scalars(select(Weather)).all() == []


def test_weather_goes_when_its_time_is_over_and_what_was_told_late_is_kept_as_long(page: Stage) -> None:
    told = T0
    for days in (0, 10, 30):
        page.clock.now = told + days * 86400
        _tell(page, _told(page.clock.now, campsite="upper-pines", rain_mm=days))
    _tell(page, _told(T0 + 3600, campsite="upper-pines", rain_mm=99))
    forget_rows(page.database, Retention(history_days=25), page.clock.now)
    with page.database.read() as session:
        assert session.scalars(select(Weather.rain_mm).order_by(Weather.rain_mm)).all() == [10, 30, 99]

"""``/experiments``: random hours of blind watching, and test nights with and without the model's help."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Form, HTTPException, Path, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import Field
from sqlalchemy import select

from db.models import NightExperiment
from review_ui.auth.access_scope import access_scope
from review_ui.auth.accounts import Account
from review_ui.experiments.view import ExperimentsOut, experiments_out
from review_ui.rendering.cursors import StrictBody
from review_ui.site import Operator, Site, SiteDep, Viewer
from review_ui.web.page_chrome import page_chrome
from review_ui.web.sighting_form import storable
from review_ui.web.viewer_scope import reader_of
from rollout.evidence.on_off_nights import NightPlan, end, schedule
from rollout.evidence.stats.visits import night_of
from rollout.evidence.weekly_watches import DAY_S, drawn_seed

router = APIRouter()

LONGEST_NAME: Final = 80
MOST_NIGHTS: Final = 366
USUAL: Final = {"nights": 28, "block": 4}
NO_SUCH_EXPERIMENT: Final = "There is no such experiment that is still going on."
DONE: Final = {
    "scheduled": "The experiment is written down. The nights are drawn; nobody can change a night any more.",
    "ended": "The experiment is over. From now on every night is as the stage says.",
}


class ExperimentIn(StrictBody):
    """An experiment to be scheduled. Which night is which is drawn when it is written down."""

    name: str = Field(min_length=1, max_length=LONGEST_NAME)
    campsites: list[str] = Field(min_length=1, max_length=100)
    first_night: str = Field(max_length=10, description="by its evening, as 2027-07-14")
    nights: int = Field(ge=2, le=MOST_NIGHTS)
    block: int = Field(default=4, ge=2, le=28, description="in so many nights in a row, half are on; an even number")


class ScheduledOut(StrictBody):
    """The experiment that was written down."""

    id: int


@router.get("/experiments")
def experiments_page(request: Request, site: SiteDep, account: Viewer, done: str = "") -> Response:
    """The hours, and the nights."""
    return _page(request, site, account, notice=DONE.get(done, ""))


@router.post("/experiments")
def schedule_experiment(
    request: Request,
    site: SiteDep,
    account: Operator,
    name: Annotated[str, Form(max_length=LONGEST_NAME)] = "",
    campsite: Annotated[list[str], Form(max_length=100)] = [],  # noqa: B006  # FastAPI copies it
    first_night: Annotated[str, Form(max_length=10)] = "",
    nights: Annotated[int, Form(ge=2, le=MOST_NIGHTS)] = 28,
    block: Annotated[int, Form(ge=2, le=28)] = 4,
) -> Response:
    """Write an experiment down before its first night."""
    try:
        _schedule(site, account, name, campsite, first_night, nights, block)
    except ValueError as wrong:
        typed = {"name": name, "first_night": first_night, "nights": nights, "block": block, "campsite": campsite}
        return _page(request, site, account, problem=f"{str(wrong)[:1].upper()}{str(wrong)[1:]}.", typed=typed)
    return RedirectResponse("/experiments?done=scheduled", status_code=303)


@router.post("/experiments/{experiment_id:int}/end")
def end_experiment(site: SiteDep, account: Operator, experiment_id: int) -> Response:
    """End an experiment before its time."""
    _end(site, account, experiment_id)
    return RedirectResponse("/experiments?done=ended", status_code=303)


@router.get("/api/v1/experiments", summary="Random watch hours, and test nights with and without the model's help")
def get_experiments(site: SiteDep, account: Viewer) -> ExperimentsOut:
    """Hours from a week ago to two weeks ahead; experiments that go on, and the last few that are over."""
    now = site.clock()
    with site.database.read() as session:
        scope = access_scope(session, account, now, site.match_rule)
        return experiments_out(session, reader_of(site.config, account, scope), now)


@router.post("/api/v1/experiments", summary="Schedule nights with and without the model's help", status_code=201)
def post_experiment(site: SiteDep, account: Operator, body: ExperimentIn) -> ScheduledOut:
    """Before its first night. Off nights take warnings away, and nothing else: they never give any."""
    try:
        made = _schedule(site, account, body.name, body.campsites, body.first_night, body.nights, body.block)
    except ValueError as wrong:
        raise HTTPException(422, {"experiment": f"{wrong}."}) from None
    return ScheduledOut(id=made)


@router.post("/api/v1/experiments/{experiment_id}/end", summary="End an experiment", status_code=204)
def post_end(site: SiteDep, account: Operator, experiment_id: Annotated[int, Path(ge=1, lt=2**31)]) -> None:
    """Once; a second time is 404."""
    _end(site, account, experiment_id)


def _schedule(
    site: Site, account: Account, name: str, campsites: list[str], first_night: str, nights: int, block: int
) -> int:
    """Returns its number. Raises ValueError with what is wrong."""
    now, said = site.clock(), storable(name)
    if not said:
        raise ValueError("give the experiment a name")
    chosen = tuple(key for key in site.config.campsites if key in campsites and account.covers(key))
    if not chosen or len(chosen) != len(set(campsites)):
        raise ValueError("choose campsites that are yours")
    with site.database.write() as session:
        plan = NightPlan(chosen, first_night, nights, block, drawn_seed(session, f"nights:{said}"))
        if first_night < night_of(now + DAY_S / 2, _zone(site, chosen[0])):
            raise ValueError("choose a first night that has not begun: whoever knows the night must not draw it")
        if session.scalar(select(NightExperiment.id).where(NightExperiment.name == said)) is not None:
            raise ValueError("an experiment of this name is there already; choose another name")
        return schedule(session, said, plan, account.id, now).id


def _end(site: Site, account: Account, experiment_id: int) -> None:
    with site.database.write() as session:
        row = session.get(NightExperiment, experiment_id) if 0 < experiment_id < 2**31 else None
        mine = row is not None and all(account.covers(campsite) for campsite in row.campsites)
        if not mine or not end(session, experiment_id, account.id, site.clock()):
            raise HTTPException(404, NO_SUCH_EXPERIMENT)
    site.wake_pages()


def _zone(site: Site, campsite: str) -> str:
    return site.config.regions[site.config.campsites[campsite].region].timezone


def _page(
    request: Request,
    site: Site,
    account: Account,
    *,
    notice: str = "",
    problem: str = "",
    typed: dict[str, object] | None = None,
) -> Response:
    now = site.clock()
    with site.database.read() as session:
        around = page_chrome(session, site, account, now)
        campsites = [(key, each.name or key) for key, each in site.config.campsites.items() if account.covers(key)]
        zone = _zone(site, campsites[0][0]) if campsites else around.timezone
        context = {
            "chrome": around,
            "drawn": experiments_out(session, reader_of(site.config, account, around.scope), now),
            "campsites": campsites,
            "typed": typed or {"name": "", "campsite": [], "first_night": night_of(now + DAY_S, zone), **USUAL},
            "notice": notice,
            "problem": problem,
        }
        return site.pages.render(request, "experiments.html", context, status=422 if problem else 200)

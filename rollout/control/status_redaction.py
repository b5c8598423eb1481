"""The status as one reader may know it. The page, the API and the command pass it through here, and nowhere else.

Of campsites that are not the reader's, nothing is said but how many there are. Whoever watches blind learns no number
that moves with what the model sees. Cameras whose warnings are paused are shown to them as well: that
says nothing of what the model sees, and their eyes are what is left.
"""

from __future__ import annotations

from dataclasses import replace

from rollout.control.forecast import Demand
from rollout.control.open_status import handovers_for
from rollout.control.people_status import ApprovalView
from rollout.control.reader import Reader
from rollout.control.status import RolloutStatus, StageView, in_the_way


def redact(view: RolloutStatus, reader: Reader) -> RolloutStatus:
    """What the reader may know of it."""
    around = view.stage.places.campsites
    blind = reader.is_blind(around)
    gates = tuple(gate.hidden() for gate in view.gates) if blind else view.gates
    if not reader.knows_all(around):
        gates = tuple(gate.model_copy(update={"detail": {}}) for gate in gates)
    other = [each for each in view.blockers if not each.kind.startswith("gates_")]
    free = reader.knows_all(None) and not reader.blind
    return view.model_copy(
        update={
            "granted": reader.places(view.granted),
            "withdrawn_cameras": view.withdrawn_cameras if free else (),
            "stages": tuple(_stage(each, reader, blind) for each in view.stages),
            "blind_to": tuple(sorted(map(reader.names.campsite, reader.blind))),
            "gates": gates,
            "blockers": (*other, *in_the_way(gates)),
            "approvals": view.approvals if free else tuple(map(_approval, view.approvals)),
            "breakers": tuple(each.redacted(reader) for each in view.breakers),
            "handovers": handovers_for(reader, view.handovers, {each.user for each in view.on_call}),
            "campsites": tuple(each for each in view.campsites if reader.covers(each.campsite)),
            "paused": tuple(each for each in view.paused if reader.covers(each.campsite)),
            "problem": _problem(view.problem, reader),
        }
    )


def _stage(view: StageView, reader: Reader, blind: bool) -> StageView:
    return view.model_copy(
        update={
            "places": reader.places(view.places),
            "days": None if blind else view.days,
            "demands": tuple(map(_demand, view.demands)) if blind else view.demands,
        }
    )


def _demand(demand: Demand) -> Demand:
    return replace(demand, outcome=None, need=None, have=None, per_day=None, days=None, missing="")


def _approval(view: ApprovalView) -> ApprovalView:
    """Without which breaker it is about, and what was written about that."""
    return view.model_copy(update={"breaker": None, "note": view.note if view.breaker is None else ""})


def _problem(problem: str | None, reader: Reader) -> str | None:
    if problem is None or reader.operates:
        return problem
    return "The rollout's configuration has a mistake; the one before stays in force. Tell an operator."

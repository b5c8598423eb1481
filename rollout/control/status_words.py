"""The status in plain words: what each breaker watches and what to do about it, who may agree, and which figures tell
what the model has seen."""

from __future__ import annotations

from typing import Final

from rollout.stages.commands import Effect

BREAKERS: Final[dict[str, tuple[str, str]]] = {
    "missed_sighting_1": (
        "Missed bears",
        "Look at the sightings of the last day that the model missed, and at the frames of those minutes. Close it "
        "only when it is clear why they were missed and that it will not happen again.",
    ),
    "recall_edetector": (
        "Bears found less often",
        "The model finds fewer bears than it did. Look at the misses on the sightings page and at the model's slices: "
        "a camera that was moved, a season, another light. Go back to the model before if it is the model.",
    ),
    "false_alarm_burst": (
        "A burst of false alarms",
        "Look at the last alerts of that camera: rain, a branch, an insect on the lens. Clean it, or draw a mask over "
        "what moves, then close this.",
    ),
    "false_alarm_rate": (
        "More false alarms than promised",
        "Look where the false alarms of the last days came from. Masks and a higher threshold help; a changed "
        "threshold is another model and begins its evidence anew.",
    ),
    "latency": (
        "Alerts come late",
        "Look at the queue and the detectors on the watch page and in the metrics: too few workers, a slow disk, a "
        "camera network that stalls.",
    ),
    "queue_depth": ("The queue grows", "Add a detector, or take cameras off until one is there. Nothing is lost."),
    "camera_loss": (
        "A camera is blind",
        "Go there, or test it on the cameras page. Until it sees again nobody watches where it stood.",
    ),
    "gpu_temp": ("The GPU is hot or gone", "Cool the machine or restart it. The detectors go on without it, slower."),
    "machine": (
        "A machine is at its limit",
        "Disk, memory or heat: look which, make room, and see in the metrics that it goes back.",
    ),
    "cost": ("It costs more than planned", "Look which cameras and machines run more than they should."),
    "drift": (
        "The scene has changed",
        "Look at the newest frames and unknown animals of that campsite. Label some; the model may need to learn them.",
    ),
    "loop": (
        "Review follows the model",
        "People look where the model points. Keep the watch hours drawn at random and the audits, until effort follows "
        "the bears again.",
    ),
    "canary_clip": (
        "The bear of a test clip is not seen",
        "A known bear was put on the camera's path and the model did not see it. Something between camera and model "
        "is broken: look at the detector's log and at what the camera sends.",
    ),
    "controller": (
        "The controller fell silent",
        "Start it again, and find out why it ended. Authority ended by itself meanwhile, as it should.",
    ),
    "no_data": ("An input that nobody updates", "Find the process that should have reported and start it again."),
    "kill": (
        "Stopped by a person",
        "Talk with whoever stopped it. When the reason is gone, two people close this with what they found.",
    ),
    "hold": (
        "Held by a person",
        "Talk with whoever held it. Warnings go on as they are; when the reason is gone, two people close this.",
    ),
    "gate": (
        "A gate failed in a live stage",
        "The plan lets this gate end a stage. Look at its course on this page, find what changed, then close this.",
    ),
    "effective-mode": (
        "What holds is not what was granted",
        "Somebody or something wrote to the database beside the rollout. Run the verification and read the ledger "
        "before anything else.",
    ),
}
"""Name and what to do next, by the breaker's key."""

ABOUT_THE_MODEL: Final = frozenset(
    {"missed_sighting_1", "recall_edetector", "false_alarm_burst", "false_alarm_rate", "drift", "loop", "latency"}
)
"""Breakers whose trips tell what the model has seen; hidden from whoever watches blind."""

OPEN_METRICS: Final = frozenset(
    {
        "camera_uptime",
        "audit_done_over_due",
        "canary_clip_recall",
        "manual_watch_drill_age_d",
        "watch_coverage",
    }
)
"""Metrics that say nothing of what the model has seen, not even by how often they move."""

EFFECTS: Final = {
    Effect.PAGE: "Somebody was told; nothing else changes.",
    Effect.HOLD: "The rollout goes no further until it is closed.",
    Effect.REVIEW: "Campers are warned only of what a ranger has confirmed.",
    Effect.HANDOVER: "Campers there are not warned by the system.",
}

ROLES: Final = {
    "ranger": "ranger",
    "lead_ranger": "lead ranger",
    "operator": "operator",
    "model_owner": "model owner",
    "auditor": "auditor",
    "administrator": "administrator",
    "any_ranger": "any ranger",
}


def breaker_name(key: str) -> str:
    """What a breaker is called on pages."""
    known = BREAKERS.get(key)
    return known[0] if known else key.replace("_", " ").capitalize()


def next_step(key: str) -> str:
    """What to do when it is open."""
    known = BREAKERS.get(key)
    return known[1] if known else "Find out what happened, write it down, and close it together with somebody else."


def and_list(names: list[str]) -> str:
    """``Creek, Trail and Meadow``."""
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


def in_words(text: str) -> str:
    """A text about roles, with the roles as people call them."""
    for key, name in ROLES.items():
        text = text.replace(key, name)
    return text

"""Another model in a running detector: loaded and proved beside the one that scores, taken between two batches.

1. The worker hands over what the registry wants once a second (:meth:`ModelSwitch.follow`).
2. A thread loads the wanted model and proves it. One that is refused is said, and the champion goes on scoring.
3. The worker takes a proven model between two batches (:meth:`ModelSwitch.take`): no frame waits for it.
4. The one before stays loaded, so that a rollback takes no time; after a start it is loaded again.
5. A champion that fails its self-test twice in a row gives way to the one before by itself
   (:meth:`ModelSwitch.fall_back`); the controller writes that down as a rollback.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from core.bundles.wanted_model import BundlePlace, WantedModel, keep_wanted
from core.message_fields import MAX_TEXT
from detector.bundle_loader import BundleLoader, LoadedModel, ModelRefused
from detector.engines.engine import Engine

log = logging.getLogger(__name__)

IN_USE: Final = "in_use"
LOADING: Final = "loading"
REFUSED: Final = "refused"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A change that this worker does not follow, and why."""

    change: int
    why: str


class ModelSwitch:
    """What one worker has loaded. All methods belong to the worker's thread."""

    def __init__(self, loader: BundleLoader, data: Path) -> None:
        self._loader = loader
        self._data = data
        self._scoring: LoadedModel | None = None
        self._wanted = WantedModel()
        self._kept: dict[str, LoadedModel] = {}
        """Loaded and not scoring, by digest."""
        self._configured: str | None = None
        """The digest of the configured model, once it was loaded."""
        self._ready: LoadedModel | None = None
        self._refused: Refusal | None = None
        self._not_kept: set[BundlePlace | None] = set()
        """Previous models that cannot be loaded: tried once, and said."""
        self._challenger: LoadedModel | None = None
        self._challenger_refused: tuple[BundlePlace, str] | None = None
        self._thread: threading.Thread | None = None
        self.first_scored_at: float | None = None
        """When the scoring model's first scores for the current change were published."""

    def begin(self, wanted: WantedModel | None, configured: Callable[[], Engine]) -> LoadedModel:
        """The model to start with: the champion, the one before it, or what ``configured`` makes, which may raise."""
        self._wanted = wanted or WantedModel()
        for place in (self._wanted.champion, self._wanted.previous):
            found = self._load(place) if place is not None else None
            if found is not None:
                self._scoring = found
                return found
        engine = configured()
        self._configured = engine.bundle.digest
        self._scoring = LoadedModel(engine, self._loader.unproved(engine))
        return self._scoring

    def follow(self, wanted: WantedModel) -> None:
        """Do what is wanted, as far as it is not done: at most one model is loaded at a time, on another thread."""
        if self._thread is not None:
            if self._thread.is_alive():
                return
            self._thread = None
        if self._ready is not None:
            return
        if wanted != self._wanted:
            self._follow_another(wanted)
        refused = self._refused is not None and self._refused.change == wanted.change
        if not refused and not self._scores(wanted.champion):
            self._start(wanted.champion, self._load_champion)
        elif self._lacks(self._wanted.previous):
            self._start(self._wanted.previous, self._load_previous)
        elif wanted.challenger is not None and self._lacks_challenger(wanted.challenger):
            self._start(wanted.challenger, self._load_challenger)

    def challenger(self) -> LoadedModel | None:
        """The challenger that is wanted, once it is loaded and has proved itself."""
        wanted, loaded = self._wanted.challenger, self._challenger
        if wanted is None or loaded is None or loaded.digest != wanted.digest or self._scores(wanted):
            return None
        return loaded

    @property
    def challenger_every(self) -> int:
        """The challenger looks at one frame in so many."""
        return self._wanted.challenger_every

    def take(self) -> LoadedModel | None:
        """A model that has become ready since, to score with from the next batch on."""
        ready = self._ready
        if ready is None or (self._thread is not None and self._thread.is_alive()):
            return None
        self._ready = None
        self._use(ready)
        self._remember()
        log.info("model change %d: %s scores from now on", self._wanted.change, ready.engine.name)
        return ready

    def scored(self, at: float) -> None:
        """Scores of the current model were published at ``at``."""
        if self.first_scored_at is None and self._scores(self._wanted.champion):
            self.first_scored_at = at

    def fall_back(self, why: str) -> LoadedModel | None:
        """The model before the champion, because the champion does not pass its self-test any more; None: there is no
        other that passes it."""
        if self._thread is not None and self._thread.is_alive():
            return None  # it may be at work with the very model; the next failed self-test asks again
        found = self._loaded(self._wanted.previous)
        if self._wanted.change == 0 or found is None or found is self._scoring or not self._passes(found):
            return None
        self._refused = Refusal(self._wanted.change, why)
        log.error("model change %d: %s; %s scores again", self._wanted.change, why, found.engine.name)
        self._use(found)
        return found

    def facts(self) -> dict[str, Any]:
        """For the heartbeat: how far this worker has followed the registry."""
        wanted, refused = self._wanted, self._refused
        is_refused = refused is not None and refused.change == wanted.change
        state = REFUSED if is_refused else IN_USE if self._scores(wanted.champion) else LOADING
        return {
            "change": wanted.change,
            "state": state,
            "digest": self._scoring.digest if self._scoring else "",
            "first_scored_at": self.first_scored_at if state == IN_USE else None,
            "kept": sorted(self._kept),
            "why": refused.why[:MAX_TEXT] if refused is not None and is_refused else "",
            "challenger": self._challenger_facts(),
        }

    def _challenger_facts(self) -> dict[str, str] | None:
        wanted, refused = self._wanted.challenger, self._challenger_refused
        if wanted is None:
            return None
        if refused is not None and refused[0] == wanted:
            return {"digest": wanted.digest, "state": REFUSED, "why": refused[1][:MAX_TEXT]}
        return {"digest": wanted.digest, "state": IN_USE if self.challenger() else LOADING, "why": ""}

    def _follow_another(self, wanted: WantedModel) -> None:
        if wanted.change != self._wanted.change:
            self.first_scored_at, self._refused = None, None
            self._not_kept.clear()
        self._wanted = wanted
        if wanted.challenger is None:
            self._challenger, self._challenger_refused = None, None
        if self._scores(wanted.champion):
            self._remember()

    def _remember(self) -> None:
        """Keep what is followed for the next start, and only those models loaded that may be needed."""
        needed = {place.digest for place in (self._wanted.champion, self._wanted.previous) if place is not None}
        needed |= {self._configured} if self._wanted.change and self._configured else set()
        self._kept = {digest: each for digest, each in self._kept.items() if digest in needed}
        try:
            keep_wanted(self._data, self._wanted)
        except OSError as error:
            log.warning("which model is wanted cannot be kept for a restart: %s", error)

    def _scores(self, place: BundlePlace | None) -> bool:
        return self._scoring is not None and self._is(self._scoring, place)

    def _is(self, loaded: LoadedModel, place: BundlePlace | None) -> bool:
        return loaded.digest == (self._configured if place is None else place.digest)

    def _loaded(self, place: BundlePlace | None) -> LoadedModel | None:
        there = [*self._kept.values(), *([self._scoring] if self._scoring else [])]
        return next((each for each in there if self._is(each, place)), None)

    def _lacks(self, previous: BundlePlace | None) -> bool:
        """Whether the model before the champion is to be loaded for a rollback. Before any change there is none."""
        first = self._wanted.change == 0 or self._wanted.champion is None
        return not first and previous not in self._not_kept and self._loaded(previous) is None

    def _lacks_challenger(self, wanted: BundlePlace) -> bool:
        if self._scores(wanted) or (self._challenger_refused is not None and self._challenger_refused[0] == wanted):
            return False
        return self._challenger is None or self._challenger.digest != wanted.digest

    def _load_challenger(self, place: BundlePlace | None) -> None:
        """Always an engine of its own: the one that scores belongs to the champion, whichever that becomes."""
        try:
            self._challenger = self._loader.load(place)
        except ModelRefused as error:
            log.error("the challenger is refused: %s", error)
            if place is not None:
                self._challenger_refused = (place, str(error))

    def _use(self, loaded: LoadedModel) -> None:
        if self._scoring is not None:
            self._kept[self._scoring.digest] = self._scoring
        self._kept.pop(loaded.digest, None)
        self._scoring, self.first_scored_at = loaded, None

    def _passes(self, loaded: LoadedModel) -> bool:
        try:
            self._loader.prove(loaded.engine)
        except ModelRefused as error:
            log.error("the model before does not help: %s", error)
            return False
        return True

    def _start(self, place: BundlePlace | None, work: Callable[[BundlePlace | None], None]) -> None:
        self._thread = threading.Thread(target=work, args=(place,), name="model-switch", daemon=True)
        self._thread.start()

    def _load_champion(self, place: BundlePlace | None) -> None:
        """On the other thread; the worker looks at what it leaves only after it has ended."""
        self._ready = self._load(place)

    def _load_previous(self, place: BundlePlace | None) -> None:
        try:
            found = self._loader.load(place)
        except ModelRefused as error:
            self._not_kept.add(place)
            log.error("the model before cannot be kept for a rollback: %s", error)
            return
        if place is None:
            self._configured = found.digest
        self._kept[found.digest] = found

    def _load(self, place: BundlePlace | None) -> LoadedModel | None:
        """The loaded or kept model, proved just now; None when it was refused, which is then said."""
        kept = self._loaded(place)
        try:
            found = (
                self._loader.load(place) if kept is None else LoadedModel(kept.engine, self._loader.prove(kept.engine))
            )
        except ModelRefused as error:
            self._refused = Refusal(self._wanted.change, str(error))
            log.error("model change %d is refused: %s", self._wanted.change, error)
            return None
        if place is None:
            self._configured = found.digest
        return found

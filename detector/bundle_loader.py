"""From a place in the registry to a model that has proved itself here, or a refusal in words.

Nothing is believed that another process wrote: the directory must lie below the data folder, the bundle must be whole
and have the digest that was asked for, this machine must be able to run it, and it must see the known bear and none in
the known empty picture (:mod:`detector.self_test`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from core.bundles.wanted_model import BundlePlace
from detector.engines.engine import Engine
from detector.models.bundle import BUILT_IN_NAME, ModelBundle
from detector.models.signature import expect_signed
from detector.self_test import SelfTest


class ModelRefused(RuntimeError):
    """A model cannot be used here; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model that runs, with its proof, which is renewed for as long as it scores."""

    engine: Engine
    self_test: SelfTest

    @property
    def digest(self) -> str:
        """The model's."""
        return self.engine.bundle.digest


class BundleLoader:
    """Loads models for one worker.

    ``configured`` is what the configuration names (:meth:`ModelBundle.open` takes it), ``data`` the data folder,
    ``engine_of`` makes a model run on this machine, ``threshold`` is the configured bear score, None: each model's own.
    ``trusted`` are the keys of whom a configured directory must be signed by; what is registered is held by its hash.
    """

    def __init__(
        self,
        configured: str,
        data: Path,
        engine_of: Callable[[ModelBundle], Engine],
        threshold: float | None,
        trusted: Collection[str] = (),
    ) -> None:
        self._trusted = trusted
        self.configured = configured
        self._data = data.resolve()
        self._engine_of = engine_of
        self._threshold = threshold

    def load(self, place: BundlePlace | None) -> LoadedModel:
        """Read a model, make it run, and prove it; None: the configured one. May take seconds.

        Raises:
            ModelRefused: whatever is wrong with it.
        """
        try:
            engine = self._engine_of(self._open(place))
        except ModelRefused:
            raise
        except Exception as error:  # a bundle is a stranger's: whatever it breaks, the champion goes on
            raise ModelRefused(str(error) or repr(error)) from error
        return LoadedModel(engine, self.prove(engine))

    def prove(self, engine: Engine) -> SelfTest:
        """Show a model the known pictures. Raises :class:`ModelRefused` when it does not pass."""
        test = SelfTest(engine, self._threshold)
        result = test.run_if_due(time.monotonic())
        if not result.ok:
            raise ModelRefused(f"{engine.name} failed its self-test: {result.why}")
        return test

    def unproved(self, engine: Engine) -> SelfTest:
        """The proof of a model that is used whether it passes or not, because there is no other."""
        return SelfTest(engine, self._threshold)

    def _open(self, place: BundlePlace | None) -> ModelBundle:
        if place is None:
            configured = ModelBundle.open(self.configured)
            expect_signed(configured, self._trusted)
            return configured
        if place.directory == BUILT_IN_NAME:
            bundle = ModelBundle.open(BUILT_IN_NAME)
        else:
            bundle = ModelBundle.load(self._below_data(place.directory))
        if place.runs and bundle.digest == place.digest and bundle.runs != place.runs:
            raise ModelRefused(
                f"{place.directory} holds the model {bundle.digest[:12]}, but other graphs than were registered with "
                "it: where nobody has exported it again, take the bundle again from where it came; where somebody has, "
                "register it again with `bearwatch models add`"
            )
        if bundle.digest != place.digest:
            raise ModelRefused(
                f"{place.directory} holds the model {bundle.digest[:12]}, not {place.digest[:12]} that was promoted: "
                "put the right bundle there, or promote the one that is there"
            )
        return bundle

    def _below_data(self, directory: str) -> Path:
        path = (self._data / directory).resolve()
        if not path.is_relative_to(self._data) or path == self._data:
            raise ModelRefused(f"{directory!r} does not lie below the data folder; nothing outside of it is loaded")
        return path

"""Which model the detectors are to use, as the registry says it in Redis. The database is the truth, this its shadow.

    SET wanted_model {"change": 7, "champion": {"digest": …, "directory": …}, "previous": …, "challenger": …}

Whoever changes the champion writes it at once, and the controller writes it again whenever it is another one or gone.
Detectors read it once a second (:mod:`detector.model_switch`), and keep what they last followed in a file, for a start
at which Redis has forgotten it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, cast

import redis

from core.message_fields import MalformedMessage, header_of, text, whole

WANTED_MODEL_KEY: Final = "wanted_model"
WANTED_MODEL_FILE: Final = "wanted_model.json"
"""In the data folder of each detector."""
MOST_EVERY: Final = 1000
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_MOST_DIRECTORY: Final = 500


@dataclass(frozen=True, slots=True)
class BundlePlace:
    """A model and where it lies: ``directory`` below the data folder, or ``built-in``.

    ``runs`` is the digest over every file of it that runs, as it was registered; empty: that is not known.
    """

    digest: str
    directory: str
    runs: str = ""


@dataclass(frozen=True, slots=True)
class WantedModel:
    """What the registry wants. ``change`` numbers the change of the champion that this follows from, 0 before any.

    A ``champion`` of None is the model that the configuration names, and so is a ``previous`` of None beside another
    champion. The previous one stays loaded, for a rollback. The ``challenger`` scores beside the champion, one frame in
    ``challenger_every``, and decides nothing.
    """

    change: int = 0
    champion: BundlePlace | None = None
    previous: BundlePlace | None = None
    challenger: BundlePlace | None = None
    challenger_every: int = 1

    def pack(self) -> bytes:
        """As it is stored."""
        return json.dumps(asdict(self, dict_factory=_as_said), sort_keys=True).encode()

    @classmethod
    def unpack(cls, raw: bytes) -> WantedModel:
        """The opposite of :meth:`pack`. Raises :class:`MalformedMessage`."""
        found = header_of(raw)
        return cls(
            change=whole(found, "change"),
            champion=_place(found, "champion"),
            previous=_place(found, "previous"),
            challenger=_place(found, "challenger"),
            challenger_every=whole(found, "challenger_every", 1, MOST_EVERY) if "challenger_every" in found else 1,
        )


def read_wanted(client: redis.Redis) -> WantedModel | None:
    """What is wanted; None when Redis does not say. Raises :class:`MalformedMessage`, and redis-py's errors."""
    raw = cast(Any, client.get(WANTED_MODEL_KEY))
    return WantedModel.unpack(raw) if raw else None


def publish_wanted(client: redis.Redis, wanted: WantedModel) -> bool:
    """Write what is wanted, unless that stands there already; returns whether it was written."""
    packed = wanted.pack()
    if client.get(WANTED_MODEL_KEY) == packed:
        return False
    client.set(WANTED_MODEL_KEY, packed)
    return True


def keep_wanted(data: Path, wanted: WantedModel) -> None:
    """Keep it in the data folder, whole or not at all. Raises OSError."""
    file = data / WANTED_MODEL_FILE
    half = file.with_suffix(".half")
    half.write_bytes(wanted.pack())
    half.replace(file)


def kept_wanted(data: Path) -> WantedModel | None:
    """What was kept; None when nothing was. Raises :class:`MalformedMessage`."""
    try:
        return WantedModel.unpack((data / WANTED_MODEL_FILE).read_bytes())
    except OSError:
        return None


def _as_said(fields: list[tuple[str, Any]]) -> dict[str, Any]:
    """Without what is not known of a place: detectors of before do not know the word either."""
    return {name: value for name, value in fields if (name, value) != ("runs", "")}


def _place(found: Mapping[str, Any], name: str) -> BundlePlace | None:
    value = found.get(name)
    if value is None:
        return None
    if not isinstance(value, dict):
        raise MalformedMessage(f"{name} is no object")
    digest, runs = text(value, "digest", 64), text({"runs": "", **value}, "runs", 64)
    for said in (digest, runs):
        if not _DIGEST.fullmatch(said) and (said or said is digest):
            raise MalformedMessage(f"{name}: {said!r} is no digest")
    return BundlePlace(digest, text(value, "directory", _MOST_DIRECTORY), runs)

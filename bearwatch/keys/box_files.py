"""What is brought to a box: the part of the configuration that it needs, and an environment with its credentials."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlsplit, urlunsplit

import yaml

from core.boxes.new_box import NewBox
from core.boxes.redis_access import user_of

SHARED: Final = ("blind_after_s", "motion")
"""Keys of the configuration that a box needs as they are."""
_VARIABLE: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


def write_box_files(folder: Path, config_file: Path, made: NewBox, redis_url: str) -> None:
    """``bearwatch.yaml`` and ``box.env`` in a new folder, readable by their owner only.

    The configuration is taken as it is written, so that ``${NAME}`` stays a name: a camera's password is written into
    ``box.env`` by whoever sets the box up. Raises OSError.
    """
    folder.mkdir(mode=0o700, parents=True)
    text = config_text(config_file.read_text(encoding="utf-8"), made)
    _write(folder / "bearwatch.yaml", text)
    names = sorted(set(_VARIABLE.findall(text)))
    _write(folder / "box.env", environment_text(made, redis_url, names))


def config_text(written: str, made: NewBox) -> str:
    """The configuration of a box: its cameras, where they stand, and nothing of whom this site tells."""
    whole: Mapping[str, Any] = yaml.safe_load(written)
    cameras = {name: whole["cameras"][name] for name in made.box.cameras}
    campsites = {
        name: {key: value for key, value in whole["campsites"][name].items() if key != "notify"}
        for name in dict.fromkeys(camera["campsite"] for camera in cameras.values())
    }
    regions = {name: whole["regions"][name] for name in dict.fromkeys(each["region"] for each in campsites.values())}
    part = {"regions": regions, "campsites": campsites, "cameras": cameras}
    part |= {key: whole[key] for key in SHARED if key in whole}
    head = f"# Box {made.box.name}: the part of the site's configuration that it needs (`bearwatch box add`)."
    return f"{head}\n" + yaml.safe_dump(part, sort_keys=False, allow_unicode=True)


def environment_text(made: NewBox, redis_url: str, names: list[str]) -> str:
    """The environment of a box; the values of ``names`` are still to be filled in."""
    lines = [
        "# Everything that this box knows of the site. Keep it readable by the box's own user only.",
        f"REDIS_URL='{with_login(redis_url, user_of(made.box.name), made.password)}'",
        f"BEARWATCH_BOX={made.box.name}",
        f"BEARWATCH_BOX_KEY={made.box.key}",
        "BEARWATCH_CONFIG=bearwatch.yaml",
        *(f"{name}=" for name in names),
    ]
    return "\n".join(lines) + "\n"


def with_login(url: str, user: str, password: str) -> str:
    """A Redis address with another name and password; one of a socket carries them as options."""
    parts = urlsplit(url)
    if parts.scheme == "unix":
        return f"{url}{'&' if parts.query else '?'}username={quote(user)}&password={quote(password, safe='')}"
    authority = f"{quote(user)}:{quote(password, safe='')}@{parts.netloc.rpartition('@')[2]}"
    return urlunsplit(parts._replace(netloc=authority))


def _write(file: Path, text: str) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as out:
        out.write(text)

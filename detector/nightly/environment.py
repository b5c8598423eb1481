"""What computed a challenger, for its lineage; and what is missing where none can be."""

from __future__ import annotations

import hashlib
import importlib.util
import platform
import sys
from importlib import metadata
from typing import Any

NEEDED = ("torch", "torchvision", "timm")


def missing_packages() -> str | None:
    """What is missing here for training, in words; None when nothing is."""
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if not missing:
        return None
    return (
        f"{', '.join(missing)} cannot be used here, training needs it: install requirements/detector.txt, or run "
        "`bearwatch learn --now` on another machine with the same DATABASE_URL and the same media directory"
    )


def environment() -> dict[str, Any]:
    """Python, what computes, and the SHA-256 over all installed packages with their versions."""
    installed = sorted({f"{each.name}=={each.version}".lower() for each in metadata.distributions()})
    found = {name: metadata.version(name) for name in (*NEEDED, "numpy") if importlib.util.find_spec(name)}
    packages = hashlib.sha256("\n".join(installed).encode()).hexdigest()
    return {"python": platform.python_version(), **found, "packages": packages, "machine": platform.machine()} | {
        "platform": sys.platform
    }

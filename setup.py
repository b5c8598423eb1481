"""What the distribution asks for: the groups of pyproject.toml, so that packages are listed in one place only."""

import tomllib
from pathlib import Path

from setuptools import setup

GROUPS = tomllib.loads(Path(__file__).with_name("pyproject.toml").read_text(encoding="utf-8"))["dependency-groups"]


def packages(group: str) -> list[str]:
    """The requirements of a group, those of the groups that it includes first."""
    found: list[str] = []
    for entry in GROUPS[group]:
        found += [entry] if isinstance(entry, str) else packages(entry["include-group"])
    return list(dict.fromkeys(found))


setup(
    install_requires=packages("demo"),
    extras_require={name: packages(name) for name in ("site", "detector")},
)

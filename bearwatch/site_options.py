"""The two options that every command of a site has: which configuration, and which folder."""

from __future__ import annotations

import argparse
from pathlib import Path

from core.secret_box import SecretBox, install
from core.settings import Settings, settings


def add_site_options(parser: argparse.ArgumentParser) -> None:
    """``--config`` and ``--data``, the same for every command; unset, the environment says where they are."""
    parser.add_argument("--config", type=Path, default=settings().bearwatch_config, help="the configuration file")
    parser.add_argument(
        "--data",
        type=Path,
        default=settings().bearwatch_data,
        help="the site's folder: database, pictures, embedded Redis",
    )


def site_settings(arguments: argparse.Namespace) -> Settings:
    """The settings of this process, with the files that its command line names.

    What this process asks :func:`core.settings.settings` for later, as its jobs do, is the same.
    """
    chosen = settings()
    chosen.bearwatch_config, chosen.bearwatch_data = arguments.config, arguments.data
    install(SecretBox.of(chosen))
    return chosen

"""The main job on staged cameras: a bear walks into view, and its alert is on the ranger's page. Nothing here is real
but the software: three RTSP cameras play scenes made for this, and each picture says so."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bearwatch.cli.up import run_site
from bearwatch.embedded import die_with_parent
from core.settings import settings

CONFIG = """\
# Written by `bearwatch demo`: three staged cameras at two campsites.
regions:
  sierra: {{timezone: America/Los_Angeles, name: Sierra County}}
campsites:
  upper-pines: {{region: sierra, name: Upper Pines}}
  lower-pines: {{region: sierra, name: Lower Pines}}
cameras:
{cameras}
detector:
  quiet_gap_s: 30
"""
PLACES = {
    "upper-creek": ("upper-pines", "Creek"),
    "upper-trail": ("upper-pines", "Trail (infra-red)"),
    "lower-meadow": ("lower-pines", "Meadow"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Few: a demo needs no choices."""
    parser.add_argument("--data", type=Path, default=Path("var/demo"), help="emptied at the start of each demo")
    parser.add_argument("--host", default=settings().bearwatch_ui_host)
    parser.add_argument("--port", type=int, default=settings().bearwatch_ui_port)
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default=settings().bearwatch_device)


def run(arguments: argparse.Namespace) -> int:
    """Run until Ctrl-C."""
    data: Path = arguments.data
    shutil.rmtree(data, ignore_errors=True)
    data.mkdir(parents=True)
    with staged_cameras(data.parent / "scenes") as urls:
        config_file = data / "bearwatch.yaml"
        config_file.write_text(configuration(urls))
        chosen = settings().model_copy(
            update={
                "bearwatch_data": data,
                "database_url": None,
                "redis_url": None,
                "bearwatch_admin_password": None,
                "bearwatch_ui_host": arguments.host,
                "bearwatch_ui_port": arguments.port,
                "bearwatch_device": arguments.device,
            }
        )
        return run_site(chosen, config_file, staged=True)


def configuration(urls: dict[str, str]) -> str:
    """The demo's configuration file."""
    lines = []
    for camera, url in urls.items():
        campsite, name = PLACES[camera]
        lines.append(f"  {camera}: {{campsite: {campsite}, name: {json.dumps(name)}, url: {json.dumps(url)}}}")
    return CONFIG.format(cameras="\n".join(lines))


@contextmanager
def staged_cameras(cache: Path) -> Iterator[dict[str, str]]:
    """The staged cameras in a process of their own; yields their addresses once they play."""
    command = [sys.executable, "-m", "bearwatch", "camera-sim", "--scene", "demo", "--json"]
    command += ["--rtsp-port", "0", "--control-port", "0", "--cache-dir", str(cache)]
    cameras = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        preexec_fn=die_with_parent,
        start_new_session=True,
    )
    try:
        line = cameras.stdout.readline() if cameras.stdout else ""
        if not line:
            raise SystemExit("The staged cameras did not start; what they said stands above.")
        yield json.loads(line)["cameras"]
    finally:
        cameras.send_signal(signal.SIGTERM)
        try:
            cameras.wait(timeout=5)
        except subprocess.TimeoutExpired:
            cameras.kill()
            cameras.wait()
        if cameras.stdout:
            cameras.stdout.close()

"""The two staged cameras that these tests look at."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from simulation.cameras.fault_injection import CameraFault
from simulation.cameras.staged_server import StagedCameras
from tests.support.rtsp_viewing import OTHER, SCENE


@pytest.fixture(scope="session")
def cache_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the loops lie that were drawn once."""
    return tmp_path_factory.mktemp("loops")


@pytest.fixture(scope="module")
def running(cache_dir: Path) -> Iterator[StagedCameras]:
    """Both cameras, started once a file."""
    with StagedCameras([SCENE, OTHER], cache_dir=cache_dir) as cameras:
        yield cameras


@pytest.fixture
def cameras(running: StagedCameras) -> Iterator[StagedCameras]:
    """The running cameras; whatever a test does to them is healed afterwards."""
    yield running
    for name in running.names:
        running.fault(name, CameraFault.NONE)

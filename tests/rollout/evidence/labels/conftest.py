"""Rangers whose labels are learnt from."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.config import Config
from core.media import MediaStore
from db.session import Database
from tests.support.labelling import Rangers


@pytest.fixture
def media(tmp_path: Path) -> MediaStore:
    """An empty folder for pictures."""
    return MediaStore(tmp_path / "media")


@pytest.fixture
def rangers(sqlite_database: Database, config: Config, media: MediaStore) -> Rangers:
    """Rosa, Ben and Lea, who have said nothing yet."""
    return Rangers(sqlite_database, config, media)

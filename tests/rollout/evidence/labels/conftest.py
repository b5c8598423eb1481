"""Rangers whose labels are learnt from."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.config import Config
from core.media import MediaStore
from db.session import Database
from tests.support.factories import jpeg
from tests.support.labelling import Rangers


@pytest.fixture
def media(tmp_path: Path) -> MediaStore:
    """An empty folder for pictures."""
    return MediaStore(tmp_path / "media")


@pytest.fixture
def rangers(sqlite_database: Database, config: Config, media: MediaStore) -> Rangers:
    """Rosa, Ben and Lea, who have said nothing yet."""
    return Rangers(sqlite_database, config, media)


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    """Two trail-camera pictures of 320 x 180 pixels, in the folders in which a card is copied."""
    folder = tmp_path / "card"
    (folder / "100RECNX").mkdir(parents=True)
    (folder / "100RECNX" / "RCNX0001.JPG").write_bytes(jpeg(140, 320, 180))
    (folder / "100RECNX" / "RCNX0002.JPG").write_bytes(jpeg(150, 320, 180))
    return folder

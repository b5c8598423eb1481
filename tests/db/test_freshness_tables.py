"""What was written down of cameras' pictures under another name is there under today's, and goes on."""

from __future__ import annotations

from alembic import command
from sqlalchemy import select, text

from db.migrate import alembic_config, upgrade
from db.models import CameraFreshness, FreshnessGap
from db.session import Database
from tests.support.november_2026 import restore

LOST = [
    (1, "upper-creek", 1800594603.0, 1800594633.0, "sight"),
    (2, "upper-trail", 1800594603.0, 1800594633.0, "sight"),
]


def test_gaps_and_watermarks_of_before_are_read_and_the_next_gap_follows_them(database_url: str) -> None:
    restore(database_url)
    database = Database(database_url)
    upgrade(database)
    with database.write() as session:
        gaps = session.scalars(select(FreshnessGap).order_by(FreshnessGap.id)).all()
        assert [(g.id, g.camera_id, g.captured_at, g.lost_at, g.over) for g in gaps[:2]] == LOST
        assert len(gaps) == 4
        creek = session.get_one(CameraFreshness, "upper-creek")
        assert (creek.captured_at, creek.steady_since) == (1801723000.0, 1801718200.0)
        another = FreshnessGap(
            camera_id="upper-creek", campsite_id="upper-pines", captured_at=None, lost_at=1.0, noticed_at=2.0, why="",
            over_at=None, over=None,
        )  # fmt: skip
        session.add(another)
        session.flush()
        assert another.id == 5
    database.close()


def test_the_way_back_keeps_them(database_url: str) -> None:
    restore(database_url)
    database = Database(database_url)
    upgrade(database)
    with database.engine.execution_options(begin="IMMEDIATE").begin() as connection:
        command.downgrade(alembic_config(connection), "0016")
        found = connection.execute(text("SELECT id, camera_id, watched_at, lost_at, over FROM sight_gaps ORDER BY id"))
        assert [tuple(row) for row in found][:2] == LOST
        assert connection.execute(text("SELECT count(*) FROM camera_sights")).scalar_one() == 3
    database.close()

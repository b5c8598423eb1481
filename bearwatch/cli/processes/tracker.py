"""Turn scores into encounters and alerts. One works, others stand by."""

from __future__ import annotations

import argparse
import threading

from bearwatch.config_following import begin_again_when, but_the_plan
from bearwatch.processes import begin
from bearwatch.site_options import add_site_options
from core.media import MediaStore
from core.redis_client import connect
from db.existing import open_existing
from db.migrate import upgrade
from db.places import sync_places
from detector.tracking.recordings import Recordings
from detector.tracking.track_worker import TrackWorker


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which site; the environment says everything else."""
    add_site_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Run until SIGTERM, one thread per shard, and one for what the main streams show."""
    process = begin("tracker", arguments)
    process.follower.start(process.stop, begin_again_when(but_the_plan))
    database = open_existing(process.settings.database)
    upgrade(database)
    with database.write() as session:
        sync_places(session, process.config)
    media = MediaStore(process.settings.media_dir)
    workers = [
        TrackWorker(process.config, database, connect(process.settings.redis), media, shard)
        for shard in process.config.shards()
    ]
    threads = [
        threading.Thread(target=worker.run, args=(process.stop,), name=f"tracker of shard {worker.streams.shard}")
        for worker in workers
    ]
    recordings = Recordings(process.config, database, connect(process.settings.redis), media)
    threads.append(threading.Thread(target=recordings.run, args=(process.stop,), name="recordings"))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    database.close()
    return 0

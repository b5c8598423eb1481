"""A park whose truth is known: bears walk by at moments that the test decides, before readers that never die.

Pictures go the way that every reader's go (spool, sender, stream); everything behind it is the real processes, and they
are what dies. What stands in the database afterwards is compared with who was there.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from sqlalchemy import select

from bearwatch.embedded import die_with_parent, server_binary
from bearwatch.local_site import environment, prepare_database, programs
from bearwatch.supervisor import Supervisor
from core.config import Config
from core.messages import Frame, Reason, content_digest
from core.redis_client import connect
from core.settings import Settings
from core.telemetry import Telemetry
from db.ledger import verify
from db.models import Alert, Delivery, Encounter
from db.session import Database
from ingest.scene.picture import encode
from ingest.sender import FrameSender
from ingest.spool import Spool
from ingest.tally import FrameCounters
from rollout.stages.spec_file import load_configured
from simulation.cameras.builtin import demo_scenes
from simulation.cameras.render import SceneRenderer
from simulation.cameras.scene import truth
from tests.support.live_site import PASSWORD
from tests.support.waiting import wait_for

CAMERAS: Final = ("creek", "trail", "meadow")
FPS: Final = 8
QUIET_GAP_S: Final = 1.5
DISK_MB: Final = 64
APART_FROM_NEXT_S: Final = 4.0
"""So long after one bear comes the next: more than the alert rule's window and its quiet gap."""
APART_S: Final = 0.3
"""The tracker's clock of a visit and the test's may differ by this."""


@dataclass(frozen=True)
class Visit:
    """A bear before a camera, in the time that the camera's pictures bear."""

    camera: str
    began_at: float
    ended_at: float


class SeparateRedis:
    """A Valkey of its own, with its append-only file or without any; a supervisor starts it again."""

    def __init__(self, folder: Path, with_file: bool) -> None:
        self.folder, self.with_file = folder, with_file
        self.socket = folder / "s"
        self.url = f"unix://{self.socket}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Begin, with whatever its file holds."""
        self.folder.mkdir(exist_ok=True)
        self.socket.unlink(missing_ok=True)
        self.process = subprocess.Popen(
            [server_binary(), "--port", "0", "--unixsocket", str(self.socket), "--dir", str(self.folder), "--save", "",
             "--appendonly", "yes" if self.with_file else "no", "--maxmemory", "512mb"],
            stdout=subprocess.DEVNULL, preexec_fn=die_with_parent, start_new_session=True,
        )  # fmt: skip
        wait_for(self.answers)

    def stop(self) -> None:
        """End it, and whatever it holds."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def answers(self) -> bool:
        """Whether somebody listens."""
        with socket.socket(socket.AF_UNIX) as asking:
            return asking.connect_ex(str(self.socket)) == 0

    def alive(self) -> bool:
        """Whether the process runs."""
        return self.process is not None and self.process.poll() is None


@dataclass
class StagedPark:
    """The processes, the readers, and who was there."""

    settings: Settings
    config: Config
    redis: SeparateRedis
    supervisor: Supervisor
    database: Database
    spool: Spool
    pictures: Sequence[tuple[bytes, tuple[float, float, float, float]]]
    visits: list[Visit] = field(default_factory=list)
    clock_s: dict[str, float] = field(default_factory=lambda: dict.fromkeys(CAMERAS, 0.0))
    """By how much each reader's clock is wrong."""

    def walk_by(self, fault: Callable[[StagedPark], None] | None = None, steps: int = 14, at_step: int = 1) -> float:
        """A bear before every camera; the fault comes when it has just come, before any alert. Returns that moment."""
        for camera in CAMERAS:  # the one before is over, by the camera's own clock
            last = max((each.ended_at for each in self.visits if each.camera == camera), default=0.0)
            wait_for(lambda last=last, camera=camera: self._now(camera) > last + APART_FROM_NEXT_S)  # type: ignore[misc]
        began = {camera: self._now(camera) for camera in CAMERAS}
        hurt_at = 0.0
        for step in range(steps):
            if step == at_step and fault is not None:
                hurt_at = time.time()
                fault(self)
            jpeg, box = self.pictures[step % len(self.pictures)]
            for camera in CAMERAS:
                at = self._now(camera)
                frame = Frame(camera, at, round(at * 1000), content_digest(jpeg), (box,), Reason.MOTION, 640, 360, jpeg)
                assert self.spool.put(frame) == []
            time.sleep(1 / FPS)
        self.visits += [Visit(camera, began[camera], self._now(camera)) for camera in CAMERAS]
        return hurt_at

    def _now(self, camera: str) -> float:
        return time.time() + self.clock_s[camera]

    def kill(self, *names: str) -> None:
        """SIGKILL, as the kernel does when memory is short."""
        running = self.supervisor.pids()
        for name in names:
            os.kill(running[name], signal.SIGKILL)

    def kill_redis(self) -> None:
        """With whatever it holds; the supervisor starts it again."""
        self.redis.stop()

    def fill_disk(self) -> None:
        """Nothing more can be written into the data folder, until :meth:`free_disk`."""
        with (self.settings.bearwatch_data / "filler").open("ab", buffering=0) as filler, suppress(OSError):
            while filler.write(bytes(1 << 16)):
                continue

    def free_disk(self) -> None:
        """Somebody has made room."""
        (self.settings.bearwatch_data / "filler").unlink(missing_ok=True)

    def alerts_of(self, visit: Visit) -> int:
        """How many alerts there are about a visit."""
        with self.database.read() as session:
            rows = session.execute(
                select(Encounter.camera_id, Encounter.first_at, Encounter.last_at).join(
                    Alert, Alert.encounter_id == Encounter.id
                )
            ).all()
        return sum(
            camera == visit.camera and first <= visit.ended_at + APART_S and last >= visit.began_at - APART_S
            for camera, first, last in rows
        )

    def wait_until_seen(self, within_s: float = 60.0) -> float:
        """Until every visit so far has an alert; returns when that was."""
        wait_for(lambda: all(self.alerts_of(visit) for visit in self.visits[-len(CAMERAS) :]), within_s)
        return time.time()

    def faults_of_the_record(self) -> list[str]:
        """What is not as it has to be: visits without their one alert, alerts about nothing, a broken ledger."""
        found = [f"{self.alerts_of(each)} alerts about {each}" for each in self.visits if self.alerts_of(each) != 1]
        with self.database.read() as session:
            alerts = len(session.scalars(select(Alert.id)).all())
            encounters = len(session.scalars(select(Encounter.id)).all())
            told = len(session.scalars(select(Delivery.id)).all())
            ledger = verify(session)
        found += [f"{alerts} alerts, {encounters} encounters, {len(self.visits)} visits"] * (
            not alerts == encounters == len(self.visits)
        )
        found += [f"{told} messages, in shadow"] * bool(told)
        found += [f"ledger: {ledger.why}"] * (ledger.broken_at is not None)
        return found


@contextmanager
def staged_park(folder: Path, names: Sequence[str], *, redis_with_file: bool = False) -> Iterator[StagedPark]:
    """The processes of these names over a data folder on a small disk of its own, where this user may mount one."""
    data = folder / "data"
    data.mkdir()
    file = folder / "bearwatch.yaml"
    lines = [f"  {name}: {{campsite: c, url: 'rtsp://127.0.0.1:1/{name}'}}" for name in CAMERAS]
    file.write_text(
        "regions: {r: {timezone: UTC}}\ncampsites: {c: {region: r}}\ncameras:\n" + "\n".join(lines)
        + f"\ndetector: {{quiet_gap_s: {QUIET_GAP_S}, engine: onnx}}\n"
    )  # fmt: skip
    with ExitStack() as ending:
        if _mount(data):
            ending.callback(subprocess.run, ["umount", "-l", str(data)], check=False)
        settings = Settings(
            bearwatch_data=data, bearwatch_log="ERROR", bearwatch_admin_password=PASSWORD, bearwatch_disk_reserve_mb=4
        )
        config, _plan = load_configured(file)
        prepare_database(settings, config)
        server = SeparateRedis(folder / "r", redis_with_file)
        server.start()
        ending.callback(server.stop)
        wanted = [each for each in programs(environment(settings, file, server.url), config) if each.name in names]
        database = Database(settings.database)
        ending.callback(database.close)
        site = Supervisor(wanted, [server])
        park = StagedPark(settings, config, server, site, database, Spool(), bear_pictures())
        running = threading.Thread(target=site.run)
        stop = threading.Event()
        reading = threading.Thread(target=_send, args=(server.url, park.spool, stop))
        for thread in (running, reading):
            thread.start()
        try:
            _wait_for_all(server.url, names)
            yield park
        finally:
            stop.set()
            site.request_stop()
            for thread in (reading, running):
                thread.join()


def is_small_disk(park: StagedPark) -> bool:
    """Whether the data folder is a disk of its own that may be filled."""
    return park.settings.bearwatch_data.is_mount()


def bear_pictures() -> list[tuple[bytes, tuple[float, float, float, float]]]:
    """The demo's bear in the middle of its walk, eight pictures a second, and where it is in each."""
    scene = demo_scenes()[0]
    painter, found = SceneRenderer(scene), []
    for step in range(20):
        index = round((31.5 + step / FPS * 2) * scene.fps)
        seen = next(each for each in truth(scene, index / scene.fps) if each.is_bear)
        box = seen.box
        found.append((encode(painter.bgr(index)).data, (box.left, box.top, box.right, box.bottom)))
    return found


def _mount(place: Path) -> bool:
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m,mode=0700", "tmpfs", str(place)]
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


def _send(url: str, spool: Spool, stop: threading.Event) -> None:
    client = connect(url)
    FrameSender(client, lambda _camera: 0, spool, FrameCounters(), stop).run()
    client.close()


def _wait_for_all(url: str, names: Sequence[str]) -> None:
    client = connect(url)
    wanted = set(names) - {"ui"}
    wait_for(lambda: {name.partition(":")[0] for name in Telemetry(client).heartbeats()} >= wanted, 120)
    client.close()

"""Redis, the database, the processes, and the keys: whether they answer, and fit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, cast

import redis
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError

from bearwatch.doctor.finding import Finding, Patient, doubtful, good, wrong
from bearwatch.embedded import NoRedisServer, server_binary
from bearwatch.keys.resealing import lost_secrets
from bearwatch.local_site import SERVICES
from core.boxes.box_list import BadBoxList, read_boxes
from core.redis_client import RedisDown, connect, exposed_address
from core.secret_box import SecretBox
from core.telemetry import Telemetry
from db.existing import NoDatabase, open_existing
from db.migrate import known_revisions
from db.session import Database

LEAST_REDIS: Final = (7, 0)
LEAST_POSTGRESQL: Final = 14
SKEW_S: Final = 5.0
SILENT_S: Final = 30.0
GONE_S: Final = 24 * 3600.0
"""A process that has been silent for so long is none of today's."""
_MOST_CHECKED_BYTES: Final = 2 << 30


def redis_server(patient: Patient) -> Iterator[Finding]:
    """Whether it answers, its version, its memory, its clock."""
    chosen = patient.settings
    in_clear = exposed_address(chosen)
    if in_clear:
        yield wrong(
            "redis", in_clear.partition(": ")[0], "use rediss://, or a tunnel with BEARWATCH_REDIS_IN_CLEAR=true"
        )
    client = connect(chosen.redis)
    try:
        said = cast(Mapping[str, Any], client.info())
        seconds, micros = cast(Any, client.time())
    except RedisDown as error:
        yield _no_redis(patient, error)
        return
    except redis.RedisError as error:
        yield wrong("redis", f"refuses this user: {error}", "look at the name and the password in REDIS_URL")
        return
    finally:
        client.close()
    yield from _of_redis(said)
    skew_s = seconds + micros / 1e6 - patient.now
    if abs(skew_s) > SKEW_S:
        yield wrong(
            "clock", f"Redis' clock and this machine's are {abs(skew_s):,.0f} s apart", "set both by the network"
        )


def _no_redis(patient: Patient, error: Exception) -> Finding:
    if patient.settings.redis_url:
        return wrong(
            "redis", f"does not answer: {error}", "look at the server, the address in REDIS_URL, and firewalls"
        )
    try:
        binary = server_binary()
    except NoRedisServer as missing:
        return wrong("redis", str(missing), "make site")
    return good("redis", f"`bearwatch up` starts its own ({binary}); none runs now")


def _of_redis(said: Mapping[str, Any]) -> Iterator[Finding]:
    name = "Valkey" if "valkey_version" in said else "Redis"
    version = str(said.get("valkey_version") or said.get("redis_version") or "0")
    if version_of(version) < LEAST_REDIS:
        yield wrong("redis", f"{name} {version} is too old", f"install {name} {LEAST_REDIS[0]} or newer")
    else:
        yield good("redis", f"{name} {version} answers")
    most, used = int(said.get("maxmemory", 0)), int(said.get("used_memory", 0))
    if not most:
        yield doubtful("redis", "its memory has no bound", "set maxmemory, as 1gb, with maxmemory-policy noeviction")
    elif used > 0.8 * most:
        yield wrong(
            "redis", f"{used / 1e6:.0f} of {most / 1e6:.0f} MB are used", "raise maxmemory, or look who lags behind"
        )
    if said.get("maxmemory_policy") not in (None, "noeviction"):
        yield wrong("redis", f"it throws away keys ({said['maxmemory_policy']}): frames vanish in silence",
                    "set maxmemory-policy noeviction")  # fmt: skip
    if said.get("aof_enabled"):
        yield doubtful("redis", "it writes every frame to the disk (appendonly): some 200 GB a day with three cameras",
                       'set appendonly no and save "": the database holds what is true')  # fmt: skip


def version_of(said: str) -> tuple[int, int]:
    """Major and minor of ``7.2.4``; zeros where there is no number."""
    major, minor = ([int(part) if part.isdigit() else 0 for part in said.split(".")] + [0, 0])[:2]
    return major, minor


def database(patient: Patient) -> Iterator[Finding]:
    """Whether it answers, its schema, its version, and whether its file is sound."""
    chosen = patient.settings
    try:
        there = open_existing(chosen.database)
    except NoDatabase as none:
        yield wrong("database", str(none).partition(": name")[0],
                    "`bearwatch up` makes one; else look at --data and DATABASE_URL")  # fmt: skip
        return
    try:
        yield from _of_database(patient, there)
        yield from _keys(patient, there)
    except DatabaseError as error:
        reason = str(error.orig).strip().partition("\n")[0]
        yield wrong("database", f"it answers with an error: {reason}", "stop everything, and bring back a backup")
    finally:
        there.close()


def _of_database(patient: Patient, there: Database) -> Iterator[Finding]:
    with there.read() as session:
        found = session.scalar(text("SELECT version_num FROM alembic_version"))
        if found != known_revisions()[-1]:
            yield wrong(
                "database", f"it has the schema {found}, this program {known_revisions()[-1]}", "bearwatch migrate"
            )
        newest = session.scalar(text("SELECT max(at) FROM ledger")) or 0.0
        if newest > patient.now + SKEW_S:
            yield wrong("clock", f"the record's newest entry is {newest - patient.now:,.0f} s in the future",
                        "set this machine's clock by the network before anything is started")  # fmt: skip
        if there.is_sqlite:
            yield _sqlite_file(there)
            return
        version = int(str(session.scalar(text("SHOW server_version_num")))) // 10000
        skew_s = float(session.scalar(text("SELECT extract(epoch FROM clock_timestamp())")) or 0) - patient.now
    if version < LEAST_POSTGRESQL:
        yield wrong("database", f"PostgreSQL {version} is too old", f"install PostgreSQL {LEAST_POSTGRESQL} or newer")
    else:
        yield good("database", f"PostgreSQL {version} answers")
    if abs(skew_s) > SKEW_S:
        yield wrong("clock", f"the database's clock and this machine's are {abs(skew_s):,.0f} s apart",
                    "set both by the network")  # fmt: skip


def _sqlite_file(there: Database) -> Finding:
    file = Path(there.url.database or "")
    size = file.stat().st_size
    if size > _MOST_CHECKED_BYTES:
        return good("database", f"{file}, {size / 1e6:.0f} MB; too large to be read through here")
    with there.engine.connect() as connection:
        said = connection.execute(text("PRAGMA quick_check(1)")).scalar()
    if said != "ok":
        return wrong("database", f"{file} is damaged: {said}", "stop everything, and bring back a backup")
    return good("database", f"{file}, {size / 1e6:.1f} MB, is sound")


def _keys(patient: Patient, there: Database) -> Iterator[Finding]:
    lost = lost_secrets(there, SecretBox.of(patient.settings))
    if lost:
        yield wrong("keys", f"{lost} secrets of the database are opened by no key that is here",
                    "bring secret.key or BEARWATCH_SECRET_KEY back")  # fmt: skip
    try:
        read_boxes(patient.settings.bearwatch_data)
    except BadBoxList as error:
        yield wrong("boxes", str(error), "bring boxes.json back from a backup, or add the boxes anew")


def processes(patient: Patient) -> Iterator[Finding]:
    """Which have reported lately, and which have fallen silent."""
    client = connect(patient.settings.redis)
    try:
        beats = Telemetry(client).heartbeats()
    except redis.RedisError:
        return  # told already
    finally:
        client.close()
    ages = {name: patient.now - beat["at"] for name, beat in beats.items() if name.partition(":")[0] in SERVICES}
    living = {name.partition(":")[0] for name, age_s in ages.items() if age_s <= SILENT_S}
    if not living:
        yield doubtful("processes", "none of this site runs now", "bearwatch up, or its units or containers")
        return
    silent = {n: a for n, a in ages.items() if SILENT_S < a < GONE_S and n.partition(":")[0] not in living}
    for name, age_s in sorted(silent.items()):
        yield wrong("processes", f"{name} has been silent for {age_s:,.0f} s", "look at its log, and start it again")
    wanted = set(SERVICES) - {"ui", "outside"}
    missing = sorted(wanted - living - {name.partition(":")[0] for name in silent})
    for name in missing:
        yield wrong("processes", f"no {name} runs", f"start it: bearwatch {name}")
    if not silent and not missing:
        yield good("processes", f"{', '.join(sorted(living))} report")

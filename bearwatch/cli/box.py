"""Boxes at campsites: machines that read cameras there, push their frames to this site, and may do nothing else.

`add` makes a box's credentials and configuration, to be brought to it; `revoke` ends them at once, with every
connection that it has; `list` shows which there are.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import redis

from bearwatch.keys.box_files import write_box_files
from bearwatch.site_options import add_site_options, site_settings
from core.boxes.box_keeper import BoxKeeper
from core.boxes.box_list import NAME, BadBoxList, EdgeBox, changing_boxes, read_boxes
from core.boxes.new_box import NewBox, new_box, revoked
from core.clock import now_s
from core.config import Config
from core.config_file import load_config
from core.redis_client import RedisDown, connect, exposed_address
from core.settings import Settings
from db.existing import open_existing
from db.ledger import record
from db.session import Database

ACTIONS = ("add", "revoke", "list")
AT_THE_MACHINE = "operator at the machine"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to do, with which box, at which site."""
    parser.add_argument("action", choices=ACTIONS)
    parser.add_argument("name", nargs="?", help="the box's name: lower-case letters, digits and -")
    parser.add_argument("--cameras", default="", help="whose frames it may push, as `creek,trail` (add)")
    parser.add_argument(
        "--redis",
        metavar="URL",
        default="",
        help="this site's Redis as the box reaches it: rediss://HOST:6379",
    )
    parser.add_argument("--out", type=Path, help="folder for its files (add; default: box-NAME)")
    add_site_options(parser)
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")


def run(arguments: argparse.Namespace) -> int:
    """Exit status 0 when it was done, 1 when it was refused, 2 when the command line is wrong."""
    current = site_settings(arguments)
    database = open_existing(current.database)  # first: whoever stands in the wrong folder is told so
    try:
        return _run(arguments, current, database)
    finally:
        database.close()


def _run(arguments: argparse.Namespace, current: Settings, database: Database) -> int:
    if arguments.action == "list":
        return _list(current, arguments.json)
    if not NAME.fullmatch(arguments.name or ""):
        print(f"`bearwatch box {arguments.action}` needs a name of lower-case letters, digits and -", file=sys.stderr)
        return 2
    config = load_config(arguments.config)
    try:
        if arguments.action == "add":
            return _add(arguments, current, config, database)
        return _revoke(arguments, current, config, database)
    except BadBoxList as error:
        print(f"{error} Nothing was changed.", file=sys.stderr)
        return 1


def _add(arguments: argparse.Namespace, current: Settings, config: Config, database: Database) -> int:
    if not arguments.redis:
        raise BadBoxList("--redis is missing: under which address does the box reach this site's Redis?")
    address = exposed_address(current.model_copy(update={"redis_url": arguments.redis}))
    if address:
        raise BadBoxList(address)
    out = arguments.out or Path(f"box-{arguments.name}")
    if out.exists():
        raise BadBoxList(f"{out} exists already; name a new folder with --out.")
    made = new_box(arguments.name, [each for each in arguments.cameras.split(",") if each], now_s())
    with changing_boxes(current.bearwatch_data) as boxes:
        _expect_free(made, boxes, config)
        boxes[made.box.name] = made.box
        write_box_files(out, arguments.config, made, arguments.redis)
    _record(database, made.box)
    granted = _granted(current, config)
    _say_added(arguments, made.box, out, granted)
    return 0


def _expect_free(made: NewBox, boxes: dict[str, EdgeBox], config: Config) -> None:
    name, cameras = made.box.name, made.box.cameras
    if name in boxes and boxes[name].active:
        raise BadBoxList(f"There is a box {name} already; `bearwatch box revoke {name}` ends it.")
    unknown = [each for each in cameras if each not in config.cameras]
    if not cameras or unknown:
        raise BadBoxList(f"--cameras names {', '.join(unknown) or 'none'}; known are {', '.join(config.cameras)}.")
    for other in boxes.values():
        both = sorted(set(other.cameras) & set(cameras)) if other.active else []
        if both:
            raise BadBoxList(f"Box {other.name} reads {', '.join(both)} already; a camera is read by one.")


def _revoke(arguments: argparse.Namespace, current: Settings, config: Config, database: Database) -> int:
    with changing_boxes(current.bearwatch_data) as boxes:
        box = boxes.get(arguments.name)
        if box is None or not box.active:
            raise BadBoxList(f"There is no box {arguments.name} with access; `bearwatch box list` shows them.")
        boxes[box.name] = revoked(box, now_s())
    _record(database, boxes[box.name])
    granted = _granted(current, config)
    if arguments.json:
        print(json.dumps({"name": box.name, "revoked": True, "redis_told": granted}))
        return 0
    print(f"Box {box.name} may do nothing any more. {_TOLD[granted]}")
    print(f"Its cameras ({', '.join(box.cameras)}) are read by this site itself now, where it reaches them.")
    return 0


def _granted(current: Settings, config: Config) -> bool:
    """Tell Redis at once; false: it is unreachable, or may not be told, and the controller goes on trying."""
    client = connect(current.redis)
    try:
        BoxKeeper(client, current.bearwatch_data, lambda: config).keep()
    except (*RedisDown, redis.RedisError):
        return False
    finally:
        client.close()
    return True


def _record(database: Database, box: EdgeBox) -> None:
    with database.write() as session:
        record(
            session, at=now_s(), kind="box.added" if box.active else "box.revoked", subject=f"box:{box.name}",
            actor=AT_THE_MACHINE, body={"cameras": list(box.cameras)},
        )  # fmt: skip


def _say_added(arguments: argparse.Namespace, box: EdgeBox, out: Path, granted: bool) -> None:
    if arguments.json:
        print(json.dumps({"name": box.name, "cameras": list(box.cameras), "files": str(out), "redis_told": granted}))
        return
    print(f"Box {box.name} may push frames of {', '.join(box.cameras)}. {_TOLD[granted]}")
    print(f"Bring {out} to it, write the cameras' passwords into {out / 'box.env'}, and start there:")
    print("  set -a; . ./box.env; bearwatch check && bearwatch ingest")
    print("Its password is nowhere else: when the folder is there, remove it here.")


def _list(current: Settings, as_json: bool) -> int:
    boxes = read_boxes(current.bearwatch_data)
    if as_json:
        told = [{"name": b.name, "cameras": list(b.cameras), "added_at": b.added_at, "revoked_at": b.revoked_at}
                for b in boxes]  # fmt: skip
        print(json.dumps({"boxes": told}))
        return 0
    for box in boxes:
        print(f"{box.name:<24}{'may push frames of' if box.active else 'revoked; had':<20}{', '.join(box.cameras)}")
    if not boxes:
        print("No boxes: all cameras are read by this site itself.")
    return 0


_TOLD = {
    True: "Redis knows.",
    False: "Redis cannot be told now; the controller tells it as soon as it can.",
}

"""Everything of one machine: which processes run, in which order, with which environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bearwatch.embedded import EmbeddedRedis
from bearwatch.supervisor import Program, Supervisor
from core.config import Config
from core.config_file import load_config
from core.settings import Settings
from db.migrate import upgrade
from db.places import sync_places
from db.session import Database
from review_ui.auth.accounts import ensure_first_account

SERVICES = ("tracker", "detector", "controller", "jobs", "ui", "ingest", "outside")
"""In the order of starting: whoever consumes is there before whoever produces. compose.yaml runs the same."""


@dataclass(frozen=True, slots=True)
class FirstAccount:
    """The first account, as it was just made, with its generated password."""

    name: str
    password: str


def prepare_database(settings: Settings, config: Config, staged: bool = False) -> FirstAccount | None:
    """Migrate, bring the places in, and make the first account where there is none.

    Returns the account when its password was generated: somebody has to be told, this once. It opens only the form
    for a password of their own; on a ``staged`` site, where nothing is real, it goes on being good.
    Raises :class:`review_ui.auth.accounts.WeakPassword` for a given password that is too short or too long.
    """
    database = Database(settings.database)
    try:
        upgrade(database)
        with database.write() as session:
            sync_places(session, config)
        given = settings.bearwatch_admin_password
        made = ensure_first_account(database, given.get_secret_value() if given else None, staged)
        return FirstAccount(*made) if made and given is None else None
    finally:
        database.close()


def environment(settings: Settings, config_file: Path, redis_url: str) -> dict[str, str]:
    """What the processes are told; it is what compose.yaml tells its services."""
    return {
        "REDIS_URL": redis_url,
        "DATABASE_URL": settings.database,
        "BEARWATCH_DATA": str(settings.bearwatch_data.resolve()),
        "BEARWATCH_CONFIG": str(config_file.resolve()),
        "BEARWATCH_LOG": settings.bearwatch_log,
        "BEARWATCH_UI_HOST": settings.bearwatch_ui_host,
        "BEARWATCH_UI_PORT": str(settings.bearwatch_ui_port),
        "BEARWATCH_DEVICE": settings.bearwatch_device,
    }


def programs(env: Mapping[str, str], config: Config) -> list[Program]:
    """The processes of one machine. Where nobody elsewhere is to be called, nothing runs for it."""
    names = [name for name in SERVICES if name != "outside" or config.outside.ping_url is not None]
    return [Program(name, [name], env) for name in names]


def embedded_redis(settings: Settings) -> EmbeddedRedis:
    """The embedded server in the data directory."""
    return EmbeddedRedis(settings.bearwatch_data / "run")


def supervisor(settings: Settings, config_file: Path, embedded: EmbeddedRedis | None) -> Supervisor:
    """A supervisor of all processes, and of the embedded server if there is one."""
    url = embedded.url if embedded else settings.redis
    wanted = programs(environment(settings, config_file, url), load_config(config_file))
    return Supervisor(wanted, [embedded] if embedded else [])

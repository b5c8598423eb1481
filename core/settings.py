"""What the environment decides: where the servers, the files and the secrets are."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from core.boxes.frame_signature import BoxIdentity
from core.client_network import networks


class Settings(BaseSettings):
    """Read from environment variables; every field's variable is its name in capitals.

    The same variables drive ``bearwatch up`` on one machine and the services of compose.yaml.
    """

    model_config = SettingsConfigDict(extra="ignore", case_sensitive=False)

    redis_url: str | None = Field(
        default=None,
        description="Redis or Valkey server; unset, `bearwatch up` starts an embedded one",
    )
    bearwatch_redis_in_clear: bool = Field(
        default=False,
        description="set where `REDIS_URL` names another host in clear, and the network to it is private all the way: "
        "inside one machine's containers, or through a tunnel",
    )
    database_url: str | None = Field(
        default=None,
        description="SQLAlchemy address, postgresql+psycopg://…; unset, SQLite in the data directory",
    )
    bearwatch_data: Path = Field(
        default=Path("var"), description="directory for the database, media, and run-time files"
    )
    bearwatch_disk_reserve_mb: int = Field(
        default=64,
        ge=0,
        description="space held back in the data directory (at most a tenth of its disk), given up for alerts when the "
        "disk is full; 0: none",
    )
    bearwatch_config: Path = Field(
        default=Path("bearwatch.yaml"), description="configuration file with regions, campsites and cameras"
    )
    bearwatch_log: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="how much the processes write to standard error"
    )
    bearwatch_ui_host: str = Field(default="127.0.0.1", description="address the page listens on")
    bearwatch_ui_port: int = Field(default=8000, ge=0, le=65535, description="port the page listens on")
    bearwatch_secure_cookies: bool = Field(
        default=False,
        description="set when the page is served over HTTPS: cookies then never travel in clear",
    )
    bearwatch_admin_password: SecretStr | None = Field(
        default=None,
        description="password of the first account; unset, one is generated, printed once, and changed at first login",
    )
    bearwatch_second_factor_roles: str = Field(
        default="",
        description="roles that must set up a second factor, as `administrator,model_owner`; everybody else may",
    )
    bearwatch_secret_key: SecretStr | None = Field(
        default=None,
        min_length=16,
        description="what secrets in the database are encrypted with, at least 16 random characters; unset, the "
        "file `secret.key` in the data directory, made when it is first needed. Keep a copy apart from the database's",
    )
    bearwatch_secret_key_before: SecretStr | None = Field(
        default=None,
        min_length=16,
        description="the key before `BEARWATCH_SECRET_KEY`, until `bearwatch secrets rotate` has sealed all anew",
    )
    bearwatch_watch_ends_after_s: float = Field(
        default=14 * 3600.0, gt=0.0, description="a watch that its watcher forgets ends by itself after this"
    )
    bearwatch_watch_warns_after_s: float = Field(
        default=10 * 3600.0, gt=0.0, description="and from here on the page asks whether they are still watching"
    )
    bearwatch_metrics_token: SecretStr | None = Field(
        default=None,
        description="what a scraper of `/metrics` shows as `Authorization: Bearer …`",
    )
    bearwatch_metrics_from: str = Field(
        default="",
        description="from where `/metrics` may be read without that token: addresses and networks, as "
        "`127.0.0.1 10.0.3.0/24`; unset, from nowhere",
    )
    bearwatch_trusted_proxies: str = Field(
        default="127.0.0.1 ::1",
        description="proxies that are believed when they say who asks (`X-Forwarded-For`): addresses and networks; "
        "a request that any other has forwarded is refused",
    )
    bearwatch_public_url: str | None = Field(
        default=None, description="address under which people reach the page, `https://…`; unset, as they ask for it"
    )
    bearwatch_oidc_issuer: str | None = Field(
        default=None, description="OpenID Connect: the provider's issuer address; unset, passwords only"
    )
    bearwatch_oidc_client_id: str = Field(default="bearwatch", description="OpenID Connect: this page's name there")
    bearwatch_oidc_client_secret: SecretStr | None = Field(
        default=None, description="OpenID Connect: this page's secret there; unset, a public client with PKCE alone"
    )
    bearwatch_oidc_role_claim: str = Field(
        default="roles", description="OpenID Connect: the claim that holds what a person is there, a word or a list"
    )
    bearwatch_oidc_roles: str = Field(
        default="",
        description="OpenID Connect: which word there is which role here, as `rangers=ranger,it=administrator`; "
        "who has none of them does not get in",
    )
    bearwatch_ledger_anchors: Path | None = Field(
        default=None,
        description="file into which the newest entry of the ledger is written hourly; unset, `ledger.anchors` in the "
        "data directory. Better a place that whoever can write to the database cannot reach",
    )
    bearwatch_push_services: str = Field(
        default="https://fcm.googleapis.com https://*.push.services.mozilla.com https://*.notify.windows.com "
        "https://*.push.apple.com",
        description="browsers' push services that may be spoken to, for those who want to be told of alerts while no "
        "page is open; empty, nobody is",
    )
    bearwatch_push_contact: str | None = Field(
        default=None,
        description="whom a push service writes to about this site, `mailto:…`; unset, it is given the public address",
    )
    bearwatch_machine: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9._-]{1,60}$",
        description="name under which this machine reports itself; unset, its host name. A container's host name "
        "changes with each new one, and the old ones would be missed as silent machines",
    )
    bearwatch_model_keys: str = Field(
        default="",
        description="public keys of those who sign models, separated by spaces; set, a model from a directory is taken "
        "only when one of them has signed it (`bearwatch models sign`). What is registered already is held by its hash",
    )
    bearwatch_box: str | None = Field(
        default=None,
        pattern=r"^[a-z0-9][a-z0-9-]{0,31}$",
        description="on a box: its name, as `bearwatch box add` gave it",
    )
    bearwatch_box_key: SecretStr | None = Field(
        default=None, description="on a box: what its frames are signed with, as `bearwatch box add` made it"
    )
    bearwatch_device: Literal["auto", "cpu", "cuda"] = Field(default="auto", description="where the detector runs")

    @field_validator("bearwatch_box_key")
    @classmethod
    def _is_a_key(cls, key: SecretStr | None) -> SecretStr | None:
        if key is not None and not re.fullmatch(r"[0-9a-f]{64}", key.get_secret_value()):
            raise ValueError("a box's key has 64 hexadecimal digits; take it as `bearwatch box add` wrote it")
        return key

    @model_validator(mode="after")
    def _box_with_key(self) -> Settings:
        if (self.bearwatch_box is None) != (self.bearwatch_box_key is None):
            raise ValueError("BEARWATCH_BOX and BEARWATCH_BOX_KEY belong together; `bearwatch box add` writes both")
        return self

    @property
    def box(self) -> BoxIdentity | None:
        """Who this box is; None where this is the site itself."""
        if self.bearwatch_box is None or self.bearwatch_box_key is None:
            return None
        return BoxIdentity(self.bearwatch_box, bytes.fromhex(self.bearwatch_box_key.get_secret_value()))

    @field_validator("bearwatch_metrics_from", "bearwatch_trusted_proxies")
    @classmethod
    def _are_networks(cls, text: str) -> str:
        networks(text)
        return text

    @property
    def model_keys(self) -> frozenset[str]:
        """Public keys of those who may sign models; empty: no signature is asked for."""
        return frozenset(self.bearwatch_model_keys.split())

    @property
    def second_factor_roles(self) -> frozenset[str]:
        """Roles that must have a second factor."""
        return frozenset(filter(None, (role.strip() for role in self.bearwatch_second_factor_roles.split(","))))

    @property
    def watch_asks_before_s(self) -> float:
        """How long before a watch ends by itself its watcher is asked."""
        return max(0.0, self.bearwatch_watch_ends_after_s - self.bearwatch_watch_warns_after_s)

    @property
    def media_dir(self) -> Path:
        """Directory of pictures."""
        return self.bearwatch_data / "media"

    @property
    def database(self) -> str:
        """The database's SQLAlchemy address."""
        return self.database_url or f"sqlite:///{self.bearwatch_data / 'bearwatch.sqlite3'}"

    @property
    def ledger_anchors(self) -> Path:
        """The file of the ledger's anchors."""
        return self.bearwatch_ledger_anchors or self.bearwatch_data / "ledger.anchors"

    @property
    def redis(self) -> str:
        """The Redis address: the given one, or the embedded server's socket."""
        return self.redis_url or f"unix://{self.bearwatch_data.resolve() / 'run' / 'redis.sock'}"


@lru_cache
def settings() -> Settings:
    """The settings of this process."""
    return Settings()

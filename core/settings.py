"""What the environment decides: where the servers, the files and the secrets are."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Read from environment variables; every field's variable is its name in capitals.

    The same variables drive ``bearwatch up`` on one machine and the services of compose.yaml.
    """

    model_config = SettingsConfigDict(extra="ignore", case_sensitive=False)

    redis_url: str | None = Field(
        default=None,
        description="Redis or Valkey server; unset, `bearwatch up` starts an embedded one",
    )
    database_url: str | None = Field(
        default=None,
        description="SQLAlchemy address, postgresql+psycopg://…; unset, SQLite in the data directory",
    )
    bearwatch_data: Path = Field(
        default=Path("var"), description="directory for the database, media, and run-time files"
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
        default=None, description="password of the first account; unset, one is generated and printed once"
    )
    bearwatch_device: Literal["auto", "cpu", "cuda"] = Field(default="auto", description="where the detector runs")

    @property
    def media_dir(self) -> Path:
        """Directory of pictures."""
        return self.bearwatch_data / "media"

    @property
    def database(self) -> str:
        """The database's SQLAlchemy address."""
        return self.database_url or f"sqlite:///{self.bearwatch_data / 'bearwatch.sqlite3'}"

    @property
    def redis(self) -> str:
        """The Redis address: the given one, or the embedded server's socket."""
        return self.redis_url or f"unix://{self.bearwatch_data.resolve() / 'run' / 'redis.sock'}"


@lru_cache
def settings() -> Settings:
    """The settings of this process."""
    return Settings()

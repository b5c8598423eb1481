"""What an archive says of itself, in its last member: every file with its digest, and what the site was."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

FORMAT = 1


class ArchivedFile(BaseModel):
    """A member of the archive."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    bytes: int = Field(ge=0)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class Manifest(BaseModel):
    """The last member of an archive; an archive without it was broken off."""

    model_config = ConfigDict(extra="forbid")

    format: int
    version: str = Field(description="of the program that made it")
    made_at: float = Field(description="UTC seconds")
    database: str = Field(description="what the site runs on: sqlite or postgresql; the archive always holds SQLite")
    revision: str | None = Field(description="the schema of the database")
    rows: dict[str, int] = Field(description="of each table")
    configuration: str | None = Field(description="what the configuration's file is called; None: there was none")
    ledger_entries: int
    ledger_head: str
    ledger_broken: str | None = Field(description="what did not fit in the ledger when it was backed up")
    key_in_environment: bool = Field(description="whether the key of sealed secrets is not in here for that reason")
    files: list[ArchivedFile]
    left_out: list[tuple[str, str]] = Field(description="what the site has and the archive has not, and why")

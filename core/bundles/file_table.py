"""Which files of a bundle run, each with its hash: the table ``files`` of ``bundle.json``, and the digest over it.

The digest of a model covers what decides a score: weights, labels, thresholds. On a processor an exported graph runs in
their place, and it is no part of that digest, which evidence has named for as long as there are models. So the
description names the graphs' hashes beside it, and :func:`files_digest` covers both: the registry keeps it, a signature
is made over it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any, Final

FILES: Final = "files"
"""The key of ``bundle.json`` that holds the table."""
MOST_FILES: Final = 32
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_FILE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def files_of(described: Mapping[str, Any]) -> dict[str, str]:
    """The table: SHA-256 by file name, empty in a bundle without graphs.

    Raises:
        ValueError: it is no such table.
    """
    table = described.get(FILES, {})
    if not isinstance(table, dict) or len(table) > MOST_FILES:
        raise ValueError(f"{FILES} is no table of at most {MOST_FILES} files")
    for name, sha256 in table.items():
        if not _FILE.fullmatch(name) or not isinstance(sha256, str) or not _SHA256.fullmatch(sha256):
            raise ValueError(f"{FILES} says of {name!r} what is no SHA-256")
    return dict(table)


def files_digest(model: str, files: Mapping[str, str]) -> str:
    """SHA-256 (hex) over everything of a bundle that runs: the model's own digest, and each file with its hash."""
    canonical = json.dumps({"model": model, FILES: dict(files)}, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()

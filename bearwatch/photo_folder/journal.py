"""What was already judged, so that a killed run goes on where it stopped: one line a photograph, appended at once."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from bearwatch.photo_folder.bursts import SortedPhoto


def journal_path(data: Path, folder: Path) -> Path:
    """Where the journal of a folder lies: with the product's data, for a camera's card may not be written to."""
    name = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:16]
    return data / "sort" / f"{name}.jsonl"


class Journal:
    """The judged photographs of a folder by one model and view.

    A photograph whose size or date has changed is judged again; a line that was cut off by a crash is ignored.
    """

    def __init__(self, path: Path, folder: Path, judged_by: str) -> None:
        self._path, self._folder, self._judged_by = path, folder, judged_by
        self._known = dict[str, tuple[list[int], SortedPhoto]]()
        for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
            self._take(line)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("a", encoding="utf-8")
        if self._file.tell():
            self._file.write("\n")  # after a line that a crash may have cut off

    def find(self, file: str) -> SortedPhoto | None:
        """What was said of a file that is still the same."""
        found = self._known.get(file)
        return found[1] if found and found[0] == self._stamp(file) else None

    def add(self, photo: SortedPhoto) -> None:
        """Keep what was said."""
        row = asdict(photo) | {"captured_at": photo.captured_at.isoformat() if photo.captured_at else None}
        line = {"judged_by": self._judged_by, "stamp": self._stamp(photo.file), "photo": row}
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _stamp(self, file: str) -> list[int]:
        status = (self._folder / file).stat()
        return [status.st_size, status.st_mtime_ns]

    def _take(self, line: str) -> None:
        try:
            found: dict[str, Any] = json.loads(line)
            row = found["photo"]
            time = datetime.fromisoformat(row["captured_at"]) if row["captured_at"] else None
            photo = SortedPhoto(**row | {"captured_at": time, "box": tuple(row["box"])})
            if found["judged_by"] == self._judged_by:
                self._known[photo.file] = ([int(value) for value in found["stamp"]], photo)
        except (ValueError, KeyError, TypeError):
            return  # cut off, or of another version: judged again

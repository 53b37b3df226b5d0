"""Other ids of tracks, from a CSV file with the columns ``id`` and ``path``."""

import csv
import os
import re
from pathlib import Path

from realtime_mer.errors import InputError
from realtime_mer.writing.cells import from_cell

_ID = re.compile(r"[0-9A-Za-z]+")  # what can stand in a list of ids


def read_ids(path: Path) -> dict[str, str]:
    """Return absolute paths of tracks by other ids; a path may be from the file's folder on.

    Raises:
        InputError: it cannot be read, or a line of it cannot be used.
    """
    found: dict[str, str] = {}
    try:
        # With the mark that spreadsheets put before UTF-8, or without.
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file)
            if not {"id", "path"} <= {*(rows.fieldnames or ())}:
                raise InputError(f"{path} has no columns id and path: name them in its first line")
            for row in rows:
                other, track = row["id"] or "", from_cell(row["path"] or "")
                if not _ID.fullmatch(other) or not track:
                    raise InputError(
                        f"{path}, line {rows.line_num}: {other!r} for {track!r} cannot be used: "
                        "an id is letters and digits, and a path must follow"
                    )
                if other in found:
                    raise InputError(f"{path}, line {rows.line_num}: {other} is there twice")
                found[other] = os.path.abspath(path.parent / track)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} cannot be read as CSV ({error})") from error
    return found

"""A plain table for spreadsheets and for beets' plugin: a row a track, the numbers and words."""

import csv
import io
from collections.abc import Sequence

from realtime_mer.library.exporting.entries import Entry
from realtime_mer.writing.cells import to_cells

_COLUMNS = "path title artist album seconds mer_valence mer_arousal mer_energy mer_mood mer_model "
_COLUMNS += "mer_scale"


def table(entries: Sequence[Entry], *, for_spreadsheets: bool = True) -> bytes:
    """Return the table as CSV in UTF-8.

    Args:
        entries: of the tracks.
        for_spreadsheets: a row a track, of which no text is run by one; else a row for each of a
            track's files, with texts as they are.
    """
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, _COLUMNS.split(), lineterminator="\n")
    writer.writeheader()
    for entry in entries:
        track, names = entry.track, entry.names
        row = {
            "path": track.path,
            "title": names.title,
            "artist": names.artist,
            "album": names.album,
            "seconds": track.seconds,
            **_said(entry),
            "mer_model": track.model,
            "mer_scale": track.scale,
        }
        if not for_spreadsheets:
            writer.writerows(row | {"path": path} for path in track.paths)
            continue
        numbers = ("mer_valence", "mer_arousal")  # are no texts, whatever they begin with
        writer.writerow(to_cells(row) | {name: row[name] for name in numbers})
    return text.getvalue().encode("utf-8", "surrogateescape")


def _said(entry: Entry) -> dict[str, str | int]:
    """Return what is told of a track, empty where nothing of it is music."""
    track = entry.track
    if track.says_nothing:
        return dict.fromkeys(("mer_valence", "mer_arousal", "mer_energy", "mer_mood"), "")
    return {
        "mer_valence": f"{track.valence:z.3f}",
        "mer_arousal": f"{track.arousal:z.3f}",
        "mer_energy": entry.energy,
        "mer_mood": "; ".join(track.words),
    }

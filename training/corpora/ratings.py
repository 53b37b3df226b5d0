"""Ratings without sound: priors on how people rate, how much they differ, how fast curves move.

Read from a folder ``label_only`` of repackaged tables, all onto [-1, 1]. Scales and traps:
``deam_static`` is on 1-9 with the exchanged columns of ids up to 1000 already corrected (its column
``columns_exchanged`` tells which); ``pmemo_static`` has means on 1-9 but standard deviations on
[0, 1]; ``pmemo_dynamic`` is on [0, 1]; ``emomusic_dynamic`` is on [-1, 1], and its songs are DEAM's
ids up to 1000.
"""

from collections import defaultdict
from pathlib import Path

from .clip import Rating, RatingTable
from .deam import from_nine, recording
from .tables import Row, curve, number, read_rows, required

FOLDER = "label_only"

_COLUMNS = ("valence_mean", "arousal_mean", "valence_std", "arousal_std")


def read_deam_static(path: Path) -> list[Rating]:
    """Read means and standard deviations on 1-9."""
    return [
        Rating(
            table="deam_static",
            song=row["song_id"],
            recording=recording(row["song_id"]),
            valence=from_nine(required(row["valence_mean"], path)),
            arousal=from_nine(required(row["arousal_mean"], path)),
            valence_sd=required(row["valence_std"], path) / 4,
            arousal_sd=required(row["arousal_std"], path) / 4,
        )
        for row in read_rows(path, ("song_id", "columns_exchanged", *_COLUMNS))
    ]


def read_pmemo_static(path: Path) -> list[Rating]:
    """Read the scaled means and the standard deviations on [0, 1]."""
    columns = ("song_id", "valence_unit", "arousal_unit", "valence_std_0to1", "arousal_std_0to1")
    return [
        Rating(
            table="pmemo_static",
            song=row["song_id"],
            recording=f"pmemo:{row['song_id']}",
            valence=required(row["valence_unit"], path),
            arousal=required(row["arousal_unit"], path),
            valence_sd=2 * required(row["valence_std_0to1"], path),
            arousal_sd=2 * required(row["arousal_std_0to1"], path),
        )
        for row in read_rows(path, columns)
    ]


def read_emomusic_dynamic(path: Path) -> list[Rating]:
    """Read curves on [-1, 1]."""
    return _moving(path, "deam", scale=1.0, offset=0.0)


def read_pmemo_dynamic(path: Path) -> list[Rating]:
    """Read curves on [0, 1]."""
    return _moving(path, "pmemo", scale=2.0, offset=-1.0)


def _moving(path: Path, original: str, *, scale: float, offset: float) -> list[Rating]:
    songs: dict[str, list[Row]] = defaultdict(list)
    for row in read_rows(path, ("song_id", "time_s", *_COLUMNS)):
        songs[row["song_id"]].append(row)
    offsets = (offset, offset, 0.0, 0.0)
    return [
        Rating(
            table=path.stem,
            song=song,
            recording=f"{original}:{song}",
            curve=curve(
                *(
                    {
                        required(row["time_s"], path): scale * value + shift
                        for row in rows
                        if (value := number(row[name], path)) is not None
                    }
                    for name, shift in zip(_COLUMNS, offsets, strict=True)
                )
            ),
        )
        for song, rows in songs.items()
    ]


_DEAM = "Aljanaki, Yang & Soleymani, PLoS ONE 12(3), 2017"
_EMOMUSIC = "Soleymani et al., 1000 songs for emotional analysis of music, CrowdMM, 2013"
_PMEMO = "Zhang et al., The PMEmo dataset for music emotion recognition, ICMR, 2018"
_LICENCE = "for research; the terms of the original annotations were not verified"

RATING_TABLES = (
    RatingTable(
        name="deam_static",
        kind="perceived valence and arousal, mean and spread over 5 to 10 listeners",
        licence=_LICENCE,
        cite=_DEAM,
        read=read_deam_static,
    ),
    RatingTable(
        name="emomusic_dynamic",
        kind="perceived valence and arousal each 0.5 s, 10 or more listeners",
        licence=_LICENCE,
        cite=_EMOMUSIC,
        read=read_emomusic_dynamic,
    ),
    RatingTable(
        name="pmemo_static",
        kind="perceived valence and arousal, mean and spread over 10 or more listeners",
        licence=_LICENCE,
        cite=_PMEMO,
        read=read_pmemo_static,
    ),
    RatingTable(
        name="pmemo_dynamic",
        kind="perceived valence and arousal each 0.5 s, 10 or more listeners",
        licence=_LICENCE,
        cite=_PMEMO,
        read=read_pmemo_dynamic,
    ),
)


def read_ratings(root: Path) -> dict[str, list[Rating]]:
    """Return the ratings of every table that is there, by the table's name.

    Raises:
        InputError: a table is there but is not what it should be.
    """
    places = {table: root / FOLDER / f"{table.name}.csv" for table in RATING_TABLES}
    return {table.name: table.read(path) for table, path in places.items() if path.is_file()}

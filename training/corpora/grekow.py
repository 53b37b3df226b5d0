"""Grekow: perceived valence and arousal by music experts, 6 s clips of the GTZAN collection.

Read is ``clips.csv`` beside ``audio/ID.opus``. Trap: GTZAN repeats recordings; the column
``recording`` names what is the same.
"""

from pathlib import Path

from .clip import Clip, Corpus, Layout
from .tables import quadrant, read_rows, required


def read_grekow(folder: Path) -> list[Clip]:
    """Read ``clips.csv``; valence and arousal are the source's [-10, 10] divided by 10."""
    path = folder / "clips.csv"
    columns = ("clip_id", "valence_unit", "arousal_unit", "quadrant", "recording", "duration_s")
    return [
        Clip(
            corpus="grekow",
            id=row["clip_id"],
            path=folder / "audio" / f"{row['clip_id']}.opus",
            seconds=required(row["duration_s"], path),
            group=f"grekow:{row['recording']}",
            recording=f"gtzan:{row['recording']}",
            valence=required(row["valence_unit"], path),
            arousal=required(row["arousal_unit"], path),
            quadrant=quadrant(row["quadrant"], path),
        )
        for row in read_rows(path, columns)
    ]


GREKOW = Corpus(
    name="grekow",
    kind="perceived valence and arousal, mean of music experts",
    licence="none stated; sound: GTZAN, commercial recordings without clearance",
    cite="Grekow, From Content-based Music Emotion Recognition to Emotion Maps of Musical "
    "Pieces, Springer, 2018",
    layouts=(
        Layout(
            shape="grekow/clips.csv",
            fits=lambda folder: folder.name == "grekow" and (folder / "clips.csv").is_file(),
            read=read_grekow,
        ),
    ),
)

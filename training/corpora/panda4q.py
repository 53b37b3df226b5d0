"""4Q: quadrants from the mood tags of AllMusic's editors, 30 s of commercial recordings.

Read are a repackaged layout (``clips.csv`` and ``audio/ID.opus``) and the published one:
``panda_dataset_taffc_annotations.csv`` (Song, Quadrant), ``panda_dataset_taffc_metadata.csv``
(artists; may be absent) and folders ``Q1`` to ``Q4`` of ``MT….mp3``. The names of the published
columns are from memory.
"""

from pathlib import Path

from .clip import Clip, Corpus, Layout, artist_group
from .sound import by_stem, duration
from .tables import quadrant, read_rows, required


def allmusic(song: str) -> str | None:
    """Return the name that corpora of AllMusic's samples share for a recording."""
    return f"allmusic:{song}" if song.startswith("MT") else None


def read_repackaged(folder: Path) -> list[Clip]:
    """Read ``clips.csv``: quadrants, artists, and means of the tags' word norms."""
    path = folder / "clips.csv"
    columns = ("clip_id", "quadrant", "artist", "duration_s", "tag_valence", "tag_arousal")
    return [
        Clip(
            corpus="panda4q",
            id=row["clip_id"],
            path=folder / "audio" / f"{row['clip_id']}.opus",
            seconds=required(row["duration_s"], path),
            # A clip without an artist's name is a group of its own.
            group=artist_group(row["artist"], f"panda4q:{row['clip_id']}"),
            recording=allmusic(row["clip_id"]),
            valence=required(row["tag_valence"], path),
            arousal=required(row["tag_arousal"], path),
            quadrant=quadrant(row["quadrant"], path),
        )
        for row in read_rows(path, columns)
    ]


def read_published(folder: Path) -> list[Clip]:
    """Read the authors' tables. Quadrants only: the norms of the tags are not among them."""
    path = folder / "panda_dataset_taffc_annotations.csv"
    metadata = folder / "panda_dataset_taffc_metadata.csv"
    artists = (
        {row["song"]: row["artist"] for row in read_rows(metadata, ("song", "artist"))}
        if metadata.is_file()
        else {}
    )
    files = by_stem([folder])
    clips = []
    for row in read_rows(path, ("song", "quadrant")):
        song = row["song"]
        sound = files.get(song, folder / row["quadrant"] / f"{song}.mp3")
        clips.append(
            Clip(
                corpus="panda4q",
                id=song,
                path=sound,
                seconds=duration(sound),
                group=artist_group(artists.get(song, ""), f"panda4q:{song}"),
                recording=allmusic(song),
                quadrant=quadrant(row["quadrant"], path),
            )
        )
    return clips


PANDA4Q = Corpus(
    name="panda4q",
    kind="quadrant, valence and arousal from editors' mood tags",
    licence="none stated for data; sound: excerpts of commercial recordings",
    cite="Panda, Malheiro & Paiva, IEEE Transactions on Affective Computing, 2018",
    layouts=(
        Layout(
            shape="panda4q/clips.csv",
            fits=lambda folder: folder.name == "panda4q" and (folder / "clips.csv").is_file(),
            read=read_repackaged,
        ),
        Layout(
            shape="panda_dataset_taffc_annotations.csv above Q1, Q2, Q3, Q4",
            fits=lambda folder: (folder / "panda_dataset_taffc_annotations.csv").is_file(),
            read=read_published,
        ),
    ),
)

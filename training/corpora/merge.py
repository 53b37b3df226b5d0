"""MERGE audio: quadrants and valence-arousal from mood tags, the successor of 4Q.

``merge_audio_complete_metadata.csv`` (or ``…_balanced_…``: Song, Quadrant, Artist, AllMusic Id, …),
``merge_audio_complete_av_values.csv`` (Song, Arousal, Valence on [0, 1]; may be absent), folders
``Q1`` to ``Q4`` of ``SONG.mp3``, and ``tvt_dataframes/tvt_70_15_15/`` with the official split. File
and column names follow programs that others published for it, and were not tried on the corpus.

It holds songs of 4Q; they meet in ``Clip.recording``.
"""

from pathlib import Path

from .clip import Clip, Corpus, Layout, artist_group
from .panda4q import allmusic
from .sound import by_stem, duration
from .tables import number, quadrant, read_rows

_METADATA = "merge_audio_*_metadata.csv"
_PARTS = {"train": "train", "validat": "val", "test": "test"}


def read_merge(folder: Path) -> list[Clip]:
    """Read the tables; 2 x - 1 brings valence and arousal from [0, 1] to [-1, 1]."""
    path = sorted(folder.glob(_METADATA))[0]
    columns = {"song": ("song", "song_id"), "quadrant": ("quadrant",)}
    optional = {"artist": ("artist", "artists"), "allmusic": ("allmusic_id", "sample")}
    values = path.with_name(path.name.replace("metadata", "av_values"))
    affect = (
        {
            row["song"]: (number(row["valence"], values), number(row["arousal"], values))
            for row in read_rows(
                values,
                {
                    "song": ("song", "song_id", "audio_song"),
                    "valence": ("valence",),
                    "arousal": ("arousal",),
                },
            )
        }
        if values.is_file()
        else {}
    )
    files = by_stem([folder])
    parts = _official(folder)
    clips = []
    for row in read_rows(path, columns, optional=optional):
        song = row["song"]
        sound = files.get(song, folder / row["quadrant"] / f"{song}.mp3")
        valence, arousal = affect.get(song, (None, None))
        clips.append(
            Clip(
                corpus="merge",
                id=song,
                path=sound,
                seconds=duration(sound),
                group=artist_group(row["artist"], f"merge:{song}"),
                recording=allmusic(song) or allmusic(row["allmusic"]),
                valence=None if valence is None else 2 * valence - 1,
                arousal=None if arousal is None else 2 * arousal - 1,
                quadrant=quadrant(row["quadrant"], path),
                official=parts.get(song),
            )
        )
    return clips


def _official(folder: Path) -> dict[str, str]:
    return {
        row["song"]: part
        for path in folder.glob("tvt_dataframes/tvt_70_15_15/*.csv")
        for word, part in _PARTS.items()
        if word in path.stem
        for row in read_rows(path, {"song": ("song", "song_id")})
    }


MERGE = Corpus(
    name="merge",
    kind="quadrant, valence and arousal from editors' mood tags",
    licence="of the labels: see the release (not verified); sound: excerpts of commercial "
    "recordings",
    cite="Louro, Redinho, Santos, Malheiro, Panda & Paiva, MERGE: A bimodal audio-lyrics dataset "
    "for static music emotion recognition, 2024",
    layouts=(
        Layout(
            shape="merge_audio_complete_metadata.csv above Q1, Q2, Q3, Q4",
            fits=lambda folder: any(folder.glob(_METADATA)),
            read=read_merge,
        ),
    ),
)

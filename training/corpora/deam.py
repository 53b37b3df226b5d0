"""DEAM and EmoMusic: perceived valence and arousal by the crowd, static (1-9) and along the song.

DEAM as unpacked from its archives: ``annotations/annotations averaged per song/`` with
``song_level/static_annotations_averaged_songs_1_2000.csv`` (and ``…_2000_2058.csv``) and
``dynamic (per second annotations)/{valence,arousal}.csv``, with or without a ``DEAM_Annotations``
round it; ``MEMD_audio/ID.mp3``; ``metadata/metadata_201?.csv`` (artists; may be absent).

EmoMusic ("1000 songs"): ``annotations/`` with ``{valence,arousal}_cont_{average,std}.csv`` and
``static_annotations.csv``, ``songs_info.csv`` (artists), ``clips_45sec/ID.mp3``.

The names of files and columns are from memory and from programs that others published.

Traps: EmoMusic's songs are DEAM's ids up to 1000; they meet in ``Clip.recording``. In copies of
DEAM the static valence and arousal of these ids are exchanged; whether they are is measured against
the curves of the same songs, and corrected.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from realtime_mer.errors import InputError

from .clip import Clip, Corpus, Layout, artist_group
from .sound import by_stem, duration
from .tables import (
    curve,
    read_rows,
    read_samples,
    required,
    song_number,
)

Affect = tuple[float, float]
"""Valence and arousal of a song."""

LAST_EMOMUSIC_ID = 1000
_FEWEST_SONGS = 8

_STATIC = {
    "song": ("song_id", "songid", "id"),
    "valence": ("valence_mean", "mean_valence"),
    "arousal": ("arousal_mean", "mean_arousal"),
    "valence_sd": ("valence_std", "std_valence"),
    "arousal_sd": ("arousal_std", "std_arousal"),
}


def from_nine(rating: float) -> float:
    """Return a rating of 1 to 9 on [-1, 1]."""
    return (rating - 5) / 4


def recording(song: str) -> str:
    """Return the name of a recording that DEAM and EmoMusic share."""
    return f"deam:{song}"


def columns_exchanged(static: Mapping[str, Affect], moving: Mapping[str, Affect]) -> bool:
    """Return whether a table's valence is arousal and its arousal valence.

    Args:
        static: (valence, arousal) of songs as the table names them, on any scale.
        moving: means over their curves, which are named rightly.

    Raises:
        InputError: fewer than 8 songs are in both, too few to tell.
    """
    songs = sorted(static.keys() & moving.keys())
    if len(songs) < _FEWEST_SONGS:
        raise InputError(
            f"only {len(songs)} songs have static ratings and curves; at least {_FEWEST_SONGS} "
            "are needed to tell valence from arousal in the static table, whose columns are "
            "exchanged in some copies: unpack the dynamic annotations too"
        )
    table = np.array([[*static[song], *moving[song]] for song in songs])
    # A column that never varies agrees with none.
    spread = table.std(axis=0)
    unit = (table - table.mean(axis=0)) / np.where(spread > 0, spread, np.inf)
    r = unit.T @ unit / len(songs)
    return bool(r[0, 3] + r[1, 2] > r[0, 2] + r[1, 3])


def _affect_by_song(
    tables: list[Path], moving: Mapping[str, Affect], *, up_to: int
) -> dict[str, tuple[float, float, float, float]]:
    """Return (valence, arousal, valence_sd, arousal_sd) on [-1, 1], corrected up to an id."""
    raw = {
        song_number(row["song"]): tuple(
            required(row[name], path) for name in ("valence", "arousal", "valence_sd", "arousal_sd")
        )
        for path in tables
        for row in read_rows(path, _STATIC)
    }
    suspects = {song: (v[0], v[1]) for song, v in raw.items() if int(song) <= up_to}
    exchanged = bool(suspects) and columns_exchanged(suspects, moving)
    return {
        song: (
            (from_nine(a), from_nine(v), a_sd / 4, v_sd / 4)
            if exchanged and song in suspects
            else (from_nine(v), from_nine(a), v_sd / 4, a_sd / 4)
        )
        for song, (v, a, v_sd, a_sd) in raw.items()
    }


def _clips(
    name: str,
    static: Mapping[str, tuple[float, float, float, float]],
    curves: tuple[Mapping[str, Mapping[float, float]], ...],
    files: Mapping[str, Path],
    artists: Mapping[str, str],
    otherwise: Path,
) -> list[Clip]:
    clips = []
    songs = sorted(static.keys() | curves[0].keys(), key=int)
    for song in songs:
        valence, arousal, valence_sd, arousal_sd = static.get(song, (None,) * 4)
        path = files.get(song, otherwise / f"{song}.mp3")
        clips.append(
            Clip(
                corpus=name,
                id=song,
                path=path,
                seconds=duration(path),
                group=artist_group(artists.get(song, ""), recording(song)),
                recording=recording(song),
                valence=valence,
                arousal=arousal,
                valence_sd=valence_sd,
                arousal_sd=arousal_sd,
                curve=curve(*(each.get(song, {}) for each in curves)),
            )
        )
    return clips


def means(
    valence: Mapping[str, Mapping[float, float]], arousal: Mapping[str, Mapping[float, float]]
) -> dict[str, Affect]:
    """Return the mean over every song's curves."""
    return {
        song: (float(np.mean([*values.values()])), float(np.mean([*arousal[song].values()])))
        for song, values in valence.items()
        if values and arousal.get(song)
    }


def _artists(tables: list[Path]) -> dict[str, str]:
    spellings = {"song": ("song_id", "songid", "id"), "artist": ("artist", "artists")}
    return {
        song_number(row["song"]): row["artist"]
        for path in tables
        for row in read_rows(path, spellings)
    }


def _averaged(folder: Path) -> Path | None:
    """Return DEAM's folder of averaged annotations, None where it is not."""
    inner = "annotations/annotations?averaged?per?song"
    for place in (*folder.glob(inner), *folder.glob(f"DEAM_[Aa]nnotations*/{inner}")):
        if any((place / "song_level").glob("static_annotations_averaged_songs*.csv")):
            return place
    return None


def read_deam(folder: Path) -> list[Clip]:
    """Read the averaged annotations, which must hold the curves too.

    Raises:
        InputError: a table is missing, or there are too few curves to check the columns by.
    """
    averaged = _averaged(folder)
    if averaged is None:
        raise InputError(f"{folder} holds no DEAM annotations; see docs/corpora.md")
    moving = {
        name: next(
            iter(averaged.glob(f"dynamic*/{name}.csv")), averaged / "dynamic" / f"{name}.csv"
        )
        for name in ("valence", "arousal")
    }
    valence, arousal = (read_samples(path) for path in moving.values())
    static = _affect_by_song(
        sorted((averaged / "song_level").glob("static_annotations_averaged_songs*.csv")),
        means(valence, arousal),
        up_to=LAST_EMOMUSIC_ID,
    )
    audio = folder / "MEMD_audio"
    places = (audio, *folder.glob("DEAM_audio*"), folder / "audio")
    metadata = (*folder.glob("metadata/**/metadata_*.csv"), *folder.glob("metadata_*.csv"))
    files, artists = by_stem(places), _artists(sorted(metadata))
    return _clips("deam", static, (valence, arousal), files, artists, audio)


def read_emomusic(folder: Path) -> list[Clip]:
    """Read the curves and, where they are, the static ratings, checked like DEAM's."""
    annotations = folder / "annotations"
    valence, arousal, valence_sd, arousal_sd = (
        read_samples(annotations / f"{name}_cont_{what}.csv")
        for what in ("average", "std")
        for name in ("valence", "arousal")
    )
    tables = [path for path in (annotations / "static_annotations.csv",) if path.is_file()]
    static = _affect_by_song(tables, means(valence, arousal), up_to=LAST_EMOMUSIC_ID)
    audio = next(iter(folder.glob("clips_45*")), folder / "clips_45sec")
    infos = (annotations / "songs_info.csv", folder / "songs_info.csv")
    artists = _artists([path for path in infos if path.is_file()])
    curves = (valence, arousal, valence_sd, arousal_sd)
    return _clips("emomusic", static, curves, by_stem([audio]), artists, audio)


DEAM = Corpus(
    name="deam",
    kind="perceived valence and arousal, crowd, static and along the song",
    licence="labels: CC BY-NC (not verified); sound: Creative Commons music of several archives, "
    "terms differ by track",
    cite="Aljanaki, Yang & Soleymani, PLoS ONE 12(3), 2017",
    layouts=(
        Layout(
            shape="annotations/annotations averaged per song/song_level/*.csv, MEMD_audio/ID.mp3",
            fits=lambda folder: _averaged(folder) is not None,
            read=read_deam,
        ),
    ),
)

EMOMUSIC = Corpus(
    name="emomusic",
    kind="perceived valence and arousal, crowd of 10 or more, along the song and static",
    licence="labels: for research (not verified); sound: Free Music Archive, Creative Commons, "
    "terms differ by track",
    cite="Soleymani, Caro, Schmidt, Sha & Yang, 1000 songs for emotional analysis of music, "
    "CrowdMM, 2013",
    layouts=(
        Layout(
            shape="annotations/valence_cont_average.csv, clips_45sec/ID.mp3",
            fits=lambda folder: (folder / "annotations" / "valence_cont_average.csv").is_file(),
            read=read_emomusic,
        ),
    ),
)

"""PMEmo: perceived valence and arousal of choruses, static and along the chorus.

``annotations/static_annotations.csv`` (musicId, Arousal(mean), Valence(mean)),
``dynamic_annotations.csv`` (musicId, frameTime, …), each with a ``…_std.csv`` (may be absent),
``metadata.csv`` (artists; may be absent), ``chorus/ID.mp3``. All ratings are on [0, 1], so a mean
becomes 2 x - 1 and a standard deviation 2 x. The names of the columns are from memory and from
programs that others published.
"""

from collections import defaultdict
from pathlib import Path

from .clip import Clip, Corpus, Layout, artist_group
from .sound import by_stem, duration
from .tables import curve, number, read_rows, song_number

_Spellings = dict[str, tuple[str, ...]]

_SONG: _Spellings = {"song": ("musicid", "music_id", "song_id")}
_TIME: _Spellings = {"time": ("frametime", "frame_time", "time")}
_SPELLINGS: dict[str, _Spellings] = {
    "mean": {"valence": ("valence_mean", "valence"), "arousal": ("arousal_mean", "arousal")},
    "std": {"valence": ("valence_std", "valence"), "arousal": ("arousal_std", "arousal")},
}

Moving = dict[str, dict[float, float]]


def read_pmemo(folder: Path) -> list[Clip]:
    """Read the tables of means and, where they are, of standard deviations."""
    annotations = folder / "annotations"
    means = _static(annotations / "static_annotations.csv", "mean")
    spreads = _static(annotations / "static_annotations_std.csv", "std")
    moving = _moving(annotations / "dynamic_annotations.csv", "mean")
    moving_sd = _moving(annotations / "dynamic_annotations_std.csv", "std")
    metadata = folder / "metadata.csv"
    artists = (
        {
            song_number(row["song"]): row["artist"]
            for row in read_rows(metadata, _SONG | {"artist": ("artist", "artists")})
        }
        if metadata.is_file()
        else {}
    )
    files = by_stem([folder / "chorus"])
    clips = []
    for song in sorted(means, key=int):
        valence, arousal = means[song]
        valence_sd, arousal_sd = spreads.get(song, (None, None))
        path = files.get(song, folder / "chorus" / f"{song}.mp3")
        clips.append(
            Clip(
                corpus="pmemo",
                id=song,
                path=path,
                seconds=duration(path),
                group=artist_group(artists.get(song, ""), f"pmemo:{song}"),
                recording=f"pmemo:{song}",
                valence=None if valence is None else 2 * valence - 1,
                arousal=None if arousal is None else 2 * arousal - 1,
                valence_sd=None if valence_sd is None else 2 * valence_sd,
                arousal_sd=None if arousal_sd is None else 2 * arousal_sd,
                curve=curve(
                    *(_scaled(each.get(song, {}), 2, -1) for each in moving),
                    *(
                        (_scaled(each.get(song, {}), 2, 0) for each in moving_sd)
                        if moving_sd
                        else ()
                    ),
                ),
            )
        )
    return clips


def _static(path: Path, what: str) -> dict[str, tuple[float | None, float | None]]:
    if what == "std" and not path.is_file():
        return {}
    return {
        song_number(row["song"]): (number(row["valence"], path), number(row["arousal"], path))
        for row in read_rows(path, _SONG | _SPELLINGS[what])
    }


def _moving(path: Path, what: str) -> tuple[Moving, ...]:
    """Return (valence, arousal) by song and time, nothing where there is no such table."""
    valence: Moving = defaultdict(dict)
    arousal: Moving = defaultdict(dict)
    if not path.is_file():
        return () if what == "std" else (valence, arousal)
    for row in read_rows(path, _SONG | _TIME | _SPELLINGS[what]):
        time = number(row["time"], path)
        for curves, name in ((valence, "valence"), (arousal, "arousal")):
            value = number(row[name], path)
            if time is not None and value is not None:
                curves[song_number(row["song"])][time] = value
    return valence, arousal


def _scaled(values: dict[float, float], scale: float, offset: float) -> dict[float, float]:
    return {time: scale * value + offset for time, value in values.items()}


def _fits(folder: Path) -> bool:
    annotations = folder / "annotations"
    # EmoMusic has a table of that name too, beside its curves.
    return (annotations / "static_annotations.csv").is_file() and not (
        annotations / "valence_cont_average.csv"
    ).is_file()


PMEMO = Corpus(
    name="pmemo",
    kind="perceived valence and arousal, 10 or more listeners, static and along the chorus",
    licence="for research (not verified); sound: choruses of commercial recordings",
    cite="Zhang, Zhang, Zhou, Ye & Sun, The PMEmo dataset for music emotion recognition, "
    "ICMR, 2018",
    layouts=(
        Layout(
            shape="annotations/static_annotations.csv, chorus/ID.mp3",
            fits=_fits,
            read=read_pmemo,
        ),
    ),
)

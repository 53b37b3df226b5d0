"""``realtime-mer features``: a file's or a library's numbers in the shape of another service."""

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from realtime_mer.commands.arguments import Compute, ComputeOption, Model
from realtime_mer.commands.first_words import say
from realtime_mer.errors import AudioFileError, InputError


class Shape(StrEnum):
    """Whose shape the numbers are given in."""

    SPOTIFY = "spotify"


Ids = Annotated[
    Path | None,
    typer.Option(
        "--ids", metavar="CSV", help="Other ids of tracks: a file with the columns id and path."
    ),
]


def features(
    what: Annotated[
        Path, typer.Argument(metavar="FILE|TABLE", help="An audio file, or what `annotate` wrote.")
    ],
    shape: Annotated[Shape, typer.Option(help="Whose shape.")] = Shape.SPOTIFY,
    ids: Ids = None,
    model: Model = "default",
    compute: ComputeOption = Compute.AUTO,
) -> None:
    """Print valence, energy, loudness and duration in the shape of Spotify's audio features.

    `realtime-mer features song.mp3` hears the file and prints one JSON object.

    What is not estimated is null. One more example:

    `realtime-mer features music.sqlite --ids spotify.csv`
    """
    from realtime_mer.library.tables import EXTENSIONS

    if what.suffix.lower() not in EXTENSIONS:
        if ids is not None:
            raise InputError("--ids is for a table: leave it out with a file.")
        _of_file(what, model=model, compute=compute.value)
        return

    from realtime_mer.library.tables import check_table

    check_table(what)
    say(f"Reading {what}")

    from realtime_mer.library.spotify.features import by_id
    from realtime_mer.library.spotify.ids import read_ids
    from realtime_mer.library.tables import read_table

    found = by_id(read_table(what), {} if ids is None else read_ids(ids))
    print(json.dumps({"audio_features": list(found.values())}, indent=1, allow_nan=False))


def _of_file(path: Path, *, model: str, compute: str) -> None:
    from realtime_mer.audio.spec import check_file
    from realtime_mer.model.files import check_checkpoint

    check_file(str(path))
    check_checkpoint(model)
    say(f"Analysing {path}")

    from realtime_mer.library.spotify.features import audio_features
    from realtime_mer.library.walk import Broken
    from realtime_mer.library.workers import annotate_file
    from realtime_mer.recognizer.compute import compute_on_one_thread
    from realtime_mer.recognizer.loading import load_recognizer

    recognizer = load_recognizer(model, compute)
    compute_on_one_thread()
    heard = annotate_file(str(path), recognizer=recognizer)
    if isinstance(heard, Broken):
        raise AudioFileError(heard.reason)
    print(json.dumps(audio_features(heard.track), indent=1, allow_nan=False))

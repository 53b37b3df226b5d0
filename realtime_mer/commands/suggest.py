"""``realtime-mer suggest``: what to play next."""

from pathlib import Path
from typing import Annotated

import typer

from realtime_mer.commands.arguments import (
    ArtistOnce,
    AsJson,
    At,
    Keys,
    MaxLufs,
    MinLufs,
    Music,
    MyScale,
    Playlist,
    StartTrack,
    Tempo,
)
from realtime_mer.commands.first_words import say
from realtime_mer.commands.refusals import check_output


def suggest(
    table: Annotated[Path, typer.Argument(metavar="TABLE", help="What `annotate` wrote.")],
    start: StartTrack = None,
    at: At = None,
    count: Annotated[int, typer.Option(min=1, help="At most so many tracks.")] = 10,
    tempo: Tempo = None,
    keys: Keys = False,
    artist_once: ArtistOnce = 1,
    music: Music = 0.0,
    min_lufs: MinLufs = None,
    max_lufs: MaxLufs = None,
    m3u8: Playlist = None,
    my_scale: MyScale = None,
    as_json: AsJson = False,
) -> None:
    """Find what to play next: tracks that keep the present mood, the nearest first.

    `realtime-mer suggest music.sqlite --from "blue monday"` lists what goes on from that track.

    Tempo, key and artist come from the tags of your files, where those tell them. One more example:

    `realtime-mer suggest music.sqlite --from intro --tempo 6 --keys --artist-once 2`

    `realtime-mer path` leads from one mood to another.
    """
    from realtime_mer.library.paths.rules import Rules
    from realtime_mer.library.paths.suggest import SuggestOptions, check_options
    from realtime_mer.library.paths.suggest import suggest as run

    rules = Rules(
        music=music,
        quietest_lufs=min_lufs,
        loudest_lufs=max_lufs,
        tempo=None if tempo is None else tempo / 100,
        keys=keys,
        artist_once=artist_once,
    )
    options = SuggestOptions(
        table=table,
        start=start,
        at=at,
        count=count,
        rules=rules,
        m3u8=m3u8,
        as_json=as_json,
        my_scale=my_scale,
    )
    check_options(options)
    if m3u8 is not None:
        check_output(m3u8, option="--m3u8")
    say(f"Looking through {table}")
    run(options)

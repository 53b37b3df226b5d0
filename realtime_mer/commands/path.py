"""``realtime-mer path``: tracks that lead over the plane from one mood to another, by rules."""

from pathlib import Path
from typing import Annotated

import typer

from realtime_mer.commands.arguments import (
    ArtistOnce,
    AsJson,
    At,
    Ca,
    Keys,
    MaxLufs,
    MinLufs,
    Music,
    MyScale,
    Playlist,
    StartTrack,
    Tempo,
    Token,
)
from realtime_mer.commands.first_words import say
from realtime_mer.commands.refusals import check_output


def path(
    table: Annotated[Path, typer.Argument(metavar="TABLE", help="What `annotate` wrote.")],
    start: StartTrack = None,
    at: At = None,
    to: Annotated[
        str | None,
        typer.Option(metavar="TRACK|V,A", help="Lead there; without it, stay where you are."),
    ] = None,
    count: Annotated[
        int | None, typer.Option(min=1, help="So many tracks; 10 where nothing else says it.")
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(metavar="MINUTES", help="So long, to the end of a track.")
    ] = None,
    step: Annotated[
        float | None,
        typer.Option(metavar="SIZE", help="In steps of at most this size on the plane, as 0.15."),
    ] = None,
    step_minutes: Annotated[
        float | None, typer.Option(metavar="MINUTES", help="Each step lasts so long.")
    ] = None,
    within: Annotated[
        float | None,
        typer.Option(
            metavar="SIZE",
            min=0,
            help="No track lies farther from its place; with --step no farther than a step.",
        ),
    ] = None,
    tempo: Tempo = None,
    keys: Keys = False,
    artist_once: ArtistOnce = 1,
    apart: Annotated[
        float,
        typer.Option(metavar="MINUTES", min=0, help="An artist comes again so much later."),
    ] = 0.0,
    music: Music = 0.0,
    min_lufs: MinLufs = None,
    max_lufs: MaxLufs = None,
    m3u8: Playlist = None,
    my_scale: MyScale = None,
    as_json: AsJson = False,
    follow: Annotated[
        str | None,
        typer.Option(
            metavar="URL", help="Let a running session correct it, as in ws://127.0.0.1:8765."
        ),
    ] = None,
    token: Token = None,
    ca: Ca = None,
) -> None:
    """Find tracks that lead from one mood to another, or stay, and keep the rules that you give.

    `realtime-mer path music.sqlite --at 0.2,-0.4 --to 0.5,0.6 --count 8 --m3u8 set.m3u8`

    No track comes twice. Where no path keeps all rules, you are told which rule is in the way. More
    examples:

    `realtime-mer path music.sqlite --from intro --minutes 60 --tempo 6 --keys --artist-once 4`

    `realtime-mer path music.sqlite --at -0.4,-0.3 --to 0.4,0.1 --step 0.15 --step-minutes 6`

    With `--follow` you get track after track as they are due, as JSON lines with `--json`.
    """
    from realtime_mer.library.paths.path import PathOptions, check_options
    from realtime_mer.library.paths.rules import Rules

    rules = Rules(
        music=music,
        quietest_lufs=min_lufs,
        loudest_lufs=max_lufs,
        within=within,
        tempo=None if tempo is None else tempo / 100,
        keys=keys,
        artist_once=artist_once,
        apart_s=apart * 60,
    )
    options = PathOptions(
        table=table,
        start=start,
        at=at,
        to=to,
        count=count,
        minutes=minutes,
        step=step,
        step_minutes=step_minutes,
        rules=rules,
        m3u8=m3u8,
        as_json=as_json,
        my_scale=my_scale,
    )
    check_options(options, followed=follow is not None)
    if m3u8 is not None:
        check_output(m3u8, option="--m3u8")
    if follow is None:
        say(f"Looking through {table}")

        from realtime_mer.library.paths.path import path as run

        run(options)
        return
    say(f"Looking through {table} and connecting to {follow}")

    from realtime_mer.live.leading import lead

    lead(options, follow, token=token, ca=ca)

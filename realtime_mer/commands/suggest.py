"""``realtime-mer suggest``: what to play next."""

from pathlib import Path
from typing import Annotated

import typer

from realtime_mer.commands.arguments import AsJson
from realtime_mer.commands.first_words import say
from realtime_mer.commands.refusals import check_output


def suggest(
    table: Annotated[Path, typer.Argument(metavar="TABLE", help="What `annotate` wrote.")],
    start: Annotated[
        str | None,
        typer.Option("--from", metavar="TRACK", help="What plays now: a path or a part of it."),
    ] = None,
    at: Annotated[
        str | None, typer.Option(metavar="V,A", help="Or the present valence and arousal.")
    ] = None,
    to: Annotated[
        str | None,
        typer.Option(metavar="TRACK|V,A", help="Lead there; without it, continue the mood."),
    ] = None,
    count: Annotated[int, typer.Option(min=1, help="At most so many tracks.")] = 10,
    m3u8: Annotated[
        Path | None, typer.Option(metavar="PATH", help="Write them as a playlist too.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Find what to play next: tracks that keep the present mood, or lead from it to another.

    `realtime-mer suggest music.sqlite --from "blue monday"` lists what goes on from that track.

    One more example:

    `realtime-mer suggest music.sqlite --at 0.2,-0.4 --to 0.5,0.6 --count 8 --m3u8 set.m3u8`
    """
    from realtime_mer.library.suggest import SuggestOptions, check_options
    from realtime_mer.library.suggest import suggest as run

    options = SuggestOptions(
        table=table, start=start, at=at, to=to, count=count, m3u8=m3u8, as_json=as_json
    )
    check_options(options)
    if m3u8 is not None:
        check_output(m3u8, option="--m3u8")
    say(f"Looking through {table}")
    run(options)

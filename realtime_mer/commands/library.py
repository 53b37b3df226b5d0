"""``realtime-mer library``: give what is known of your music to other programs."""

from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from realtime_mer.commands.arguments import Token
from realtime_mer.commands.features import Ids
from realtime_mer.commands.first_words import say
from realtime_mer.printing.lines import complain, line

app = typer.Typer(
    help="Give what is known of your music to other programs.\n\n"
    "`realtime-mer library export music.sqlite --to rekordbox --out moods.xml` writes playlists by "
    "mood and energy; `realtime-mer library serve music.sqlite` answers as Spotify's audio "
    "features did.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)

DEFAULT_PORT = 8766

Table = Annotated[Path, typer.Argument(metavar="TABLE", help="What `annotate` wrote.")]


class Program(StrEnum):
    """What a library is written for."""

    REKORDBOX = "rekordbox"
    TRAKTOR = "traktor"
    MIXXX = "mixxx"
    M3U8 = "m3u8"
    BEETS = "beets"
    CSV = "csv"


@app.command()
def export(
    table: Table,
    to: Annotated[Program, typer.Option(help="Program, or kind of file.")],
    out: Annotated[
        Path,
        typer.Option(
            metavar="PATH",
            help="What to write: a file for rekordbox, Traktor and CSV, else a folder.",
        ),
    ],
) -> None:
    """Write playlists by mood and energy, comments and numbers for another program.

    `realtime-mer library export music.sqlite --to traktor --out moods.nml`

    Your music and what those programs have themselves are not touched: you import what was
    written. One more example:

    `realtime-mer library export music.sqlite --to mixxx --out crates`
    """
    from realtime_mer.library.exporting.export import check_export
    from realtime_mer.library.tables import check_table

    check_table(table)
    check_export(to.value, out)
    say(f"Reading {table}")

    from realtime_mer.library.exporting.export import export as run

    done = run(table, to=to.value, out=out)
    for remark in done.remarks:
        complain(remark)
    line(f"{out}: {done.tracks} tracks, {done.crates} playlists by mood and energy")
    line(done.after)


@app.command()
def serve(
    table: Table,
    host: Annotated[
        str, typer.Option(help="Address to listen on; beyond this machine with --token alone.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="TCP port; 0 for any free one.")] = DEFAULT_PORT,
    token: Token = None,
    ids: Ids = None,
) -> None:
    """Answer GET /v1/audio-features?ids=ID,ID with what is known of tracks.

    `realtime-mer library serve music.sqlite`, and programs made for Spotify get valence and energy
    from http://127.0.0.1:8766/v1/ instead. `realtime-mer features music.sqlite` prints the ids.

    The table is read once: start anew when it has changed.
    """
    from realtime_mer.library.tables import check_table
    from realtime_mer.service.listening import check_free

    check_table(table)
    check_free(host, port)
    say(f"Reading {table}")

    from realtime_mer.library.spotify.features import by_id
    from realtime_mer.library.spotify.ids import read_ids
    from realtime_mer.library.spotify.serve import FeatureServer
    from realtime_mer.library.tables import read_table

    tracks = read_table(table)
    found = by_id(tracks, {} if ids is None else read_ids(ids))
    with FeatureServer(found, host=host, port=port, token=token) as server:
        line(f"{len(tracks)} tracks at {server.url}; Ctrl-C ends it")
        with suppress(KeyboardInterrupt):
            server.serve_forever()

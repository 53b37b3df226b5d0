"""``realtime-mer library``: give what is known of your music to other programs."""

from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from realtime_mer.commands.arguments import Token
from realtime_mer.commands.features import Ids
from realtime_mer.commands.first_words import say
from realtime_mer.printing.lines import line

app = typer.Typer(
    help="Give what is known of your music to other programs.\n\n"
    "`realtime-mer library serve music.sqlite` answers as Spotify's audio features did.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)

DEFAULT_PORT = 8766

Table = Annotated[Path, typer.Argument(metavar="TABLE", help="What `annotate` wrote.")]


@app.callback()
def _library() -> None:
    pass


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

"""``realtime-mer library`` and ``features``: what is known of your music, for other programs."""

import json
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from realtime_mer.commands.arguments import Compute, ComputeOption, Model, MyScale, Table, Token
from realtime_mer.commands.first_words import say
from realtime_mer.commands.music.browse import browse
from realtime_mer.commands.music.check import check
from realtime_mer.errors import InputError
from realtime_mer.printing.lines import complain, line, notice
from realtime_mer.wording import counted

app = typer.Typer(
    help="Give what is known of your music to other programs.\n\n"
    "`realtime-mer library export music.sqlite --to rekordbox --out moods.xml` writes playlists by "
    "mood and energy; `realtime-mer library serve music.sqlite` answers as Spotify's audio "
    "features did; `realtime-mer library browse music.sqlite` shows it in your browser.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)

app.command()(check)
app.command()(browse)

DEFAULT_PORT = 8766

Ids = Annotated[
    Path | None,
    typer.Option(
        "--ids", metavar="CSV", help="Other ids of tracks: a file with the columns id and path."
    ),
]


class Shape(StrEnum):
    """Whose shape the numbers are given in."""

    SPOTIFY = "spotify"


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
    my_scale: MyScale = None,
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

    done = run(table, to=to.value, out=out, my_scale=my_scale)
    for remark in done.remarks:
        complain(remark)
    lists = f", {done.crates} playlists by mood and energy" if done.crates else ""
    line(f"{out}: {counted(done.tracks, 'track')}{lists}")
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
    my_scale: MyScale = None,
) -> None:
    """Answer GET /v1/audio-features?ids=ID,ID with what is known of tracks.

    `realtime-mer library serve music.sqlite`, and programs made for Spotify get valence and energy
    from http://127.0.0.1:8766/v1/ instead. `realtime-mer features music.sqlite` prints the ids.

    What changes in the table, as by `annotate --watch`, is taken up while it runs.
    """
    from realtime_mer.library.tables import check_table
    from realtime_mer.service.listening import check_free

    check_table(table)
    check_free(host, port)
    say(f"Reading {table}")

    from realtime_mer.library.checking.shown import read_shown
    from realtime_mer.library.spotify.features import Features, by_id
    from realtime_mer.library.spotify.following import Following
    from realtime_mer.library.spotify.ids import read_ids
    from realtime_mer.library.spotify.serve import FeatureServer

    def read() -> tuple[int, dict[str, Features]]:
        tracks = read_shown(table, my_scale)
        return len(tracks), by_id(tracks, {} if ids is None else read_ids(ids))

    def take_up() -> None:
        count, server.features = read()
        notice(f"{table} has changed: {count} tracks now")

    files = [path for path in (table, ids, my_scale) if path is not None]
    following = Following(files, take_up, tell=complain)  # looks before it is read
    count, found = read()
    with FeatureServer(found, host=host, port=port, token=token) as server, following:
        line(f"{count} tracks at {server.url}; Ctrl-C ends it")
        with suppress(KeyboardInterrupt):
            server.serve_forever()


def features(
    what: Annotated[
        Path, typer.Argument(metavar="FILE|TABLE", help="An audio file, or what `annotate` wrote.")
    ],
    shape: Annotated[Shape, typer.Option(help="Whose shape.")] = Shape.SPOTIFY,
    ids: Ids = None,
    my_scale: MyScale = None,
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
        if ids is not None or my_scale is not None:
            raise InputError("--ids and --my-scale are for a table: leave them out with a file.")
        _of_file(what, model=model, compute=compute.value)
        return

    from realtime_mer.library.tables import check_table

    check_table(what)
    say(f"Reading {what}")

    from realtime_mer.library.checking.shown import read_shown
    from realtime_mer.library.spotify.features import by_id
    from realtime_mer.library.spotify.ids import read_ids

    found = by_id(read_shown(what, my_scale), {} if ids is None else read_ids(ids))
    print(json.dumps({"audio_features": list(found.values())}, indent=1, allow_nan=False))


def _of_file(path: Path, *, model: str, compute: str) -> None:
    from realtime_mer.audio.spec import check_file
    from realtime_mer.model.files import check_checkpoint

    check_file(str(path))
    check_checkpoint(model)
    say(f"Analysing {path}")

    from realtime_mer.library.listening import listen
    from realtime_mer.library.spotify.features import audio_features
    from realtime_mer.library.workers import hear
    from realtime_mer.recognizer.compute import compute_on_one_thread
    from realtime_mer.recognizer.loading import load_recognizer

    recognizer = load_recognizer(model, compute)
    compute_on_one_thread()
    sound, source = listen(str(path))
    heard = hear(str(path), sound, source, recognizer=recognizer)
    print(json.dumps(audio_features(heard.track), indent=1, allow_nan=False))

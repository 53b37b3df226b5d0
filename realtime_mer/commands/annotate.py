"""``realtime-mer annotate``: work out the mood of a whole music library."""

import time
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from realtime_mer.commands.arguments import Compute, ComputeOption, Model, MyScale
from realtime_mer.commands.first_words import say
from realtime_mer.commands.refusals import check_output
from realtime_mer.errors import InputError, RealtimeMerError
from realtime_mer.printing.lines import complain, line

if TYPE_CHECKING:
    from realtime_mer.library.annotate import Annotation
    from realtime_mer.library.exporting.playlists import Playlists
    from realtime_mer.library.watching import Watching

DEFAULT_TABLE = Path("library.sqlite")


class Engine(StrEnum):
    """What runs the workers."""

    POOL = "pool"
    RAY = "ray"


def annotate(
    folders: Annotated[
        list[str],
        typer.Argument(
            metavar="FOLDER...", help="Where the music is; a URL such as s3://bucket/music too."
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(
            metavar="TABLE",
            help="Table to write or go on with: .sqlite, .parquet or .csv. For the latter two the "
            "work is kept in the .sqlite of the same name.",
        ),
    ] = DEFAULT_TABLE,
    jobs: Annotated[
        int | None,
        typer.Option(min=1, help="Processes at a time; else one per core, one on a GPU."),
    ] = None,
    engine: Annotated[
        Engine, typer.Option(help="What works: processes of this machine, or a Ray cluster.")
    ] = Engine.POOL,
    cluster: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Ray cluster to use; else that of RAY_ADDRESS, or one of this machine alone.",
        ),
    ] = None,
    model: Model = "default",
    compute: ComputeOption = Compute.AUTO,
    outdated: Annotated[
        bool, typer.Option("--outdated", help="Hear again what another model has spoken of.")
    ] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Go on, and keep the table up to date until Ctrl-C.")
    ] = False,
    every: Annotated[
        float, typer.Option(min=1, metavar="SECONDS", help="From one look of --watch to the next.")
    ] = 60.0,
    forget: Annotated[
        bool, typer.Option("--forget", help="Delete what is known of files that are gone.")
    ] = False,
    playlists: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Keep playlists by mood and energy in it up to date."),
    ] = None,
    absolute: Annotated[
        bool, typer.Option("--absolute", help="Let playlists name files absolutely, as mpd needs.")
    ] = False,
    my_scale: MyScale = None,
) -> None:
    """Work out the mood of every track in some folders and those below them.

    `realtime-mer annotate ~/Music --out music.sqlite` makes a table of your music; `suggest` then
    finds what to play next.

    `--model library` is right more often and takes some twenty times as long: many thousand
    tracks take days.

    You can stop it at any moment: the same command goes on from there, and works out no track
    again whose sound has not changed, whatever its file is called. Broken files are listed and do
    not stop the others; the exit status is 1 only if no file could be read.

    More examples:

    `realtime-mer annotate ~/Music /media/usb --out music.parquet --jobs 4`

    `realtime-mer annotate ~/Music --out music.sqlite --watch --playlists ~/Music/moods`

    `realtime-mer annotate s3://bucket/music --out music.parquet --engine ray --cluster auto`
    """
    from realtime_mer.library.cluster.places import check_place, place_of
    from realtime_mer.library.tables import check_extension, store_of
    from realtime_mer.model.files import check_checkpoint

    if cluster is not None and engine is not Engine.RAY:
        raise InputError(f"--cluster {cluster} is of no use without --engine ray.")
    check_extension(out)
    places = [place_of(folder) for folder in folders]
    if playlists is None and (absolute or my_scale is not None):
        raise InputError(
            "--absolute and --my-scale are for playlists: add --playlists FOLDER. The table always "
            "holds what the model says."
        )
    if not store_of(out).exists():  # else it may know of files in a folder that is away
        for place in places:
            check_place(place)
    check_checkpoint(model)
    for file in (out, store_of(out)):
        check_output(file, option="--out")
    lists = None
    if playlists is not None:
        lists = _playlists(playlists, store_of(out), absolute=absolute, my_scale=my_scale)

    say(f"Looking for music in {', '.join(map(str, places))}")

    from realtime_mer.library.annotate import AnnotateOptions
    from realtime_mer.library.annotate import annotate as run
    from realtime_mer.library.watching import Watching

    options = AnnotateOptions(
        folders=places,
        out=out,
        model=model,
        compute=compute.value,
        engine=engine.value,
        cluster=cluster,
        jobs=jobs,
        outdated=outdated,
        forget=forget,
    )
    if watch:
        _watch(Watching(options), out, every, lists)
    found = run(options)
    _tell(found, out)
    _follow(lists, found)
    if not found.done + found.known + found.kept + found.away:
        raise typer.Exit(1)


def _playlists(folder: Path, table: Path, *, absolute: bool, my_scale: Path | None) -> "Playlists":
    """Return a folder of playlists, if it can be one and the scale can be used."""
    from realtime_mer.library.checking.shown import read_scale
    from realtime_mer.library.exporting.playlists import Playlists, check_playlists

    check_playlists(folder)
    if my_scale is not None:
        read_scale(my_scale)
    return Playlists(folder, table=table, absolute=absolute, my_scale=my_scale)


def _follow(lists: "Playlists | None", found: "Annotation") -> None:
    if lists is None:
        return
    refreshed = lists.follow(changed=found.changed)
    for remark in refreshed.remarks:
        complain(remark)
    if refreshed.written:
        line(f"{lists.folder}: {refreshed.written} playlists written")


def _watch(watching: "Watching", out: Path, every: float, lists: "Playlists | None") -> NoReturn:
    """Look again and again, until Ctrl-C; tell what is new."""
    found = watching.look()
    _tell(found, out)
    _follow(lists, found)
    told = ""
    while True:
        time.sleep(every)
        try:
            found = watching.look()
            if found.changed or any(broken.file is not None for broken in found.broken):
                _tell(found, out)
            _follow(lists, found)
        except RealtimeMerError as error:  # a drive that is away, a full disk: it may pass
            if str(error) != told:
                complain(error)
            told = str(error)
            continue
        told = ""


def _tell(found: "Annotation", out: Path) -> None:
    for remark in (*found.remarks, *(broken.reason for broken in found.broken)):
        complain(remark)
    if found.outdated:
        complain(
            f"{found.outdated} tracks are as another model or an earlier version heard them: "
            "--outdated hears them again."
        )
    counts = {
        "new": found.done - found.again,
        "heard again": found.again,
        "recognised": found.known,
        "unchanged": found.kept,
        "gone": found.gone,
        "away": found.away,
        "forgotten": found.forgotten,
        "broken": len(found.broken),
    }
    always = {"new", "unchanged", "gone", "broken"}
    said = ", ".join(f"{n} {what}" for what, n in counts.items() if n or what in always)
    line(f"{out}: {found.total} tracks; {said}")

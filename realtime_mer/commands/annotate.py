"""``realtime-mer annotate``: work out the mood of a whole music library."""

from pathlib import Path
from typing import Annotated

import typer

from realtime_mer.commands.arguments import Compute, ComputeOption, Model
from realtime_mer.commands.first_words import say
from realtime_mer.commands.refusals import check_output
from realtime_mer.printing.lines import complain, line

DEFAULT_TABLE = Path("library.sqlite")


def annotate(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where the music is.")],
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
    model: Model = "library",
    compute: ComputeOption = Compute.AUTO,
) -> None:
    """Work out the mood of every track in a folder and those below it.

    `realtime-mer annotate ~/Music --out music.sqlite` makes a table of your music; `suggest` then
    finds what to play next.

    The model is `library`, which hears more than the `default` one and takes some fifteen times
    as long: many thousand tracks take a night or more. `--model default` is the fast one.

    You can stop it at any moment: the same command goes on from there, and reads no track again
    that has not changed. Broken files are listed and do not stop the others; the exit status is 1
    only if no file could be read.

    One more example:

    `realtime-mer annotate ~/Music --out music.parquet --jobs 4`
    """
    from realtime_mer.library.tables import check_extension, store_of
    from realtime_mer.library.walk import check_folder
    from realtime_mer.model.files import check_checkpoint

    check_extension(out)
    check_folder(folder)
    check_checkpoint(model)
    for file in (out, store_of(out)):
        check_output(file, option="--out")

    say(f"Looking for music in {folder}")

    from realtime_mer.library.annotate import AnnotateOptions
    from realtime_mer.library.annotate import annotate as run

    found = run(
        AnnotateOptions(folder=folder, out=out, model=model, compute=compute.value, jobs=jobs)
    )
    for remark in (*found.remarks, *(broken.reason for broken in found.broken)):
        complain(remark)
    line(
        f"{out}: {found.total} tracks; {found.done} new, {found.kept} unchanged, "
        f"{found.gone} gone, {len(found.broken)} broken"
    )
    if not found.done + found.kept:
        raise typer.Exit(1)

"""``realtime-mer tag``: write what is known of tracks into their files, and take it back."""

from pathlib import Path
from typing import Annotated

import typer

from realtime_mer.commands.arguments import MyScale
from realtime_mer.commands.first_words import say
from realtime_mer.errors import InputError
from realtime_mer.printing.lines import complain, line


def tag(
    table: Annotated[
        Path,
        typer.Argument(metavar="TABLE", help="What `annotate` wrote; with --remove also a folder."),
    ],
    only: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[PATH]...", help="Only these files and folders of the table."),
    ] = None,
    write: Annotated[
        bool,
        typer.Option(
            "--write/--dry-run", help="Write; without it you are shown what would be written."
        ),
    ] = False,
    remove: Annotated[
        bool, typer.Option("--remove", help="Take back exactly what `tag` wrote, and no more.")
    ] = False,
    energy: Annotated[
        bool,
        typer.Option("--energy", help="Begin the comment with an energy from 1 to 10, for DJs."),
    ] = False,
    replace: Annotated[
        bool,
        typer.Option("--replace", help="Write over a mood of somebody else; --remove restores it."),
    ] = False,
    keep_times: Annotated[
        bool, typer.Option("--keep-times", help="Let files keep their time of last change.")
    ] = False,
    my_scale: MyScale = None,
) -> None:
    """Write valence, arousal and mood into the tags of your files.

    `realtime-mer tag music.sqlite` shows what would be written, and writes nothing.
    `realtime-mer tag music.sqlite --write` writes it.

    Sound and all other tags stay as they are, byte by byte, or the file is not written. A kill
    at any moment leaves the old file or the new one. Files that cannot be written are named, do
    not stop the others, and make the exit status 1.

    More examples:

    `realtime-mer tag music.sqlite ~/Music/House --energy --write`

    `realtime-mer tag music.sqlite --remove --write`
    """
    from realtime_mer.library.tagging.fields import Wish
    from realtime_mer.library.tagging.tagging import TagOptions, check_options
    from realtime_mer.library.tagging.tagging import tag as run

    if remove and (energy or replace or my_scale is not None):
        raise InputError(
            "--remove takes back all that was written: leave --energy, --replace and --my-scale."
        )
    options = TagOptions(
        table=table,
        only=only or (),
        write=write,
        remove=remove,
        wish=Wish(energy=energy, replace=replace),
        keep_times=keep_times,
        my_scale=my_scale,
    )
    check_options(options)
    say(f"Looking at the tags of {table}")
    done = run(options, tell=line)
    for reason in done.failed:
        complain(reason)
    how = "changed" if write else "would be changed"
    more = "" if write or not done.changed else "; nothing is written without --write"
    line(f"{done.changed} {how}, {done.same} as they should be, {len(done.failed)} left out{more}")
    if done.failed:
        raise typer.Exit(1)

"""``realtime-mer library check``: ask the owner of a library whether the numbers are right."""

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer

from realtime_mer.commands.arguments import Table
from realtime_mer.commands.first_words import say
from realtime_mer.commands.refusals import check_output
from realtime_mer.printing.lines import complain, line


def check(
    table: Table,
    count: Annotated[int, typer.Option(min=1, help="How many tracks.")] = 20,
    seed: Annotated[int, typer.Option(help="Another number draws other tracks.")] = 0,
    answers: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Where answers are kept; else beside the table."),
    ] = None,
    sound: Annotated[
        bool, typer.Option("--sound/--no-sound", help="Play them; else you play what is named.")
    ] = True,
    numbers: Annotated[
        bool, typer.Option("--numbers", help="Type numbers instead of moving on a plane.")
    ] = False,
) -> None:
    """Listen to some tracks, place them yourself, and see how far you and the model agree.

    `realtime-mer library check music.sqlite` plays the typical half minute of 20 tracks from all
    parts of the plane. You place each, without seeing what the model says of it.

    Every answer is kept at once. Stop when you like: the same command goes on from there. One more
    example:

    `realtime-mer library check music.sqlite --no-sound --numbers`
    """
    from realtime_mer.library.checking.answers import answers_beside
    from realtime_mer.library.tables import check_table

    check_table(table)
    kept_in = answers_beside(table) if answers is None else answers
    check_output(kept_in, option="--answers")
    say(f"Reading {table}")

    from realtime_mer.library.checking.asking import AtPlane, InLines
    from realtime_mer.library.checking.check import CheckOptions, by_name
    from realtime_mer.library.checking.check import check as run
    from realtime_mer.library.checking.excerpt import by_sound
    from realtime_mer.library.checking.keyboard import Keyboard
    from realtime_mer.library.checking.placing import SCALE
    from realtime_mer.library.checking.telling import told

    options = CheckOptions(table=table, answers=kept_in, count=count, seed=seed)
    on_plane = sys.stdin.isatty() and sys.stdout.isatty() and not numbers
    line(SCALE)
    with Keyboard() if on_plane else nullcontext() as keyboard:
        owner = InLines() if keyboard is None else AtPlane(keyboard.read)
        present = by_sound if sound else by_name(line)
        found = run(options, owner=owner, present=present, tell=complain)
    for text in told(found, kept_in=kept_in):
        line(text)

"""``realtime-mer map``: look at mappings, which say what goes where, before you use them."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from realtime_mer.commands.arguments import Compute, ComputeOption, Model
from realtime_mer.commands.first_words import say
from realtime_mer.errors import InputError
from realtime_mer.printing.lines import line

app = typer.Typer(
    help="Look at a mapping, which says what goes to lights, instruments and the like.\n\n"
    "`realtime-mer map check show.toml` tells what is wrong; `realtime-mer live --map show.toml` "
    "sends.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)

Files = Annotated[list[Path], typer.Argument(metavar="FILE...", help="Mappings.")]
File = Annotated[Path, typer.Argument(metavar="FILE", help="A mapping.")]


@app.command()
def check(files: Files) -> None:
    """Tell whether a mapping can be used, and what has to be installed for it.

    `realtime-mer map check show.toml`
    """
    from realtime_mer.outlets.mapping.tables import about, load_plan

    for file in files:
        plan = load_plan(file)
        line(f"{file}: {about(plan)}")
        for target in plan.targets:
            line(f"  {target.url.shown}")
        if missing := plan.missing():
            raise InputError(f"{file}: {'; '.join(missing)}.")


@app.command()
def show(
    file: File,
    source: Annotated[
        str | None,
        typer.Argument(metavar="[demo|mic|system|FILE]", help="What to listen to."),
    ] = "demo",
    more: Annotated[
        list[Path] | None, typer.Option("--map", metavar="FILE", help="One more mapping.")
    ] = None,
    device: Annotated[
        str | None, typer.Option(help="Index or part of the name, see `realtime-mer devices`.")
    ] = None,
    seconds: Annotated[float | None, typer.Option(help="Stop after so much sound.")] = None,
    model: Model = "default",
    compute: ComputeOption = Compute.AUTO,
) -> None:
    """Show what a mapping would send now, and send nothing.

    `realtime-mer map show show.toml` takes the built-in piece; with `mic` behind it, your
    microphone. Change the file meanwhile: the table follows.
    """
    from realtime_mer.audio.spec import check_source
    from realtime_mer.model.files import check_checkpoint
    from realtime_mer.outlets.mapping.tables import load_plan

    if seconds is not None and not seconds > 0:
        raise InputError(f"--seconds {seconds} must be more than 0; leave it out to go on.")
    if source == "-":
        raise InputError("map show takes no standard input: give demo, mic, system or a file.")
    check_source(source, device=device, paced=True, raw=None, channels=None)
    files = [file, *(more or ())]
    for each in files:
        load_plan(each)
    check_checkpoint(model)
    say(f"Showing what {', '.join(map(str, files))} would send")

    from realtime_mer.live.map_view import ShowOptions, run_show

    run_show(
        ShowOptions(
            files=files,
            source=source,
            device=device,
            seconds=seconds,
            model=model,
            compute=compute.value,
        )
    )


@app.command()
def learn(
    file: File,
    only: Annotated[
        int | None, typer.Option(min=1, help="The number of a single place, from 1.")
    ] = None,
) -> None:
    """Send to one place at a time, so that a desk or a synthesiser can learn it.

    Start learning over there, press Enter here, and each place gets all its values once. Without a
    terminal they come one after the other.
    """
    from realtime_mer.outlets.learning import lessons, teach
    from realtime_mer.outlets.map_file import refuse_missing
    from realtime_mer.outlets.mapping.tables import load_plan

    plan = load_plan(file)
    refuse_missing(plan)
    numbered = list(enumerate(lessons(plan), 1))
    if only is not None and only > len(numbered):
        raise InputError(f"--only {only}: {file} has {len(numbered)} places.")
    asks = sys.stdin is not None and sys.stdin.isatty()
    for number, lesson in numbered:
        if only is not None and number != only:
            continue
        line(f"{number} of {len(numbered)}: {lesson.where} ({lesson.of})")
        if asks:
            line("Enter sends, s and Enter skips, Ctrl-C ends")
            if sys.stdin.readline().strip() == "s":
                continue
        teach(lesson)

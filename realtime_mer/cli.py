"""The command line: register the commands, report errors, end at once."""

import io
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from realtime_mer import __version__
from realtime_mer.audio.spec import DEVICE_WORDS
from realtime_mer.commands.analyze import analyze
from realtime_mer.commands.annotate import annotate
from realtime_mer.commands.bench import bench
from realtime_mer.commands.devices import devices
from realtime_mer.commands.display import display
from realtime_mer.commands.doctor import doctor
from realtime_mer.commands.libraries import library_problem
from realtime_mer.commands.library import app as library
from realtime_mer.commands.library import features
from realtime_mer.commands.live import OptionalName, live
from realtime_mer.commands.maps import app as maps
from realtime_mer.commands.mark import mark
from realtime_mer.commands.path import path
from realtime_mer.commands.rooms.serve import app as rooms
from realtime_mer.commands.sessions import app as sessions
from realtime_mer.commands.subscribe import subscribe
from realtime_mer.commands.suggest import suggest
from realtime_mer.commands.tag import tag
from realtime_mer.errors import InputError, RealtimeMerError
from realtime_mer.leaving import end_as_at_ctrl_c, end_with, outlive_terminal
from realtime_mer.printing.lines import complain, line


class Commands(TyperGroup):
    """The commands; whoever names a source in the place of one is told of ``live``."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name = args[0]
        if self.get_command(ctx, name) is None and (
            name in {"-", "demo", *DEVICE_WORDS} or Path(name).is_file()
        ):
            raise InputError(f"{name} is no command: did you mean `realtime-mer live {name}`?")
        return super().resolve_command(ctx, args)


app = typer.Typer(
    name="realtime-mer",
    cls=Commands,
    help="Watch the mood of music as it plays: sound in, valence, arousal, quadrants and GEMS out."
    "\n\n"
    "`realtime-mer live` listens to your microphone, `realtime-mer doctor` says what is missing.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode="markdown",
)
app.command(cls=OptionalName)(live)
for command in (
    analyze,
    annotate,
    suggest,
    path,
    tag,
    features,
    devices,
    doctor,
    subscribe,
    mark,
    display,
    bench,
):
    app.command()(command)
app.add_typer(sessions, name="sessions")
app.add_typer(maps, name="map")
app.add_typer(library, name="library")
app.add_typer(rooms, name="rooms")


@app.callback(invoke_without_command=True)
def _options(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        line(f"realtime-mer {__version__}")
        raise typer.Exit


_INTERRUPTED = 130  # as shells have it


def main() -> None:
    """Run the command line as a process of its own, and end that process."""
    end_with(run)


def run() -> int:
    """Run a command and return its exit status; errors of ours become one line and status 1."""
    end_as_at_ctrl_c()
    outlive_terminal()
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A file's name may be no text, a device's name none that the output's encoding knows.
        unicode = sys.stdout.encoding.lower() == "utf-8"
        sys.stdout.reconfigure(errors="surrogateescape" if unicode else "backslashreplace")
    try:
        try:
            app()
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()  # here, where a full disk can still be told
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0
    except KeyboardInterrupt:  # before a command could take it
        return _INTERRUPTED
    except RealtimeMerError as error:
        complain(error)
    except BrokenPipeError:
        # Whoever read us has gone, as `head` does; Python would complain once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (ImportError, OSError) as error:
        problem = library_problem(error)
        if problem is not None:
            complain(f"{problem.detail}: {problem.advice}")
        elif isinstance(error, OSError):  # a full disk, a folder that may not be read
            complain(f"{error}: see that there is room and access")
        else:
            raise
    return 1


if __name__ == "__main__":
    main()

"""``python -m training``: from a folder of corpora to a checkpoint and a report on it."""

import sys
from typing import NoReturn

import typer

from realtime_mer.errors import RealtimeMerError
from realtime_mer.wording import installing

from .commands.changes import changes
from .commands.committee import committee
from .commands.compare import compare
from .commands.corpora import corpora
from .commands.evaluate import evaluate
from .commands.export import export
from .commands.fetch_music import fetch_music
from .commands.not_music import not_music
from .commands.onnx import onnx
from .commands.papers import papers
from .commands.probe import probe
from .commands.render import render
from .commands.report import report
from .commands.splits import splits
from .commands.train import train

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Make a checkpoint: corpora, then train, evaluate, report, export. docs/training.md tells "
    "all; the folder of the corpora is named by --data or by REALTIME_MER_DATA.",
)

_INTERRUPTED = 130  # what Typer makes of Ctrl-C

for command in (
    corpora,
    splits,
    render,
    fetch_music,
    probe,
    train,
    evaluate,
    report,
    compare,
    export,
    committee,
    onnx,
    papers,
    not_music,
    changes,
):
    app.command()(command)


def main() -> None:
    """Run the command line; an expected error is one line and exit status 1."""
    try:
        app()
    except RealtimeMerError as error:
        _stop(str(error))
    except ImportError as error:  # commands import what is heavy when they are called
        if (error.name or "").startswith((__package__, "realtime_mer")):
            raise
        if isinstance(error, ModuleNotFoundError):
            _stop(
                f"{error.name} is not installed. Training needs more than running: "
                f"{installing('train')}"
            )
        _stop(f"{error.name or 'a library'} cannot be loaded: {error}; install it again")
    except OSError as error:
        # Of a file: a full disk, a folder that may not be written to. Else most likely a library
        # that the system cannot load.
        _stop(f"{error}: see that there is room and access" if error.filename else str(error))
    except SystemExit as stop:
        if stop.code == _INTERRUPTED:
            print("stopped: what was finished is kept", file=sys.stderr)
        raise


def _stop(message: str) -> NoReturn:
    print(f"error: {message}", file=sys.stderr)
    sys.exit(1)


if __name__ == "__main__":
    main()

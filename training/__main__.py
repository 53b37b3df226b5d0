"""``python -m training``: from a folder of corpora to a checkpoint and a report on it."""

import sys

import typer

from realtime_mer.errors import RealtimeMerError

try:
    from .commands.compare import compare
    from .commands.corpora import corpora
    from .commands.evaluate import evaluate
    from .commands.export import export
    from .commands.fetch_music import fetch_music
    from .commands.not_music import not_music
    from .commands.papers import papers
    from .commands.render import render
    from .commands.report import report
    from .commands.splits import splits
    from .commands.train import train
except ModuleNotFoundError as error:
    if (error.name or "").startswith((__package__, "realtime_mer")):
        raise
    sys.exit(
        f"error: {error.name} is not installed. Training needs more than running: "
        "pip install 'realtime-mer[train]' "
        "(in a checkout: python3 scripts/run.py --with train doctor)"
    )

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
    train,
    evaluate,
    report,
    compare,
    export,
    papers,
    not_music,
):
    app.command()(command)


def main() -> None:
    """Run the command line; an expected error is one line and exit status 1."""
    try:
        app()
    except RealtimeMerError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
    except OSError as error:  # a full disk, a folder that may not be written to
        print(f"error: {error}: see that there is room and access", file=sys.stderr)
        sys.exit(1)
    except SystemExit as stop:
        if stop.code == _INTERRUPTED:
            print("stopped: what was finished is kept", file=sys.stderr)
        raise


if __name__ == "__main__":
    main()

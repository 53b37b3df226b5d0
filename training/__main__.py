"""``python -m training``: from a folder of corpora to a checkpoint and a report on it."""

import sys

import typer

from realtime_mer.errors import RealtimeMerError

try:
    from training.commands.compare import compare
    from training.commands.corpora import corpora
    from training.commands.evaluate import evaluate
    from training.commands.export import export
    from training.commands.fetch_music import fetch_music
    from training.commands.not_music import not_music
    from training.commands.papers import papers
    from training.commands.render import render
    from training.commands.report import report
    from training.commands.splits import splits
    from training.commands.train import train
except ModuleNotFoundError as error:
    if (error.name or "").startswith(("training", "realtime_mer")):
        raise
    sys.exit(
        f"error: {error.name} is not installed. Training needs more than running: "
        "pip install 'realtime-mer[train]' (in a checkout: pip install -e '.[train]')"
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

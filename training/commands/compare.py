"""``training compare``: runs of the same folds side by side."""

from pathlib import Path
from typing import Annotated

import typer

from .options import Data, Resamples, check_run, loading


def compare(
    runs: Annotated[list[Path], typer.Argument(help="Run folders, evaluated on the same folds.")],
    out: Annotated[
        Path | None, typer.Option("--out", help="Markdown file (else print it).")
    ] = None,
    data: Data = None,
    resamples: Resamples = 1000,
) -> None:
    """Set runs of the same folds side by side, with paired differences from the first."""
    for folder in runs:
        check_run(folder)
    with loading():
        from ..corpora import data_root, read_clips

        root = data_root(data)
        from ..judge.compare import compare as compared
        from ..learn.run import open_run
    clips = read_clips(root)
    text = compared([open_run(folder, clips, None) for folder in runs], resamples=resamples)
    if out is None:
        print(text)
        return
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(text + "\n", encoding="utf-8")
    typer.echo(f"wrote {out}")

"""``training splits``: grouped folds, drawn once and checked from then on."""

from pathlib import Path
from typing import Annotated

import typer

from .options import Data, Json, loading, print_json


def splits(
    file: Annotated[Path, typer.Argument(help="Where the split lies, or is to lie (JSON).")],
    data: Data = None,
    corpus: Annotated[list[str] | None, typer.Option(help="Only of this corpus.")] = None,
    folds: Annotated[int | None, typer.Option(min=2, help="Of a new split (else 5).")] = None,
    seed: Annotated[int, typer.Option(help="Of a new split.")] = 1,
    as_json: Json = False,
) -> None:
    """Draw grouped folds into a new file, or check those that lie there against the corpora.

    A file that is there is never drawn again: one that was edited, that does not fit the clips or
    that has a group on both sides is refused. Laid into a new run folder as split.json, train uses
    it.
    """
    with loading():
        from ..corpora import data_root, read_clips

        root = data_root(data)
        from rich.console import Console
        from rich.table import Table

        from ..corpora.splits import counted, kept_split, read_split, too_few
    clips = read_clips(root, corpus or [])
    new = not file.exists()
    asked = folds or (5 if new else read_split(file, clips).folds)
    split = kept_split(file, clips, folds=asked, seed=seed)
    rows = counted(split, clips)
    if as_json:
        print_json({"file": str(file), "drawn": new, "hash": split.hash, "folds": rows})
        return
    names = sorted({clip.corpus for clip in clips})
    table = Table("held out by fold", "clips", "groups", *names)
    for row in rows:
        counts = (str(row["by_corpus"].get(name, 0)) for name in names)
        table.add_row(str(row["fold"]), str(row["clips"]), str(row["groups"]), *counts)
    Console().print(table)
    if (remark := too_few(clips, split.folds)) is not None:
        Console().print(remark, soft_wrap=True)
    Console().print(
        f"{'wrote' if new else 'checked'} {file}: no group is on both sides", soft_wrap=True
    )

"""``training export``: a checkpoint that ships."""

from pathlib import Path
from typing import Annotated

import typer

from .options import Data, RunFolder, check_run, loading


def export(
    run: RunFolder,
    out: Annotated[Path, typer.Option(help="Where to write, without suffix.")],
    data: Data = None,
) -> None:
    """Write the refit's weights, a file of it that anything can run, and their card."""
    check_run(run)
    with loading():
        from ..corpora import data_root, read_clips

        root = data_root(data)
        from ..export import shipping
        from ..learn.run import open_run
    card = shipping.export(open_run(run, read_clips(root), None), out)
    typer.echo(f"wrote {out}.safetensors, {out}.onnx and {out}.json: {card.description}")

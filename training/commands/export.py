"""``training export``: a checkpoint that ships."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from .. import export as shipping
from ..corpora import data_root, read_clips
from ..learn.run import open_run
from .options import Data, RunFolder


def export(
    run: RunFolder,
    out: Annotated[Path, typer.Option(help="Where to write, without suffix.")],
    data: Data = None,
) -> None:
    """Write the refit's weights and a card that carries the out-of-fold figures."""
    card = shipping.export(open_run(run, read_clips(data_root(data)), None), out)
    Console().print(f"wrote {out}.safetensors and {out}.json: {card.description}")

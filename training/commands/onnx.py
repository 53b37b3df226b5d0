"""``training onnx``: the file of a checkpoint that runs without PyTorch."""

from typing import Annotated

import typer

from .options import loading


def onnx(
    model: Annotated[str, typer.Argument(help="A shipped checkpoint's name, or a path of one.")],
) -> None:
    """Write the file of a checkpoint that runs without PyTorch, and its hash into the card."""
    with loading():
        from ..export.onnx_file import add_network_file
    typer.echo(f"wrote {add_network_file(model)}")

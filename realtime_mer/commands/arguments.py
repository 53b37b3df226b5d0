"""The options that commands share: what they are called, and what their help says."""

from enum import StrEnum
from typing import Annotated

import typer


class Speed(StrEnum):
    """How fast a file is played."""

    REALTIME = "realtime"
    MAX = "max"


class Compute(StrEnum):
    """What the network runs on."""

    AUTO = "auto"
    LIGHT = "light"
    TORCH = "torch"
    CUDA = "cuda"
    CPU = "cpu"


class Layout(StrEnum):
    """What the window is for."""

    DJ = "dj"
    THERAPY = "therapy"


class Format(StrEnum):
    """How estimates are written."""

    JSONL = "jsonl"
    CSV = "csv"


class SampleFormat(StrEnum):
    """Raw samples on standard input, little-endian."""

    U8 = "u8"
    S16LE = "s16le"
    S24LE = "s24le"
    S32LE = "s32le"
    F32LE = "f32le"


Model = Annotated[
    str, typer.Option(help="A shipped checkpoint's name, or the path of one of its files.")
]
ComputeOption = Annotated[
    Compute,
    typer.Option(
        help="What the network runs on: auto takes a GPU that PyTorch sees, else light (also "
        "called cpu), which needs no PyTorch."
    ),
]
Host = Annotated[
    str,
    typer.Option(
        help="Address the service listens on; 0.0.0.0 lets phones and others in, with a token."
    ),
]
Smoothing = Annotated[
    float, typer.Option(metavar="SECONDS", help="Smooth what is shown and sent over this time.")
]
Delay = Annotated[
    float, typer.Option(metavar="SECONDS", help="Hold back what is shown and sent this long.")
]
LayoutOption = Annotated[
    Layout | None,
    typer.Option(help="The window for a booth or for a therapy room; else that of the last time."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Url = Annotated[str, typer.Argument(help="Address of the service.")]
Token = Annotated[
    str | None, typer.Option(envvar="REALTIME_MER_TOKEN", help="What the service asks for.")
]

Ca = Annotated[
    str | None,
    typer.Option(metavar="PEM", help="Certificate to trust, where the service has its own."),
]

DEFAULT_URL = "ws://127.0.0.1:8765"

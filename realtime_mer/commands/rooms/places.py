"""Where what several commands of rooms need lies: NATS, and a folder of this machine."""

from pathlib import Path
from typing import Annotated

import typer

Nats = Annotated[
    str | None,
    typer.Option(
        envvar="REALTIME_MER_NATS",
        metavar="URL",
        help="NATS, which carries rooms between machines: nats://HOST:4222, with user:password@ "
        "before the host where it asks for that (better in the variable than here, where others "
        "on this machine read it).",
    ),
]
NatsCa = Annotated[
    str | None,
    typer.Option(
        "--nats-ca", metavar="PEM", help="Certificate to trust, where NATS has one of its own."
    ),
]
Folder = Annotated[
    Path | None,
    typer.Option(
        envvar="REALTIME_MER_ROOMS",
        metavar="FOLDER",
        help="Where tokens and the states of rooms lie without NATS; else where this system keeps "
        "data.",
    ),
]


def folder_of(asked: Path | None) -> Path:
    """Return the folder that was asked for, or where this system keeps data."""
    if asked is not None:
        return asked
    import platformdirs

    return platformdirs.user_data_path("realtime-mer", appauthor=False) / "rooms"

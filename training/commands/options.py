"""What several commands share: options, what is refused at once, JSON for programs."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from realtime_mer.errors import InputError

Data = Annotated[
    Path | None, typer.Option("--data", help="Folder of the corpora (else REALTIME_MER_DATA).")
]
RunFolder = Annotated[Path, typer.Option("--run", help="Run folder.")]
Threads = Annotated[int, typer.Option(min=1, help="Processor threads.")]
Jobs = Annotated[int, typer.Option(min=1, help="Processes that render and compute features.")]
Teachers = Annotated[
    Path | None, typer.Option(help="Folder of the teachers' arrays (else DATA/teachers).")
]
Resamples = Annotated[int, typer.Option(min=1, help="Draws behind an interval.")]
Json = Annotated[bool, typer.Option("--json", help="Nothing but JSON, for programs.")]
Cache = Annotated[Path | None, typer.Option("--cache", help="Folder for what is computed once.")]


@contextmanager
def loading(what: str = "loading the libraries") -> Iterator[None]:
    """Tell a terminal what takes seconds before a command's own words come."""
    from rich.console import Console

    with Console(stderr=True).status(what):
        yield


def check_run(folder: Path, config: Path | None = None) -> None:
    """Refuse at once what ``learn.run.open_run`` would refuse once its libraries are loaded.

    Args:
        folder: of the run.
        config: settings to begin it with, if any were given.

    Raises:
        InputError: it is no run folder and there are no settings, or they cannot be opened.
    """
    if config is not None:
        try:
            config.open("rb").close()
        except OSError as error:
            raise InputError(f"the settings {config} cannot be read: {error.strerror}") from error
    elif not (folder / "config.toml").is_file():
        raise InputError(f"{folder} is no run folder yet; begin it with --config SETTINGS.toml")


def teachers_folder(given: Path | None, root: Path) -> Path:
    """Return where the teachers' arrays lie: as given, else below the folder of the corpora."""
    return given or root / "teachers"


def print_json(content: Mapping[str, Any]) -> None:
    """Print what a command found as JSON, which holds no NaN."""
    print(json.dumps(content, indent=1, allow_nan=False))

"""Options that several commands share, and JSON for programs."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

Data = Annotated[
    Path | None, typer.Option("--data", help="Folder of the corpora (else REALTIME_MER_DATA).")
]
RunFolder = Annotated[Path, typer.Option("--run", help="Run folder.")]
Threads = Annotated[int, typer.Option(min=1, help="Processor threads.")]
Jobs = Annotated[int, typer.Option(min=1, help="Processes that render and compute features.")]
Teacher = Annotated[
    Path | None, typer.Option(help="The teacher's arrays (else DATA/teachers/msd_musicnn.npz).")
]
Resamples = Annotated[int, typer.Option(min=1, help="Draws behind an interval.")]
Json = Annotated[bool, typer.Option("--json", help="Nothing but JSON, for programs.")]
Cache = Annotated[Path | None, typer.Option("--cache", help="Folder for what is computed once.")]


def teacher_path(given: Path | None, root: Path) -> Path:
    """Return where the teacher's arrays lie: as given, else below the folder of the corpora."""
    return given or root / "teachers" / "msd_musicnn.npz"


def print_json(content: Mapping[str, Any]) -> None:
    """Print what a command found as JSON, which holds no NaN."""
    print(json.dumps(content, indent=1, allow_nan=False))

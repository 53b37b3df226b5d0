"""``training fetch-music``: free music from Debian's archive."""

from pathlib import Path
from typing import Annotated

import typer

from .options import loading


def fetch_music(
    package: Annotated[
        list[str] | None, typer.Argument(help="Packages; none means twelve, 2 GB.")
    ] = None,
    folder: Annotated[Path | None, typer.Option(help="Where to (else the cache).")] = None,
    most_gb: Annotated[float, typer.Option(min=0, help="Never take more of the disc.")] = 4.0,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before the download.")] = False,
) -> None:
    """Fetch free music of Debian's archive by package name, with its licences (no root needed)."""
    with loading():
        from rich.console import Console
        from rich.progress import DownloadColumn, Progress, TransferSpeedColumn
        from rich.table import Table

        from ..corpora import free_music
        from ..features import cache
    packages = free_music.look_up(package or free_music.PACKAGES)
    place = folder or cache.cache_folder() / "music"
    wanted = free_music.missing_packages(packages, place)
    console = Console()
    if wanted:
        console.print(
            f"{len(wanted)} packages, {sum(item.download for item in wanted) / 1e9:.2f} GB to "
            f"download, at most {free_music.space_needed(wanted) / 1e9:.2f} GB in {place}"
        )
        if not yes:
            typer.confirm("Go on?", abort=True)
    with Progress(
        *Progress.get_default_columns(), DownloadColumn(), TransferSpeedColumn(), console=console
    ) as progress:
        records = free_music.fetch_music(
            packages, place, most_bytes=round(most_gb * 1e9), progress=progress
        )
    table = Table("package", "version", "music files", "hours", "licences")
    for record in records:
        names = sorted({terms["licence"] for terms in record["licences"]})
        table.add_row(
            record["package"],
            record["version"],
            str(record["music_files"]),
            f"{record['music_hours']:.2f}",
            ", ".join(names) or "no record",
        )
    console.print(table)

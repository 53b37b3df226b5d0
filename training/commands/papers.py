"""``training papers``: the papers' systems, put to their protocol and to an honest one."""

from pathlib import Path
from typing import Annotated

import typer

from ..features import cache
from ..papers import command
from .options import Cache, Data, Threads


def papers(
    system: Annotated[
        list[str] | None, typer.Option(help="Only this system, see --list (else every one).")
    ] = None,
    corpus: Annotated[
        list[str] | None,
        typer.Option(help="Only this corpus: emotify, 4q, grekow, ... (else all with sound)."),
    ] = None,
    protocol: Annotated[
        str, typer.Option(help="paper (LEAKY), grouped (songs and artists kept together) or both.")
    ] = "both",
    every: Annotated[bool, typer.Option("--all", help="Every system and corpus.")] = False,
    listed: Annotated[bool, typer.Option("--list", help="List the systems and stop.")] = False,
    export: Annotated[
        Path | None,
        typer.Option(help="Learn from every clip; write a checkpoint here, without suffix."),
    ] = None,
    run: Annotated[
        Path | None, typer.Option(help="An evaluated run folder of the streaming model to add.")
    ] = None,
    lyrics: Annotated[
        Path | None, typer.Option(help="Judge Parisi's words: song, audio, lyrics, emotion (CSV).")
    ] = None,
    vectors: Annotated[
        Path | None, typer.Option(help="Word vectors for --lyrics, fastText's .vec format.")
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Instead of each system's own number.")
    ] = None,
    steps: Annotated[
        int | None, typer.Option(min=1, help="Stop each fit after so many steps: a trial.")
    ] = None,
    out: Annotated[
        Path, typer.Option(help="Folder of records and plots; the table lies beside it, as .md.")
    ] = Path("docs/papers"),
    data: Data = None,
    resamples: Annotated[
        int, typer.Option(min=1, help="Draws behind an interval; rows that are kept keep theirs.")
    ] = 1000,
    jobs: Annotated[int, typer.Option(min=1, help="Processes that compute features.")] = 1,
    threads: Threads = 1,
    cache_folder: Cache = None,
) -> None:
    """Put the papers' systems to their own protocol and to an honest one; write the table.

    With --export a --system becomes a checkpoint for realtime-mer live --model.
    """
    place = cache_folder or cache.cache_folder()
    if export is not None:
        command.export_system(
            system or [],
            corpus or [],
            export,
            epochs=epochs,
            steps=steps,
            out=out,
            data=data,
            jobs=jobs,
            threads=threads,
            cache=place,
            beside={
                "--protocol": protocol != "both",
                "--run": run is not None,
                "--all": every,
                "--list": listed,
                "--lyrics": lyrics is not None,
                "--vectors": vectors is not None,
            },
        )
        return
    command.run(
        systems=system or [],
        corpora=corpus or [],
        protocol=protocol,
        every=every,
        listed=listed,
        run=run,
        lyrics=lyrics,
        vectors=vectors,
        epochs=epochs,
        steps=steps,
        out=out,
        data=data,
        resamples=resamples,
        jobs=jobs,
        threads=threads,
        cache=place,
    )

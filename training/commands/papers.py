"""``training papers``: the papers' systems, put to their protocol and to an honest one."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal

import typer

from realtime_mer.errors import InputError

from .options import Cache, Data, Threads, check_run, loading

PROTOCOLS: Mapping[str, Sequence[Literal["paper", "grouped"]]] = {
    "paper": ("paper",),
    "grouped": ("grouped",),
    "both": ("paper", "grouped"),
}
"""By what the command line calls them."""


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
    systems, corpora = system or [], corpus or []
    if export is not None:
        beside = {
            "--protocol": protocol != "both",
            "--run": run is not None,
            "--all": every,
            "--list": listed,
            "--lyrics": lyrics is not None,
            "--vectors": vectors is not None,
        }
        _check_export(systems, [name for name, asked in beside.items() if asked])
    elif listed:
        with loading():
            from ..papers.command import show_systems
        show_systems()
        return
    elif lyrics is not None or vectors is not None:
        table, words = _check_lyrics(lyrics, vectors)
    else:
        _check_table(protocol, something=bool(systems or corpora or every or run))
        if run is not None:
            check_run(run)
    with loading():
        from ..corpora import data_root

        # Sung lines bring their own sound.
        root = data_root(data) if export is not None or lyrics is None else Path()
        from ..features import cache
        from ..papers import command
        from ..papers.trials.options import TrialOptions
    options = TrialOptions(
        epochs=epochs,
        most_steps=steps,
        threads=threads,
        jobs=jobs,
        resamples=resamples,
        records=out / "records",
        cache=cache_folder or cache.cache_folder(),
    )
    if export is not None:
        command.export_system(systems[0], corpora, export, root=root, options=options)
    elif lyrics is not None:
        command.judge_lyrics(table, words, options)
    else:
        if systems or corpora or every:
            command.run_systems(systems, corpora, PROTOCOLS[protocol], root=root, options=options)
        if run is not None:
            command.run_streaming(run, corpora, root=root, options=options)
        command.write_page(out, root=root, resamples=resamples)


def _check_export(systems: list[str], refused: list[str]) -> None:
    if refused:
        raise InputError(
            f"--export learns from every clip and writes no table: leave out {', '.join(refused)}"
        )
    if len(systems) != 1:
        raise InputError("--export makes a checkpoint of one system; name it by one --system")


def _check_lyrics(lyrics: Path | None, vectors: Path | None) -> tuple[Path, Path]:
    if lyrics is None or vectors is None:
        raise InputError(
            "the branch of the words needs both --lyrics TABLE (song, audio, lyrics, emotion) and "
            "--vectors FILE.vec (fastText's text format)"
        )
    return lyrics, vectors


def _check_table(protocol: str, *, something: bool) -> None:
    if protocol not in PROTOCOLS:
        raise InputError(f"no protocol {protocol!r}; there are: {', '.join(PROTOCOLS)}")
    if not something:
        raise InputError(
            "name a --system or a --corpus, or ask for --all; --list shows the systems"
        )

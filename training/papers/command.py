"""``python -m training papers``: what the command line asks for, done and told in a terminal."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from realtime_mer.errors import InputError

from ..corpora import data_root, find_corpora, read_clips
from ..features.cache import feature_store
from ..learn.run import Run, open_run
from .export import PREFERRED, export
from .live import not_live
from .page.listing import listing
from .page.table import write_table
from .systems.parisi import WordVectors, read_lines, words
from .systems.registry import SYSTEMS, find_system
from .systems.system import Effort
from .trials.agreement import ceilings
from .trials.corpora import (
    ALIASES,
    clips_here,
    clips_of_notes,
    corpora_here,
    default_split,
    read_corpus,
)
from .trials.costs import epochs_of
from .trials.lyrics import judge_lines
from .trials.protocols import Protocol
from .trials.records import read_records
from .trials.rows import run_rows
from .trials.scores import HEADLINES
from .trials.streaming import streaming_rows, unheard_rows

PROTOCOLS: dict[str, tuple[Protocol, ...]] = {
    "paper": ("paper",),
    "grouped": ("grouped",),
    "both": ("paper", "grouped"),
}


def run(
    *,
    systems: Sequence[str],
    corpora: Sequence[str],
    protocol: str,
    every: bool,
    listed: bool,
    run: Path | None,
    lyrics: Path | None,
    vectors: Path | None,
    epochs: int | None,
    steps: int | None,
    out: Path,
    data: Path | None,
    resamples: int,
    jobs: int,
    threads: int,
    cache: Path,
) -> None:
    """Do what the command line asks, printing each row as it is finished.

    Raises:
        InputError: a name is unknown, or nothing was named.
    """
    console = Console()
    if listed:
        console.print(listing())
        return
    if lyrics is not None or vectors is not None:
        console.print(_judge_lyrics(lyrics, vectors, epochs, steps, threads, resamples))
        return
    if protocol not in PROTOCOLS:
        raise InputError(f"no protocol {protocol!r}; there are: {', '.join(PROTOCOLS)}")
    if not (systems or corpora or every or run):
        raise InputError(
            "name a --system or a --corpus, or ask for --all; --list shows the systems"
        )
    root = data_root(data)
    chosen = [find_system(name) for name in dict.fromkeys(systems)] or SYSTEMS
    records = out / "records"
    if systems or corpora or every:
        for record in run_rows(
            chosen,
            corpora or corpora_here(root),
            PROTOCOLS[protocol],
            root=root,
            records=records,
            cache=cache,
            epochs=epochs,
            most_steps=steps,
            threads=threads,
            jobs=jobs,
            resamples=resamples,
            announce=console.print,
        ):
            console.print(_line(record))
    if run is not None:
        trained = open_run(run, read_clips(root), None)
        for record in streaming_rows(trained, records, resamples=resamples):
            console.print(_line(record))
        for name in _never_learnt(trained, corpora, records, root):
            sounds = read_corpus(root, name, cache, jobs=jobs)
            features = feature_store(sounds, trained.config.features, cache, jobs=jobs)
            split = default_split(root, sounds)
            for record in unheard_rows(
                trained, sounds, split, features, records, resamples=resamples
            ):
                console.print(_line(record))
    rows = read_records(records)
    clips = clips_here(root) | clips_of_notes(root, {row["asked"]["corpus"] for row in rows})
    told = ceilings(root, clips, resamples=resamples)
    page = write_table(rows, out, clips, told)
    console.print(f"wrote {page}")


def _never_learnt(run: Run, corpora: Sequence[str], records: Path, root: Path) -> list[str]:
    """Return the corpora of which a run learnt nothing: asked for, or here and with rows."""
    here = {found.corpus.name for found in find_corpora(root)}
    rows = {record["asked"]["corpus"] for record in read_records(records)} & here
    names = dict.fromkeys([*(ALIASES.get(name, name) for name in corpora), *sorted(rows)])
    return [name for name in names if name not in run.corpora]


def _judge_lyrics(
    lyrics: Path | None,
    vectors: Path | None,
    epochs: int | None,
    steps: int | None,
    threads: int,
    resamples: int,
) -> Table:
    if lyrics is None or vectors is None:
        raise InputError(
            "the branch of the words needs both --lyrics TABLE (song, audio, lyrics, emotion) and "
            "--vectors FILE.vec (fastText's text format)"
        )
    lines = read_lines(lyrics)
    known = {word for line in lines for word in words(line.lyrics)}
    effort = Effort(
        epochs=epochs or find_system("parisi").epochs, most_steps=steps, threads=threads
    )
    judged = judge_lines(lines, WordVectors.read(vectors, only=known), effort, resamples=resamples)
    table = Table("branch", "accuracy, songs kept together", "commonest", "n", "parameters")
    for each in judged:
        table.add_row(
            each["branch"],
            f"{each['value']:.3f} ({each['low']:.3f} to {each['high']:.3f})",
            f"{each['baseline']:.3f}",
            f"{each['lines']} lines of {each['songs']} songs",
            f"{each['parameters']}",
        )
    return table


def export_system(
    systems: Sequence[str],
    corpora: Sequence[str],
    stem: Path,
    *,
    epochs: int | None,
    steps: int | None,
    out: Path,
    data: Path | None,
    jobs: int,
    threads: int,
    cache: Path,
    beside: Mapping[str, bool],
) -> None:
    """Fit one system on every clip and write a checkpoint that runs live.

    Args:
        beside: by the options' names, whether something was asked that an export does not do.

    Raises:
        InputError: not one system is named, it cannot run live, a corpus is not there, the folder
            cannot be made, or ``beside`` holds what was asked for.
    """
    if refused := [name for name, asked in beside.items() if asked]:
        raise InputError(
            f"--export learns from every clip and writes no table: leave out {', '.join(refused)}"
        )
    if len(systems) != 1:
        raise InputError("--export makes a checkpoint of one system; name it by one --system")
    system = find_system(systems[0])
    if system.not_live is not None:
        raise InputError(not_live(system))
    try:
        stem.parent.mkdir(parents=True, exist_ok=True)  # before hours of learning, not after
    except OSError as error:
        raise InputError(f"--export {stem} cannot be written: {error.strerror}") from error
    root = data_root(data)
    here = corpora_here(root)
    names = corpora or [name for name in PREFERRED.values() if name in here]
    console = Console()
    with Progress(console=console, transient=True) as bar:
        row = bar.add_task(f"{system.name}: features", total=None)

        def step(epoch: int, measured: Mapping[str, float]) -> None:
            text = ", ".join(f"{what} {value:.3f}" for what, value in measured.items())
            bar.update(row, description=f"{system.name}: epoch {epoch}, {text}")

        card = export(
            system,
            {ALIASES.get(name, name): read_corpus(root, name, cache, jobs=jobs) for name in names},
            stem,
            effort=Effort(
                epochs=epochs_of(system, epochs),
                most_steps=steps,
                threads=threads,
                progress=step,
            ),
            records=out / "records",
            cache=cache,
            jobs=jobs,
        )
    learnt = ", ".join(f"{task} from {head.corpus}" for task, head in card.heads.items())
    console.print(f"wrote {stem}.safetensors and {stem}.json: {learnt}; not calibrated")
    console.print(f"realtime-mer live --model {stem}.safetensors", soft_wrap=True, markup=False)


def _line(record: dict[str, Any]) -> str:
    asked = record["asked"]
    numbers = ", ".join(
        f"{row['metric']} {row['value']} ({row['low']} to {row['high']}; plain {row['baseline']}; "
        f"n {row['n']} {row['unit']})"
        for row in record["metrics"]
        if row["metric"] in HEADLINES[asked["task"]]
    )
    return f"{asked['system']}, {asked['corpus']}, {asked['protocol']}: {numbers}"

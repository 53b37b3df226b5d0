"""``python -m training papers``: what the command line asks for, done and told in a terminal."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from realtime_mer.errors import InputError

from ..corpora import find_corpora, read_clips
from ..features.cache import feature_store
from ..learn.run import Run, open_run
from .export import PREFERRED, export
from .live import not_live
from .page.listing import listing
from .page.table import write_table
from .systems.parisi import WordVectors, read_lines, words
from .systems.registry import SYSTEMS, find_system
from .trials.agreement import ceilings
from .trials.corpora import (
    ALIASES,
    clips_here,
    clips_of_notes,
    corpora_here,
    default_split,
    read_corpus,
)
from .trials.lyrics import judge_lines
from .trials.options import TrialOptions
from .trials.protocols import Protocol
from .trials.records import Record, read_records
from .trials.rows import run_rows
from .trials.scores import HEADLINES
from .trials.streaming import streaming_rows, unseen_rows


def show_systems() -> None:
    """Print what the systems are."""
    Console().print(listing())


def run_systems(
    systems: Sequence[str],
    corpora: Sequence[str],
    protocols: Sequence[Protocol],
    *,
    root: Path,
    options: TrialOptions,
) -> None:
    """Run the rows of systems on corpora that are not kept yet, printing each as it is finished.

    Args:
        systems: by name; none means every one.
        corpora: by name; none means every one that is there as sound.
        protocols: who learns from what.
        root: folder of the corpora.
        options: how rows are run.

    Raises:
        InputError: a name is unknown, or a row of more epochs or steps is kept.
    """
    console = Console()
    chosen = [find_system(name) for name in dict.fromkeys(systems)] or SYSTEMS
    for record in run_rows(
        chosen,
        corpora or corpora_here(root),
        protocols,
        root=root,
        options=options,
        announce=console.print,
    ):
        console.print(_line(record))


def run_streaming(run: Path, corpora: Sequence[str], *, root: Path, options: TrialOptions) -> None:
    """Add the rows of a trained run of the streaming model, printing each.

    Args:
        run: its folder, evaluated.
        corpora: by name, those that it learnt nothing of besides those that have rows.
        root: folder of the corpora.
        options: how rows are run.
    """
    console = Console()
    trained = open_run(run, read_clips(root), None)
    for record in streaming_rows(trained, options.records, resamples=options.resamples):
        console.print(_line(record))
    for name in _never_learnt(trained, corpora, options.records, root):
        sounds = read_corpus(root, name, options.cache, jobs=options.jobs)
        features = feature_store(sounds, trained.config.features, options.cache, jobs=options.jobs)
        for record in unseen_rows(
            trained,
            sounds,
            default_split(root, sounds),
            features,
            options.records,
            resamples=options.resamples,
        ):
            console.print(_line(record))


def write_page(out: Path, *, root: Path, resamples: int) -> None:
    """Write the table of all rows that are kept.

    Args:
        out: folder of records and plots; the table lies beside it.
        root: folder of the corpora.
        resamples: draws behind the interval of a ceiling.
    """
    rows = read_records(out / "records")
    clips = clips_here(root) | clips_of_notes(root, {row.asked.corpus for row in rows})
    page = write_table(rows, out, clips, ceilings(root, clips, resamples=resamples))
    Console().print(f"wrote {page}")


def _never_learnt(run: Run, corpora: Sequence[str], records: Path, root: Path) -> list[str]:
    """Return the corpora of which a run learnt nothing: asked for, or here and with rows."""
    here = {found.corpus.name for found in find_corpora(root)}
    rows = {record.asked.corpus for record in read_records(records)} & here
    names = dict.fromkeys([*(ALIASES.get(name, name) for name in corpora), *sorted(rows)])
    return [name for name in names if name not in run.corpora]


def judge_lyrics(lyrics: Path, vectors: Path, options: TrialOptions) -> None:
    """Print how well the branch of the words, that of the sound and both do on sung lines.

    Args:
        lyrics: the table, see ``parisi.read_lines``.
        vectors: of words, in fastText's text format.
        options: how rows are run.
    """
    lines = read_lines(lyrics)
    known = {word for line in lines for word in words(line.lyrics)}
    effort = options.effort(find_system("parisi"))
    judged = judge_lines(
        lines, WordVectors.read(vectors, only=known), effort, resamples=options.resamples
    )
    table = Table("branch", "accuracy, songs kept together", "commonest", "n", "parameters")
    for branch in judged:
        accuracy = branch.accuracy
        table.add_row(
            branch.branch,
            f"{accuracy.value:.3f} ({accuracy.low:.3f} to {accuracy.high:.3f})",
            f"{branch.baseline:.3f}",
            f"{branch.lines} lines of {branch.songs} songs",
            f"{branch.parameters}",
        )
    Console().print(table)


def export_system(
    name: str, corpora: Sequence[str], stem: Path, *, root: Path, options: TrialOptions
) -> None:
    """Fit one system on every clip and write a checkpoint that runs live.

    Args:
        name: of the system.
        corpora: by name; none means those in ``PREFERRED`` that are there.
        stem: where to, without suffix.
        root: folder of the corpora.
        options: how a fit is run.

    Raises:
        InputError: the system is unknown or cannot run live, a corpus is not there, or the folder
            cannot be made.
    """
    system = find_system(name)
    if system.not_live is not None:
        raise InputError(not_live(system))
    try:
        stem.parent.mkdir(parents=True, exist_ok=True)  # before hours of learning, not after
    except OSError as error:
        raise InputError(f"--export {stem} cannot be written: {error.strerror}") from error
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
            {
                ALIASES.get(name, name): read_corpus(root, name, options.cache, jobs=options.jobs)
                for name in names
            },
            stem,
            options=options,
            progress=step,
        )
    learnt = ", ".join(f"{task} from {head.corpus}" for task, head in card.heads.items())
    console.print(f"wrote {stem}.safetensors and {stem}.json: {learnt}; not calibrated")
    console.print(f"realtime-mer live --model {stem}.safetensors", soft_wrap=True, markup=False)


def _line(record: Record) -> str:
    asked = record.asked
    numbers = ", ".join(
        f"{row['metric']} {row['value']} ({row['low']} to {row['high']}; plain {row['baseline']}; "
        f"n {row['n']} {row['unit']})"
        for row in record.metrics
        if row["metric"] in HEADLINES[asked.task]
    )
    return f"{asked.system}, {asked.corpus}, {asked.protocol}: {numbers}"

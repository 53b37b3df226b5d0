"""``realtime-mer analyze``: many files in a row."""

import csv
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any, Literal

import typer

from realtime_mer.commands.arguments import Compute, ComputeOption, Delay, Format, Model, Smoothing
from realtime_mer.commands.first_words import say
from realtime_mer.commands.refusals import check_output
from realtime_mer.errors import AudioFileError, InputError
from realtime_mer.writing.replacing import replacing

if TYPE_CHECKING:
    from rich.console import Console

Record = Mapping[str, Any]

_SHOW_EVERY = 100  # hops between two updates of the progress bar


def analyze(
    files: Annotated[list[str], typer.Argument(metavar="FILES...", help="Audio files.")],
    format: Annotated[Format, typer.Option(help="How to write.")] = Format.JSONL,
    summary: Annotated[
        bool, typer.Option("--summary", help="One line a file instead of one a hop.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(metavar="PATH", help="Write there, not to standard output.")
    ] = None,
    model: Model = "default",
    compute: ComputeOption = Compute.AUTO,
    smoothing: Smoothing = 0.0,
    delay: Delay = 0.0,
    channels: Annotated[
        str | None, typer.Option(metavar="N[,N]", help="Channels to hear, as in 3 or 3,4.")
    ] = None,
) -> None:
    """Work out the mood of whole files, as fast as this machine can.

    `realtime-mer analyze song.mp3 --summary` prints a line of JSON for the file; without
    `--summary` a line for every tenth of a second.

    Files that cannot be read are named on standard error and do not stop the others; the exit
    status is then 1.

    More examples:

    `realtime-mer analyze *.flac --summary --format csv --out moods.csv`

    `realtime-mer analyze song.mp3 | jq .valence`
    """
    from realtime_mer.audio.picking import parse_channels

    failed = run_batch(
        BatchOptions(
            files=tuple(files),
            format=format.value,
            summary=summary,
            out=out,
            model=model,
            compute=compute.value,
            smoothing_s=smoothing,
            delay_s=delay,
            channels=None if channels is None else parse_channels(channels),
        )
    )
    if failed:
        raise typer.Exit(1)


@dataclass(frozen=True, kw_only=True)
class BatchOptions:
    """What ``realtime-mer analyze`` was asked for.

    Attributes:
        files: paths, given back as they were typed.
        format: ``jsonl`` or ``csv``.
        summary: a line per file instead of one per hop.
        out: where to write; None for standard output.
        model, compute: checkpoint and device.
        smoothing_s, delay_s: see ``Shaper``.
        channels: which to hear, counted from 0; None for those that carry signal.
    """

    files: tuple[str, ...]
    format: Literal["jsonl", "csv"] = "jsonl"
    summary: bool = False
    out: Path | None = None
    model: str = "default"
    compute: str = "auto"
    smoothing_s: float = 0.0
    delay_s: float = 0.0
    channels: tuple[int, ...] | None = None


def run_batch(options: BatchOptions) -> list[str]:
    """Analyse files one after the other and write what was found as it is found.

    Returns:
        The files that could not be read to their end, each named on standard error.

    Raises:
        InputError: the output cannot be written, or a setting cannot be used.
    """
    from realtime_mer.audio.spec import refuse_overwriting
    from realtime_mer.model.files import check_checkpoint
    from realtime_mer.printing.console import console
    from realtime_mer.shaping import Shaper

    failed: list[str] = []
    shown = console(stderr=True)
    shape = {"smoothing_s": options.smoothing_s, "delay_s": options.delay_s}
    Shaper(**shape)
    if options.out is not None:
        refuse_overwriting(options.files, output=options.out, option="--out")
        check_output(options.out, option="--out")
    check_checkpoint(options.model)
    missing = list(_missing(options.files))
    if len(missing) == len(options.files):
        for path, error in missing:
            _complain(shown, failed, path, error)
        return failed

    files = options.files
    say(f"Analysing {files[0] if len(files) == 1 else f'{len(files)} files'}")

    from realtime_mer.analysis import FileAnalysis
    from realtime_mer.printing.progress import files_bar
    from realtime_mer.recognizer.compute import compute_on_one_thread
    from realtime_mer.recognizer.loading import load_recognizer

    recognizer = load_recognizer(options.model, options.compute)
    compute_on_one_thread()
    with ExitStack() as stack, files_bar(shown) as progress:
        write: Callable[[Record], None] | None = None
        bar = progress.add_task("", total=len(options.files))
        for path in options.files:
            try:
                analysis = FileAnalysis(
                    path,
                    recognizer=recognizer,
                    shaper=Shaper(**shape),
                    channels=options.channels,
                )
            except AudioFileError as error:
                _complain(shown, failed, path, error)
                continue
            if write is None:  # not before: an old result outlives a mistyped name
                file = stack.enter_context(_output(options.out))
                write = (_jsonl if options.format == "jsonl" else _csv)(file)
            try:
                for estimate in analysis.estimates():
                    if estimate.seq % _SHOW_EVERY == 0:
                        progress.update(bar, description=f"{Path(path).name} {estimate.t:.0f} s")
                    if not options.summary:
                        write({"path": path, **estimate.to_dict()})
            except AudioFileError as error:
                _complain(shown, failed, path, error)  # what came before the break still counts
            for what, count in analysis.faults().items():
                if count:
                    shown.print(f"realtime-mer: {path}: {count} {what}.")
            summary = analysis.summary()
            if summary.valence is None and path not in failed:
                shown.print(
                    f"realtime-mer: {path} is shorter than one hop of "
                    f"{recognizer.card.hop_s:g} s, so there is no estimate of it."
                )
            if options.summary and (summary.valence is not None or path not in failed):
                write(summary.to_dict())
            progress.advance(bar)
    return failed


def _missing(files: Sequence[str]) -> Iterator[tuple[str, AudioFileError]]:
    """Yield the files that cannot be read, as far as can be told without opening them."""
    from realtime_mer.audio.spec import check_file

    for path in files:
        try:
            check_file(path)
        except AudioFileError as error:
            yield path, error


def _complain(shown: "Console", failed: list[str], path: str, error: AudioFileError) -> None:
    failed.append(path)
    shown.print(f"realtime-mer: {error}")


def _jsonl(file: IO[str]) -> Callable[[Record], None]:
    return lambda record: print(json.dumps(record, allow_nan=False), file=file)


def _csv(file: IO[str]) -> Callable[[Record], None]:
    from realtime_mer.estimate import columns
    from realtime_mer.writing.cells import to_cells

    writer: csv.DictWriter[str] | None = None

    def write(record: Record) -> None:
        nonlocal writer
        flat = dict(columns(record))
        if writer is None:
            writer = csv.DictWriter(file, list(flat), lineterminator="\n")
            writer.writeheader()
        writer.writerow(to_cells(flat))

    return write


@contextmanager
def _output(path: Path | None) -> Iterator[IO[str]]:
    if path is None:
        yield sys.stdout
        return
    try:
        with replacing(path, "w", encoding="utf-8", errors="surrogateescape", newline="") as file:
            yield file
    except OSError as error:
        raise InputError(f"--out {path} cannot be written: {error.strerror}.") from error

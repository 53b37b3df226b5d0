"""``python -m training``: from a folder of corpora to a checkpoint and a report on it."""

import hashlib
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from rich.console import Console
from rich.progress import DownloadColumn, Progress, TransferSpeedColumn
from rich.table import Table

from realtime_mer.errors import InputError, RealtimeMerError
from realtime_mer.recognizer import Recognizer

try:
    from training import cache, music, not_music
    from training.calibration import calibrate
    from training.compare import compare
    from training.corpora import data_root, read_clips
    from training.corpora.listing import survey, tables
    from training.corpora.midi import rendered, sound_fonts
    from training.evaluate import evaluate, fingerprint, judged, predict, save_predictions
    from training.export import export
    from training.files import write_json
    from training.material import gather
    from training.measure import PARTS, UNHEARD_S, Bench, measure, measured, teacher_arrays
    from training.papers import command as papers
    from training.processes import joined
    from training.report import write_report
    from training.run import SHARED, Run, audio_hash, open_run
    from training.splits import counted, kept_split, read_split
    from training.train import train_part
except ModuleNotFoundError as error:
    if (error.name or "").startswith(("training", "realtime_mer")):
        raise
    sys.exit(
        f"error: {error.name} is not installed. Training needs more than running: "
        "pip install 'realtime-mer[train]' (in a checkout: pip install -e '.[train]')"
    )

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Make a checkpoint: corpora, then train, evaluate, report, export. docs/training.md tells "
    "all; the folder of the corpora is named by --data or by REALTIME_MER_DATA.",
)

_INTERRUPTED = 130  # what Typer makes of Ctrl-C

Data = Annotated[
    Path | None, typer.Option("--data", help="Folder of the corpora (else REALTIME_MER_DATA).")
]
RunFolder = Annotated[Path, typer.Option("--run", help="Run folder.")]
SoundFonts = Annotated[
    list[str] | None,
    typer.Option("--sound-font", help="Render with this one, TimGM6mb say (else with every one)."),
]
Threads = Annotated[int, typer.Option(min=1, help="Processor threads.")]
Jobs = Annotated[int, typer.Option(min=1, help="Processes that render and compute features.")]
Out = Annotated[Path, typer.Option("--out", help="Folder of the report.")]
Teacher = Annotated[
    Path | None, typer.Option(help="The teacher's arrays (else DATA/teachers/msd_musicnn.npz).")
]
Resamples = Annotated[int, typer.Option(min=1, help="Draws behind an interval.")]
Json = Annotated[bool, typer.Option("--json", help="Nothing but JSON, for programs.")]
Cache = Annotated[Path | None, typer.Option("--cache", help="Folder for what is computed once.")]


@app.command()
def corpora(data: Data = None, as_json: Json = False) -> None:
    """List the corpora that are found, with counts, hours, labels, licences and what is missing."""
    with Console(stderr=True).status("counting"):
        content = survey(data_root(data))
    if as_json:
        _print_json(content)
        return
    for table in tables(content):
        Console().print(table)


@app.command()
def splits(
    file: Annotated[Path, typer.Argument(help="Where the split lies, or is to lie (JSON).")],
    data: Data = None,
    corpus: Annotated[list[str] | None, typer.Option(help="Only of this corpus.")] = None,
    folds: Annotated[int | None, typer.Option(min=2, help="Of a new split (else 5).")] = None,
    seed: Annotated[int, typer.Option(help="Of a new split.")] = 1,
    as_json: Json = False,
) -> None:
    """Draw grouped folds into a new file, or check those that lie there against the corpora.

    A file that is there is never drawn again: one that was edited, that does not fit the clips or
    that has a group on both sides is refused. Laid into a new run folder as split.json, train uses
    it.
    """
    clips = read_clips(data_root(data), corpus or [])
    new = not file.exists()
    asked = folds or (5 if new else read_split(file, clips).folds)
    split = kept_split(file, clips, folds=asked, seed=seed)
    rows = counted(split, clips)
    if as_json:
        _print_json({"file": str(file), "drawn": new, "hash": split.hash, "folds": rows})
        return
    names = sorted({clip.corpus for clip in clips})
    table = Table("held out by fold", "clips", "groups", *names)
    for row in rows:
        counts = (str(row["by_corpus"].get(name, 0)) for name in names)
        table.add_row(str(row["fold"]), str(row["clips"]), str(row["groups"]), *counts)
    Console().print(table)
    Console().print(
        f"{'wrote' if new else 'checked'} {file}: no group is on both sides", soft_wrap=True
    )


@app.command()
def render(
    corpus: Annotated[list[str], typer.Option(help="A corpus of notes: vgmidi, emopia.")],
    data: Data = None,
    jobs: Annotated[int, typer.Option(min=1, help="Pieces rendered at the same time.")] = 1,
    cache_folder: Cache = None,
) -> None:
    """Render corpora of notes (MIDI) with every sound font that is installed, into the cache."""
    clips = read_clips(data_root(data), corpus)
    sounds = rendered(clips, folder=cache_folder or cache.cache_folder(), jobs=jobs)
    fonts = sorted({clip.path.parent.name for clip in sounds})
    Console().print(f"{len(clips)} pieces, {len(sounds)} sounds with {', '.join(fonts)}")


@app.command(name="fetch-music")
def fetch_music_command(
    package: Annotated[
        list[str] | None, typer.Argument(help="Packages; none means twelve, 2 GB.")
    ] = None,
    folder: Annotated[Path | None, typer.Option(help="Where to (else the cache).")] = None,
    most_gb: Annotated[float, typer.Option(min=0, help="Never take more of the disc.")] = 4.0,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before the download.")] = False,
) -> None:
    """Fetch free music of Debian's archive by package name, with its licences (no root needed)."""
    packages = music.look_up(package or music.PACKAGES)
    place = folder or cache.cache_folder() / "music"
    wanted = music.missing_packages(packages, place)
    console = Console()
    if wanted:
        console.print(
            f"{len(wanted)} packages, {sum(each.download for each in wanted) / 1e9:.2f} GB to "
            f"download, at most {music.space_needed(wanted) / 1e9:.2f} GB in {place}"
        )
        if not yes:
            typer.confirm("Go on?", abort=True)
    with Progress(
        *Progress.get_default_columns(), DownloadColumn(), TransferSpeedColumn(), console=console
    ) as progress:
        records = music.fetch_music(
            packages, place, most_bytes=round(most_gb * 1e9), progress=progress
        )
    table = Table("package", "version", "music files", "hours", "licences")
    for record in records:
        names = sorted({each["licence"] for each in record["licences"]})
        table.add_row(
            record["package"],
            record["version"],
            str(record["music_files"]),
            f"{record['music_hours']:.2f}",
            ", ".join(names) or "no record",
        )
    console.print(table)


@app.command()
def train(
    run: RunFolder,
    config: Annotated[
        Path | None, typer.Option(help="Settings, of a new run; see training/configs.")
    ] = None,
    data: Data = None,
    part: Annotated[
        list[str] | None, typer.Option(help="Only this part: fold-0 ... or all (the refit).")
    ] = None,
    teacher: Teacher = None,
    device: Annotated[str, typer.Option(help="cpu, cuda, or auto: CUDA where it is.")] = "auto",
    jobs: Jobs = 1,
    threads: Threads = 1,
    cache_folder: Cache = None,
) -> None:
    """Train every fold and the refit, or some parts; a killed training goes on where it was.

    Several processes train together: torchrun --nproc-per-node 2 -m -- training train --run …
    """
    torch.set_num_threads(threads)
    root = data_root(data)
    place = cache_folder or cache.cache_folder()
    with joined(device) as world:
        with world.in_turn():
            opened = open_run(run, read_clips(root), config)
            arrays = None
            if opened.config.losses.teacher > 0:
                arrays = teacher_arrays(teacher or root / "teachers" / "msd_musicnn.npz")
                opened.record(teacher_sha256=hashlib.sha256(arrays.read_bytes()).hexdigest())
            material = gather(opened, root, place, arrays, jobs=jobs)
            opened.record(device=world.device.type, processes=world.size)
        shared = opened.folder / SHARED if opened.config.shared_epochs else None
        for name in part or opened.parts:
            train_part(
                material.run.training_clips(name),
                material.features,
                material.teacher,
                opened.config,
                opened.folder / name,
                stream_key=opened.parts.index(name),
                labelled=name != SHARED,
                start=shared if name != SHARED else None,
                changed=material.changed,
                world=world,
            )


@app.command(name="evaluate")
def evaluate_command(
    run: RunFolder,
    data: Data = None,
    fold: Annotated[list[int] | None, typer.Option(min=0, help="Only this fold.")] = None,
    resamples: Resamples = 1000,
    threads: Threads = 1,
    cache_folder: Cache = None,
    as_json: Json = False,
) -> None:
    """Judge the folds by the songs they held out; write predictions.npz and report.json."""
    torch.set_num_threads(threads)
    opened = open_run(run, read_clips(data_root(data)), None)
    folds = sorted(set(fold)) if fold else list(range(opened.split.folds))
    report = _evaluate(opened, cache_folder or cache.cache_folder(), folds, resamples)
    if as_json:
        _print_json(report)
        return
    table = Table("data", "metric", "value", "95 %", "baseline", "n")
    for row in report["metrics"]:
        value, low, high, baseline = (
            "-" if row[name] is None else f"{row[name]:.3f}"
            for name in ("value", "low", "high", "baseline")
        )
        interval = f"{low} … {high}"
        table.add_row(row["data"], row["metric"], value, interval, baseline, str(row["n"]))
    Console().print(table)
    covered = Table("share of ratings inside", *(levels := ("50%", "90%")))
    for name, shares in report["calibration"]["coverage"].items():
        covered.add_row(name.replace("_", " "), *(f"{shares[level]:.3f}" for level in levels))
    if covered.rows:
        Console().print(covered)
    Console().print(f"wrote {opened.folder / 'report.json'} and predictions.npz", soft_wrap=True)


@app.command(name="report")
def report_command(
    run: RunFolder,
    out: Out,
    data: Data = None,
    part: Annotated[
        list[str] | None, typer.Option(help="Measure only this part, again (else what is missing).")
    ] = None,
    left_out: Annotated[
        list[Path] | None,
        typer.Option(help="A run that left a corpus out, to be judged by that corpus."),
    ] = None,
    tried: Annotated[
        list[Path] | None,
        typer.Option(help="An evaluated run of the same folds that was tried, to be told of."),
    ] = None,
    sound_font: SoundFonts = None,
    unheard_s: Annotated[
        int, typer.Option(min=6, help="Seconds heard of each piece of a corpus never trained on.")
    ] = UNHEARD_S,
    teacher: Teacher = None,
    resamples: Resamples = 1000,
    jobs: Jobs = 1,
    threads: Threads = 1,
    cache_folder: Cache = None,
) -> None:
    """Measure a trained run in every respect and write it as Markdown and plots.

    What was measured of these very weights before is not measured again, unless named by --part.
    """
    torch.set_num_threads(threads)
    root = data_root(data)
    clips = read_clips(root)
    opened = open_run(run, clips, None)
    place = cache_folder or cache.cache_folder()
    for name in part or ():
        if name not in PARTS:
            raise InputError(f"no part {name!r} of a report; parts are {', '.join(PARTS)}")
    if not _evaluated(opened):
        _evaluate(opened, place, list(range(opened.split.folds)), resamples)
    bench = Bench(
        root=root,
        cache=place,
        teacher=teacher or root / "teachers" / "msd_musicnn.npz",
        fonts=_fonts(sound_font),
        unheard_s=unheard_s,
        left_out=[open_run(folder, clips, None) for folder in left_out or ()],
        tried=[open_run(folder, clips, None) for folder in tried or ()],
        jobs=jobs,
        resamples=resamples,
    )
    reasons = {}
    missing = [
        name
        for name in PARTS
        # What a run that is named adds may not be among what lies there.
        if measured(opened, out, name) is None
        or (name == "unheard" and left_out)
        or (name == "tried" and tried)
    ]
    for name in part or missing:
        Console().print(f"measuring: {name}")
        try:
            measure(opened, out, name, bench)
        except InputError as error:
            # A corpus, a sound font or a teacher is not there; all the rest can be told.
            reasons[name] = str(error)
            Console().print(f"not measured: {name}: {error}")
    report = write_report(opened, out, reasons=reasons, resamples=resamples)
    Console().print(f"wrote {report}")


@app.command(name="compare")
def compare_command(
    runs: Annotated[list[Path], typer.Argument(help="Run folders, evaluated on the same folds.")],
    out: Annotated[
        Path | None, typer.Option("--out", help="Markdown file (else print it).")
    ] = None,
    data: Data = None,
    resamples: Resamples = 1000,
) -> None:
    """Set runs of the same folds side by side, with paired differences from the first."""
    clips = read_clips(data_root(data))
    text = compare([open_run(folder, clips, None) for folder in runs], resamples=resamples)
    if out is None:
        print(text)
        return
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(text + "\n", encoding="utf-8")
    Console().print(f"wrote {out}")


@app.command(name="export")
def export_command(
    run: RunFolder,
    out: Annotated[Path, typer.Option(help="Where to write, without suffix.")],
    data: Data = None,
) -> None:
    """Write the refit's weights and a card that carries the out-of-fold figures."""
    card = export(open_run(run, read_clips(data_root(data)), None), out)
    Console().print(f"wrote {out}.safetensors and {out}.json: {card.description}")


@app.command(name="papers")
def papers_command(
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
    resamples: Resamples = 1000,
    jobs: Annotated[int, typer.Option(min=1, help="Processes that compute features.")] = 1,
    threads: Threads = 1,
    cache_folder: Cache = None,
) -> None:
    """Put the papers' systems to their own protocol and to an honest one; write the table.

    With --export a --system becomes a checkpoint for realtime-mer live --model.
    """
    place = cache_folder or cache.cache_folder()
    if export is not None:
        papers.export_system(
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
        )
        return
    papers.run(
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


@app.command(name="not-music")
def not_music_command(
    model: Annotated[str, typer.Option(help="Name or path of a checkpoint.")] = "default",
    as_json: Json = False,
) -> None:
    """Tell what a checkpoint says of noise and speech, which are not music."""
    torch.set_num_threads(1)
    recognizer = Recognizer.load(model, device="cpu")
    if as_json:
        _print_json({"model": model, "sounds": not_music.false_emotions(recognizer)})
        return
    table = Table("sound", "valence", "arousal", "false emotions", "likeliest quadrant")
    for sound, samples in not_music.sounds(recognizer.sample_rate):
        said = not_music.judge(recognizer, sound, samples)
        quadrant, probability = said.quadrant
        table.add_row(
            said.sound,
            f"{said.valence:+.2f}",
            f"{said.arousal:+.2f}",
            f"{said.false_emotions:.0%}",
            f"{quadrant} {probability:.2f}",
        )
    Console().print(table)


def _fonts(names: list[str] | None) -> list[Path] | None:
    if names is None:
        return None
    installed = {path.stem: path for path in sound_fonts()}
    for name in names:
        if name not in installed:
            raise InputError(
                f"the sound font {name} is not installed; there are: {', '.join(installed) or '-'}"
            )
    return [installed[name] for name in names]


def _evaluate(run: Run, place: Path, folds: list[int], resamples: int) -> dict[str, Any]:
    """Judge folds by the songs they held out, and write ``predictions.npz`` and ``report.json``.

    Raises:
        InputError: there is no such fold, or it is not trained.
    """
    if folds[-1] >= run.split.folds:
        raise InputError(f"no fold {folds[-1]}: {run.folder} has folds 0 to {run.split.folds - 1}")
    features = cache.feature_store(run.clips, run.config.features, place)
    predictions = predict(run, features, folds)
    save_predictions(predictions, run.folder / "predictions.npz")
    report: dict[str, Any] = {
        "run": fingerprint(run),
        "folds": folds,
        "metrics": evaluate(run, predictions, resamples=resamples),
        "calibration": calibrate(run, predictions),
        "audio_sha256": audio_hash(features),
    }
    write_json(run.folder / "report.json", report)
    return report


def _evaluated(run: Run) -> bool:
    try:
        judged(run)
    except InputError:
        return False
    return (run.folder / "predictions.npz").is_file()


def _print_json(content: Mapping[str, Any]) -> None:
    print(json.dumps(content, indent=1, allow_nan=False))


def main() -> None:
    """Run the command line; an expected error is one line and exit status 1."""
    try:
        app()
    except RealtimeMerError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
    except OSError as error:  # a full disk, a folder that may not be written to
        print(f"error: {error}: see that there is room and access", file=sys.stderr)
        sys.exit(1)
    except SystemExit as stop:
        if stop.code == _INTERRUPTED:
            print("stopped: what was finished is kept", file=sys.stderr)
        raise


if __name__ == "__main__":
    main()

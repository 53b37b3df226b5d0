"""``python -m training``: list and render corpora, fetch music, train, evaluate, report, export."""

import hashlib
import json
import sys
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from rich.console import Console
from rich.progress import DownloadColumn, Progress, TransferSpeedColumn
from rich.table import Table

from realtime_mer.errors import InputError, RealtimeMerError
from realtime_mer.recognizer import Recognizer
from training import cache, music, not_music
from training.baselines import MODELS, clip_rows, predict_baseline
from training.calibration import calibrate
from training.corpora import data_root, read_clips
from training.corpora.listing import survey, tables
from training.corpora.midi import rendered, sound_fonts
from training.endurance import endurance
from training.evaluate import evaluate, predict, save_predictions
from training.export import export
from training.files import write_json
from training.report import write_report
from training.robustness import robustness
from training.run import audio_hash, open_run
from training.train import train_part
from training.unheard import unheard

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)

Data = Annotated[
    Path | None, typer.Option("--data", help="Folder of the corpora [REALTIME_MER_DATA].")
]
RunFolder = Annotated[Path, typer.Option("--run", help="Run folder.")]
SoundFonts = Annotated[
    list[str] | None,
    typer.Option("--sound-font", help="Render with this one, TimGM6mb say [every one installed]."),
]
Threads = Annotated[int, typer.Option(min=1, help="Processor threads.")]
Out = Annotated[Path, typer.Option("--out", help="Folder of the report.")]
Teacher = Annotated[
    Path | None, typer.Option(help="The teacher's arrays [DATA/teachers/msd_musicnn.npz].")
]
Resamples = Annotated[int, typer.Option(min=1, help="Draws behind an interval.")]
Cache = Annotated[Path | None, typer.Option("--cache", help="Folder for what is computed once.")]


@app.command()
def corpora(
    data: Data = None,
    as_json: Annotated[bool, typer.Option("--json", help="Nothing but JSON.")] = False,
) -> None:
    """List the corpora that are found, with counts, hours, labels, licences and what is missing."""
    content = survey(data_root(data))
    if as_json:
        print(json.dumps(content, indent=1, allow_nan=False))
        return
    for table in tables(content):
        Console().print(table)


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
    folder: Annotated[Path | None, typer.Option(help="Where to [the cache].")] = None,
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
    config: Annotated[Path | None, typer.Option(help="Settings; for a new run folder.")] = None,
    data: Data = None,
    part: Annotated[
        list[str] | None, typer.Option(help="Only this part: fold-0 ... or all (the refit).")
    ] = None,
    teacher: Teacher = None,
    threads: Threads = 1,
    cache_folder: Cache = None,
) -> None:
    """Train every fold and the refit, or some parts; a killed training goes on where it was."""
    torch.set_num_threads(threads)
    root = data_root(data)
    opened = open_run(run, read_clips(root), config)
    place = cache_folder or cache.cache_folder()
    features = cache.feature_store(opened.clips, opened.config.features, place)
    embeddings = None
    if opened.config.losses.teacher > 0:
        arrays = teacher or root / "teachers" / "msd_musicnn.npz"
        embeddings = cache.teacher_store(opened.clips, arrays, place)
        opened.record(teacher_sha256=hashlib.sha256(arrays.read_bytes()).hexdigest())
    for name in part or opened.parts:
        train_part(
            opened.training_clips(name),
            features,
            embeddings,
            opened.config,
            opened.folder / name,
            stream_key=opened.parts.index(name),
        )


@app.command(name="evaluate")
def evaluate_command(
    run: RunFolder,
    data: Data = None,
    fold: Annotated[list[int] | None, typer.Option(help="Only these folds.")] = None,
    resamples: Resamples = 1000,
    threads: Threads = 1,
    cache_folder: Cache = None,
) -> None:
    """Judge the folds by the songs they held out; write predictions.npz and report.json."""
    torch.set_num_threads(threads)
    opened = open_run(run, read_clips(data_root(data)), None)
    features = cache.feature_store(
        opened.clips, opened.config.features, cache_folder or cache.cache_folder()
    )
    folds = sorted(set(fold)) if fold else list(range(opened.split.folds))
    predictions = predict(opened, features, folds)
    save_predictions(predictions, run / "predictions.npz")
    report: dict[str, Any] = {
        "folds": folds,
        "metrics": evaluate(opened, predictions, resamples=resamples),
        "calibration": calibrate(opened, predictions),
        "audio_sha256": audio_hash(features),
    }
    write_json(run / "report.json", report)
    table = Table("data", "metric", "value", "95 %", "baseline", "n")
    for row in report["metrics"]:
        value, low, high, baseline = (
            "-" if row[name] is None else f"{row[name]:.3f}"
            for name in ("value", "low", "high", "baseline")
        )
        interval = f"{low} … {high}"
        table.add_row(row["data"], row["metric"], value, interval, baseline, str(row["n"]))
    Console().print(table)
    Console().print_json(json.dumps(report["calibration"]))


@app.command(name="baselines")
def baselines_command(
    run: RunFolder,
    out: Out,
    data: Data = None,
    teacher: Teacher = None,
    resamples: Resamples = 1000,
    jobs: Annotated[int, typer.Option(min=1, help="Processes for hand-made features.")] = 1,
    threads: Threads = 1,
    cache_folder: Cache = None,
) -> None:
    """Judge hand-made features and the teacher's embedding on the run's folds: baselines.json."""
    torch.set_num_threads(threads)
    root = data_root(data)
    opened = open_run(run, read_clips(root), None)
    place = cache_folder or cache.cache_folder()
    arrays = teacher or root / "teachers" / "msd_musicnn.npz"
    heard = {
        "hand-made features": clip_rows(
            cache.hand_store(opened.clips, place, jobs=jobs), opened.clips, spread=False
        ),
        "MusiCNN embedding": clip_rows(
            cache.teacher_store(opened.clips, arrays, place), opened.clips, spread=True
        ),
    }
    rows: list[dict[str, Any]] = []
    for name, features in heard.items():
        for kind in MODELS:
            predictions = predict_baseline(opened, features, model=kind)
            hearing = f"the whole clip at once, {name}, {kind}"
            judged = evaluate(opened, predictions, resamples=resamples, hearing=hearing)
            rows += [{"model": f"{name} + {kind}", **row} for row in judged]
    _leave(out, "baselines.json", rows)


@app.command(name="robustness")
def robustness_command(
    run: RunFolder,
    out: Out,
    data: Data = None,
    minutes: Annotated[
        float, typer.Option(min=0.1, help="Sound of each corpus, its clips drawn by seed.")
    ] = 600.0,
    resamples: Resamples = 1000,
    threads: Threads = 1,
) -> None:
    """Judge the folds under a phone's band, noise, a room and other levels: robustness.json."""
    torch.set_num_threads(threads)
    opened = open_run(run, read_clips(data_root(data)), None)
    _leave(out, "robustness.json", robustness(opened, most_s=60 * minutes, resamples=resamples))


@app.command(name="unheard")
def unheard_command(
    run: RunFolder,
    out: Out,
    corpus: Annotated[str, typer.Option(help="A corpus with valence and arousal.")] = "vgmidi",
    seconds: Annotated[int, typer.Option(min=3, help="Heard from the start of each.")] = 60,
    data: Data = None,
    sound_font: SoundFonts = None,
    teacher: Teacher = None,
    resamples: Resamples = 1000,
    threads: Threads = 1,
    cache_folder: Cache = None,
) -> None:
    """Judge the refit by a corpus that nothing was trained on: unheard.json."""
    torch.set_num_threads(threads)
    root = data_root(data)
    place = cache_folder or cache.cache_folder()
    opened = open_run(run, read_clips(root), None)
    if any(clip.corpus == corpus for clip in opened.clips):
        raise InputError(f"the run learnt from {corpus}; name a corpus that it never heard")
    clips = rendered(read_clips(root, [corpus]), folder=place, fonts=_fonts(sound_font))
    arrays = teacher or root / "teachers" / "msd_musicnn.npz"
    rows = unheard(
        opened,
        clips,
        features=cache.feature_store(clips, opened.config.features, place, longest_s=seconds),
        own_embeddings=cache.teacher_store(clips, arrays, place, longest_s=seconds),
        embeddings=cache.teacher_store(opened.clips, arrays, place),
        longest_s=seconds,
        resamples=resamples,
    )
    _leave(out, "unheard.json", rows)


@app.command(name="endurance")
def endurance_command(
    out: Out,
    model: Annotated[str, typer.Option(help="Name or path of a checkpoint.")] = "default",
    corpus: Annotated[str, typer.Option(help="Whose sound is looped.")] = "vgmidi",
    most: Annotated[int, typer.Option(min=1, help="Sounds, drawn by seed.")] = 10,
    minutes: Annotated[int, typer.Option(min=3, help="How long each is looped.")] = 60,
    data: Data = None,
    sound_font: SoundFonts = None,
    cache_folder: Cache = None,
) -> None:
    """Loop music for an hour and compare the last minute with the second: endurance.json."""
    torch.set_num_threads(1)
    clips = rendered(
        read_clips(data_root(data), [corpus]),
        folder=cache_folder or cache.cache_folder(),
        fonts=_fonts(sound_font),
    )
    recognizer = Recognizer.load(model, device="cpu")
    _leave(out, "endurance.json", endurance(recognizer, clips, minutes=minutes, most=most))


@app.command(name="report")
def report_command(
    run: RunFolder, out: Out, data: Data = None, resamples: Resamples = 1000
) -> None:
    """Write the evaluation as Markdown and plots, with what other commands left in the folder."""
    opened = open_run(run, read_clips(data_root(data)), None)
    Console().print(f"wrote {write_report(opened, out, resamples=resamples)}")


@app.command(name="export")
def export_command(
    run: RunFolder,
    out: Annotated[Path, typer.Option(help="Where to write, without suffix.")],
    data: Data = None,
) -> None:
    """Write the refit's weights and a card that carries the out-of-fold figures."""
    card = export(open_run(run, read_clips(data_root(data)), None), out)
    Console().print(f"wrote {out}.safetensors and {out}.json: {card.description}")


@app.command(name="not-music")
def not_music_command(
    model: Annotated[str, typer.Option(help="Name or path of a checkpoint.")] = "default",
) -> None:
    """Tell what a checkpoint says of noise and speech, which are not music."""
    torch.set_num_threads(1)
    recognizer = Recognizer.load(model, device="cpu")
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


def _leave(folder: Path, name: str, rows: list[dict[str, Any]]) -> None:
    """Write the rows that a report is made of, and show them."""
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / name, {"rows": rows})
    table = Table("model or condition", "data", "metric", "value", "95 %", "n")
    for row in rows:
        value, low, high = (
            "-" if row[key] is None else f"{row[key]:.3f}" for key in ("value", "low", "high")
        )
        named = row.get("model") or row.get("condition")
        table.add_row(named, row["data"], row["metric"], value, f"{low} … {high}", str(row["n"]))
    Console().print(table)


def main() -> None:
    """Run the command line; an expected error is one line and exit status 1."""
    try:
        app()
    except RealtimeMerError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()

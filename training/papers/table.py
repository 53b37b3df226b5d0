"""Writes the table of the papers' systems as Markdown, with plots of the confusions."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from realtime_mer.emotion import GEMS
from training.corpora import Clip
from training.files import replacing
from training.markdown import number, table, with_interval
from training.papers import nearest, prose, yakovyna
from training.papers.costs import Clips, Records, core_minutes, find
from training.papers.plots import plot_confusions, plot_curves
from training.papers.printed import (
    impossible_accuracies,
    impossible_f1,
    recalls_of_yakovyna,
    told,
)
from training.papers.protocols import LEAKY
from training.papers.records import STREAMING
from training.papers.registry import SYSTEMS
from training.papers.scores import HEADLINES
from training.papers.system import TASKS, System, Task, target
from training.splits import joined_groups

_PROTOCOLS = (("paper", LEAKY), ("grouped", "grouped"))
"""As the command line calls them, and as records do."""

_RESULTS = (
    "system",
    "epochs",
    "the paper prints",
    f"{LEAKY}, segments",
    "grouped, segments",
    "grouped, clips",
)
_COSTS = (
    "system",
    "parameters",
    f"training, CPU s (fits): {LEAKY}",
    "grouped",
    "CPU ms per s of sound",
    "live",
)

_SHORT = (
    "corpus",
    f"best of the papers' systems under {LEAKY}, segments",
    "best of them grouped, clips",
    "streaming model, grouped, clips",
)

_KINDS: Mapping[Task, str] = {
    "quadrants": "four quadrants",
    "gems": "nine GEMS classes",
    "affect": "valence and arousal",
}

_A_FEW = 5
"""Points that are a few."""

_UNLEARNT = 0.95
"""Share of the first epoch's loss above which a network has hardly learnt."""

Record = Mapping[str, Any]


def write_table(
    records: Records,
    out: Path,
    clips: Clips,
    ceilings: Mapping[str, Sequence[Mapping[str, Any]]],
) -> Path:
    """Write ``out``.md and, into the folder ``out``, ``classes.md`` and the plots.

    Args:
        records: as ``read_records`` gives them.
        out: the folder; the table lies beside it under its name.
        clips: of every corpus that is here.
        ceilings: as ``training.papers.agreement.ceilings`` gives them.

    Returns:
        The file of the table.
    """
    out.mkdir(parents=True, exist_ok=True)
    page = out.with_name(f"{out.name}.md")
    _write(page, _page(records, clips, ceilings, out))
    _write(out / "classes.md", _classes(records, out))
    return page


def _write(path: Path, lines: Iterable[str]) -> None:
    with replacing(path) as partial:
        partial.write_text("\n".join(lines).rstrip("\n") + "\n", encoding="utf-8")


def _page(
    records: Records,
    clips: Clips,
    ceilings: Mapping[str, Sequence[Mapping[str, Any]]],
    out: Path,
) -> Iterator[str]:
    yield prose.INTRODUCTION.format(leaky=LEAKY, folder=out.name)
    yield from _in_short(records, clips)
    yield from _neighbour(records)
    yield from _cnn_lstm(records, len(clips.get("emotify", ())), out)
    for corpus in clips:
        yield from _corpus(corpus, clips, records)
        yield from _ceiling(ceilings.get(corpus, ()))
    yield from _printed()
    yield _counts(clips.get("emotify", ()))
    yield "## What leaks"
    yield ""
    for leaks, systems in groupby(SYSTEMS, lambda system: system.split.leaks):
        yield f"- {', '.join(system.name for system in systems)}: {leaks}."
    yield ""
    yield "## Corpora that are not here"
    yield ""
    yield prose.ABSENT


# The two protocols side by side


def _in_short(records: Records, clips: Clips) -> Iterator[str]:
    """Yield of every corpus and task the best system's figure beside the streaming model's."""
    papers = {system.name for system in SYSTEMS} - {system.name for system in nearest.SYSTEMS}
    rows = []
    for corpus in clips:
        for task in TASKS:
            own = [
                record
                for record in records
                if (record["asked"]["corpus"], record["asked"]["task"]) == (corpus, task)
            ]
            systems = [record for record in own if _system(record) in papers]
            streaming = [record for record in own if _system(record) == STREAMING]
            for metric in ("accuracy",) if task != "affect" else ("R² valence", "R² arousal"):
                leaky = [record for record in systems if _protocol(record) == LEAKY]
                honest = [record for record in systems if _protocol(record) == "grouped"]
                cells = (
                    _best(leaky, metric, "segments"),
                    _best(honest, metric, "clips"),
                    _judged(_metric(streaming[0], metric, "clips")) if streaming else "–",
                )
                if systems:
                    rows.append((f"{corpus}, {_KINDS[task]}, {metric}", *cells))
    if rows:
        yield "## In short"
        yield ""
        yield table(_SHORT, rows)
        yield ""
        yield prose.SHORT
        yield ""


def _neighbour(records: Records) -> Iterator[str]:
    leaky, honest = (find(records, "nearest", "emotify", each) for _, each in _PROTOCOLS)
    if leaky is None or honest is None:
        return
    before, after = (_metric(each, "accuracy", "segments") for each in (leaky, honest))
    real = ""
    if leaky["n"]["made by over-sampling"]:
        alone = _metric(leaky, "accuracy", "real segments")
        real = prose.REAL.format(
            leaky_name=LEAKY,
            value=with_interval(alone),
            plain=number(alone["baseline"]),
            n=alone["n"],
        )
    yield prose.NEIGHBOUR.format(
        leaky_name=LEAKY,
        leaky=with_interval(before),
        leaky_plain=number(before["baseline"]),
        n_leaky=before["n"],
        real=real,
        honest=with_interval(after),
        plain=number(after["baseline"]),
        n_honest=after["n"],
    )


def _cnn_lstm(records: Records, songs: int, out: Path) -> Iterator[str]:
    leaky, honest = (find(records, "yakovyna", "emotify", each) for _, each in _PROTOCOLS)
    if leaky is None or honest is None:
        return
    plot = out / "emotify-yakovyna-learning.png"
    plot_curves([each for each in (leaky, honest) if each["curve"]], plot)
    before, after = (_metric(each, "accuracy", "segments") for each in (leaky, honest))
    printed = yakovyna.SYSTEMS[0].figures[0].value
    yield prose.CNN_LSTM.format(
        printed=_per_cent(printed),
        epochs=_effort(leaky),
        leaky=_judged(before),
        verdict=_verdict(before, printed, leaky["curve"], songs),
        honest_epochs=_effort(honest),
        honest=_judged(after),
        plot=f"{out.name}/{plot.name}",
    )
    longer, honest = (find(records, "yakovyna-6s", "emotify", each) for _, each in _PROTOCOLS)
    if longer is not None and honest is not None:
        yield prose.CNN_LSTM_LONGER.format(
            printed=_per_cent(yakovyna.SYSTEMS[1].figures[0].value),
            epochs=_effort(longer),
            leaky=_judged(_metric(longer, "accuracy", "segments")),
            honest_epochs=_effort(honest),
            honest=_judged(_metric(honest, "accuracy", "segments")),
        )


def _verdict(
    row: Mapping[str, Any],
    printed: float,
    curve: Sequence[Mapping[str, float | None]],
    songs: int,
) -> str:
    """Return how near a figure came to the printed one, and what may keep it from being nearer."""
    points = 100 * (printed - row["value"])
    if points <= 0:
        return "that is the printed figure or more."
    below = f"that is {points:.1f} points below the printed figure"
    if row["high"] is not None and row["high"] >= printed:
        return f"{below}, which lies within the interval."
    if points <= _A_FEW:
        below = f"that is within a few points of the printed figure ({points:.1f} below)"
    return f"{below}. {prose.DIFFERENCES.format(songs=songs)} {_rise(curve)}".rstrip()


def _rise(curve: Sequence[Mapping[str, float | None]]) -> str:
    """Return whether a network was still getting better when its epochs were over."""
    watched = [epoch.get("watched accuracy") for epoch in curve]
    before, last = (watched[-4], watched[-1]) if len(watched) > 3 else (None, None)
    if before is None or last is None:
        return ""
    gain = 100 * (last - before)
    text = f"On the part that it watches, the last three epochs changed it by {gain:+.1f} points"
    return f"{text}: it had not done learning." if gain > 1 else f"{text}."


# A corpus


def _corpus(corpus: str, clips: Clips, records: Records) -> Iterator[str]:
    own = [record for record in records if record["asked"]["corpus"] == corpus]
    groups = len(set(joined_groups(clips[corpus])))
    hours = sum(clip.seconds for clip in clips[corpus]) / 3600
    yield f"## {corpus}"
    yield ""
    yield (
        f"{len(clips[corpus])} clips, {hours:.1f} h, in {groups} groups that are kept together "
        "(an artist's songs, a song's clips, a recording's copies)."
    )
    yield ""
    for task in TASKS:
        rows = [record for record in own if record["asked"]["task"] == task]
        if rows:
            yield f"### {_KINDS[task][0].upper()}{_KINDS[task][1:]}"
            yield ""
            yield table(_RESULTS, list(_results(rows, corpus, task)))
            yield ""
            if task == "affect" and corpus == "panda4q":
                yield prose.TAGS
                yield ""
    if own:
        yield "### What they cost"
        yield ""
        yield table(_COSTS, list(_costs(own)))
        yield ""
    yield from _remarks(own)
    missing = list(_missing(corpus, clips, records))
    if missing:
        yield "Rows that are missing:"
        yield ""
        yield from missing
        yield ""


def _results(records: Records, corpus: str, task: Task) -> Iterator[tuple[str, ...]]:
    axes = ("",) if task != "affect" else (" valence", " arousal")
    for system, leaky, honest in _pairs(records):
        for axis in axes:
            metrics = [name for name in HEADLINES[task] if name.endswith(axis)]
            printed = [
                f"{'' if metric == 'accuracy' else f'{metric} '}{text}"
                for metric in ("RMSE", *metrics)
                if (text := told(system.figures, corpus, metric))
            ]
            yield (
                f"{system.name}{axis}",
                _epochs(system, leaky, honest),
                "<br>".join(printed) or "–",
                _cells(leaky, metrics, "segments"),
                _cells(honest, metrics, "segments"),
                "as segments" if _one_each(honest) else _cells(honest, metrics, "clips"),
            )
    for record in records:
        if _system(record) == STREAMING:
            for axis in axes:
                metrics = [name for name in HEADLINES[task] if name.endswith(axis)]
                yield (
                    f"**{STREAMING}**{axis}",
                    str(record["asked"]["epochs"]),
                    *("–" for _ in range(3)),
                    _cells(record, metrics, "clips"),
                )


def _one_each(record: Record | None) -> bool:
    """Return whether every clip is one segment."""
    return record is not None and record["n"]["segments"] == record["n"]["clips"]


def _costs(records: Records) -> Iterator[tuple[str, ...]]:
    for system, leaky, honest in _pairs(records):
        there = [each for each in (leaky, honest) if each is not None]
        yield (
            system.name,
            _each(_spaced(each["parameters"]) for each in there),
            _fit_seconds(leaky),
            _fit_seconds(honest),
            f"{there[-1]['cpu_ms_per_second']:.1f}",
            "yes" if system.not_live is None else f"no: {system.not_live}",
        )
    streaming = [record for record in records if _system(record) == STREAMING]
    if streaming:
        record = streaming[0]
        wall, cost = record.get("fit_seconds"), record.get("cpu_ms_per_second")
        yield (
            f"**{STREAMING}**, the default of this repository",
            _spaced(record["parameters"]),
            "–",
            "–" if wall is None else f"{wall:.0f} wall s of all folds, on all corpora at once",
            "–" if cost is None else f"{cost:.1f}",
            "yes",
        )


def _fit_seconds(record: Record | None) -> str:
    if record is None:
        return "–"
    seconds = record["fit_cpu_seconds"]
    return f"{seconds:.{0 if seconds >= 10 else 1}f} ({record['fits']})"


def _remarks(records: Records) -> Iterator[str]:
    """Yield what a reader must know of rows before believing them."""
    unlearnt = [
        f"{_system(record)} ({_protocol(record)}, {_effort(record)} epochs)"
        for record in records
        if _unlearnt(record)
    ]
    if unlearnt:
        yield prose.UNLEARNT.format(names=", ".join(unlearnt))
        yield ""
    folds = {
        kind: {
            record["asked"]["split"]
            for record in records
            if _protocol(record) == "grouped" and (_system(record) == STREAMING) == kind
        }
        for kind in (True, False)
    }
    if folds[True] and folds[False] and folds[True] != folds[False]:
        yield prose.OTHER_FOLDS
        yield ""


def _unlearnt(record: Record) -> bool:
    losses = [epoch["loss"] for epoch in record.get("curve") or ()]
    return len(losses) > 1 and None not in losses and losses[-1] > _UNLEARNT * losses[0]


def _pairs(records: Records) -> Iterator[tuple[System, Record | None, Record | None]]:
    """Yield the systems that have a record, with those of the two protocols."""
    for system in SYSTEMS:
        own = {_protocol(record): record for record in records if _system(record) == system.name}
        if own:
            yield system, own.get(LEAKY), own.get("grouped")


def _missing(corpus: str, clips: Clips, records: Records) -> Iterator[str]:
    tasks = {
        task for task in TASKS if any(target(clip, task) is not None for clip in clips[corpus])
    }
    for system in SYSTEMS:
        if tasks.isdisjoint(system.tasks):
            yield (
                f"- {system.name}: it learns {' or '.join(system.tasks)}; the labels here are of "
                f"{', '.join(sorted(tasks)) or 'none of these'}."
            )
            continue
        lacking = [
            names for names in _PROTOCOLS if find(records, system.name, corpus, names[1]) is None
        ]
        if lacking:
            yield _not_run(system, corpus, lacking, clips, records)


def _not_run(
    system: System,
    corpus: str,
    protocols: Sequence[tuple[str, str]],
    clips: Clips,
    records: Records,
) -> str:
    """Return that rows were not run, and what each costs by the system's row on another corpus."""
    costs = []
    for _, asked in protocols:
        minutes = core_minutes(system, corpus, asked, clips, records)
        if minutes is not None:
            costs.append(f"{asked} about {minutes:.0f}" if minutes >= 1 else f"{asked} less than 1")
    length = f" at {system.epochs} epochs" if system.epochs else ""
    cost = f", core minutes{length}: {', '.join(costs)}" if costs else ", its cost not measured"
    command = f"python -m training papers --system {system.name} --corpus {corpus}"
    option = f" --protocol {protocols[0][0]}" if len(protocols) == 1 else ""
    which = f" ({protocols[0][1]})" if len(protocols) == 1 else ""
    return f"- {system.name}{which}: not run{cost}; run it with `{command}{option}`."


def _ceiling(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if not rows:
        yield prose.UNKNOWN_CEILING
        yield ""
        return
    yield "What the labels leave to be reached:"
    yield ""
    for row in rows:
        yield f"- {row['metric']}: {with_interval(row)}, n = {row['n']}; {row['protocol']}."
    yield ""
    if any("halves" in row["metric"] for row in rows):
        yield prose.HALVES
        yield ""


# What the papers print


def _printed() -> Iterator[str]:
    yield prose.IMPOSSIBLE
    for name, corpus, precision, recall, f1 in impossible_f1():
        yield (
            f"- {name}, {corpus}: precision {precision:.2f}, recall {recall:.2f}, F1 {f1:.2f} "
            f"(at most {(precision + recall) / 2:.3f})"
        )
    yield ""
    yield prose.ACCURACIES
    for name, corpus, accuracy, least, greatest in impossible_accuracies():
        yield (
            f"- {name}, {corpus}: accuracy {accuracy:.2f}, though its F1 allow only {least:.3f} "
            f"to {greatest:.3f}"
        )
    yield ""
    told_of = [
        f"mean recall {recall:.3f} beside an accuracy of {accuracy:.3f} ({name})"
        for name, accuracy, recall in recalls_of_yakovyna()
    ]
    yield f"{prose.RECALLS} {'; '.join(told_of)}."
    yield ""


def _counts(songs: Sequence[Clip]) -> str:
    networks = [yakovyna.CnnLstm(outputs) for outputs in (10, 9)]
    ten, nine = (_spaced(yakovyna.keras_parameters(network)) for network in networks)
    shares = [clip.gems for clip in songs if clip.gems is not None]
    wonder = GEMS.index("amazement")
    return prose.COUNTS.format(
        ten=ten,
        nine=nine,
        own=_spaced(sum(weights.numel() for weights in networks[1].parameters())),
        songs=len(shares),
        ties=sum(each.count(max(each)) > 1 for each in shares),
        rare=sum(each[wonder] == max(each) for each in shares),
    )


# Precision, recall and F1


def _classes(records: Records, out: Path) -> Iterator[str]:
    yield "# Precision, recall and F1 of each class"
    yield ""
    yield (
        f"Of segments, of clips for the streaming model; written by `python -m training papers`. "
        f"{LEAKY} knows the songs it is asked about. Printed: by the paper, of its own copy of the "
        "corpus."
    )
    judged = [record for record in records if "confusion" in record]

    def corpus_and_task(record: Record) -> tuple[str, str]:
        return record["asked"]["corpus"], record["asked"]["task"]

    for (corpus, task), own in groupby(sorted(judged, key=corpus_and_task), corpus_and_task):
        rows = list(own)
        plot = out / f"{corpus}-{task}.png"
        plot_confusions(rows, plot)
        yield ""
        yield f"## {corpus}, {task}"
        yield ""
        yield f"![confusions]({plot.name})"
        for record in rows:
            yield from _class_table(record)


def _class_table(record: Record) -> Iterator[str]:
    asked = record["asked"]
    figures = next((each.figures for each in SYSTEMS if each.name == asked["system"]), ())
    scores = record["per_class"]
    kinds = ("precision", "recall", "F1")
    rows = []
    for n, name in enumerate(record["classes"]):
        printed = [
            f"{kind} {text}"
            for kind in kinds
            if (text := told(figures, asked["corpus"], f"{kind} {name}"))
        ]
        rows.append(
            (
                name,
                f"{sum(record['confusion'][n])}",
                *(f"{scores[kind][n]:.2f}" for kind in kinds),
                ", ".join(printed),
            )
        )
    shown = any(row[-1] for row in rows)
    head = ("class", "n", *kinds, "printed")
    yield ""
    yield f"### {asked['system']}, {asked['protocol']}"
    yield ""
    unit = record["metrics"][0]["unit"]
    yield "; ".join(
        f"{metric} {_judged(_metric(record, metric, unit))}" for metric in ("accuracy", "macro-F1")
    )
    yield ""
    yield table(head if shown else head[:-1], [row if shown else row[:-1] for row in rows])


# Cells


def _system(record: Record) -> str:
    return str(record["asked"]["system"])


def _protocol(record: Record) -> str:
    return str(record["asked"]["protocol"])


def _best(records: Records, metric: str, unit: str) -> str:
    """Return the best system's name and figure."""
    rows = [(_metric(record, metric, unit), _system(record)) for record in records]
    known = [(row, name) for row, name in rows if row["value"] is not None]
    if not known:
        return "–"
    row, name = max(known, key=lambda each: each[0]["value"])
    return f"{name} {_judged(row)}"


def _metric(record: Record, name: str, unit: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = next(
        row for row in record["metrics"] if row["metric"] == name and row["unit"] == unit
    )
    return found


def _cells(record: Record | None, metrics: Sequence[str], unit: str) -> str:
    """Return metrics of a record, a line each, then baselines and n."""
    if record is None:
        return "–"
    rows = [_metric(record, name, unit) for name in metrics]
    if len(rows) == 1:
        lines = [with_interval(rows[0]), f"baseline {number(rows[0]['baseline'])}"]
    else:
        short = [name.rsplit(" ", 1)[0] for name in metrics]
        lines = [f"{name} {with_interval(row)}" for name, row in zip(short, rows, strict=True)]
        plain = ", ".join(
            f"{name} {number(row['baseline'])}" for name, row in zip(short, rows, strict=True)
        )
        lines.append(f"baseline {plain}")
    lines[-1] += f"; n {rows[0]['n']}"
    if unit == "segments" and record["n"]["made by over-sampling"] and len(rows) == 1:
        real = _metric(record, metrics[0], "real segments")
        lines.append(f"real ones alone {number(real['value'])}; n {real['n']}")
    return "<br>".join(lines)


def _judged(row: Mapping[str, Any]) -> str:
    return f"{with_interval(row)}, baseline {number(row['baseline'])}, n {row['n']}"


def _epochs(system: System, *records: Record | None) -> str:
    """Return how long a system learnt, and of how many epochs, where they are fewer."""
    return _each(
        _effort(record)
        if not system.epochs or record["asked"]["epochs"] >= system.epochs
        else f"{_effort(record)} of {system.epochs}"
        for record in records
        if record is not None
    )


def _effort(record: Record) -> str:
    asked = record["asked"]
    most = asked["most_steps"]
    if not asked["epochs"]:
        return "–"
    return str(asked["epochs"]) if most is None else f"{asked['epochs']} ({most} steps at most)"


def _each(texts: Iterable[str]) -> str:
    """Return texts beside one another, one alone where neighbours are the same."""
    return " / ".join(text for text, _ in groupby(texts))


def _spaced(value: int) -> str:
    return f"{value:,}".replace(",", " ")


def _per_cent(share: float) -> str:
    return f"{100 * share:.1f} %"

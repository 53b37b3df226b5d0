"""Writes the table of the papers' systems as Markdown, with plots of the confusions."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from realtime_mer.emotion import GEMS

from ...corpora import CORPORA, Clip
from ...corpora.splits import joined_groups
from ...files import replacing
from ...markdown import table, with_interval
from ..export import LONG_HOP_S, SHORT_HOP_S, live_hop_s
from ..systems import nearest, yakovyna
from ..systems.registry import SYSTEMS
from ..systems.system import TASKS, PaperSplit, System, Task
from ..trials.costs import Clips, Records
from ..trials.protocols import LEAKY
from ..trials.records import STREAMING, Record, StreamingRecord, SystemRecord
from ..trials.scores import HEADLINES
from . import prose
from .cells import (
    beside,
    cells,
    effort,
    epochs_told,
    learnt_nothing,
    pairs,
    protocol_of,
    spaced,
    system_of,
    unequal,
)
from .classes import classes
from .leakage import KINDS, cnn_lstm, in_short, neighbour
from .missing import cut_short, missing
from .printed import (
    impossible_accuracies,
    impossible_f1,
    recalls_of_yakovyna,
    told,
)

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
    "live, CPU ms per s",
    "runs live",
)

_PUBLISHED = {"emotify": 400, "panda4q": 900, "grekow": 324}
"""Clips of corpora as their authors published them."""

_UNLEARNT = 0.95
"""Share of the first epoch's loss above which a network has hardly learnt."""


def write_table(
    records: Records,
    out: Path,
    clips: Clips,
    ceilings: Mapping[str, Sequence[Mapping[str, Any]]],
) -> Path:
    """Write ``out``.md and, into the folder ``out``, ``classes.md`` and the plots.

    Args:
        records: as ``read_records`` gives them; every one is shown.
        out: the folder; the table lies beside it under its name.
        clips: of every corpus that is here.
        ceilings: as ``training.papers.trials.agreement.ceilings`` gives them.

    Returns:
        The file of the table.
    """
    out.mkdir(parents=True, exist_ok=True)
    page = out.with_name(f"{out.name}.md")
    _write(page, _page(records, clips, ceilings, out))
    _write(out / "classes.md", classes(records, out))
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
    corpora = _corpora(records, clips)
    shares = [
        f"{len(clips[name])} of {total} clips of {name}"
        for name, total in _PUBLISHED.items()
        if 0 < len(clips.get(name, ())) < total
    ]
    yield prose.INTRODUCTION.format(
        leaky=LEAKY,
        folder=out.name,
        short=SHORT_HOP_S,
        long=LONG_HOP_S,
        share=f": here are {', '.join(shares)}" if shares else "",
    )
    yield from in_short(records, corpora)
    yield from neighbour(records)
    yield from cnn_lstm(records, len(clips.get("emotify", ())), out)
    for corpus in corpora:
        yield from _corpus(corpus, clips, records)
        yield from _ceiling(ceilings.get(corpus, ()))
    yield from _printed()
    yield _counts(clips.get("emotify", ()))
    yield from _leaks()
    yield "## Corpora that are not here"
    yield ""
    if notes := [found for found in CORPORA if found.sound == "midi" and found.name not in corpora]:
        told = "\n".join(f"- **{found.name}**: {found.kind}." for found in notes)
        yield prose.NOTES.format(corpora=told)
    yield prose.ABSENT


def _corpora(records: Records, clips: Clips) -> list[str]:
    """Return the corpora that are here or have rows, in the order of ``CORPORA``."""
    known = [corpus.name for corpus in CORPORA]
    named = dict.fromkeys([*clips, *(record.asked.corpus for record in records)])
    return sorted(named, key=lambda name: known.index(name) if name in known else len(known))


# A corpus


def _corpus(corpus: str, clips: Clips, records: Records) -> Iterator[str]:
    own = [record for record in records if record.asked.corpus == corpus]
    yield f"## {corpus}"
    yield ""
    yield _what_is_here(corpus, clips)
    yield ""
    for task in TASKS:
        rows = [record for record in own if record.asked.task == task]
        if rows:
            yield f"### {KINDS[task][0].upper()}{KINDS[task][1:]}"
            yield ""
            notes: dict[str, int] = {}
            yield table(_RESULTS, list(_results(rows, corpus, task, notes)))
            yield ""
            if notes:
                yield "  \n".join(f"<sup>{number}</sup> {note}" for note, number in notes.items())
                yield ""
            if corpus == "panda4q":
                yield prose.AUTHORS_OF_4Q if task == "quadrants" else prose.TAGS
                yield ""
    yield from cut_short(corpus, clips, records)
    if own:
        yield "### What they cost"
        yield ""
        yield table(_COSTS, list(_costs(own)))
        yield ""
    yield from remarks(own)
    lacking = list(missing(corpus, clips, records)) if corpus in clips else []
    if lacking:
        yield "Rows that are missing:"
        yield ""
        yield from lacking
        yield ""


def _what_is_here(corpus: str, clips: Clips) -> str:
    own = clips.get(corpus, ())
    if not own:
        return "The corpus itself is not here; its rows were run where it was."
    groups = len(set(joined_groups(own)))
    hours = sum(clip.seconds for clip in own) / 3600
    total = _PUBLISHED.get(corpus, len(own))
    of_all = f" of the {total} that were published" if len(own) < total else ""
    notes = f" {prose.RENDERED}" if own[0].is_midi else ""
    return (
        f"{len(own)} clips{of_all}, {hours:.1f} h, in {groups} groups that are kept together (an "
        f"artist's songs, a song's clips, a recording's copies, a series of games).{notes}"
    )


def _results(
    records: Records, corpus: str, task: Task, notes: dict[str, int]
) -> Iterator[tuple[str, ...]]:
    axes = ("",) if task != "affect" else (" valence", " arousal")
    for system, leaky, honest in pairs(records):
        for axis in axes:
            metrics = _metrics(system.figures, corpus, task, axis)
            reason = unequal(leaky, honest)
            yield (
                f"{system.name}{axis}",
                epochs_told(system, leaky, honest),
                _as_printed(system, corpus, metrics, notes),
                cells(leaky, metrics, "segments"),
                cells(honest, metrics, "segments") + (f"<br>{reason}" if reason else ""),
                "as segments" if _one_each(honest) else cells(honest, metrics, "clips"),
            )
    for record in records:
        if system_of(record) == STREAMING:
            for axis in axes:
                yield (
                    f"**{STREAMING}**{axis}",
                    str(record.asked.epochs),
                    *("–" for _ in range(3)),
                    cells(record, _metrics((), corpus, task, axis), "clips"),
                )


def _metrics(figures: Sequence[Any], corpus: str, task: Task, axis: str) -> list[str]:
    """Return what a row shows: the headlines, and what is there to be compared with."""
    shown = [name for name in HEADLINES[task] if name.endswith(axis)]
    if corpus == "panda4q" and task == "quadrants":
        shown.append("macro-F1")
    if axis and any(figure.metric == "RMSE" for figure in figures):
        shown.insert(1, f"RMSE{axis}")
    return shown


def _as_printed(system: System, corpus: str, metrics: Sequence[str], notes: dict[str, int]) -> str:
    """Return what a paper prints, with the numbers of notes, which are added to those there are."""

    def marked(text: str, note: str) -> str:
        return f"{text}<sup>{notes.setdefault(note, len(notes) + 1)}</sup>" if note else text

    if not system.figures:
        return "–" if system in nearest.SYSTEMS else marked("none", prose.NO_FIGURE)
    lines = [
        f"{'' if name == 'accuracy' else f'{name} '}{'; '.join(marked(*one) for one in found)}"
        for name in dict.fromkeys(("RMSE", *metrics))
        if (found := told(system.figures, corpus, name))
    ]
    return "<br>".join(lines) or "–"


def _one_each(record: Record | None) -> bool:
    """Return whether every clip is one segment."""
    return record is not None and record.n["segments"] == record.n["clips"]


def _costs(records: Records) -> Iterator[tuple[str, ...]]:
    for system, leaky, honest in pairs(records):
        there = [record for record in (leaky, honest) if record is not None]
        heard = there[-1].cpu_ms_per_second
        overlap = system.view.hop_s / live_hop_s(system.view)
        yield (
            system.name,
            beside(spaced(record.parameters) for record in there),
            _fit_seconds(leaky),
            _fit_seconds(honest),
            f"{heard:.1f}",
            f"{heard * overlap:.0f}" if system.not_live is None else "–",
            "yes" if system.not_live is None else f"no: {system.not_live}",
        )
    streaming = [record for record in records if isinstance(record, StreamingRecord)]
    if streaming:
        record = streaming[0]
        cost = record.cpu_ms_per_second
        yield (
            f"**{STREAMING}**, the default of this repository",
            spaced(record.parameters),
            "–",
            f"{record.fit_seconds:.0f} wall s of all folds, on all corpora at once",
            "as live",
            "–" if cost is None else f"{cost:.0f}",
            "yes",
        )


def _fit_seconds(record: SystemRecord | None) -> str:
    if record is None:
        return "–"
    seconds = record.fit_cpu_seconds
    return f"{seconds:.{0 if seconds >= 10 else 1}f} ({record.fits})"


def remarks(records: Records) -> Iterator[str]:
    """Yield what a reader must know of a corpus' rows before believing them."""
    unlearnt = [
        f"{system_of(record)} ({protocol_of(record)}, {effort(record)} epochs)"
        for record in records
        if isinstance(record, SystemRecord) and _unlearnt(record)
    ]
    if unlearnt:
        yield prose.UNLEARNT.format(names=", ".join(unlearnt))
        yield ""
    if any(learnt_nothing(record) for record in records):
        yield prose.UNSEEN
        yield ""
    folds = {
        kind: {
            record.asked.split
            for record in records
            if protocol_of(record) == "grouped" and (system_of(record) == STREAMING) == kind
        }
        for kind in (True, False)
    }
    if folds[True] and folds[False] and folds[True] != folds[False]:
        yield prose.OTHER_FOLDS
        yield ""


def _unlearnt(record: SystemRecord) -> bool:
    losses = [epoch["loss"] for epoch in record.curve]
    first, last = (losses[0], losses[-1]) if len(losses) > 1 else (None, None)
    if first is None or last is None or None in losses:
        return False
    return last > _UNLEARNT * first


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


# What the papers print and how they divide


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
    ten, nine = (spaced(yakovyna.keras_parameters(network)) for network in networks)
    shares = [clip.gems for clip in songs if clip.gems is not None]
    wonder = GEMS.index("amazement")
    return prose.COUNTS.format(
        ten=ten,
        nine=nine,
        own=spaced(sum(weights.numel() for weights in networks[1].parameters())),
        songs=len(shares),
        ties=sum(ticks.count(max(ticks)) > 1 for ticks in shares),
        rare=sum(ticks[wonder] == max(ticks) for ticks in shares),
    )


def _leaks() -> Iterator[str]:
    yield "## What leaks"
    yield ""
    for split, systems in groupby(SYSTEMS, lambda system: system.split):
        names = ", ".join(system.name for system in systems)
        source = "division from the paper" if split.stated else prose.CHOSEN
        hence = "" if split.stated else "so divided, "
        yield f"- {names}: {source}, {_division(split)}; {hence}{split.leaks}."
    yield ""


def _division(split: PaperSplit) -> str:
    if split.folds:
        return f"{split.folds} folds of {split.unit}s"
    shares = " / ".join(f"{100 * share:.0f}" for share in split.shares)
    return f"{shares} % of {split.unit}s to learn from, to watch and to test"

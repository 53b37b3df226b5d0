"""Writes the table of the papers' systems as Markdown, with plots of the confusions."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from realtime_mer.emotion import GEMS
from training.corpora import Clip
from training.files import replacing
from training.papers import yakovyna
from training.papers.features import segments_in
from training.papers.plots import plot_confusions, plot_curves
from training.papers.protocols import LEAKY
from training.papers.records import STREAMING
from training.papers.registry import SYSTEMS
from training.papers.scores import HEADLINES
from training.papers.system import TASKS, System, Task, target

_COLUMNS = (
    "system",
    "metric",
    "the paper prints",
    "its protocol (LEAKY), segments",
    "grouped, segments",
    "grouped, clips",
    "their baselines",
    "their n",
    "epochs",
    "parameters",
    "training, CPU s",
    "CPU ms per s of sound",
    "live",
)

_INTRODUCTION = """\
# The papers' systems, on their own protocol and on an honest one

Written by `python -m training papers`; `--list` tells what each system is. The records behind every
row lie in [{folder}/records]({folder}/records): settings, versions, commit, hashes of data,
predictions. Precision, recall and F1 of each class and the confusions are in
[{folder}/classes.md]({folder}/classes.md).

- **{leaky}** is the paper's own way to divide its data, its leaks included: see the list below.
  Such a number says how well a system knows songs it has already met.
- **grouped** keeps every artist, song and recording on one side: the folds that the default
  checkpoint is judged on. Scaling, over-sampling, selection and the part that a network watches
  come from the training folds alone.

In brackets: 95 % interval by bootstrap over groups. Baseline: the commonest class, or the mean
rating, of what was learnt from. A clip's answer is the mean over its segments. What a paper prints
was measured on its own copy of the corpus that is named; a part of each corpus is not here.

Baselines and n stand in the order of the three columns before them; of two epochs, parameters and
training times the first is that of the LEAKY row. Epochs are those that could be afforded, not
those of a paper: `--epochs` repeats a row as it is. Training is the processor time of all fits of a
row, on one thread; so is the time for a second of sound, features and answer together, one segment
at a time.
"""

_GAP = """\
## Why the two numbers differ

One nearest neighbour learns nothing: it stores segments and answers with the label of the closest.
On the 3 s segments of Emotify, described by the 28 averaged features of the CNN-LSTM, its accuracy
is {leaky} under that paper's protocol (LEAKY, n = {n_leaky}) and {honest} with songs and artists
kept together (n = {n_honest}), where always naming the commonest class gives {baseline:.3f}.
Nothing but the division has changed. A segment's nearest neighbour is mostly another piece of the
same song, or a point that over-sampling put between two pieces of it. A split by segment lays these
on both sides and so asks which song this is, not what it makes people feel. Any network that can
memorise scores high there.
"""

_OVER_SAMPLED = """\
Of those {n_leaky} segments {n_made} were made by SMOTE. Of the real ones alone the neighbour knows
{real}: over-sampling before the split adds {points:.0f} points, pieces of one song on both sides
the rest.
"""

_CNN_LSTM = """\
### Does the CNN-LSTM reach its {printed:.1%}?

After {epochs} epochs, {leaky} under the paper's protocol (LEAKY, n = {n_leaky}); {verdict}
With songs and artists kept together, after {honest_epochs} epochs, {honest} (n = {n_honest};
commonest class {baseline:.3f}). On the part that it watches while it learns:

![accuracy on the watched part]({plot})
"""

_TAGS = """\
Valence and arousal of 4Q are mean word norms of a clip's tags, a scale of their own. R² counts a
difference of scale as error, r does not."""

_IMPOSSIBLE = """\
## Printed figures that cannot be, or are not what they seem

F1 is the harmonic mean of precision and recall, so the mean F1 of classes cannot be above the mean
of their mean precision and mean recall. Rounding to two digits allows 0.01. Above that are:
"""

_COUNTS = """\
- Yakovyna & Korniienko print 2 507 466 parameters. The rebuilt network has {ten} with ten outputs,
  layer by layer as printed but for 104908, which is 1 049 088, and {nine} with the nine classes of
  the task. PyTorch keeps a second bias in each LSTM and does not count running means and variances:
  the table's {own} are the same network.
- In Emotify many songs tie for the item that most listeners ticked, and amazement is hardly ever on
  top: of {songs} songs here {ties} tie, and amazement is on top of {rare}. Such classes have a low
  ceiling.
- Kerhalkar et al. tabulate 25 728 segments of DEAM, whose 1 802 songs give at most 14 416 of 5 s:
  about 44 % of the rows are copies. Their "70, 10 and 10" per cent are 72, 20 and 8.
- Yang's 4Q has 1 471 pieces; the published one has 900.
- Hizlisoy et al. report 99.19 %: 123 of 124 clips.
"""

_ABSENT = """\
DEAM, MTurk, EMA and TEM: their sound is not at hand. DEAM is read in its public layout
([corpora.md](corpora.md)): with `--data` naming its folder, every system that fits runs on it.
Parisi's words: no corpus here has lyrics. `python -m training papers --lyrics TABLE --vectors
FILE.vec` judges the branch of the words, that of the sound and both on a table of one's own."""

Clips = Mapping[str, Sequence[Clip]]
"""The clips of each corpus that is here as sound, by its name."""

Records = Sequence[Mapping[str, Any]]


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
        partial.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _page(
    records: Records,
    clips: Clips,
    ceilings: Mapping[str, Sequence[Mapping[str, Any]]],
    out: Path,
) -> Iterator[str]:
    yield _INTRODUCTION.format(leaky=LEAKY, folder=out.name)
    yield from _gap(records)
    yield from _cnn_lstm(records, out)
    for corpus in clips:
        yield from _corpus(corpus, clips, records)
        yield from _ceiling(ceilings.get(corpus, ()))
    yield _IMPOSSIBLE
    yield from _impossible()
    yield _counts(clips.get("emotify", ()))
    yield "## What leaks under the papers' protocols"
    yield ""
    for system in SYSTEMS:
        yield f"- {system.name}: {system.split.leaks}."
    yield ""
    yield "## Corpora that are not here"
    yield ""
    yield _ABSENT


def _gap(records: Records) -> Iterator[str]:
    leaky = _find(records, "nearest", "emotify", LEAKY)
    honest = _find(records, "nearest", "emotify", "grouped")
    if leaky is None or honest is None:
        return
    before, after = (_metric(each, "accuracy", "segments") for each in (leaky, honest))
    yield _GAP.format(
        leaky=_value(before),
        n_leaky=before["n"],
        honest=_value(after),
        n_honest=after["n"],
        baseline=after["baseline"],
    )
    made = leaky["n"]["made by over-sampling"]
    if made:
        real = _metric(leaky, "accuracy", "real segments")
        yield _OVER_SAMPLED.format(
            n_leaky=before["n"],
            n_made=made,
            real=_value(real),
            points=100 * (before["value"] - real["value"]),
        )


def _cnn_lstm(records: Records, out: Path) -> Iterator[str]:
    leaky = _find(records, "yakovyna", "emotify", LEAKY)
    honest = _find(records, "yakovyna", "emotify", "grouped")
    if leaky is None or honest is None:
        return
    plot = out / "emotify-yakovyna-learning.png"
    plot_curves([each for each in (leaky, honest) if each["curve"]], plot)
    before, after = (_metric(each, "accuracy", "segments") for each in (leaky, honest))
    printed = yakovyna.SYSTEMS[0].figures[0].value
    points = 100 * (printed - before["value"])
    verdict = (
        "that is the printed figure or more."
        if points <= 0
        else f"that is {points:.1f} points below the printed figure. {_rise(leaky['curve'])}"
    )
    yield _CNN_LSTM.format(
        printed=printed,
        epochs=_effort(leaky),
        leaky=_value(before),
        n_leaky=before["n"],
        verdict=verdict,
        honest_epochs=_effort(honest),
        honest=_value(after),
        n_honest=after["n"],
        baseline=after["baseline"],
        plot=f"{out.name}/{plot.name}",
    )


def _rise(curve: Sequence[Mapping[str, float | None]]) -> str:
    """Return whether a network was still getting better when its epochs were over."""
    watched = [epoch.get("watched accuracy") for epoch in curve]
    before, last = (watched[-4], watched[-1]) if len(watched) > 3 else (None, None)
    if before is None or last is None:
        return ""
    gain = 100 * (last - before)
    text = f"On the part that it watches, the last three epochs changed it by {gain:+.1f} points"
    return f"{text}: it had not done learning." if gain > 1 else f"{text}."


def _corpus(corpus: str, clips: Clips, records: Records) -> Iterator[str]:
    yield f"## {corpus}"
    yield ""
    yield f"| {' | '.join(_COLUMNS)} |"
    yield "|" + "---|" * len(_COLUMNS)
    tasks = _tasks(clips[corpus])
    missing = []
    for system in SYSTEMS:
        leaky, honest = (
            _find(records, system.name, corpus, protocol) for protocol in (LEAKY, "grouped")
        )
        if leaky is not None or honest is not None:
            yield from _rows(system, corpus, leaky, honest)
        if tasks.isdisjoint(system.tasks):
            missing.append(
                f"- {system.name}: it learns {' or '.join(system.tasks)}; the labels here are of "
                f"{', '.join(sorted(tasks)) or 'none of these'}."
            )
            continue
        lacking = [
            names
            for names, record in ((("paper", LEAKY), leaky), (("grouped", "grouped"), honest))
            if record is None
        ]
        if lacking:
            missing.append(_not_run(system, corpus, lacking, clips, records))
    own = [
        record
        for record in records
        if record["asked"]["system"] == STREAMING and record["asked"]["corpus"] == corpus
    ]
    for record in own:
        yield from _streaming(record)
    yield ""
    if corpus == "panda4q" and any(record["asked"]["task"] == "affect" for record in own):
        yield _TAGS
        yield ""
    if missing:
        yield "Rows that are missing:"
        yield ""
        yield from missing
        yield ""


def _tasks(clips: Sequence[Clip]) -> set[Task]:
    return {task for task in TASKS if any(target(clip, task) is not None for clip in clips)}


def _not_run(
    system: System,
    corpus: str,
    protocols: Sequence[tuple[str, str]],
    clips: Clips,
    records: Records,
) -> str:
    """Return that rows were not run, and what each costs by the system's row on another corpus.

    Args:
        system: which.
        corpus: where it was not run.
        protocols: as the command line calls them, and as records do.
        clips: of every corpus that is here.
        records: all there are.
    """
    costs = []
    for _, asked in protocols:
        minutes = _core_minutes(system, corpus, asked, clips, records)
        if minutes is not None:
            costs.append(f"{asked} about {minutes:.0f}" if minutes >= 1 else f"{asked} less than 1")
    length = f" at {system.epochs} epochs" if system.epochs else ""
    told = f", core minutes{length}: {', '.join(costs)}" if costs else ", its cost not measured"
    command = f"python -m training papers --system {system.name} --corpus {corpus}"
    option = f" --protocol {protocols[0][0]}" if len(protocols) == 1 else ""
    which = f" ({protocols[0][1]})" if len(protocols) == 1 else ""
    return f"- {system.name}{which}: not run{told}; run it with `{command}{option}`."


def _core_minutes(
    system: System, corpus: str, protocol: str, clips: Clips, records: Records
) -> float | None:
    """Return what a row would cost, from the same system's on another corpus; None without one."""
    segments = {
        name: sum(segments_in(clip.seconds, system.view) for clip in own)
        for name, own in clips.items()
    }
    for record in records:
        asked = record["asked"]
        known = asked["system"] == system.name and asked["protocol"] == protocol
        if known and segments.get(asked["corpus"]):
            share = segments[corpus] / segments[asked["corpus"]]
            longer = system.epochs / asked["epochs"] if system.epochs else 1
            heard = segments[corpus] * system.view.hop_s * record["cpu_ms_per_second"] / 1000
            return float(heard + record["fit_cpu_seconds"] * share * longer) / 60
    return None


def _ceiling(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if not rows:
        yield "Single answers of listeners were not published: what they leave to be reached is"
        yield "unknown."
        yield ""
        return
    yield "What the labels leave to be reached:"
    yield ""
    for row in rows:
        yield f"- {row['metric']}: {_value(row)}, n = {row['n']}; {row['protocol']}."
    if any("halves" in row["metric"] for row in rows):
        yield ""
        yield (
            "Two halves: random halves of a song's listeners name the same item, which is too low "
            "for a ceiling, half a panel being less sure than a whole one. Perfect: a panel drawn "
            "anew from the same answers names the item of the whole panel, which is too high. An "
            "accuracy above that tells of the division of the data, not of music."
        )
    yield ""


def _impossible() -> Iterator[str]:
    for name, corpus, precision, recall, f1 in impossible_f1():
        yield (
            f"- {name}, {corpus}: precision {precision:.2f}, recall {recall:.2f}, F1 {f1:.2f} "
            f"(at most {(precision + recall) / 2:.3f})"
        )
    yield ""


def impossible_f1() -> list[tuple[str, str, float, float, float]]:
    """Return the printed figures whose mean F1 is above what precision and recall allow.

    Returns:
        System, corpus, precision, recall, F1.
    """
    found = []
    for system in SYSTEMS:
        printed = {(each.corpus, each.metric): each.value for each in system.figures}
        for (corpus, metric), f1 in printed.items():
            if metric == "macro-F1":
                precision = printed[corpus, "macro precision"]
                recall = printed[corpus, "macro recall"]
                # A last digit of 1 in a hundred million is no more than binary arithmetic.
                if f1 - (precision + recall) / 2 > 0.01 + 1e-8:
                    found.append((system.name, corpus, precision, recall, f1))
    return found


def _counts(songs: Sequence[Clip]) -> str:
    networks = [yakovyna.CnnLstm(outputs) for outputs in (10, 9)]
    ten, nine = (_spaced(yakovyna.keras_parameters(network)) for network in networks)
    shares = [clip.gems for clip in songs if clip.gems is not None]
    wonder = GEMS.index("amazement")
    return _COUNTS.format(
        ten=ten,
        nine=nine,
        own=_spaced(sum(weights.numel() for weights in networks[1].parameters())),
        songs=len(shares),
        ties=sum(each.count(max(each)) > 1 for each in shares),
        rare=sum(each[wonder] == max(each) for each in shares),
    )


def _spaced(number: int) -> str:
    return f"{number:,}".replace(",", " ")


def _rows(
    system: System,
    corpus: str,
    leaky: Mapping[str, Any] | None,
    honest: Mapping[str, Any] | None,
) -> Iterator[str]:
    there = [each for each in (leaky, honest) if each is not None]
    for metric in HEADLINES[there[0]["asked"]["task"]]:
        of_paper, segments, clips = (
            None if each is None else _metric(each, metric, unit)
            for each, unit in ((leaky, "segments"), (honest, "segments"), (honest, "clips"))
        )
        judged = (of_paper, segments, clips)
        cells = (
            system.name,
            metric,
            _printed(system, corpus, metric),
            *(_value(each) for each in judged),
            " / ".join(_baseline(each) for each in judged),
            " / ".join("–" if each is None else str(each["n"]) for each in judged),
            _each(_effort(each) for each in there),
            _each(_spaced(each["parameters"]) for each in there),
            _each(f"{each['fit_cpu_seconds']:.0f}" for each in there),
            f"{there[-1]['cpu_ms_per_second']:.1f}",
            "yes" if system.not_live is None else "no",
        )
        yield f"| {' | '.join(cells)} |"


def _each(texts: Iterable[str]) -> str:
    """Return texts beside one another, one alone where neighbours are the same."""
    return " / ".join(text for text, _ in groupby(texts))


def _baseline(row: Mapping[str, Any] | None) -> str:
    return "–" if row is None or row["baseline"] is None else f"{row['baseline']:.3f}"


def _streaming(record: Mapping[str, Any]) -> Iterator[str]:
    task = record["asked"]["task"]
    for metric in HEADLINES[task]:
        clips = _metric(record, metric, "clips")
        cells = (
            f"**{STREAMING}** ({task}; the default of this repository)",
            metric,
            "–",
            "–",
            "–",
            _value(clips),
            f"– / – / {_baseline(clips)}",
            f"– / – / {clips['n']}",
            str(record["asked"]["epochs"]),
            _spaced(record["parameters"]),
            "–",
            "–",
            "yes",
        )
        yield f"| {' | '.join(cells)} |"


def _classes(records: Records, out: Path) -> Iterator[str]:
    yield "# Precision, recall and F1 of each class"
    yield ""
    yield "Of segments, of clips for the streaming model; written by `python -m training papers`."
    judged = [record for record in records if "confusion" in record]

    def corpus_and_task(record: Mapping[str, Any]) -> tuple[str, str]:
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


def _class_table(record: Mapping[str, Any]) -> Iterator[str]:
    yield ""
    yield f"### {record['asked']['system']}, {record['asked']['protocol']}"
    yield ""
    yield "| class | n | precision | recall | F1 |"
    yield "|---|---|---|---|---|"
    scores = record["per_class"]
    for n, name in enumerate(record["classes"]):
        numbers = (f"{scores[kind][n]:.2f}" for kind in ("precision", "recall", "F1"))
        yield f"| {name} | {sum(record['confusion'][n])} | {' | '.join(numbers)} |"


def _find(
    records: Sequence[Mapping[str, Any]], system: str, corpus: str, protocol: str
) -> Mapping[str, Any] | None:
    asked = {"system": system, "corpus": corpus, "protocol": protocol}
    for record in records:
        if asked.items() <= record["asked"].items():
            return record
    return None


def _metric(record: Mapping[str, Any], name: str, unit: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = next(
        row for row in record["metrics"] if row["metric"] == name and row["unit"] == unit
    )
    return found


def _value(row: Mapping[str, Any] | None) -> str:
    if row is None or row["value"] is None:
        return "–"
    if row["low"] is None:
        return f"{row['value']:.3f}"
    return f"{row['value']:.3f} ({row['low']:.3f} to {row['high']:.3f})"


def _printed(system: System, corpus: str, metric: str) -> str:
    """Return what the paper prints of this corpus, or of others, in this metric."""
    figures = [each for each in system.figures if each.metric == metric]
    own = [each for each in figures if each.corpus == corpus]
    texts = [f"{each.value:.3g}" for each in own] or [
        f"{each.corpus}: {each.value:.3g}" for each in figures
    ]
    return "; ".join(texts) or "–"


def _effort(record: Mapping[str, Any]) -> str:
    asked = record["asked"]
    most = asked["most_steps"]
    return str(asked["epochs"]) if most is None else f"{asked['epochs']}, {most} steps at most"

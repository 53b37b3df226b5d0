"""A probe of teachers as Markdown and JSON."""

import datetime
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..features.teachers import TEACHERS
from ..files import replacing, write_json
from ..judge.yardsticks.probe import Combination, Probe
from ..learn.run import Run
from ..markdown import number, protocols, table, with_interval

_Rows = Sequence[Mapping[str, Any]]

_SHORT = {
    "macro-F1": "F1",
    "AUC valence, from quadrants": "AUC v, quadrants",
    "AUC arousal, from quadrants": "AUC a, quadrants",
    "AUC valence, from valence": "AUC v, valence",
    "AUC arousal, from arousal": "AUC a, arousal",
    "mean r over nine items": "mean r",
}


def write_probe(
    found: Probe, run: Run, out: Path, *, teachers: Sequence[str], day: datetime.date
) -> Path:
    """Write ``probe.md`` and ``probe.json``.

    Args:
        found: what to tell.
        run: whose folds and clips.
        out: the folder.
        teachers: whose rows were heard.
        day: when it was measured.

    Returns:
        The Markdown file.
    """
    out.mkdir(parents=True, exist_ok=True)
    write_json(
        out / "probe.json",
        {
            "date": day.isoformat(),
            "teachers": list(teachers),
            "seed": run.split.seed,
            "split_sha256": run.split.hash,
            "tried": [each.name for each in found.tried],
            "chosen_on": list(found.chosen_on),
            "confirmed_on": list(found.confirmed_on),
            "chosen": found.chosen.name,
            "alone": found.alone.name,
            "rows": list(found.rows),
            "folds": list(found.folds),
            "confirmed": list(found.confirmed),
        },
    )
    page = out / "probe.md"
    with replacing(page) as partial:
        partial.write_text(_page(found, run, teachers, day) + "\n", encoding="utf-8")
    return page


def _page(found: Probe, run: Run, teachers: Sequence[str], day: datetime.date) -> str:
    chosen_on, confirmed_on = (_numbers(each) for each in (found.chosen_on, found.confirmed_on))
    count = len(found.tried)
    return "\n\n".join(
        (
            "# What teachers are worth",
            "Ridge regressions, linear or with a Gaussian kernel, on whole clips, measured on "
            f"{day.isoformat()} by `python -m training probe`. "
            f"{_of(len(run.split.fold_of), 'clip')} in {run.split.folds} grouped folds (seed "
            f"{run.split.seed}, split {run.split.hash[:12]}). Teachers with a `+` between them "
            "stand side by side in one row of numbers. Of those with an `and` each has models "
            "of its own, whose answers are averaged, as are those of several models. Valence and "
            "arousal are learnt from the reference corpus alone, quadrants from the others.",
            _known(teachers, {clip.corpus for clip in run.clips}),
            "## Chosen on some folds, confirmed on the others",
            f"{_of(count, 'combination')} were tried. The mean of the figures below, every corpus "
            f"counting alike, chose **{found.chosen.name}** on {chosen_on}, and for the first "
            f"teacher alone **{found.alone.name}**. Here are both on {confirmed_on}, which chose "
            "nothing.",
            _confirmed(found),
            "## In each fold",
            _folds(found),
            "## All folds",
            "The best of these figures are flattered: the same songs judge them all. Value, and "
            f"below it the lead over {found.alone.name} from paired draws of groups; **bold** "
            "where the interval leaves 0 out.",
            _every(found),
            "Protocols:",
            protocols([*found.confirmed, *(row for row in found.rows if _is_told(row, found))]),
        )
    )


def _known(teachers: Sequence[str], corpora: set[str]) -> str:
    lines = [
        f"- {name} may have learnt from recordings of {', '.join(known)}, by other labels"
        for name in teachers
        if (known := sorted(TEACHERS[name].may_know & corpora))
    ]
    return "\n".join(("A gain on such songs may be none on music never heard:\n", *lines))


def _is_told(row: Mapping[str, Any], found: Probe) -> bool:
    return row["model"] in (found.alone.name, found.chosen.name)


def _confirmed(found: Probe) -> str:
    lines = []
    for (data, metric), rows in _by_figure(found.confirmed).items():
        by_model = {row["model"]: row for row in rows}
        alone, chosen = by_model[found.alone.name], by_model[found.chosen.name]
        told = [with_interval(alone), with_interval(chosen), _lead(chosen)]
        lines.append([data, metric, *told, f"{alone['n']} / {alone['groups']}"])
    head = ["data", "figure", found.alone.name, found.chosen.name, "lead", "n / groups"]
    return table(head, lines)


def _folds(found: Probe) -> str:
    folds = sorted({row["fold"] for row in found.folds})
    lines = []
    for (data, metric), rows in _by_figure(found.folds).items():
        for each in dict.fromkeys((found.alone, found.chosen)):
            own = {row["fold"]: row["value"] for row in rows if row["model"] == each.name}
            lines.append([data, metric, each.name, *(number(own.get(fold)) for fold in folds)])
    return table(["data", "figure", "model", *(f"fold {fold}" for fold in folds)], lines)


def _every(found: Probe) -> str:
    figures = _by_figure(found.rows)
    told = {(row["model"], figure): row for figure, rows in figures.items() for row in rows}
    head = [f"{data}: {_SHORT.get(name, name)}" for data, name in figures]
    lines = [
        _line(each, [told[each.name, figure] for figure in figures], found) for each in found.tried
    ]
    return table(["teachers", "models", *head], lines)


def _line(each: Combination, rows: _Rows, found: Probe) -> list[str]:
    if each == found.alone:
        return [each.heard, each.model, *(number(row["value"]) for row in rows)]
    return [each.heard, each.model, *(f"{number(row['value'])}<br>{_lead(row)}" for row in rows)]


def _by_figure(rows: _Rows) -> dict[tuple[str, str], list[Mapping[str, Any]]]:
    figures: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for row in rows:
        figures.setdefault((row["data"], row["metric"]), []).append(row)
    return figures


def _lead(row: Mapping[str, Any]) -> str:
    # The rows' lead is the first model's; turned round it is what this one is worth.
    value, low, high = (row[f"lead_{name}"] for name in ("value", "high", "low"))
    if value is None or low is None or high is None:
        return "–"
    text = with_interval({"value": -value, "low": -low, "high": -high}, sign=True)
    return f"**{text}**" if -low > 0 or -high < 0 else text


def _numbers(folds: Sequence[int]) -> str:
    return f"folds {', '.join(map(str, folds))}" if len(folds) > 1 else f"fold {folds[0]}"


def _of(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"

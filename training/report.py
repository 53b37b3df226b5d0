"""A run's evaluation as Markdown and plots.

What the commands ``baselines``, ``robustness`` and ``unheard`` left in the folder is told beside
it; what they did not leave is named as missing. Every number bears its data, n and interval.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import confusion_matrix

from realtime_mer.emotion import GEMS, QUADRANTS
from realtime_mer.errors import InputError
from training import figures
from training.calibration import HeldErrors, held_errors
from training.evaluate import FIRST_WHOLE_HOP, HOP_COLUMNS, clip_table, load_predictions
from training.files import replacing
from training.metrics import AFFECT, QUADRANT_COLUMNS, Interval, Metric, bootstrap, coverage
from training.run import Run

NETWORK = "network"
LEVELS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)

_PARTS = {
    "baselines": "What one could plug in instead, on the same folds",
    "unheard": "A corpus never trained on",
    "robustness": "Robustness",
    "endurance": "Endurance",
}
_BINS = 8


def write_report(run: Run, out: Path, *, resamples: int = 1000) -> Path:
    """Write ``report.md`` and its plots.

    Args:
        run: a run that is evaluated on all its folds.
        out: where to, and where the other commands' results are looked for.
        resamples: draws behind an interval.

    Returns:
        The Markdown file.

    Raises:
        InputError: the run is not evaluated on all its folds.
    """
    path = run.folder / "report.json"
    if not path.is_file():
        raise InputError(f"{run.folder} is not evaluated yet: run evaluate first")
    judged = json.loads(path.read_text())
    if judged["folds"] != list(range(run.split.folds)):
        raise InputError(
            f"{path} covers folds {judged['folds']} of {run.split.folds}; evaluate all of them"
        )
    out.mkdir(parents=True, exist_ok=True)
    predictions = load_predictions(run)
    table = clip_table(run, predictions)
    parts = {name: _rows(out / f"{name}.json") for name in _PARTS}
    own = [{"model": NETWORK, **row} for row in judged["metrics"]]
    provenance = run.provenance()
    text = [
        f"# Evaluation of the run `{run.config.name}`",
        f"Settings {provenance['config_sha256'][:12]}, labels {provenance['labels_sha256'][:12]}, "
        f"split {provenance['split_sha256'][:12]}, code {provenance['git_commit']}. Every figure "
        "is out of fold, of songs whose artist or recording the network never heard, unless a "
        "line says otherwise. Intervals are 95 % percentile intervals of bootstrap draws of whole "
        "groups. A difference whose intervals overlap may be chance.",
        _judged(own, parts["baselines"]),
        _confusion(table, out),
        _scatter(table, judged["calibration"], predictions.hops, out),
        _gems(own, parts["baselines"], out),
        _calibrated(table, held_errors(run, predictions), out, resamples),
        _stable(table, predictions.hops, resamples),
        _unheard(parts["unheard"]),
        _robust(parts["robustness"], out),
        _endured(parts["endurance"]),
        _learning(run, out),
        _missing(parts),
    ]
    report = out / "report.md"
    with replacing(report) as partial:
        partial.write_text("\n\n".join(part for part in text if part) + "\n", encoding="utf-8")
    return report


def _rows(path: Path) -> list[dict[str, Any]]:
    if not path.is_file():
        return []
    rows: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["rows"]
    return rows


def _number(value: float | None) -> str:
    return "–" if value is None or not np.isfinite(value) else f"{value:.3f}".replace("-", "−")


def _with_interval(row: Mapping[str, Any], prefix: str = "") -> str:
    value, low, high = (_number(row[f"{prefix}{name}"]) for name in ("value", "low", "high"))
    return f"{value} ({low} … {high})"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(
        f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines
    )


def _protocols(rows: Sequence[Mapping[str, Any]]) -> str:
    return "\n".join(f"- {protocol}" for protocol in dict.fromkeys(row["protocol"] for row in rows))


def _judged(own: Sequence[Mapping[str, Any]], baselines: Sequence[Mapping[str, Any]]) -> str:
    rows = [*own, *baselines]
    models = list(dict.fromkeys(row["model"] for row in rows))
    found = {(row["data"], row["metric"], row["model"]): row for row in rows}
    lines = []
    for row in own:
        cells = [
            _with_interval(found[key])
            if (key := (row["data"], row["metric"], model)) in found
            else "–"
            for model in models
        ]
        groups = f"{row['n']} / {row['groups']}"
        lines.append([row["data"], row["metric"], *cells, _number(row["baseline"]), groups])
    head = ["data", "metric", *models, "majority / mean", "n / groups"]
    return (
        "## Held-out songs\n\nValue (95 % interval). *majority / mean* is what the training "
        "side's commonest quadrant, mean shares or mean rating would say, or chance.\n\n"
        f"{_table(head, lines)}\n\nProtocols:\n\n{_protocols(rows)}"
    )


def _confusion(table: pd.DataFrame, out: Path) -> str:
    own = table[(table["corpus"] == "panda4q") & table["true_quadrant"].notna()]
    if own.empty:
        return ""
    said = own[list(QUADRANT_COLUMNS)].to_numpy().argmax(1)
    counts = confusion_matrix(own["true_quadrant"].to_numpy(int), said, labels=range(4))
    figures.confusion(counts, QUADRANTS, out / "confusion.png")
    return "## Which quadrants are taken for which (4Q)\n\n![Confusion matrix](confusion.png)"


def _scatter(
    table: pd.DataFrame, factors: Mapping[str, Any], hops: Mapping[str, Any], out: Path
) -> str:
    own = table[(table["corpus"] == "grekow") & table["true_valence"].notna()].copy()
    if own.empty:
        return ""
    for axis in AFFECT:
        column = HOP_COLUMNS.index(f"{axis}_sd")
        factor = factors[f"hop_{axis}"] * factors[f"clip_{axis}"]["scale"]
        own[f"clip_{axis}_sd"] = [
            factor * np.sqrt(np.mean(hops[key][FIRST_WHOLE_HOP:, column] ** 2))
            for key in own["key"]
        ]
    figures.scatter(own, out / "valence-arousal.png")
    return (
        "## Predicted against rated (Grekow)\n\n![Scatter](valence-arousal.png)\n\n"
        "The intervals are those of a clip, with the factors that ship, which were fitted on "
        "these out-of-fold errors; below, their coverage is judged with other folds' factors."
    )


def _gems(
    own: Sequence[Mapping[str, Any]], baselines: Sequence[Mapping[str, Any]], out: Path
) -> str:
    found: dict[str, dict[str, Interval]] = {}
    for row in [*own, *baselines]:
        item = row["metric"].removeprefix("r ")
        if row["data"] == "emotify" and item in GEMS and row["value"] is not None:
            values = Interval(row["value"], row["low"], row["high"])
            found.setdefault(row["model"], {})[item] = values
    if not found:
        return ""
    figures.compared(found, out / "gems.png", label="Pearson's r with vote shares", best=None)
    return "## GEMS, item by item (Emotify)\n\n![Correlations](gems.png)"


def _calibrated(table: pd.DataFrame, held: HeldErrors, out: Path, resamples: int) -> str:
    covered = {}
    for name, z in held.z.items():
        shares = np.array([[coverage(own, level) for level in LEVELS] for own in z])
        covered[name.replace("_", " ")] = _covered(
            shares, [clip.group for clip in held.clips], resamples
        )
    own = table[(table["corpus"] == "panda4q") & table["true_quadrant"].notna()].reset_index()
    if own.empty or not held.clips:
        return ""
    probabilities = own[list(QUADRANT_COLUMNS)].to_numpy(float)
    own = pd.DataFrame(
        {
            "group": own["group"],
            "said": probabilities.max(1),
            "right": probabilities.argmax(1) == own["true_quadrant"].to_numpy(int),
        }
    )
    own["bin"] = pd.qcut(own["said"], _BINS, labels=False, duplicates="drop")
    bins = pd.DataFrame(
        [
            {"said": part["said"].mean(), "n": len(part)}
            | dict(
                zip(
                    ("right", "low", "high"),
                    bootstrap(part, _mean_of("right"), resamples=resamples),
                    strict=True,
                )
            )
            for _, part in own.groupby("bin")
        ]
    )
    gap = bootstrap(own, _calibration_gap, resamples=resamples)
    figures.calibration(LEVELS, covered, bins, out / "calibration.png")
    lines = [
        [f"{level:.0%}", *(_with_interval(found[n]._asdict()) for found in covered.values())]
        for n, level in enumerate(LEVELS)
    ]
    return (
        "## Calibration\n\n![Calibration](calibration.png)\n\nShare of ratings inside the "
        f"interval, {held.clips[0].corpus}, n = {len(held.clips)}, each fold under factors fitted "
        f"on the others:\n\n{_table(['interval', *covered], lines)}\n\nQuadrants, 4Q, "
        f"n = {len(own)}: the likeliest one has a mean probability of {own['said'].mean():.3f} "
        f"and is right in {own['right'].mean():.3f} of the clips; the expected calibration error "
        f"over {len(bins)} bins of equal size is {_with_interval(gap._asdict())}, 0 at best."
    )


def _calibration_gap(table: pd.DataFrame) -> float:
    means = table.groupby("bin").agg(
        said=("said", "mean"), right=("right", "mean"), n=("right", "size")
    )
    return float(((means["said"] - means["right"]).abs() * means["n"]).sum() / means["n"].sum())


def _covered(shares: Any, groups: Sequence[str], resamples: int) -> list[Interval]:
    """Return the mean share at each level, every clip counted alike; shares is (clip, level)."""
    table = pd.DataFrame(shares).assign(group=list(groups))
    return [
        bootstrap(table[["group", level]], _mean_of(level), resamples=resamples)
        for level in range(shares.shape[1])
    ]


def _mean_of(column: Any) -> Metric:
    return lambda table: float(table[column].mean())


def _sd_of(column: Any) -> Metric:
    return lambda table: float(table[column].std())


def _stable(table: pd.DataFrame, hops: Mapping[str, Any], resamples: int) -> str:
    lines = []
    for corpus, own in table.groupby("corpus"):
        for axis in AFFECT:
            column = HOP_COLUMNS.index(axis)
            moved = own.assign(
                within=[hops[key][FIRST_WHOLE_HOP:, column].std() for key in own["key"]]
            ).reset_index(drop=True)
            within = bootstrap(moved, lambda rows: rows["within"].median(), resamples=resamples)
            between = bootstrap(moved, _sd_of(axis), resamples=resamples)
            lines.append(
                [
                    str(corpus),
                    axis,
                    _with_interval(within._asdict()),
                    _with_interval(between._asdict()),
                    str(len(own)),
                ]
            )
    head = ["data", "axis", "median sd within a clip", "sd between clips", "n"]
    return (
        "## Stability\n\nHow far the estimate moves while one excerpt plays, out of fold, after "
        "the first 3 s, beside how far excerpts lie apart. An excerpt is not quite steady music, "
        f"so the first number is an upper bound.\n\n{_table(head, lines)}"
    )


def _unheard(rows: Sequence[Mapping[str, Any]]) -> str:
    if not rows:
        return ""
    lines = [
        [
            row["data"],
            row["metric"],
            row["model"],
            _with_interval(row),
            _number(row["baseline"]),
            f"{row['n']} / {row['groups']}",
        ]
        for row in rows
    ]
    head = ["data", "metric", "model", "value", "mean", "n / groups"]
    return (
        f"## {_PARTS['unheard']}\n\nA *lead* is the network's r less that of the model named, with "
        f"paired draws.\n\n{_table(head, lines)}\n\nProtocol:\n\n{_protocols(rows)}"
    )


def _robust(rows: Sequence[Mapping[str, Any]], out: Path) -> str:
    if not rows:
        return ""
    lines = [
        [
            row["data"],
            row["metric"],
            row["condition"],
            _with_interval(row),
            _with_interval(row, "relative_"),
            f"{row['n']} / {row['groups']}",
        ]
        for row in rows
    ]
    found: dict[str, dict[str, Interval]] = {}
    for row in rows:
        if row["condition"] != "clean" and row["relative_value"] is not None:
            found.setdefault(f"{row['data']} {row['metric']}", {})[row["condition"]] = Interval(
                *(row[f"relative_{name}"] for name in ("value", "low", "high"))
            )
    figures.compared(found, out / "robustness.png", label="relative to clean")
    head = ["data", "metric", "condition", "value", "relative to clean", "n / groups"]
    return (
        f"## {_PARTS['robustness']}\n\n![Robustness](robustness.png)\n\n"
        f"{_table(head, lines)}\n\nProtocols:\n\n{_protocols(rows)}"
    )


def _endured(rows: Sequence[Mapping[str, Any]]) -> str:
    if not rows:
        return ""
    lines = [
        [row["data"], row["metric"], _with_interval(row), f"{row['n']} / {row['groups']}"]
        for row in rows
    ]
    return (
        f"## {_PARTS['endurance']}\n\n{_table(['data', 'metric', 'value', 'n / groups'], lines)}"
        f"\n\nProtocol:\n\n{_protocols(rows)}"
    )


def _learning(run: Run, out: Path) -> str:
    logs = {
        part: pd.read_json(path, lines=True)
        for part in run.parts
        if (path := run.folder / part / "log.jsonl").is_file()
    }
    if not logs:
        return ""
    figures.learning_curves(logs, out / "learning-curves.png")
    return (
        "## Learning curves\n\n![Losses on the training songs](learning-curves.png)\n\nThese are "
        "losses **on the training songs**, and say nothing of songs never heard."
    )


def _missing(parts: Mapping[str, Sequence[Any]]) -> str:
    absent = [name for name, rows in parts.items() if not rows]
    if not absent:
        return ""
    names = "\n".join(f"- {_PARTS[name]}: `python -m training {name}`" for name in absent)
    return f"## Not measured\n\n{names}"

"""A run's evaluation as Markdown and plots.

What was measured lies as JSON in the report's folder, see ``training.report.measure``; what was
not is named as missing, with the reason. Every number bears its data, n and interval.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import confusion_matrix

from realtime_mer.emotion import GEMS, QUADRANTS

from ..files import replacing
from ..judge.calibration import BINS, calibration_error, held_errors, held_quadrants
from ..judge.evaluate import (
    FIRST_WHOLE_HOP,
    HOP_COLUMNS,
    Predictions,
    clip_table,
    load_predictions,
    read_evaluation,
    whole_hops,
)
from ..judge.metrics import (
    AFFECT,
    QUADRANT_COLUMNS,
    Interval,
    bootstrap,
    coverage,
    interval_note,
    mean_of,
    quantile_of,
    rounded,
    scored,
    sd_of,
)
from ..judge.not_music import FALSE_EMOTION
from ..judge.weighted import r2
from ..learn.run import Run
from ..markdown import number, protocols, table, with_interval
from . import figures, kept, music, paired, steadiness
from .consistency import consistency
from .measure import NETWORK, PARTS, measured
from .targets import CONSISTENCY, COVERAGE, EVALUATION, table_of_targets

LEVELS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)

FIRST_HOPS = (0, 5, 10, 20, FIRST_WHOLE_HOP)
"""Borders of the hops, ten a second, whose R² is told apart."""

_Rows = Sequence[Mapping[str, Any]]


def write_report(
    run: Run, out: Path, *, reasons: Mapping[str, str] | None = None, resamples: int = 1000
) -> Path:
    """Write ``report.md``, its plots, and what was said of every clip (``kept.KEPT``).

    Args:
        run: a run that is evaluated on all its folds.
        out: where to, and where what was measured is looked for.
        reasons: why a part could not be measured, by its name.
        resamples: draws behind an interval.

    Returns:
        The Markdown file.

    Raises:
        InputError: the run is not evaluated on all its folds, as it is.
    """
    evaluation = read_evaluation(run)
    out.mkdir(parents=True, exist_ok=True)
    predictions = load_predictions(run)
    clips = clip_table(run, predictions)
    parts = {name: measured(run, out, name) for name in PARTS}
    found: dict[str, _Rows] = {name: rows or [] for name, rows in parts.items()}
    network_rows = [{"model": NETWORK, **row} for row in evaluation["metrics"]]
    factors = evaluation["calibration"]
    covered = _covered(run, predictions, resamples)
    # Beside what learns on the folds stands what is plugged in as it is.
    found["baselines"] = baselines = [
        *found["baselines"],
        *found["committee"],
        *found["library"],
        *found["heads"],
    ]
    agreeing = consistency(clips, predictions, resamples=resamples)
    targets = {**found, EVALUATION: network_rows, COVERAGE: covered, CONSISTENCY: agreeing}
    provenance = run.provenance()
    text = [
        f"# Evaluation of the run `{run.config.name}`",
        f"Settings {provenance['config_sha256'][:12]}, labels {provenance['labels_sha256'][:12]}, "
        f"split {provenance['split_sha256'][:12]}, code {provenance['git_commit']}. Every figure "
        "is out of fold, of songs whose artist or recording the network never heard, unless a "
        "line says otherwise. Intervals are 95 % percentile intervals of bootstrap draws of whole "
        f"groups, {resamples} of them unless a protocol below a table says another number.",
        _targets(targets),
        paired.against(network_rows, found["against"]),
        paired.tried(network_rows, found["tried"]),
        _judged(network_rows, baselines),
        paired.leads(baselines),
        _ceilings(network_rows, found["ceilings"]),
        _confusion(clips, out),
        _scatter(clips, run.config.losses.reference, factors, predictions.hops, out),
        _gems(network_rows, baselines, found["ceilings"], out),
        _calibrated(run, predictions, factors, covered, out, resamples),
        _warming_up(clips, predictions.hops, run.config.losses.reference, resamples),
        _stable(clips, predictions.hops, resamples),
        steadiness.consistent(agreeing),
        _moving(found["curves"]),
        _spliced(found["splices"]),
        steadiness.steady_or_quick(
            [*found["curves"], *(row for row in found["unheard"] if "smoothing_s" in row)],
            found["splices"],
        ),
        _unseen(found["unheard"]),
        steadiness.transferred(found["intervals"]),
        _robust(found["robustness"], out),
        steadiness.levels(found["level"]),
        _endured(found["endurance"]),
        music.told_from_what_is_none(found["music"]),
        _not_music(found["not-music"]),
        _cost(found["cost"]),
        _learning(run, out),
        _missing([name for name, rows in parts.items() if rows is None], reasons or {}),
    ]
    report = out / "report.md"
    with replacing(report) as partial:
        partial.write_text("\n\n".join(part for part in text if part) + "\n", encoding="utf-8")
    kept.write(kept.of_run(run), out / kept.KEPT)
    return report


def _targets(found: Mapping[str, _Rows]) -> str:
    return (
        "## Wanted and measured\n\n*Best other here* is the best of the baselines on the same "
        "folds, *ceiling* what listeners' disagreement leaves to be reached. Of several conditions "
        "or rivals the worst counts. *The interval holds both*: some draws of groups reach the "
        f"bound and others miss it. {table_of_targets(found)}"
    )


def _judged(network_rows: _Rows, baselines: _Rows) -> str:
    rows = [*network_rows, *baselines]
    models = list(dict.fromkeys(row["model"] for row in rows))
    found = {(row["data"], row["metric"], row["model"]): row for row in rows}
    lines = []
    for row in network_rows:
        cells = [
            with_interval(found[key])
            if (key := (row["data"], row["metric"], model)) in found
            else "–"
            for model in models
        ]
        groups = f"{row['n']} / {row['groups']}"
        lines.append([row["data"], row["metric"], *cells, number(row["baseline"]), groups])
    head = ["data", "metric", *models, "majority / mean", "n / groups"]
    return (
        "## Held-out songs\n\nValue (95 % interval). *majority / mean* is what the training "
        "side's commonest quadrant, mean shares or mean rating would say, or chance.\n\n"
        f"{table(head, lines)}\n\nProtocols:\n\n{protocols(rows)}"
    )


def _ceilings(network_rows: _Rows, ceilings: _Rows) -> str:
    if not ceilings:
        return ""
    network = {(row["data"], row["metric"]): row for row in network_rows}
    lines = [
        [
            row["data"],
            row["metric"],
            with_interval(network[key])
            if (key := (row["data"], row["metric"])) in network
            else "–",
            with_interval(row),
            f"{row['n']} / {row['groups']}",
        ]
        for row in ceilings
    ]
    head = ["data", "metric", NETWORK, "what listeners leave to be reached", "n / groups"]
    return (
        "## Listeners' ceilings\n\nPeople do not agree with one another, so that nothing can agree "
        "with all of them. Of RMSE it is a floor.\n\n"
        f"{table(head, lines)}\n\nProtocols:\n\n{protocols(ceilings)}"
    )


def _confusion(clips: pd.DataFrame, out: Path) -> str:
    counts = {}
    for corpus, own in clips[clips["true_quadrant"].notna()].groupby("corpus"):
        said = own[list(QUADRANT_COLUMNS)].to_numpy().argmax(1)
        true = own["true_quadrant"].to_numpy(int)
        counts[str(corpus)] = confusion_matrix(true, said, labels=range(4))
    if not counts:
        return ""
    figures.confusion(counts, QUADRANTS, out / "confusion.png")
    return "## Which quadrants are taken for which\n\n![Confusion matrices](confusion.png)"


def _scatter(
    clips: pd.DataFrame,
    reference: str,
    factors: Mapping[str, Any],
    hops: Mapping[str, Any],
    out: Path,
) -> str:
    own = clips[(clips["corpus"] == reference) & clips["true_valence"].notna()].copy()
    if own.empty:
        return ""
    for axis in AFFECT:
        column = HOP_COLUMNS.index(f"{axis}_sd")
        factor = factors[f"hop_{axis}"] * factors[f"clip_{axis}"]["scale"]
        own[f"clip_{axis}_sd"] = [
            factor * np.sqrt(np.mean(whole_hops(hops[key])[:, column] ** 2)) for key in own["key"]
        ]
    figures.scatter(own, out / "valence-arousal.png")
    return (
        f"## Predicted against rated ({reference})\n\n![Scatter](valence-arousal.png)\n\n"
        "The intervals are those of a clip, with the factors that ship, which were fitted on "
        "these out-of-fold errors; below, their coverage is judged with other folds' factors."
    )


def _gems(network_rows: _Rows, baselines: _Rows, ceilings: _Rows, out: Path) -> str:
    asked = [row for row in network_rows if row["metric"] == f"r {GEMS[0]}"]
    if not asked:
        return ""
    data, n = asked[0]["data"], asked[0]["n"]
    found: dict[str, dict[str, Interval]] = {}
    listeners = [{"model": "listeners' ceiling", **row} for row in ceilings]
    for row in [*network_rows, *baselines, *listeners]:
        item = row["metric"].removeprefix("r ")
        if row["data"] == data and item in GEMS and row["value"] is not None:
            values = Interval(row["value"], row["low"], row["high"])
            found.setdefault(row["model"], {})[item] = values
    if not found:
        return ""
    title = f"{data}, out of fold, n = {n} songs, 95 % intervals"
    figures.compared(found, out / "gems.png", label="Pearson's r with vote shares", title=title)
    return f"## GEMS, item by item ({data})\n\n![Correlations](gems.png)"


def _covered(run: Run, predictions: Predictions, resamples: int) -> list[dict[str, Any]]:
    """Return the share of ratings inside an interval: a row for each output and ``level``.

    Every clip counts alike. The metric names the output, ``hop valence`` say.
    """
    held = held_errors(run, predictions)
    rows: list[dict[str, Any]] = []
    if not held.clips:
        return rows
    for name, z in held.z.items():
        for level in LEVELS:
            inside = pd.DataFrame(
                {
                    "inside": [coverage(own, level) for own in z],
                    "group": [clip.group for clip in held.clips],
                }
            )
            found = bootstrap(inside, mean_of("inside"), resamples=resamples)
            rows.append(
                {
                    "data": held.clips[0].corpus,
                    "metric": name.replace("_", " "),
                    "level": level,
                    **rounded(found),
                    "n": len(inside),
                    "groups": inside["group"].nunique(),
                    "protocol": "each fold under factors fitted on the others; "
                    + interval_note(resamples),
                }
            )
    return rows


def _calibrated(
    run: Run,
    predictions: Predictions,
    fitted: Mapping[str, Any],
    covered: _Rows,
    out: Path,
    resamples: int,
) -> str:
    quadrants = held_quadrants(run, predictions)
    if quadrants.empty or not covered:
        return ""
    names = list(dict.fromkeys(row["metric"] for row in covered))
    at = {(row["metric"], row["level"]): row for row in covered}
    lines = [
        [f"{level:.0%}", *(with_interval(at[name, level]) for name in names)] for level in LEVELS
    ]
    data, n = covered[0]["data"], covered[0]["n"]
    bins: dict[str, pd.DataFrame] = {}
    reliability = []
    for prefix, name in (("", "as the network gives it"), ("held_", "under a temperature")):
        bins[name] = _reliability(quadrants, prefix, resamples)
        cells = [
            bootstrap(quadrants, metric, resamples=resamples)
            for metric in (
                mean_of(f"{prefix}said"),
                mean_of(f"{prefix}right"),
                calibration_error(prefix),
            )
        ]
        reliability.append([name, *(with_interval(cell._asdict()) for cell in cells)])
    shares = {name: [_interval(at[name, level]) for level in LEVELS] for name in names}
    title = f"intervals ({data}), out of fold, n = {n}"
    figures.calibration(LEVELS, shares, bins, out / "calibration.png", title=title)
    head = ["probabilities", "mean of the highest", "share right", "expected calibration error"]
    return (
        "## Calibration\n\n![Calibration](calibration.png)\n\nShare of ratings inside the "
        f"interval, {data}, n = {n}, {covered[0]['protocol']}:\n\n"
        f"{table(['interval', *names], lines)}\n\nThe likeliest quadrant, "
        f"mean over a clip, n = {len(quadrants)} clips of corpora that were asked for one, over "
        f"{BINS} bins of equal size (0 at best); a fold's temperature is fitted on the others; "
        f"{interval_note(resamples)}:\n\n"
        f"{table(head, reliability)}\n\nThe card's temperature is "
        f"{number(fitted.get('quadrant_temperature', 1.0))}: fitted on all folds where that made "
        "the error of held-out folds smaller, else 1."
    )


def _reliability(quadrants: pd.DataFrame, prefix: str, resamples: int) -> pd.DataFrame:
    """Return ``said``, ``right``, ``low``, ``high`` and ``n`` of each bin of probability."""
    order = np.argsort(quadrants[f"{prefix}said"].to_numpy(float), kind="stable")
    rows = []
    for places in np.array_split(order, BINS):
        own = quadrants.iloc[places].reset_index(drop=True)
        if len(own):
            found = bootstrap(own, mean_of(f"{prefix}right"), resamples=resamples)
            said = own[f"{prefix}said"].mean()
            rows.append(
                {"said": said, "right": found.value, "low": found.low, "high": found.high}
                | {"n": len(own)}
            )
    return pd.DataFrame(rows)


def _interval(row: Mapping[str, Any]) -> Interval:
    return Interval(*(row[name] for name in ("value", "low", "high")))


def _warming_up(
    clips: pd.DataFrame, hops: Mapping[str, Any], reference: str, resamples: int
) -> str:
    own = clips[(clips["corpus"] == reference) & clips["true_valence"].notna()]
    if own.empty:
        return ""
    lines = []
    for first, last in zip(FIRST_HOPS, (*FIRST_HOPS[1:], None), strict=True):
        cells = []
        for axis in AFFECT:
            heard = [hops[key][first:last, HOP_COLUMNS.index(axis)] for key in own["key"]]
            said = own.assign(said=[each.mean() if len(each) else np.nan for each in heard])
            said = said[said["said"].notna()].reset_index(drop=True)
            score = scored(r2, f"true_{axis}", "said")
            cells.append(with_interval(bootstrap(said, score, resamples=resamples)._asdict()))
        end = "the end" if last is None else f"{last / 10:.1f} s"
        lines.append([f"{first / 10:.1f} s to {end}", *cells])
    head = ["hops, by the seconds heard before", *(f"R² {axis}" for axis in AFFECT)]
    return (
        f"## The first seconds\n\n{reference}, n = {len(own)}, out of fold, from a fresh state: "
        "while the window of 3 s still holds zeros from before the start, and after; "
        f"{interval_note(resamples)}.\n\n"
        f"{table(head, lines)}"
    )


def _stable(clips: pd.DataFrame, hops: Mapping[str, Any], resamples: int) -> str:
    lines = []
    for corpus, own in clips.groupby("corpus"):
        for axis in AFFECT:
            column = HOP_COLUMNS.index(axis)
            moved = own.assign(
                within=[whole_hops(hops[key])[:, column].std() for key in own["key"]]
            ).reset_index(drop=True)
            within = bootstrap(moved, quantile_of("within", 0.5), resamples=resamples)
            between = bootstrap(moved, sd_of(axis), resamples=resamples)
            lines.append(
                [
                    str(corpus),
                    axis,
                    with_interval(within._asdict()),
                    with_interval(between._asdict()),
                    str(len(own)),
                ]
            )
    head = ["data", "axis", "median sd within a clip", "sd between clips", "n"]
    return (
        "## Stability\n\nHow far the estimate moves while one excerpt plays, out of fold, after "
        "the first 3 s, beside how far excerpts lie apart. An excerpt is not quite steady music, "
        f"so the first number is an upper bound; {interval_note(resamples)}.\n\n"
        f"{table(head, lines)}"
    )


def _moving(rows: _Rows) -> str:
    if not rows:
        return ""
    return (
        "## Ratings that move along a song\n\nBetween songs the means of the curves are compared; "
        "within a song what is left when each song's mean is taken off both sides.\n\n"
        f"{_plain(rows)}\n\nProtocol:\n\n{protocols(rows)}"
    )


def _plain(rows: _Rows) -> str:
    lines = [
        [row["data"], row["metric"], with_interval(row), f"{row['n']} / {row['groups']}"]
        for row in rows
    ]
    return table(["data", "metric", "value", "n / groups"], lines)


def _spliced(rows: _Rows) -> str:
    timed = [row for row in rows if "cost" not in row]
    carried = [row for row in rows if "cost" in row]
    text = []
    if timed:
        text.append(
            "## Reaction time\n\nSeconds of a new song, after an abrupt change, until the estimate "
            "has gone 63 % (1 − 1/e) of the way from the mean of its last second on the old song "
            "to the mean of its last 2 s on the new one.\n\n"
            f"{_plain(timed)}\n\nProtocol:\n\n{protocols(timed)}"
        )
    if carried:
        lines = [
            [
                row["data"],
                row["metric"],
                number(row["fresh"]),
                with_interval(row),
                paired.marked({f"cost_{name}": row["cost"][name] for name in row["cost"]}, "cost_"),
                f"{row['n']} / {row['groups']}",
            ]
            for row in carried
        ]
        head = ["data", "metric", "fresh", "carried", "fresh less carried", "n / groups"]
        text.append(
            "## Carry-over\n\nEvery clip entered with the state that another held-out clip left, "
            "over the hops whose window holds the new clip alone, against the same hops from a "
            f"fresh state.\n\n{table(head, lines)}\n\nProtocol:\n\n{protocols(carried)}"
        )
    return "\n\n".join(text)


def _unseen(rows: _Rows) -> str:
    if not rows:
        return ""
    lines = [
        [
            row["data"],
            row["metric"],
            row["model"],
            with_interval(row),
            f"{row['n']} / {row['groups']}",
        ]
        for row in rows
    ]
    head = ["data", "metric", "model", "value", "n / groups"]
    return (
        "## A corpus never trained on\n\nA *lead* is the network's r less that of the model named, "
        "with paired draws; saying the mean always has an r of 0. A *mean error* below 0 says that "
        "a model rates lower than these listeners did: they may have used their scale otherwise. "
        "The *sd of errors* is what is wrong apart from that.\n\n"
        f"{table(head, lines)}\n\nProtocols:\n\n{protocols(rows)}"
    )


def _robust(rows: _Rows, out: Path) -> str:
    if not rows:
        return ""
    lines = [
        [
            row["data"],
            row["metric"],
            row["condition"],
            with_interval(row),
            with_interval(row, "relative_"),
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
    counts = ", ".join(dict.fromkeys(f"{row['data']} {row['n']}" for row in rows))
    figures.compared(
        found,
        out / "robustness.png",
        label="share of the clean figure",
        title=f"out of fold, 95 % intervals, n: {counts} clips",
        lines={"clean": 1.0, "wanted": 0.9},
    )
    head = ["data", "metric", "condition", "value", "relative to clean", "n / groups"]
    return (
        "## Robustness\n\n![Robustness](robustness.png)\n\n"
        f"{table(head, lines)}\n\nProtocols:\n\n{protocols(rows)}"
    )


def _endured(rows: _Rows) -> str:
    if not rows:
        return ""
    return f"## Endurance\n\n{_plain(rows)}\n\nProtocol:\n\n{protocols(rows)}"


def _not_music(rows: _Rows) -> str:
    if not rows:
        return ""
    lines = [
        [
            row["sound"],
            number(row["valence"], sign=True),
            number(row["arousal"], sign=True),
            f"{row['false_emotions']:.0%}",
            f"{row['quadrant'][0]} {number(row['quadrant'][1])}",
        ]
        for row in rows
    ]
    head = ["sound", "valence", "arousal", "false emotions", "likeliest quadrant"]
    spoken = any("speech" in row["sound"] for row in rows)
    silent = "" if spoken else "\n\nSpeech was not measured: espeak-ng is not installed."
    return (
        f"## Speech and noise\n\nWhat the refit says of {rows[0]['seconds']} s each of sounds that "
        "are not music, as live, after the first 3 s. A *false emotion* is a hop further than "
        f"{FALSE_EMOTION} from neutral.\n\n{table(head, lines)}{silent}"
    )


def _cost(rows: _Rows) -> str:
    if not rows:
        return ""
    lines = [[row["metric"], number(row["value"]), str(row["n"])] for row in rows]
    return f"## Cost\n\n{table(['figure', 'value', 'n'], lines)}\n\nProtocols:\n\n{protocols(rows)}"


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


def _missing(absent: Sequence[str], reasons: Mapping[str, str]) -> str:
    if not absent:
        return ""
    lines = [
        f"- {name}: " + reasons.get(name, f"`python -m training report --part {name}`")
        for name in absent
    ]
    return "## Not measured\n\n" + "\n".join(lines)

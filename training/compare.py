"""Several runs on the same folds, one table: what a setting is worth, by paired differences."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from realtime_mer.errors import InputError
from training.evaluate import AS_LIVE, judge, load_predictions
from training.markdown import number, protocols, table, with_interval
from training.run import Run


def compare(runs: Sequence[Run], *, resamples: int = 1000) -> str:
    """Return a Markdown table of every figure of some runs, and each one's lead over the first.

    Args:
        runs: at least two, evaluated on the same folds.
        resamples: draws behind an interval.

    Raises:
        InputError: there is one run, two are called alike, or their folds or clips differ.
    """
    names = [_name(run.folder) for run in runs]
    if len(runs) < 2 or len(set(names)) < len(names):
        raise InputError(
            f"{', '.join(names)}: name two or more run folders of different names to compare"
        )
    first = runs[0]
    for name, run in zip(names, runs, strict=True):
        if run.split.hash != first.split.hash:
            raise InputError(
                f"{name} has other folds than {names[0]}; only runs of the same split (same seed, "
                "folds and clips) can be compared clip by clip"
            )
    rows = judge(
        first,
        {name: (load_predictions(run), AS_LIVE) for name, run in zip(names, runs, strict=True)},
        resamples=resamples,
    )
    return "\n\n".join(
        (
            f"# {' · '.join(names)}",
            "Value (95 % interval). Below a run's own figure, from the second on: how far it lies "
            f"above {names[0]}, from paired bootstrap draws of groups; **bold** where the interval "
            "leaves 0 out. Of RMSE and MAE less is better.",
            table(["data", "metric", *names, "n / groups"], list(_lines(rows, names))),
            "Protocol:",
            protocols(rows),
        )
    )


def _lines(rows: Sequence[dict[str, Any]], names: Sequence[str]) -> Iterator[list[str]]:
    found = {(row["data"], row["metric"], row["model"]): row for row in rows}
    for data, metric in dict.fromkeys((row["data"], row["metric"]) for row in rows):
        own = [found[data, metric, name] for name in names]
        cells = [with_interval(own[0])]
        for row in own[1:]:
            cells.append(f"{number(row['value'])}<br>{_ahead(row)}")
        yield [data, metric, *cells, f"{own[0]['n']} / {own[0]['groups']}"]


def _ahead(row: dict[str, Any]) -> str:
    # A lead is the first run's; turned round it is what the later run is worth.
    value, low, high = (row[f"lead_{name}"] for name in ("value", "high", "low"))
    if value is None or low is None or high is None:
        return "–"
    text = with_interval({"value": -value, "low": -low, "high": -high}, sign=True)
    return f"**{text}**" if -low > 0 or -high < 0 else text


def _name(folder: Path) -> str:
    return folder.resolve().name

"""Several runs on the same folds, one table: what a setting is worth, by paired differences."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from realtime_mer.errors import InputError

from ..learn.config import TrainingConfig
from ..learn.run import Run
from ..markdown import number, protocols, table, with_interval
from .evaluate import AS_LIVE, judge, load_predictions


def compare(runs: Sequence[Run], *, resamples: int = 1000) -> str:
    """Return a Markdown table of every figure of some runs, and each one's lead over the first.

    Args:
        runs: at least two, evaluated on the same folds.
        resamples: draws behind an interval.

    Raises:
        InputError: there is one run, two are called alike, or their folds or clips differ.
    """
    if len(runs) < 2:
        raise InputError("name two or more run folders to compare")
    names = [_name(run.folder) for run in runs]
    rows = _judged(runs, resamples)
    return "\n\n".join(
        (
            f"# {' · '.join(names)}",
            "Value (95 % interval). Below a run's own figure, from the second on: how far it lies "
            f"above {names[0]}, from paired bootstrap draws of groups; **bold** where the interval "
            "leaves 0 out. Of RMSE and MAE less is better.",
            table(["data", "metric", *names, "n / groups"], list(_lines(rows, names))),
            "Settings that differ from the first run's:",
            "\n".join(f"- {name}: {differing(run, runs[0])}" for name, run in _later(runs)),
            "Protocol:",
            protocols(rows),
        )
    )


def leads(
    run: Run,
    others: Sequence[Run],
    *,
    only: Collection[tuple[str, str]] | None = None,
    resamples: int = 1000,
) -> list[dict[str, Any]]:
    """Return figures of other runs of the same folds, and a run's lead over each.

    Args:
        run: which.
        others: at least one, evaluated.
        only: corpus and name of the metrics that are asked for; None for all.
        resamples: draws behind an interval.

    Returns:
        Rows as ``judge``'s, those of ``run`` left out, with ``settings`` besides: what differs.

    Raises:
        InputError: there is none, two are called alike, or their folds or clips differ.
    """
    if not others:
        raise InputError("no other run of the same folds was named; name those tried by --tried")
    runs = [run, *others]
    settings = {name: differing(other, run) for name, other in _later(runs)}
    return [
        each | {"settings": settings[each["model"]]}
        for each in _judged(runs, resamples, only)
        if each["model"] in settings
    ]


def differing(run: Run, other: Run) -> str:
    """Return a run's settings that are not those of another, by name: ``epochs 44 (34)``."""
    own, theirs = (_settings(each.config) for each in (run, other))
    named = [
        f"{name} {_text(own.get(name))} ({_text(theirs.get(name))})"
        for name in own | theirs
        if name != "name" and own.get(name) != theirs.get(name)
    ]
    return ", ".join(named) or "none; the code or its data changed"


def _settings(config: TrainingConfig) -> dict[str, Any]:
    def flat(content: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
        for name, value in content.items():
            if isinstance(value, dict):
                yield from flat(value, f"{before}{name}.")
            else:
                yield f"{before}{name}", value

    return dict(flat(TypeAdapter(TrainingConfig).dump_python(config, mode="json")))


def _text(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(map(str, value)) + "]"
    return "–" if value is None else str(value)


def _judged(
    runs: Sequence[Run], resamples: int, only: Collection[tuple[str, str]] | None = None
) -> list[dict[str, Any]]:
    names = [_name(run.folder) for run in runs]
    if len(set(names)) < len(names):
        raise InputError(f"{', '.join(names)}: runs are told apart by their folders' names")
    for name, run in _later(runs):
        if run.split.hash != runs[0].split.hash:
            raise InputError(
                f"{name} has other folds than {names[0]}; only runs of the same split (same seed, "
                "folds and clips) can be compared clip by clip"
            )
    said = {name: (load_predictions(run), AS_LIVE) for name, run in zip(names, runs, strict=True)}
    return judge(runs[0], said, resamples=resamples, only=only)


def _later(runs: Sequence[Run]) -> list[tuple[str, Run]]:
    return [(_name(run.folder), run) for run in runs[1:]]


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

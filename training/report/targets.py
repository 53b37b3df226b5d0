"""What the default checkpoint is to reach, and by how much a run reaches or misses it.

A target is a figure of the report and a bound. It is looked up among the rows that were measured,
so that nothing here can say a number that the report does not.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..judge.curves import MOVEMENT
from ..judge.level import MOVED_BY
from ..judge.unseen_corpora import NETWORK
from ..markdown import number, table, with_interval
from .consistency import AGREEMENT
from .music import AUC, MISTAKEN, SONGS, SPOKEN_OVER, TOLD

Rows = Sequence[Mapping[str, Any]]

COMMITTEE = "committee"
EVALUATION = "evaluation"
COVERAGE = "coverage"
CONSISTENCY = "consistency"
"""Where rows come from; the last three besides the parts of ``training.report.measure``."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """A bound on a figure.

    Attributes:
        part: where its rows are.
        data, metric, level: of the rows; of several (conditions, models, gains) the worst counts.
        condition, model: of the rows, if it is asked under or of one alone.
        least, most: bounds, one or both.
        prefix: of the fields that hold the figure: none, ``relative_`` or ``lead_``.
        strictly: whether the bound itself misses.
    """

    part: str
    data: str
    metric: str
    least: float | None = None
    most: float | None = None
    prefix: str = ""
    strictly: bool = False
    level: float | None = None
    condition: str = ""
    model: str = ""

    @property
    def wanted(self) -> str:
        """The bounds in words."""
        if self.least is not None and self.most is not None:
            return f"{self.least:g} … {self.most:g}"
        if self.least is not None:
            return f"{'>' if self.strictly else '≥'} {self.least:g}"
        return f"{'<' if self.strictly else '≤'} {self.most:g}"

    def shortfall(self, value: float) -> float:
        """Return how far a value lies outside the bounds; 0 or less is inside, by so much."""
        below = [] if self.least is None else [self.least - value]
        above = [] if self.most is None else [value - self.most]
        return max(below + above)

    def reached(self, value: float) -> bool:
        """Return whether a value lies inside the bounds."""
        missing = self.shortfall(value)
        return missing < 0 if self.strictly else missing <= 0


_ROBUST = (
    ("panda4q", "macro-F1"),
    ("emotify", "mean r over nine items"),
    ("grekow", "CCC valence"),
    ("grekow", "CCC arousal"),
    ("grekow", "R² valence"),
    ("grekow", "R² arousal"),
)

_EVALUATED = (
    Target(part=EVALUATION, data="panda4q", metric="macro-F1", least=0.75),
    Target(part=EVALUATION, data="panda4q", metric="AUC valence, from quadrants", least=0.885),
    Target(part=EVALUATION, data="panda4q", metric="AUC valence, from valence", least=0.885),
    Target(part=EVALUATION, data="panda4q", metric="AUC arousal, from quadrants", least=0.965),
    Target(part=EVALUATION, data="panda4q", metric="AUC arousal, from arousal", least=0.965),
    Target(part=EVALUATION, data="emotify", metric="mean r over nine items", least=0.62),
    Target(part=EVALUATION, data="grekow", metric="R² valence", least=0.5),
    Target(part=EVALUATION, data="grekow", metric="R² arousal", least=0.82),
)

JUDGED = frozenset((each.data, each.metric) for each in _EVALUATED)
"""Corpus and name of the metrics of the evaluation that are among ``TARGETS``."""

TARGETS = (
    *_EVALUATED,
    # A student is to have learnt what its committee knows.
    *(
        Target(part=COMMITTEE, data=data, metric=metric, least=-0.02, prefix="lead_")
        for data, metric in ((each.data, each.metric) for each in _EVALUATED)
    ),
    Target(part="unheard", data="vgmidi", metric="r valence", least=0.58, model=NETWORK),
    Target(part="unheard", data="vgmidi", metric="r arousal", least=0.8, model=NETWORK),
    *(
        Target(
            part="unheard",
            data=corpus,
            metric=f"r {axis}, the network's lead",
            least=0.0,
            strictly=True,
        )
        for corpus in ("grekow", "vgmidi")
        for axis in ("valence", "arousal")
    ),
    *(
        Target(
            part=COVERAGE, data="grekow", metric=f"{kind} {axis}", level=0.9, least=0.85, most=0.95
        )
        for kind in ("hop", "clip")
        for axis in ("valence", "arousal")
    ),
    *(
        Target(
            part="intervals",
            data=data,
            metric=f"clip {axis}",
            level=0.9,
            least=0.85,
            condition="never met",
        )
        for data in ("grekow", "vgmidi")
        for axis in ("valence", "arousal")
    ),
    *(
        Target(part="robustness", data=data, metric=metric, least=0.9, prefix="relative_")
        for data, metric in _ROBUST
    ),
    Target(
        part="robustness",
        data="grekow",
        metric="CCC valence",
        least=0.9,
        prefix="relative_",
        condition="clipped by 6 to 18 dB",
    ),
    Target(part=CONSISTENCY, data="", metric=AGREEMENT, least=0.97),
    Target(part="level", data="", metric="moved, mean", most=MOVED_BY, strictly=True),
    *(
        Target(
            part="splices",
            data="",
            metric=f"reaction time, {axis}, median (s)",
            most=3.0,
        )
        for axis in ("valence", "arousal")
    ),
    *(
        Target(part="unheard", data="vgmidi", metric=f"{MOVEMENT}, {axis}", least=0.7, most=1.5)
        for axis in ("valence", "arousal")
    ),
    Target(part="music", data="", metric=AUC, least=0.98),
    Target(part="music", data="", metric=TOLD, least=0.9),
    Target(part="music", data="", metric=MISTAKEN, most=0.01),
    Target(part="music", data="", metric=SONGS, most=0),
    *(
        Target(
            part="music", data="", metric=SPOKEN_OVER.format(axis=axis), most=0.15, strictly=True
        )
        for axis in ("valence", "arousal")
    ),
    Target(part="cost", data="", metric="one hop, median (ms)", most=1.5),
    Target(part="cost", data="", metric="checkpoint (MB)", most=10.0),
)
"""In the order of the report's first table."""


def found(target: Target, rows: Mapping[str, Rows]) -> Mapping[str, Any] | None:
    """Return the row that a target is judged by: of those that it names, the worst.

    Args:
        target: which.
        rows: what was measured, by part.

    Returns:
        None where nothing of it was measured.
    """
    own = [
        row
        for row in rows.get(target.part, ())
        if target.data in ("", row["data"])
        and (row["metric"], row.get("level")) == (target.metric, target.level)
        and row.get("condition") != "clean"
        and target.condition in ("", row.get("condition"))
        and target.model in ("", row.get("model"))
        and row[f"{target.prefix}value"] is not None
    ]
    # Runs that left a corpus out stand after the run itself and are judged apart.
    own = [row for row in own if row["protocol"] == own[0]["protocol"]]
    if not own:
        return None
    return max(own, key=lambda row: target.shortfall(row[f"{target.prefix}value"]))


def table_of_targets(rows: Mapping[str, Rows]) -> str:
    """Return the table of targets, measured and missed by how much, and what others reach.

    Args:
        rows: what was measured, by part; ``baselines`` and ``ceilings`` stand beside it.
    """
    lines = []
    reached = measured = 0
    judged_by = {target: found(target, rows) for target in TARGETS}
    # A run of none of these corpora is not to be told of all that it did not try.
    strange = not any(judged_by[target] for target in TARGETS if target.part == EVALUATION)
    asked = {each: row for each, row in judged_by.items() if row is not None or not strange}
    for target, row in asked.items():
        if row is None:
            lines.append([*_named(target, {}), target.wanted, "not measured", "–", "–", "–", "–"])
            continue
        value = row[f"{target.prefix}value"]
        measured += 1
        reached += target.reached(value)
        said = with_interval(row, target.prefix) if _has_interval(row, target) else number(value)
        others = _best_other(target, rows.get("baselines", ()))
        n = f"{row['n']} / {row['groups']}" if row.get("groups") else str(row["n"])
        ceiling = _ceiling(target, rows.get("ceilings", ()))
        lines.append(
            [*_named(target, row), target.wanted, said, _verdict(target, row), others, ceiling, n]
        )
    head = ["data", "figure", "wanted", "measured", "verdict", "best other here", "ceiling"]
    return (
        f"{reached} of {len(asked)} are reached, {measured - reached} missed, "
        f"{len(asked) - measured} not measured.\n\n{table([*head, 'n / groups'], lines)}"
    )


def _named(target: Target, row: Mapping[str, Any]) -> tuple[str, str]:
    name = target.metric
    if target.part == COVERAGE:
        name = f"ratings inside the 90 % interval, {name}"
    if target.part == COMMITTEE:
        name = f"{name}, the network less its committee"
    if target.part == "intervals":
        name = f"ratings inside the 90 % interval fitted on other corpora, {name}, never met"
    if target.part == "robustness" and target.condition:
        name = f"{name} kept of the clean one's, {target.condition}"
    elif target.part == "robustness":
        name = f"{name} kept of the clean one's, worst condition"
        name += f": {row['condition']}" if row else ""
    if target.part == "level":
        name = "the farther of both axes moved by gain, mean over clips, worst gain"
        name += f": {row['gain_db']:+d} dB".replace("-", "−") if row else ""
    if target.part == "unheard" and row and target.metric.endswith("lead"):
        name += f" over {row['model']}"
    return str(row.get("data", target.data)) or "–", name


def _has_interval(row: Mapping[str, Any], target: Target) -> bool:
    return row.get(f"{target.prefix}low") is not None


def _verdict(target: Target, row: Mapping[str, Any]) -> str:
    """Return whether it is reached and how far off it is, and whether draws disagree."""
    value = row[f"{target.prefix}value"]
    reached = target.reached(value)
    short = target.shortfall(value)
    text = (
        f"reached, {number(0.0 - short)} to spare" if reached else f"**missed by {number(short)}**"
    )
    if _has_interval(row, target):
        ends = {target.reached(row[f"{target.prefix}{end}"]) for end in ("low", "high")}
        if len(ends) > 1 or (reached and ends == {False}):
            text += "; the interval holds both"
    return text


def _best_other(target: Target, baselines: Rows) -> str:
    own = [row for row in _same_figure(target, baselines) if row["value"] is not None]
    if not own:
        return "–"
    best = max(own, key=lambda row: row["value"])
    return f"{number(best['value'])}, {best['model']}"


def _ceiling(target: Target, ceilings: Rows) -> str:
    own = _same_figure(target, ceilings)
    return number(own[0]["value"]) if own else "–"


def _same_figure(target: Target, rows: Rows) -> Rows:
    """Return the rows of the figure that a target of the evaluation bounds."""
    if target.part != EVALUATION:
        return ()
    return [row for row in rows if (row["data"], row["metric"]) == (target.data, target.metric)]

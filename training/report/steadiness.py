"""The report's sections on whether an estimate depends on what it should not."""

from collections.abc import Mapping, Sequence
from typing import Any

from ..judge.curves import MOVEMENT
from ..judge.lean import CLEAR
from ..judge.level import MOVED_BY
from ..judge.metrics import AFFECT
from ..markdown import number, protocols, table, with_interval

_Rows = Sequence[Mapping[str, Any]]


def levels(rows: _Rows) -> str:
    """Return the section on the same music at other levels."""
    if not rows:
        return ""
    of_all = [row for row in rows if row["fold"] is None]
    folds = sorted({row["fold"] for row in rows} - {None})
    names = list(dict.fromkeys(row["metric"] for row in of_all))
    found = {(row["metric"], row["gain_db"], row["fold"]): row for row in rows}
    lines = []
    for gain in dict.fromkeys(row["gain_db"] for row in of_all):
        cells = [with_interval(found[name, gain, None]) for name in names]
        apart = [number(found["moved, mean, one fold", gain, fold]["value"]) for fold in folds]
        lines.append([f"{gain:+d} dB".replace("-", "−"), *cells, " · ".join(apart)])
    n = f"{of_all[0]['n']} clips of {of_all[0]['data']}"
    return (
        "## The same music, louder and quieter\n\nHow far the mean over a clip lies from that at "
        f"its own level, n = {n}. *Moved* alone is of valence or arousal, whichever moved farther. "
        f"Wanted is less than {MOVED_BY:g} at every level; live, what lies below the gate of "
        "`too_quiet` is not judged.\n\n"
        f"{table(['gain', *names, 'moved, mean, by fold'], lines)}\n\n"
        f"Protocol:\n\n{protocols(of_all)}"
    )


def steady_or_quick(curves: _Rows, splices: _Rows) -> str:
    """Return the section on movement within a song beside reaction to another, smoothed or not.

    Args:
        curves: of ratings that move, out of fold or of corpora never trained on.
        splices: of abrupt changes of music.
    """
    # The run itself stands before runs that left a corpus out, and is the one that is told of.
    moved = {
        (row["data"], row["axis"], row["smoothing_s"]): row
        for row in reversed(curves)
        if row["metric"].startswith(MOVEMENT)
    }
    reacted = {(row["axis"], row["smoothing_s"]): row for row in splices if row.get("share") == 0.5}
    if not moved or not reacted:
        return ""
    corpora = sorted({data for data, *_ in moved})
    lines = []
    for axis in AFFECT:
        for smoothing_s in sorted({seconds for *_, seconds in moved}):
            key = axis, smoothing_s
            ratios = [
                with_interval(moved[data, *key]) if (data, *key) in moved else "–"
                for data in corpora
            ]
            reaction = with_interval(reacted[key]) if key in reacted else "–"
            lines.append([axis, f"{smoothing_s:g} s" if smoothing_s else "none", *ratios, reaction])
    head = [
        "axis",
        "smoothing",
        *(f"movement over rated, {data}" for data in corpora),
        "reaction time, median (s)",
    ]
    return (
        "## Steady or quick\n\nWithin a song, the standard deviation of the estimate over that of "
        "listeners' ratings (1 at best), and the seconds until it follows another song. They pull "
        "apart: smoothing, as `live --smoothing` does it, takes from both.\n\n"
        f"{table(head, lines)}"
    )


def consistent(rows: _Rows) -> str:
    """Return the section on whether quadrants and point say the same."""
    if not rows:
        return ""
    lines = [
        [row["data"], with_interval(row), str(row["hops"]), f"{row['n']} / {row['groups']}"]
        for row in rows
    ]
    head = ["data", "the likeliest quadrant is the point's", "hops", "n / groups"]
    return (
        "## Point and quadrants\n\nOf hops whose valence and arousal both lie further than "
        f"{CLEAR:g} from neutral.\n\n{table(head, lines)}\n\nProtocol:\n\n{protocols(rows)}"
    )


def transferred(rows: _Rows) -> str:
    """Return the section on intervals whose factors come from other corpora."""
    if not rows:
        return ""
    lines = []
    for data, how, metric in dict.fromkeys(
        (row["data"], row["condition"], row["metric"]) for row in rows
    ):
        own = {
            row["level"]: row
            for row in rows
            if (row["data"], row["condition"], row["metric"]) == (data, how, metric)
        }
        first = next(iter(own.values()))
        cells = [with_interval(row) for row in own.values()]
        groups = f"{first['n']} / {first['groups']}"
        factors = [number(first["factor"]), number(first["unfamiliar"])]
        lines.append([data, how, metric, *cells, *factors, groups])
    levels = [f"inside {level:.0%}" for level in dict.fromkeys(row["level"] for row in rows)]
    head = ["data", "the network", "output", *levels, "factor", "k where unfamiliar", "n / groups"]
    return (
        "## Intervals on corpora never met\n\nShare of ratings inside the interval, the factor on "
        "the network's own sd fitted on the other corpora alone.\n\n"
        f"{table(head, lines)}\n\nProtocols:\n\n{protocols(rows)}"
    )

"""The report's sections on whether an estimate depends on what it should not."""

from collections.abc import Mapping, Sequence
from typing import Any

from ..judge.level import MOVED_BY
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

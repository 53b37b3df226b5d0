"""How well a run tells music from what is none, in rows and as the report's section."""

from collections.abc import Mapping, Sequence
from typing import Any

from realtime_mer.errors import InputError

from ..files import read_json
from ..judge.evaluate import fingerprint
from ..judge.not_music import verdict_file
from ..learn.run import Run
from ..markdown import number, protocols, table

AUC = "area under the curve, music or none, a clip each"
TOLD = "hops of what is no music whose status is no_music"
MISTAKEN = "hops of music whose status it is"
SONGS = "songs with more than a tenth of such hops"
SPOKEN_OVER = "speech under music moves {axis}, mean"
STILL = "clips of music that speech moves by less than .15"

_DATA = "music, not_music"

_Rows = Sequence[Mapping[str, Any]]


def music_rows(run: Run) -> list[dict[str, Any]]:
    """Return what ``not-music --run`` found out of fold, as rows of a report.

    Returns:
        Rows with ``data``, ``metric``, ``value``, ``n`` and ``protocol``; those of a threshold name
        it (``threshold``), those of a kind of sound its ``kind``, whether it was ``made``, and the
        ``worst`` clips.

    Raises:
        InputError: its networks do not tell music, or that was not asked of all folds of these
            weights yet.
    """
    path = verdict_file(run)
    if not run.config.network.music:
        raise InputError(f"{run.folder}: its networks do not tell music; see network.music")
    if not path.is_file():
        raise InputError(f"{path} is missing; run training not-music --run first")
    found = read_json(path)
    if found.get("run") != fingerprint(run):
        raise InputError(
            f"{path} is of other weights than lie in {run.folder} now; "
            "run training not-music --run again"
        )
    if found["folds"] != list(range(run.split.folds)):
        raise InputError(
            f"{path} covers folds {found['folds']} of {run.split.folds}; "
            "run training not-music --run of all of them"
        )
    protocol, told, over = found["protocol"], found["told"], found["speech_over_music"]

    def row(metric: str, value: float | None, n: int, **more: Any) -> dict[str, Any]:
        return {
            "data": _DATA,
            "metric": metric,
            "value": value,
            "n": n,
            "protocol": protocol,
            **more,
        }

    live = {
        "protocol": f"{protocol}; as a live session that begins with the clip: no_music once below "
        f"{told['no_music_below']:g} for {told['no_music_after_s']:g} s, until above "
        f"{told['music_above']:g} for {told['music_after_s']:g} s"
    }
    rows = [
        row(AUC, found["auc"], found["clips"], baseline=0.5),
        row(TOLD, told["not_music_told"], told["sounds"], **live),
        row(MISTAKEN, told["music_mistaken"], told["songs"], **live),
        row(SONGS, told["songs_mistaken_by_a_tenth"], told["songs"], **live, worst=told["worst"]),
    ]
    if over["clips"]:
        spoken = {"protocol": f"{protocol}; the music {over['over_db']:g} dB above the speech"}
        rows += [
            *(
                row(SPOKEN_OVER.format(axis=axis), over[axis], over["clips"], **spoken)
                for axis in ("valence", "arousal")
            ),
            row(STILL, over["still"], over["clips"], **spoken),
        ]
    for at in found["thresholds"]:
        rows += [
            row(metric, at[name], n, threshold=at["threshold"])
            for metric, name, n in (
                ("hops of what is no music below", "not_music_told", told["sounds"]),
                ("hops of music below", "music_mistaken", at["songs"]),
            )
        ]
    for kind in found["kinds"]:
        more = {name: kind[name] for name in ("kind", "made", "worst")}
        rows.append(row("hops on the right side of .5", kind["right"], kind["clips"], **more))
    return rows


def told_from_what_is_none(rows: _Rows) -> str:
    """Return the section of these rows."""
    if not rows:
        return ""
    figures = [
        [row["metric"], number(row["value"]), str(row["n"])]
        for row in rows
        if "threshold" not in row and "kind" not in row
    ]
    below: dict[float, list[str]] = {}
    for row in rows:
        if "threshold" in row:
            below.setdefault(row["threshold"], [f"{row['threshold']:g}"]).append(
                number(row["value"])
            )
    kinds = [
        [row["kind"], row["made"], number(row["value"]), str(row["n"]), _named(row["worst"])]
        for row in rows
        if "kind" in row
    ]
    mistaken = next(row for row in rows if row["metric"] == SONGS)
    thresholds = ["`music` below", "hops of what is no music", "hops of music"]
    return (
        "## Music, and what is none\n\n"
        f"{table(['figure', 'value', 'n clips'], figures)}\n\n"
        f"Taken for none most: {_named(mistaken['worst'], 'mistaken')}.\n\n"
        f"{table(thresholds, [*below.values()])}\n\n"
        "Hops on the right side of .5, the mean over clips:\n\n"
        f"{table(['kind', 'made', 'right', 'n clips', 'worst'], kinds)}\n\n"
        f"Protocols:\n\n{protocols(rows)}"
    )


def _named(clips: _Rows, share: str = "right") -> str:
    return ", ".join(f"{each['clip']} {number(each[share])}" for each in clips[:3])

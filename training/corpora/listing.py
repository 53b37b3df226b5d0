"""What there is in a folder of corpora, counted, and what is missing there."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.table import Table

from realtime_mer.errors import InputError

from . import (
    EVERYTHING,
    RATING_TABLES,
    Clip,
    Found,
    find_corpora,
    read_ratings,
    without_repeats,
)
from .clip import ALL_THROUGH


def survey(root: Path) -> dict[str, Any]:
    """Count what lies below a folder.

    Returns:
        JSON values: ``corpora`` (found: name, folder, sound, clips, groups, hours, answers as
        fewest and most listeners a clip where known, labels, kind, licence, cite, missing_audio,
        repeats of recordings in corpora before it), ``ratings`` (tables without sound), ``absent``
        (known corpora that are not there) and ``total`` over clips with files, repeats counted
        once.

    Raises:
        InputError: there is nothing, or a table is not what it should be.
    """
    found = find_corpora(root, EVERYTHING)
    ratings = read_ratings(root)
    if not found and not ratings:
        raise InputError(
            f"no known corpus in {root}; looked for {', '.join(each.name for each in EVERYTHING)}"
        )
    before: set[str] = set()
    everything: list[Clip] = []
    corpora = []
    for each in found:
        clips = each.read()
        corpora.append(_entry(each, clips, before))
        before |= {clip.recording for clip in clips if clip.recording}
        everything += [clip for clip in clips if clip.path.is_file()]
    distinct = without_repeats(everything)
    names = {each.corpus.name for each in found}
    return {
        "corpora": corpora,
        "ratings": [
            {
                "name": table.name,
                "songs": len(ratings[table.name]),
                "labels": [
                    "valence-arousal"
                    if any(rating.valence is not None for rating in ratings[table.name])
                    else "curves"
                ],
                "kind": table.kind,
                "licence": table.licence,
                "cite": table.cite,
            }
            for table in RATING_TABLES
            if table.name in ratings
        ],
        "absent": [corpus.name for corpus in EVERYTHING if corpus.name not in names],
        "total": {"clips": len(distinct), "hours": _hours(distinct)},
    }


def _entry(found: Found, clips: Sequence[Clip], before: set[str]) -> dict[str, Any]:
    there = [clip for clip in clips if clip.path.is_file()]
    answers = [clip.answers for clip in clips if clip.answers]
    corpus = found.corpus
    return {
        "name": corpus.name,
        "folder": str(found.folder),
        "sound": corpus.sound,
        "clips": len(clips),
        "groups": len({clip.group for clip in clips}),
        "hours": _hours(there),
        "answers": [min(answers), max(answers)] if answers else None,
        "labels": _labels(clips),
        "kind": corpus.kind,
        "licence": corpus.licence,
        "cite": corpus.cite,
        "missing_audio": len(clips) - len(there),
        "repeats": len(clips)
        - len(without_repeats(clips))
        + sum(clip.recording in before for clip in without_repeats(clips)),
    }


def _labels(clips: Sequence[Clip]) -> list[str]:
    given = {
        "valence-arousal": any(clip.valence is not None for clip in clips),
        "spread": any(clip.valence_sd is not None for clip in clips),
        "curves": any(clip.curve is not None for clip in clips),
        "quadrant": any(clip.quadrant is not None for clip in clips),
        "gems": any(clip.gems is not None for clip in clips),
        "official split": any(clip.official is not None for clip in clips),
        "music or not": any(clip.music != ALL_THROUGH for clip in clips),
    }
    return [name for name, there in given.items() if there]


def _hours(clips: Sequence[Clip]) -> float:
    return round(sum(clip.seconds for clip in clips) / 3600, 2)


def tables(content: dict[str, Any]) -> list[Table]:
    """Return what ``survey`` counted as tables for a terminal."""
    # Licences are sentences: beside the counts they would be a word wide on a terminal.
    found = Table("corpus", "clips", "groups", "hours", "labels", "listeners", "notes")
    found.columns[4].no_wrap = True
    terms = Table("corpus", "kind of labels", "licence")
    for entry in content["corpora"]:
        notes = [
            *(["MIDI, to be rendered"] if entry["sound"] == "midi" else []),
            *([f"{entry['missing_audio']} without audio"] if entry["missing_audio"] else []),
            *([f"{entry['repeats']} repeated recordings"] if entry["repeats"] else []),
        ]
        listeners = entry["answers"]
        found.add_row(
            entry["name"],
            str(entry["clips"]),
            str(entry["groups"]),
            f"{entry['hours']:.2f}",
            "\n".join(entry["labels"]),
            "-" if listeners is None else "–".join(map(str, dict.fromkeys(listeners))),
            ", ".join(notes) or "-",
        )
        terms.add_row(entry["name"], entry["kind"], entry["licence"])
    total = content["total"]
    found.add_section()
    found.add_row("together", str(total["clips"]), "", f"{total['hours']:.2f}", "", "", "")
    found.caption = f"not found: {', '.join(content['absent']) or 'none'}"
    if not content["ratings"]:
        return [found, terms]
    ratings = Table("without sound", "songs", "labels", "kind", "licence")
    ratings.columns[0].overflow = ratings.columns[2].overflow = "fold"
    for entry in content["ratings"]:
        ratings.add_row(
            entry["name"],
            str(entry["songs"]),
            "\n".join(entry["labels"]),
            entry["kind"],
            entry["licence"],
        )
    return [found, terms, ratings]

"""VGMIDI: perceived valence and arousal of piano arrangements, per measure, about 30 listeners.

Read are ``pieces.csv``, ``curves.csv`` and ``midi/ID.mid``. Notes, not sound: see
``midi.rendered``.

Traps: a "measure" is four quarter notes whatever the time signature, and its ``time_s`` holds for
the MIDI, which is what is rendered; ``heard_duration_s`` is of the recording that the raters heard
and may differ by several seconds, so it is not used. Pieces are grouped by game series.
"""

from collections import defaultdict
from pathlib import Path

from .clip import Clip, Corpus, Layout
from .tables import Row, curve, read_rows, required

_PIECE = (
    "piece_id",
    "series",
    "midi_file",
    "n_annotators",
    "duration_s",
    "valence_mean",
    "arousal_mean",
)
_CURVE = ("valence_mean", "arousal_mean", "valence_std", "arousal_std")


def read_vgmidi(folder: Path) -> list[Clip]:
    """Read the pieces with their curves; ratings are on [-1, 1] as they stand."""
    path = folder / "pieces.csv"
    curves = folder / "curves.csv"
    measures: dict[str, list[Row]] = defaultdict(list)
    for row in read_rows(curves, ("piece_id", "time_s", *_CURVE)):
        measures[row["piece_id"]].append(row)
    return [
        Clip(
            corpus="vgmidi",
            id=row["piece_id"],
            path=folder / row["midi_file"],
            seconds=required(row["duration_s"], path),
            group=f"series:{row['series'].casefold()}",
            recording=f"vgmidi:{row['piece_id']}",
            valence=required(row["valence_mean"], path),
            arousal=required(row["arousal_mean"], path),
            answers=int(required(row["n_annotators"], path)),
            curve=curve(
                *(
                    {
                        required(measure["time_s"], curves): required(measure[name], curves)
                        for measure in measures[row["piece_id"]]
                    }
                    for name in _CURVE
                )
            ),
        )
        for row in read_rows(path, _PIECE)
    ]


VGMIDI = Corpus(
    name="vgmidi",
    kind="perceived valence and arousal per measure, 28 to 32 listeners",
    licence="none stated for data; the compositions are under copyright",
    cite="Ferreira & Whitehead, Learning to generate music with sentiment, ISMIR, 2019",
    sound="midi",
    layouts=(
        Layout(
            shape="vgmidi/pieces.csv",
            fits=lambda folder: folder.name == "vgmidi" and (folder / "pieces.csv").is_file(),
            read=read_vgmidi,
        ),
    ),
)

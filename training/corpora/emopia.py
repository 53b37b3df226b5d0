"""EMOPIA: quadrants of pop piano covers, one annotator a clip, with an official split.

Read is ``clips.csv`` beside ``midi/ID.mid``. Notes, not sound: see ``midi.rendered``. Clips of one
song stand in one group; 72 of the songs have clips in more than one quadrant.
"""

from pathlib import Path

from .clip import Clip, Corpus, Layout
from .midi import midi_seconds
from .tables import quadrant, read_rows


def read_emopia(folder: Path) -> list[Clip]:
    """Read ``clips.csv``; durations are those of the notes."""
    path = folder / "clips.csv"
    clips = []
    for row in read_rows(path, ("clip_id", "quadrant", "song_id", "split")):
        notes = folder / "midi" / f"{row['clip_id']}.mid"
        clips.append(
            Clip(
                corpus="emopia",
                id=row["clip_id"],
                path=notes,
                seconds=midi_seconds(notes),
                group=f"emopia:{row['song_id']}",
                recording=f"emopia:{row['clip_id']}",
                quadrant=quadrant(row["quadrant"], path),
                answers=1,
                official=row["split"],
            )
        )
    return clips


EMOPIA = Corpus(
    name="emopia",
    kind="perceived quadrant, one annotator a clip",
    licence="none stated in the copy (terms of the release not verified); covers of copyrighted "
    "songs",
    cite="Hung, Ching, Doh, Kim, Nam & Yang, EMOPIA, ISMIR, 2021",
    sound="midi",
    layouts=(
        Layout(
            shape="emopia/clips.csv",
            fits=lambda folder: folder.name == "emopia" and (folder / "clips.csv").is_file(),
            read=read_emopia,
        ),
    ),
)

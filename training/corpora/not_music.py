"""Sounds that are not music, and mixtures of such with music: when music sounds in each of them.

Read is ``clips.csv`` beside ``audio/ID.opus``. Traps: a clip that is borderline (a bell, singing
alone) is neither, so that nobody can say when music sounds in it; a mixture holds music of other
corpora, and a babble the voices of other clips here. Where other groups are heard in a clip is
told by ``Clip.inside``.
"""

from dataclasses import dataclass
from pathlib import Path

from .clip import NEVER, Clip, Corpus, Layout, artist_group
from .tables import Row, read_rows, required

_COLUMNS = (
    "clip_id",
    "kind",
    "title",
    "how",
    "group",
    "duration_s",
    "borderline",
    "music_from_s",
    "music_to_s",
    "music_group",
    "voices",
)


@dataclass(frozen=True, kw_only=True)
class Sound:
    """A clip, and what sounds in it.

    Attributes:
        clip: the clip.
        kind: applause, crowd, speech and so on; "mix" for a mixture with music.
        title: what it is, in words.
        synthetic: it was made in code or by a machine that speaks; else recorded, or put together
            from recordings.
    """

    clip: Clip
    kind: str
    title: str
    synthetic: bool


def read_sounds(folder: Path) -> list[Sound]:
    """Read ``clips.csv``."""
    path = folder / "clips.csv"
    return [
        Sound(
            clip=Clip(
                corpus="not_music",
                id=row["clip_id"],
                path=folder / "audio" / f"{row['clip_id']}.opus",
                seconds=required(row["duration_s"], path),
                group=f"sound:{row['group']}",
                music=_music(row, path),
                inside=_inside(row),
            ),
            kind=row["kind"],
            title=row["title"],
            synthetic=row["how"] == "synthetic",
        )
        for row in read_rows(path, _COLUMNS)
    ]


def _music(row: Row, path: Path) -> tuple[float, float] | None:
    if row["borderline"] == "1":
        return None
    if row["kind"] != "mix":
        return NEVER
    return required(row["music_from_s"], path), required(row["music_to_s"], path)


def _inside(row: Row) -> tuple[str, ...]:
    voices = [f"sound:{voice}" for voice in row["voices"].split(";") if voice]
    if row["kind"] == "mix":
        voices.append(artist_group(row["music_group"], f"not_music:{row['clip_id']}"))
    return tuple(voices)


NOT_MUSIC = Corpus(
    name="not_music",
    kind="no labels of people: sounds that are not music, and when music sounds in mixtures",
    licence="by clip (clips.csv): mostly free licences and CC; some for research only; the music "
    "in mixtures as its corpora",
    cite="-",
    layouts=(
        Layout(
            shape="not_music/clips.csv",
            fits=lambda folder: folder.name == "not_music" and (folder / "clips.csv").is_file(),
            read=lambda folder: [sound.clip for sound in read_sounds(folder)],
        ),
    ),
)

"""``training render``: notes become sound."""

from typing import Annotated

import typer
from rich.console import Console

from ..corpora import data_root, read_clips
from ..corpora.midi import rendered
from ..features import cache
from .options import Cache, Data


def render(
    corpus: Annotated[list[str], typer.Option(help="A corpus of notes: vgmidi, emopia.")],
    data: Data = None,
    jobs: Annotated[int, typer.Option(min=1, help="Pieces rendered at the same time.")] = 1,
    cache_folder: Cache = None,
) -> None:
    """Render corpora of notes (MIDI) with every sound font that is installed, into the cache."""
    clips = read_clips(data_root(data), corpus)
    sounds = rendered(clips, folder=cache_folder or cache.cache_folder(), jobs=jobs)
    fonts = sorted({clip.path.parent.name for clip in sounds})
    Console().print(f"{len(clips)} pieces, {len(sounds)} sounds with {', '.join(fonts)}")

"""``training render``: notes become sound."""

from typing import Annotated

import typer

from .options import Cache, Data, loading


def render(
    corpus: Annotated[list[str], typer.Option(help="A corpus of notes: vgmidi, emopia.")],
    data: Data = None,
    jobs: Annotated[int, typer.Option(min=1, help="Pieces rendered at the same time.")] = 1,
    cache_folder: Cache = None,
) -> None:
    """Render corpora of notes (MIDI) with every sound font that is installed, into the cache."""
    with loading():
        from ..corpora import data_root, read_clips

        root = data_root(data)
        from ..corpora.midi import rendered
        from ..features import cache
    clips = read_clips(root, corpus)
    sounds = rendered(clips, folder=cache_folder or cache.cache_folder(), jobs=jobs)
    fonts = sorted({clip.path.parent.name for clip in sounds})
    typer.echo(f"{len(clips)} pieces, {len(sounds)} sounds with {', '.join(fonts)}")

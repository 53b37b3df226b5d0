"""``Watching``: some folders looked through again and again, so that their table stays up to date.

It looks instead of being told, because no system tells of what happens on a drive in the network,
and none of more folders than it has watches for.
"""

from realtime_mer.library.annotate import AnnotateOptions, Annotation, annotate
from realtime_mer.library.walk import AudioFile


class Watching:
    """Annotates the same folders with every ``look``.

    The first look takes everything. Later ones leave alone what is still being written: a file is
    heard once two looks have found it the same. One that is broken is tried again only when it has
    changed.

    Args:
        options: what is asked for; outdated tracks are heard again in the first look alone.
    """

    def __init__(self, options: AnnotateOptions) -> None:
        self._options = options
        self._first = True
        self._new: set[AudioFile] = set()  # that the last look found
        self._broken: set[AudioFile] = set()

    def look(self) -> Annotation:
        """Bring the table up to date, and return what has become of the library.

        Raises:
            RealtimeMerError: as from ``annotate``; the next look may succeed.
        """
        new: set[AudioFile] = set()

        def ready(file: AudioFile) -> bool:
            if self._first:
                return True
            if file in self._broken:
                return False
            new.add(file)
            return file in self._new

        found = annotate(self._options, ready=ready)
        self._first, self._new = False, new
        self._broken |= {one.file for one in found.broken if one.file is not None}
        return found

"""mutagen asked for something: an extra, imported where it is needed, whose errors are ours."""

import struct
from collections.abc import Iterator
from contextlib import contextmanager

from realtime_mer.errors import AudioFileError, InputError
from realtime_mer.wording import installing

# What a damaged file makes it raise besides its own, as found by feeding it such files.
_OF_DAMAGE = (struct.error, ValueError, LookupError, EOFError, OverflowError, TypeError)


@contextmanager
def mutagen_at_work() -> Iterator[None]:
    """Raise what mutagen raises as an error of ours; a full disk as what it is.

    Raises:
        InputError: it is not installed.
        AudioFileError: it cannot make sense of a file.
    """
    try:
        from mutagen import MutagenError
    except ImportError as error:
        raise InputError(
            f"tags of FLAC, Ogg, Opus and MP4 need mutagen, which is not installed: "
            f"{installing('tags')}"
        ) from error
    try:
        yield
    except MutagenError as error:
        reason = error.args[0] if error.args else "damaged"
        if isinstance(reason, OSError):  # it hides those of the disk
            raise reason from error
        raise AudioFileError(f"its tags cannot be read ({reason}): mend the file first") from error
    except _OF_DAMAGE as error:
        raise AudioFileError(f"its tags are damaged ({error}): mend the file first") from error

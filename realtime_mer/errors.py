"""Every error this package raises on purpose.

::

    RealtimeMerError
    ├── InputError          a setting or argument that cannot be used
    ├── AudioError
    │   ├── DeviceError     no such device, or it cannot be opened
    │   └── AudioFileError  a file that is missing, broken or empty
    ├── CheckpointError     a checkpoint that is missing or does not fit its card
    ├── ProtocolError       a message that breaks the WebSocket protocol
    ├── ServiceError        the WebSocket service cannot start or be reached
    └── RecordingError      what was to be recorded could not be kept whole

A message says what happened, with the value, and what to do about it. The command line prints it
as one line and exits with status 1; a traceback is always a defect.

Code of other packages, found by an entry point, may raise anything. It is called under ``foreign``
alone, which makes one of these errors of that, and is the only place that catches all.
"""

from collections.abc import Iterator
from contextlib import contextmanager


class RealtimeMerError(Exception):
    """The root of all errors of this package."""


class InputError(RealtimeMerError):
    """A setting or argument that cannot be used."""


class AudioError(RealtimeMerError):
    """Sound cannot be read."""


class DeviceError(AudioError):
    """An audio device is not there or cannot be opened."""


class AudioFileError(AudioError):
    """An audio file is missing, broken or empty."""


class CheckpointError(RealtimeMerError):
    """A checkpoint is missing, damaged or does not fit its card."""


class ProtocolError(RealtimeMerError):
    """A message breaks the WebSocket protocol.

    Attributes:
        code: short machine-readable reason, as sent in an ``error`` message.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class ServiceError(RealtimeMerError):
    """The WebSocket service cannot start or cannot be reached."""


class RecordingError(RealtimeMerError):
    """What was to be recorded could not be kept whole."""


@contextmanager
def foreign(
    what: str, error: type[RealtimeMerError], *, kept: tuple[type[Exception], ...] = ()
) -> Iterator[None]:
    """Call code of another package, whose faults are not ours to know.

    Args:
        what: what it is, for people, such as ``the wire laser (package.laser:LASER)``.
        error: what its faults become.
        kept: what it may raise besides this package's own errors.

    Raises:
        RealtimeMerError: of the kind of ``error``, if it raised anything else than it may.
    """
    try:
        yield
    except Exception as fault:
        if isinstance(fault, (RealtimeMerError, *kept)):
            raise
        said = " ".join(str(fault).split())
        raise error(
            f"{what} has a fault: {type(fault).__name__}{f': {said}' if said else ''}. Tell "
            "whoever wrote it."
        ) from fault

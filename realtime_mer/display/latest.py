"""``Latest``: a slot that holds only the newest value.

The thread that reads the service puts a value in, and each redraw takes what is there.
"""

from typing import Generic, TypeVar

T = TypeVar("T")


class Latest(Generic[T]):
    """A slot with one writer and any readers, which never waits and never grows.

    Value and version travel as one tuple whose replacement is atomic, so no lock is needed. What
    is overwritten before it is read is gone: a display wants the present, not the past.
    """

    def __init__(self, value: T) -> None:
        self._slot = (0, value)

    def put(self, value: T) -> None:
        """Replace the value. To be called from one thread only."""
        version, _ = self._slot
        self._slot = (version + 1, value)

    def get(self) -> tuple[int, T]:
        """Return version and value; the version grows with every ``put``, from 0."""
        return self._slot

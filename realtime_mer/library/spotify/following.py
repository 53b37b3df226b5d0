"""``Following``: what was made of some files, made anew when one of them has changed."""

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from realtime_mer.errors import RealtimeMerError
from realtime_mer.library.tables import FileState, state_of

_EVERY_S = 1.0
_REST = 10.0  # times as long as making took, so that most of the time it is not being made


class Following:
    """Looks at files once a second, in a thread of its own; a context manager.

    While something is wrong with the files, what was made last stays, and that is told once.

    Args:
        files: what is looked at, see ``state_of``.
        make: is called when they have changed; raises RealtimeMerError where that cannot be done.
        tell: is told what is wrong.
        every_s: seconds from one look to the next.
    """

    def __init__(
        self,
        files: Sequence[Path],
        make: Callable[[], None],
        *,
        tell: Callable[[str], None],
        every_s: float = _EVERY_S,
    ) -> None:
        self._files = files
        self._make, self._tell, self._every_s = make, tell, every_s
        self._state = self._look()
        self._told = ""
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="following", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _follow(self) -> None:
        pause = self._every_s
        while not self._ended.wait(pause):
            begun = time.monotonic()
            state = self._look()  # before it is read, so that what comes meanwhile is seen later
            if state != self._state and self._made():
                self._state = state
            pause = max(self._every_s, _REST * (time.monotonic() - begun))

    def _made(self) -> bool:
        try:
            self._make()
        except RealtimeMerError as error:
            if str(error) != self._told:
                self._tell(f"{error} (what was there before stays)")
            self._told = str(error)
            return False
        self._told = ""
        return True

    def _look(self) -> list[FileState]:
        return [state_of(path) for path in self._files]

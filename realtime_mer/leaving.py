"""How a process of ours ends: with its status, and at once."""

import atexit
import contextlib
import os
import sys
from collections.abc import Callable
from typing import NoReturn


def end_with(run: Callable[[], int]) -> NoReturn:
    """Run a whole program and end this process with the status that it returns.

    The interpreter is not taken down: with torch in it, that visits a million objects and clears
    tables of thousands of operators, for as long as a fifth of torch's import, and does nothing for
    anybody. It would also do so under threads that still wait for a silent service.

    Args:
        run: returns the exit status; it may raise SystemExit. What else it raises is a defect,
            which Python prints, and the status is 1.
    """
    status = 1

    def leave() -> None:
        # Registered before all others, so it runs after them: threads have been joined, and the
        # libraries have closed what they hold.
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                with contextlib.suppress(OSError, ValueError):  # nobody reads, or it is closed
                    stream.flush()
        os._exit(status)

    atexit.register(leave)
    try:
        status = run()
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
        raise
    sys.exit(status)

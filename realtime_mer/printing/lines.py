"""What is printed for people: every text as it is, whoever chose it.

Names of files, devices and sessions come from outside. Rich would read ``[out]`` in them as markup,
and a terminal obeys the control characters in them. All that is printed goes through here or
through ``console``; a test holds every other module to that.
"""

import sys
from typing import IO

from realtime_mer.wording import in_one_line, literal


def line(text: object, *, file: IO[str] | None = None) -> None:
    """Print one line on standard output, or elsewhere, at once.

    Bytes of a file's name that are no text leave as they came where the output can take them.
    """
    print(literal(str(text), bytes_too=False), file=file, flush=True)


def notice(text: object) -> None:
    """Print one line on standard error, where there is one."""
    if sys.stderr is not None:
        print(literal(str(text)), file=sys.stderr, flush=True)


def complain(text: object) -> None:
    """Print one line on standard error, in the program's name, whatever a file is called in it."""
    notice(f"realtime-mer: {in_one_line(str(text))}")

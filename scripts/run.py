#!/usr/bin/env python3
"""Set up what is missing, then run realtime-mer: `python3 scripts/run.py [arguments]`.

Without arguments it recognises the emotion of what the microphone hears (or the system plays, or
the built-in demo). Needs Python 3.11 or newer and nothing else.
"""

from __future__ import annotations

import sys

import _setup


def main(arguments: list[str]) -> int:
    """Set up and hand over; return the exit code."""
    try:
        _setup.prepare(extras=("display", "train"), libraries=_setup.RUN_LIBRARIES)
        command = [str(_setup.program("realtime-mer")), *(arguments or ["live"])]
        return _setup.hand_over(command)
    except _setup.SetupError as error:
        _setup.say(str(error))
        return 1
    except KeyboardInterrupt:
        _setup.say("interrupted; the next start goes on from here")
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

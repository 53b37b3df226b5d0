"""``--align`` on the terminal: one key press, chirps, and what they say."""

import sys

from rich.console import Console

from realtime_mer.audio.aligning.measuring import measure_way
from realtime_mer.audio.opening import Opened
from realtime_mer.errors import InputError


def ask_for_quiet(console: Console) -> None:
    """Wait for the key that starts the measurement, where there is somebody to press one."""
    console.print(
        "Aligning: stop the music, put the microphone where it will be, and turn the loudspeaker "
        "up to its usual volume. Five chirps will come from it."
    )
    if sys.stdin is not None and sys.stdin.isatty():
        console.input("Press Enter to begin. ")


def tell_way(opened: Opened, console: Console) -> float:
    """Measure the way from the loudspeaker to a microphone, tell it, and return it in seconds.

    Raises:
        AudioError: it cannot be measured.
        InputError: what was opened is no microphone.
    """
    if opened.spec != "mic":
        raise InputError(f"--align needs a microphone; there is none to be heard ({opened.why}).")
    console.print("Listening to the room, then to the chirps: some eight seconds")
    way = measure_way(opened.source)
    console.print(
        f"From loudspeaker to microphone: {1000 * way.seconds:.0f} ms ({way.clear_db:.0f} dB clear "
        "of what noise could be). Times and latency are told from the loudspeaker on."
    )
    return way.seconds

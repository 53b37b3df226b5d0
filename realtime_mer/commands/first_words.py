"""``say``: the line that a command prints before anything that takes long."""

from realtime_mer.printing.lines import notice


def say(text: str) -> None:
    """Say what is about to be done, before anything that takes long.

    On standard error, so that standard output holds nothing but data. Off a terminal too: whoever
    reads the log of a service wants to know what it is at.

    Args:
        text: such as ``Listening to the microphone``.
    """
    notice(f"{text} ...")

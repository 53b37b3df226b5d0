"""The words that people read: what a status, a quadrant and a recording are called.

Each stands here once, whoever shows it; a test holds the copy of the browser's display to this one.
On screen there are words for everything, never colour alone.
"""

import re
from collections.abc import Iterable, Sequence

from realtime_mer.estimate import Status
from realtime_mer.mood import Most

STATUS_WORDS = {
    Status.WARMING_UP: "warming up",
    Status.MUSIC: "music",
    Status.SILENCE: "silence",
    Status.TOO_QUIET: "too quiet",
    Status.NO_MUSIC: "no music",
    Status.NO_SIGNAL: "no signal",
    Status.GAP: "gap",
    Status.RECONNECTING: "reconnecting",
    Status.PAUSED: "paused",
}
"""A short name for every status."""

STATUS_NOTES = {
    Status.WARMING_UP: "less than 3 s of sound so far",
    Status.MUSIC: "",
    Status.SILENCE: "the last estimate is held",
    Status.TOO_QUIET: "the last estimate is held",
    Status.NO_MUSIC: "the last estimate is held",
    Status.NO_SIGNAL: "only zeros arrive: a denied permission or a paused player",
    Status.GAP: "some sound was lost",
    Status.RECONNECTING: "the sound device is gone; the last estimate is held",
    Status.PAUSED: "no estimates until somebody lets it go on",
}
"""What each status means for the numbers beside it; empty where there is nothing to add."""


STATUS_SENTENCES = {
    Status.WARMING_UP: "Less than a whole window of sound has come; estimates are provisional.",
    Status.MUSIC: "Estimates are of the sound now playing.",
    Status.SILENCE: "The input is silent; the last estimate is held.",
    Status.TOO_QUIET: "The sound is too quiet to judge; the last estimate is held.",
    Status.NO_MUSIC: (
        "There is sound, but no music: talk, applause or noise; the last estimate is held."
    ),
    Status.NO_SIGNAL: (
        "Only digital zeros arrive. A paused player sends them; so does macOS when the terminal "
        "may not use the microphone (System Settings, Privacy & Security, Microphone)."
    ),
    Status.GAP: "Samples were lost; their place in time is kept and filled with zeros.",
    Status.RECONNECTING: "The device is gone; it is being reopened by its name.",
    Status.PAUSED: "Paused: nothing is estimated until somebody lets it go on.",
}
"""What each status means, for whoever is told that it has begun."""

WAITING_WORD = "waiting"
"""What a display says in the place of a status while no estimate comes."""

WAITING_NOTE = "no estimate for {} s"
"""Since when, in whole seconds."""


ROOM_WORDS = {
    "empty": ("no sound arrives", "nobody sends"),
    "waiting": ("no sound arrives", "none for {} s"),
    "ended": ("off", "its sender has ended it"),
    "late": ("no estimates", "it is not computed now"),
    "stale": ("stale", "nothing new for {} s"),
}
"""What a wall says of a room in the place of a status: a short name, and a note to it.

Its sender has gone without a word, or is silent for so many whole seconds, or has said that the
sound has ended; or sound comes, but the service says that it does not compute it, or nothing was
told of it for so many seconds.
"""

NEEDS_SOMEBODY = (Status.NO_SIGNAL, Status.RECONNECTING)
"""The statuses in which a wall calls somebody to a room.

Silence, talk and quiet passages are none of them: they are part of every evening.
"""


def installing(extra: str) -> str:
    """Return what brings an extra, as you would type it; quoted, as zsh would take the brackets."""
    return (
        f"`pip install 'realtime-mer[{extra}]'` "
        f"(in a checkout: `python3 scripts/run.py --with {extra} doctor`)"
    )


PHONES_OPEN = (
    "Whoever gets this link, in any network from which this machine can be reached, sees what is "
    "estimated in this session: mood and numbers, levels and a coarse picture of the sound, the "
    "last ten minutes, and markers with their notes. They can set markers. They hear no sound and "
    "change nothing else. It stays open until you end it here, or the session ends; then they are "
    "cut off, and the link is void."
)
"""What it means that phones may watch."""

UNENCRYPTED = "It is not encrypted: open it only in a network that you trust."
"""What is added where the service has no certificate."""

NOBODY_SENDS = "Nobody sends sound into this room; the last estimate is held."
"""What a room says that is not fed."""

NO_SOUND_COMES = "No sound has come for a while; the last estimate is held."
"""What a room says whose sender is there and sends nothing."""

MACHINES_APART = (
    "The machines of this service cannot reach each other now; the last estimate is held, and the "
    "newest ten seconds of sound are kept."
)
"""What a room says of which nothing is told because NATS is away."""

NOBODY_NEW = (
    "The machines of this service cannot reach each other now, so it takes no sender: try again."
)
"""What a sender is told that comes while NATS is away."""

NOT_STORED = (
    "What lies between the machines of this service is full, so it takes no sender: try again."
)
"""What a sender is told that comes while NATS has no room left."""

NOBODY_COMPUTES = "No worker is there that computes this room; the last estimate is held."
"""What a room says of which nothing is told because there is no worker."""

WORKERS_FULL = (
    "The workers have as many rooms as they may: this one is not computed; the last estimate is "
    "held."
)
"""What a room says of which nothing is told because no worker takes it."""

COMPUTED_LATE = (
    "Estimates come late: this room moves to another worker, or the workers are too slow."
)
"""What a room says of which nothing is told although there are workers."""

ROOM_NOTICES = {
    (False, False): "Nothing of what you send is stored: neither the sound nor what is estimated.",
    (True, False): (
        "What is estimated of the sound is stored: mood, numbers and levels. The sound is not."
    ),
    (True, True): "The SOUND that you send IS STORED, and so is what is estimated of it.",
}
"""What is said to whoever sends sound, by whether estimates and whether sound are stored."""

RECORDED_SINCE = "more of this room is stored from now on: come back, and you are told what"
"""Why a sender is sent away that was told that less is stored."""

SOUND_BETWEEN = "The newest 30 s of sound lie in the memory of NATS ({}), and never on a disk."
"""What is said besides where rooms are computed on other machines."""

SERVICE_STOPS = "the service of rooms stops"
"""The reason that everybody is given when a service of rooms ends."""

ROOM_FORGOTTEN = "this room was forgotten"
"""The reason that those are given who watch a room when somebody lets all forget it."""

SESSION_END = "the session has ended"
"""The reason that everybody is given when a session ends."""

PHONES_END = "phones may not watch any more"
"""The reason that those are given who are cut off."""

LOST_NOTE = "some sound was lost"
"""What a display says of lost or skipped sound to people who do not ask for numbers."""

OUTLET_NOTE = "an outlet cannot be reached"
"""What a window says where lights or the like that values are sent to are gone."""

TURN_SIGN = "\N{BLACK UP-POINTING SMALL TRIANGLE}"
"""What stands under a time line where the music turned, and before the words for it."""

TURN_WORDS = "the music turned"
"""What is said of that."""

_TIMES = 3  # that are told, the last ones

QUADRANT_WORDS = {
    "Q1": "pleasant, energetic",
    "Q2": "unpleasant, energetic",
    "Q3": "unpleasant, calm",
    "Q4": "pleasant, calm",
}
"""What the music of each quadrant is like."""

MIDDLE_WORDS = "near the middle"
"""What is said of music that lies in no quadrant."""

RECORDING_SENTENCES = {
    (True, True): "Estimates and SOUND are recorded.",
    (True, False): "Estimates are recorded, without sound.",
    (False, True): "SOUND is recorded, estimates no more.",
    (False, False): "Recording stopped.",
}
"""What is recorded, by whether estimates and whether sound are."""

RECORDING_SIGNS = {
    (True, True): "\N{BLACK CIRCLE} REC estimates and SOUND",
    (True, False): "\N{BLACK CIRCLE} REC estimates, no sound",
    (False, True): "\N{BLACK CIRCLE} REC SOUND only",
    (False, False): "recording stopped",
}
"""The same as a sign, for where a sentence is too long."""


RECORDING_BADGES = {
    (True, True): "\N{BLACK CIRCLE} REC SOUND",
    (True, False): "\N{BLACK CIRCLE} REC",
    (False, True): "\N{BLACK CIRCLE} REC SOUND",
    (False, False): "",
}
"""The same in a word, for a wall of rooms."""


def outlet_words(name: str, *, state: str, sent: int, dropped: int, failed: int) -> str:
    """Return how an outlet fares, such as ``booth: 120 sent, 3 dropped, 0 failed``."""
    gone = "" if state == "connected" else f" ({state})"
    return f"{name}{gone}: {sent} sent, {dropped} dropped, {failed} failed"


def turned_words(times: Sequence[str]) -> str:
    """Return when the music turned, as in ``▴ the music turned at 0:41, 1:20``; "" for never."""
    return f"{TURN_SIGN} {TURN_WORDS} at {', '.join(times[-_TIMES:])}" if times else ""


def spoken(name: str) -> str:
    """Return a name of the vocabulary as words, such as ``joyful activation``."""
    return name.replace("_", " ")


def quadrant_words(quadrant: str | None) -> str:
    """Return what music of a quadrant is like, within a sentence; of None, of the middle."""
    if quadrant is None:
        return MIDDLE_WORDS
    return QUADRANT_WORDS[quadrant].replace(", ", " and ")


def mostly(most: Most) -> str:
    """Return what was said most, such as ``pleasant and calm (62%), above all serene (40%)``."""
    said = f"{quadrant_words(most.quadrant)} ({most.part:.0%})"
    if most.quadrant is None:  # it has a single word
        return said
    return f"{said}, above all {most.word} ({most.word_part:.0%})"


def signed(value: float) -> str:
    """Return a number in [-1, 1] with its sign and two decimals, as in ``+0.42``."""
    return f"{value:+.2f}".replace("-", "\N{MINUS SIGN}")


def counted(number: int, what: str) -> str:
    """Return a count with its word, as in ``1 channel`` and ``2 channels``."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def clock(seconds: float) -> str:
    """Return a duration as ``m:ss``, or ``h:mm:ss`` from an hour on."""
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"


def nearest(word: str, names: Iterable[str]) -> str | None:
    """Return the name that somebody who typed ``word`` most likely meant; None if none is near."""
    import difflib  # only a mistake needs it

    by_case = {name.casefold(): name for name in names}
    found = difflib.get_close_matches(word.casefold(), by_case, n=1)
    return by_case[found[0]] if found else None


def legible(name: str) -> str:
    """Return a name from outside as text: what in it is no UTF-8 is escaped, as in ``\\udcff``."""
    return name.encode("utf-8", "backslashreplace").decode()


def in_one_line(text: str) -> str:
    """Return a text whose line breaks are spelt out; on Linux a file's name may hold some."""
    return text.replace("\r", "\\r").replace("\n", "\\n")


def literal(text: str, *, bytes_too: bool = True) -> str:
    """Return a text in which nothing acts on whoever shows it.

    Control characters, and those that turn round the direction of writing, are spelt out, as in
    ``\\x1b`` and ``\\u202e``; line breaks and tabs stay.

    Args:
        text: from outside, or with something from outside in it.
        bytes_too: whether what is no UTF-8 is spelt out as well.
    """
    shown = _ACTING.sub(lambda found: found[0].encode("unicode_escape").decode(), text)
    return legible(shown) if bytes_too else shown


_ACTING = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")

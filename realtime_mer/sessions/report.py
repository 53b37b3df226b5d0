"""What a report says: course, moods, segments, markers, signal quality, limits."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import numpy as np

from realtime_mer.emotion import MOOD_WORDS, QUADRANTS
from realtime_mer.estimate import Status
from realtime_mer.mood import mood_text
from realtime_mer.sessions.course import (
    SHORTEST_SEGMENT_S,
    SMALLEST_CHANGE,
    Course,
    Numbers,
    Segment,
    segments,
)
from realtime_mer.sessions.document import (
    Block,
    Document,
    Facts,
    Heading,
    Note,
    Picture,
    Share,
    Shares,
    Table,
    Text,
)
from realtime_mer.sessions.pictures import (
    MOST_NUMBERS,
    QUADRANT_COLOURS,
    course_picture,
    plane_picture,
)
from realtime_mer.sessions.prose import sentence, summary
from realtime_mer.sessions.store import Session
from realtime_mer.wire.protocol import Level, Marker, ServerMessage, StatusMessage
from realtime_mer.wording import (
    MIDDLE_WORDS,
    QUADRANT_WORDS,
    STATUS_WORDS,
    TURN_WORDS,
    clock,
    legible,
    mostly,
    signed,
)

LIMITS = (
    "These numbers are what the music expresses as estimated by a model; they are not a "
    "measurement of a person's state, and no diagnosis can rest on them.",
    "The model was trained on ratings of music by panels of listeners. It does not know who "
    "listens, what the music means to them, or its words.",
    "The band around each line is one standard deviation of a panel's rating: about a third of "
    "ratings would lie outside it even if the model were right.",
    "Segments and change points are found by a rule, stated below; another rule finds others.",
)
"""What a reader must know, in plain words."""

TAKES_ALL = "Sound that is not music, such as speech or applause, gets estimates like any other."
"""What they must know besides, of a model that does not tell music from other sound."""

LEAVES_OUT = (
    "Sound that the model did not take for music, such as speech or applause, is left out. It can "
    "be wrong about that, both ways."
)
"""The same of one that does."""

_NEUTRAL = "#a7b0ad"  # the mood word that lies in no quadrant
_SMALLEST_SHARE = 0.01  # moods below that are summed up


def report(sessions: Sequence[Session], *, title: str | None = None) -> Document:
    """Return a report on one session, or on several one after the other with a table of all.

    Args:
        sessions: one or more.
        title: of the report; without it, those of the sessions, or their names.
    """
    title = legible(title) if title else " and ".join(map(_title, sessions))
    told = [_Told(session) for session in sessions]
    courses = [one.course for one in told]
    sound = LEAVES_OUT if all(course.tells for course in courses) else TAKES_ALL
    limits = Note(title="What this is, and what it is not", items=(*LIMITS, sound))
    blocks: list[Block] = [Heading(text=title, level=1)]
    if len(sessions) > 1:
        blocks += [limits, *_comparison(sessions, courses)]
    for one in told:
        if len(sessions) > 1:
            blocks.append(Heading(text=_title(one.session), level=1))
        blocks += _session(one, limits=limits if len(sessions) == 1 else None)
    blocks += [Heading(text="How segments were found"), Text(text=_RULE)]
    return Document(title=title, blocks=tuple(blocks))


def _title(session: Session) -> str:
    return legible(session.manifest.title or session.name)


_RULE = (
    "A stretch of music is cut where its mean valence and arousal change. Of all cuts the one is "
    "made that lowers the sum of squared distances from the means of the segments most, and again "
    f"on both sides. A segment lasts at least {SHORTEST_SEGMENT_S:g} s; two of that length are "
    f"told apart where their means lie {SMALLEST_CHANGE:g} apart, longer ones where the cut lowers "
    "the sum as much. The words of a segment come from where its mean lies, how uncertain it is "
    "and how likely each quadrant was."
)


_TURNS = (
    "To a new section or another song, told while it was heard, some 3 s after it. It is told from "
    "the sound alone and not from moods, so that these times need not be those of segments."
)


class _Told:
    """What a session tells, from one reading of it.

    Attributes:
        session: it.
        course: its estimates.
        markers: in order.
        sources: what was listened to, each once.
        levels, clipped: how many were measured, and how many of them at full scale or over it.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self.markers: list[Marker] = []
        self.sources = [session.manifest.source]
        self.levels = self.clipped = 0
        self.course = Course.of(session.rows(others=self._take), hop=session.manifest.hello.hop)

    def _take(self, message: ServerMessage | Level) -> None:
        if isinstance(message, Level):
            self.levels += 1
            self.clipped += message.peak_dbfs >= 0.0
        elif isinstance(message, Marker):
            self.markers.append(message)
        elif isinstance(message, StatusMessage) and message.source not in self.sources:
            self.sources.append(message.source)


def _session(told: _Told, *, limits: Note | None) -> list[Block]:
    session, course, markers = told.session, told.course, told.markers
    found = segments(course)
    blocks: list[Block] = [Text(text=summary(course, found), lead=True)]
    if limits is not None:
        blocks.append(limits)
    blocks.append(_facts(session, course, sources=told.sources))
    if len(course.t):
        blocks += _pictures(course, found, markers)
        blocks += [Heading(text="Time in each quadrant"), *_quadrants(course)]
        blocks += [Heading(text="Time in each mood"), *_moods(course)]
        blocks += [Heading(text="The music, part by part"), *_parts(found)]
    blocks += [*_turns(course), Heading(text="Markers and notes"), *_markers(markers, course)]
    if len(course.t):
        blocks += [
            Heading(text="How well the music was heard"),
            _quality(session, course, clipped=told.clipped, levels=told.levels),
        ]
    return blocks


def _music_s(course: Course) -> float:
    return course.seconds_of_status().get(Status.MUSIC, 0.0)


def _facts(session: Session, course: Course, *, sources: Sequence[str]) -> Facts:
    manifest, kept_from = session.manifest, session.sound_start
    ended = manifest.ended_at
    sound = f"{clock(course.seconds)}, {len(course.t)} estimates"
    if course.start >= 1.0:  # amid a session: the times below are those that its displays showed
        sound += f"; from {clock(course.start)} to {clock(course.end)} of what was listened to"
    kept = "no" if kept_from is None else "yes"
    if kept_from:
        kept += f", from {clock(kept_from)} on"
    rows = {
        "Session": legible(session.name),
        "Person": manifest.pseudonym or "not stated",
        "Begun": _moment(manifest.started_at),
        "Ended": _moment(ended) if ended else "not noted: it is still recorded, or was cut off",
        "Sound": sound,
        "Source": ", then ".join(sources),
        "Model": manifest.hello.model,
        "Sound kept": kept,
        "Encrypted": "yes" if session.encrypted else "no",
        "Software": f"realtime-mer {manifest.software}",
    }
    return Facts(rows=tuple(rows.items()))


def _moment(text: str) -> str:
    """Return an ISO 8601 time as people write it, in its own offset from UTC."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:  # of a marker from elsewhere
        return text
    return f"{moment.day} {moment:%B %Y, %H:%M:%S} {moment.tzname() or ''}".rstrip()


def _pictures(course: Course, found: Sequence[Segment], markers: Sequence[Marker]) -> list[Block]:
    many = len(found) > MOST_NUMBERS
    longest = f" Of {len(found)} segments only the longest {MOST_NUMBERS} bear numbers here."
    dotted = "" if many else "Dotted: change points. "
    joined = longest if many else " The line goes by time."
    blocks: list[Block] = [
        Heading(text="Course of valence and arousal"),
        Picture(
            svg=course_picture(course, found, markers=[marker.t for marker in markers]),
            description=f"Valence and arousal from -1 to 1 over {clock(course.seconds)}, and the "
            "mood of each segment; the tables below hold the same in numbers.",
        ),
        Text(
            text="Line: estimate. Band: one standard deviation. Grey: warming up, or no music and "
            f"the last estimate is held. {dotted}Dashed, numbered: markers. "
            f"{f'Triangle: {TURN_WORDS}. ' if course.turned else ''}Below: each segment "
            "with its number in the table, in the colour of its quadrant."
            f"{longest if many else ''}",
            small=True,
        ),
    ]
    if any(one.words for one in found):
        blocks += [
            Heading(text="Segments on the plane"),
            Picture(
                svg=plane_picture(found),
                description="The mean of each segment on the plane of valence and arousal.",
                width=0.55,
            ),
            Text(
                text="Each disc is a segment of music: its place is the mean, its area the time it "
                f"took, its number that in the table of segments.{joined}",
                small=True,
            ),
        ]
    return blocks


def _quadrants(course: Course) -> list[Block]:
    names: dict[str | None, str] = {q: f"{q} {QUADRANT_WORDS[q]}" for q in QUADRANTS}
    names[None] = MIDDLE_WORDS
    colours = {names[quadrant]: QUADRANT_COLOURS[quadrant] for quadrant in QUADRANTS}
    return _shares({names[q]: seconds for q, seconds in course.said.quadrants.items()}, colours)


def _moods(course: Course) -> list[Block]:
    seconds = course.said.words
    whole = sum(seconds.values())
    shown = {word: s for word, s in seconds.items() if s >= _SMALLEST_SHARE * whole}
    few = {word: s for word, s in seconds.items() if word not in shown}
    if few:
        shown[f"{len(few)} others"] = sum(few.values())
    colours = {word.word: QUADRANT_COLOURS[word.quadrant] for word in MOOD_WORDS if word.quadrant}
    return _shares(shown, colours)


def _shares(seconds: Mapping[str, float], colours: Mapping[str, str]) -> list[Block]:
    whole = sum(seconds.values())
    if not whole:
        return [Text(text="There was no music.")]
    return [
        Shares(
            rows=tuple(
                Share(
                    name=name,
                    amount=clock(value),
                    part=value / whole,
                    colour=colours.get(name, _NEUTRAL),
                )
                for name, value in seconds.items()
            )
        )
    ]


def _parts(found: Sequence[Segment]) -> list[Block]:
    return [
        _segments(found),
        Text(
            text="\u00b1: about two out of three ratings by a panel would lie so near, if the "
            "model is right. Two words: which of them fits better is open.",
            small=True,
        ),
    ]


def _segments(found: Sequence[Segment]) -> Table:
    rows = []
    for number, one in enumerate(found, start=1):
        values = ("", "")
        if one.valence is not None and one.arousal is not None:
            values = (
                f"{signed(one.valence)} ± {one.valence_sd:.2f}",
                f"{signed(one.arousal)} ± {one.arousal_sd:.2f}",
            )
        rows.append((str(number), clock(one.start), clock(one.end), sentence(one), *values))
    head = ("", "from", "to", "what the music expressed", "valence", "arousal")
    return Table(head=head, rows=tuple(rows), numbers=2)


def _turns(course: Course) -> list[Block]:
    if course.turned is None:
        return []
    if not course.turned:
        told: list[Block] = [Text(text="Nowhere, as far as was told.")]
    else:
        rows = tuple((clock(t), _then(t, course)) for t in course.turned)
        told = [Table(head=("at", "the music then"), rows=rows), Text(text=_TURNS, small=True)]
    return [Heading(text=f"Where {TURN_WORDS}"), *told]


def _markers(markers: Sequence[Marker], course: Course) -> list[Block]:
    if not markers:
        return [Text(text="None.")]
    rows = tuple(
        (
            str(number),
            clock(one.t) if one.t is not None else "",
            _moment(one.wall_time) if one.wall_time else "",
            _then(one.t, course),
            one.label,
        )
        for number, one in enumerate(markers, start=1)
    )
    return [Table(head=("", "at", "time of day", "the music then", "note"), rows=rows)]


def _then(t: float | None, course: Course) -> str:
    """Return what was estimated at a time; nothing where no estimate was."""
    if t is None:
        return ""
    index = int(np.searchsorted(course.t, t + course.hop / 2)) - 1  # the last until then
    if index < 0:
        return ""
    if course.statuses[index] is not Status.MUSIC:
        return STATUS_WORDS[course.statuses[index]]
    valence, arousal = float(course.valence[index]), float(course.arousal[index])
    return f"{mood_text(course.words[index])} ({signed(valence)}, {signed(arousal)})"


def _quality(session: Session, course: Course, *, clipped: int, levels: int) -> Table:
    rows = [
        (STATUS_WORDS[status], f"{seconds:.1f} s")
        for status, seconds in course.seconds_of_status().items()
    ]
    rows += [
        ("times that sound was lost before it came here (xruns)", str(course.xruns)),
        ("estimates left out, because the computer was too slow", str(course.skipped)),
        ("measured levels at full scale or over it (clipping)", f"{clipped} of {levels}"),
        (
            "typical level (0 dBFS is the loudest)",
            f"{float(np.median(course.level_dbfs)):.0f} dBFS".replace("-", "\N{MINUS SIGN}"),
        ),
        ("messages that could not be recorded", str(session.manifest.lost)),
        ("recorded parts that cannot be read", str(session.damaged)),
    ]
    if session.cut_off:
        rows.append(("end of the recording", "missing"))
    rows += [("failure", failure) for failure in session.manifest.failures]
    return Table(head=("what", "how much"), rows=tuple(rows), numbers=1)


def _comparison(sessions: Sequence[Session], courses: Sequence[Course]) -> list[Block]:
    def mean(values: Numbers, course: Course) -> str:
        music = values[course.music]
        if not len(music):
            return "no music"
        return f"{signed(float(music.mean()))} (spread {music.std():.2f})"

    rows = {
        "person": [session.manifest.pseudonym or "not stated" for session in sessions],
        "begun": [_moment(session.manifest.started_at) for session in sessions],
        "model": [session.manifest.hello.model for session in sessions],
        "sound": [clock(course.seconds) for course in courses],
        "music": [clock(_music_s(course)) for course in courses],
        "mean valence of the music": [mean(course.valence, course) for course in courses],
        "mean arousal of the music": [mean(course.arousal, course) for course in courses],
        "mostly": [_mostly(course) for course in courses],
        **_times_turned(courses),
        **{
            f"{name} {words}": [_part(course, name) for course in courses]
            for name, words in QUADRANT_WORDS.items()
        },
    }
    table = Table(
        head=("", *(legible(session.name) for session in sessions)),
        rows=tuple((name, *cells) for name, cells in rows.items()),
        numbers=len(sessions),
    )
    return [Heading(text="Compared"), table]


def _times_turned(courses: Sequence[Course]) -> dict[str, list[str]]:
    told = [course.turned for course in courses]
    if all(turned is None for turned in told):
        return {}
    return {
        f"times that {TURN_WORDS}": [
            "not told" if turned is None else str(len(turned)) for turned in told
        ]
    }


def _mostly(course: Course) -> str:
    most = course.said.most()
    return "no music" if most is None else mostly(most)


def _part(course: Course, quadrant: str) -> str:
    seconds = course.said.quadrants
    whole = sum(seconds.values())
    return f"{clock(seconds[quadrant])} ({seconds[quadrant] / whole:.0%})" if whole else "no music"

"""What a file's tags are to say of a track, and what they said before (pure).

A file's tags are seen as ``Fields``: the values of each field that may be written. A note among
them, ``NOTE``, says what was written and what stood there before. By it exactly that is taken back,
and what somebody has changed since is left as it is.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Annotated, Final, Self

from pydantic import Field, TypeAdapter, ValidationError

from realtime_mer.library.scales import energy
from realtime_mer.library.tracks import Track

Fields = Mapping[str, tuple[str, ...]]
"""Values by the names of fields; a field that is not there has no name."""

VALENCE: Final = "MER_VALENCE"
AROUSAL: Final = "MER_AROUSAL"
MOOD: Final = "MOOD"
COMMENT: Final = "COMMENT"
NOTE: Final = "MER_WRITTEN"
NAMES = (VALENCE, AROUSAL, MOOD, COMMENT, NOTE)
"""The fields that may be written; no other is looked at."""

_BEFORE_COMMENT = " - "  # between an energy and the comment that was there


def energy_text(level: int) -> str:
    """Return an energy as DJ programs know it, such as ``Energy 7``."""
    return f"Energy {level}"


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What may be written besides valence, arousal and mood, and over what.

    Attributes:
        energy: write an energy from 1 to 10 before the comment.
        replace: write over a mood that somebody else has written.
    """

    energy: bool = False
    replace: bool = False


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What the tags are to become.

    Attributes:
        fields: all that may be written, as they are to be.
        remarks: what stays as somebody else has it, one line each.
    """

    fields: Fields
    remarks: tuple[str, ...] = ()


def written(now: Fields, *, track: Track, wish: Wish) -> Outcome:
    """Return the tags with what is known of a track.

    What an earlier time wrote is taken back first, so that writing twice is writing once.
    """
    base = taken_back(now)
    fields, remarks = dict(base.fields), list(base.remarks)
    note = _Note(model=track.model, scale=track.scale, commented=COMMENT in fields)
    note.wrote |= {VALENCE: (f"{track.valence:z.3f}",), AROUSAL: (f"{track.arousal:z.3f}",)}
    mood = fields.get(MOOD)
    if mood is None or wish.replace:
        note.wrote[MOOD] = track.words
        if mood is not None:
            note.had[MOOD] = mood
    else:
        remarks.append(f"the mood {'; '.join(mood)} stays: write over it with --replace")
    fields.update(note.wrote)
    if wish.energy:
        text = energy_text(energy(track.arousal))
        note.wrote[COMMENT] = (text,)
        before, *more = base.fields.get(COMMENT) or ("",)
        fields[COMMENT] = (f"{text}{_BEFORE_COMMENT}{before}" if before else text, *more)
    fields[NOTE] = (note.to_text(),)
    return Outcome(fields=fields, remarks=tuple(remarks))


def taken_back(now: Fields) -> Outcome:
    """Return the tags without what was written; what was there before stands there again.

    A field that does not say any more what was written into it is left as it is, and told.
    """
    if NOTE not in now:
        return Outcome(fields=now)
    note = _Note.of_text(now[NOTE][0])
    if note is None:
        return Outcome(fields=now, remarks=(f"{NOTE} was changed: nothing can be taken back",))
    fields, remarks = dict(now), []
    del fields[NOTE]
    for name, values in note.wrote.items():
        there = fields.pop(name, ())
        if name == COMMENT:
            before = _without_energy(values[0], there, commented=note.commented)
        else:
            before = note.had.get(name, ()) if there == values else None
        if before is None and there:
            remarks.append(f"{name} was changed since, and stays {'; '.join(there)}")
        if kept := there if before is None else before:
            fields[name] = kept
    return Outcome(fields=fields, remarks=tuple(remarks))


def changes(now: Fields, then: Fields) -> dict[str, tuple[str, ...]]:
    """Return the fields that become something else; one that goes has no values."""
    return {name: then.get(name, ()) for name in NAMES if now.get(name) != then.get(name)}


def _without_energy(
    energy: str, there: tuple[str, ...], *, commented: bool
) -> tuple[str, ...] | None:
    """Return a comment without its energy, empty for none; None where it does not begin with it."""
    first, *more = there or ("",)
    if first == energy:
        return ("", *more) if commented or more else ()
    rest = first.removeprefix(energy + _BEFORE_COMMENT)
    return None if rest == first else (rest, *more)


_Field = Annotated[str, Field(pattern=f"^({'|'.join(NAMES[:-1])})$")]  # all but the note
_Values = Annotated[tuple[str, ...], Field(min_length=1)]


@dataclass(kw_only=True)
class _Note:
    """What was written, by which model and on whose scale; what stood there before.

    ``commented`` is whether a comment did.
    """

    model: str
    scale: str = ""  # the model's own
    commented: bool = False
    wrote: dict[_Field, _Values] = field(default_factory=dict)
    had: dict[_Field, _Values] = field(default_factory=dict)

    def to_text(self) -> str:
        parts = {name: value for name, value in asdict(self).items() if value}
        return json.dumps(parts, separators=(",", ":"))  # ASCII, which every tag holds

    @classmethod
    def of_text(cls, text: str) -> Self | None:
        """Return a note; None if it is none, for anybody may have written into it."""
        try:
            return TypeAdapter(cls).validate_json(text)
        except ValidationError:
            return None

"""When a rule fires: comparisons, and things that happen. They are read as data, never run as code.

::

    condition   = happening | any
    happening   = "marker" [TEXT] | "mood changes" | "quadrant changes" | "status changes"
                | "music begins" | "music ends" | "music turns" | "session begins" | "session ends"
    any         = all {"or" all}
    all         = term {"and" term}
    term        = "not" term | "(" any ")" | NAME operator (NUMBER | TEXT | NAME)
    operator    = "<" | "<=" | ">" | ">=" | "==" | "!="

A value that is not known yet, or that is an old one which is held, makes what is said of it neither
true nor false.
"""

import operator
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from realtime_mer.errors import InputError
from realtime_mer.outlets.mapping.values import NAMES, STATUSES, Plain, is_known, is_text
from realtime_mer.wording import nearest

Look = Callable[[str], Plain | None]
"""Gives the value of a name; None while there is none."""

HAPPENINGS = (
    "mood changes",
    "quadrant changes",
    "status changes",
    "music begins",
    "music ends",
    "music turns",
    "session begins",
    "session ends",
)
"""What happens at a moment and has no length; besides them a marker, with a label or any."""

MARKER = "marker"

_OPERATORS: Mapping[str, Callable[[Plain, Plain], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
}
_TOKEN = re.compile(
    r"\s*(?:(?P<number>[-+]?(?:\d+\.?\d*|\.\d+))"
    r"|(?P<name>[A-Za-z_]\w*(?:\.\w+(?:-\d+)?)?)"
    r"""|(?P<text>"[^"]*"|'[^']*')"""
    r"|(?P<sign>[<>]=?|[=!]=|[()]))"
)
_MOST = 500  # characters, and so the depth of brackets too
_DEEPEST = 20


@dataclass(frozen=True)
class Happening:
    """Something that happens at a moment.

    Attributes:
        name: one of ``HAPPENINGS``, or ``marker``.
        label: of a marker; None for any.
    """

    name: str
    label: str | None = None


@dataclass(frozen=True)
class Comparison:
    """A value beside a number, a text or another value."""

    left: str
    sign: str
    right: Plain
    named: bool = False
    """Whether ``right`` is the name of another value."""

    def holds(self, look: Look) -> bool | None:
        """Whether it is so; None where that cannot be said."""
        left = look(self.left)
        right = look(str(self.right)) if self.named else self.right
        return None if left is None or right is None else _OPERATORS[self.sign](left, right)


@dataclass(frozen=True)
class Joined:
    """Several conditions, of which all or any must hold."""

    parts: "tuple[Condition, ...]"
    how: Literal["and", "or"]

    def holds(self, look: Look) -> bool | None:
        """Whether it is so; None where that cannot be said."""
        settles = self.how == "or"
        found = [part.holds(look) for part in self.parts]
        if settles in found:
            return settles
        return None if None in found else not settles


@dataclass(frozen=True)
class Not:
    """A condition that must not hold."""

    part: "Condition"

    def holds(self, look: Look) -> bool | None:
        """Whether it is so; None where that cannot be said."""
        found = self.part.holds(look)
        return None if found is None else not found


Condition = Comparison | Joined | Not


def parse_condition(text: str) -> Condition | Happening:
    """Read what stands behind ``when`` or ``until``.

    Raises:
        InputError: it is neither a comparison nor a happening; the message says where it ends to be
            one.
    """
    if len(text) > _MOST:
        raise InputError(f"a condition has at most {_MOST} characters, this one {len(text)}")
    plain = " ".join(text.split())
    if plain in HAPPENINGS:
        return Happening(plain)
    if match := re.fullmatch(r"""marker(?: ("[^"]+"|'[^']+'))?""", plain):
        return Happening(MARKER, None if match[1] is None else match[1][1:-1])
    reader = _Reader(text)
    condition = reader.any(0)
    if reader.token is not None:
        raise reader.expected('"and", "or" or the end')
    return condition


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    start: int


class _Reader:
    """Reads tokens from the left; ``token`` is the next one, None at the end."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = self._split()
        self.token: _Token | None = None
        self._next()

    def any(self, depth: int) -> Condition:
        return self._joined("or", lambda: self._all(depth))

    def _all(self, depth: int) -> Condition:
        return self._joined("and", lambda: self._term(depth))

    def _joined(self, word: Literal["and", "or"], part: Callable[[], Condition]) -> Condition:
        parts = [part()]
        while self.token is not None and self.token.text == word:
            self._next()
            parts.append(part())
        return parts[0] if len(parts) == 1 else Joined(tuple(parts), word)

    def _term(self, depth: int) -> Condition:
        token = self.token
        if depth > _DEEPEST:
            raise InputError(f"a condition has at most {_DEEPEST} brackets in each other")
        if token is not None and token.text == "not":
            self._next()
            return Not(self._term(depth + 1))
        if token is not None and token.text == "(":
            self._next()
            inner = self.any(depth + 1)
            if self.token is None or self.token.text != ")":
                raise self.expected('")"')
            self._next()
            return inner
        return self._comparison()

    def _comparison(self) -> Comparison:
        name = self._name()
        sign = self.token
        if sign is None or sign.text not in _OPERATORS:
            raise self.expected(f"one of {' '.join(_OPERATORS)}")
        self._next()
        other = self.token
        if other is None or other.kind == "sign":
            raise self.expected("a number, a text in quotes or a value")
        if other.kind == "name":
            right = self._name()
            if is_text(name) != is_text(right):
                raise InputError(f"{name} and {right} cannot be compared: one is a text")
            comparison = Comparison(name, sign.text, right, named=True)
        else:
            self._next()
            text = other.kind == "text"
            value: Plain = other.text[1:-1] if text else float(other.text)
            _check_value(name, sign.text, value)
            comparison = Comparison(name, sign.text, value)
        if is_text(name) and sign.text not in {"==", "!="}:
            raise InputError(f"{name} is a text, which is == or != another one")
        return comparison

    def _name(self) -> str:
        token = self.token
        if token is None or token.kind != "name":
            raise self.expected("a value, such as valence")
        if not is_known(token.text) or token.text == MARKER:
            raise InputError(unknown_value(token.text))
        self._next()
        return token.text

    def expected(self, what: str) -> InputError:
        if self.token is None:
            return InputError(f"{self._text!r} ends where {what} should stand")
        rest = self._text[self.token.start :]
        return InputError(f"{self._text!r}: at {rest!r} there should stand {what}")

    def _next(self) -> None:
        self.token = next(self._tokens, None)

    def _split(self) -> Iterator[_Token]:
        place = 0
        end = len(self._text.rstrip())
        while place < end:
            match = _TOKEN.match(self._text, place)
            if match is None or match.lastgroup is None:
                raise InputError(
                    f"{self._text!r}: {self._text[place:].strip()!r} is neither a value, a number, "
                    f"a text in quotes nor one of {' '.join(_OPERATORS)}"
                )
            yield _Token(match.lastgroup, match[match.lastgroup], match.start(match.lastgroup))
            place = match.end()


def unknown_value(name: str) -> str:
    """Return what is told of a name that is none."""
    if name == MARKER:
        return 'a marker happens: `when = "marker"`, or with its label, \'marker "drop"\''
    near = nearest(name, NAMES)
    guess = f" did you mean {near}?" if near else ""
    return (
        f"there is no value {name!r};{guess} the values are {', '.join(NAMES)}, "
        "and bands.0 to bands.63 (bands.0-7 for a mean)"
    )


def _check_value(name: str, sign: str, value: Plain) -> None:
    if is_text(name) != isinstance(value, str):
        kind = "a text: write one in quotes" if is_text(name) else "a number: write one"
        raise InputError(f"{name} is {kind} behind {sign}")
    if name == "status" and value not in STATUSES:
        raise InputError(f"there is no status {value!r}; give one of {', '.join(STATUSES)}")

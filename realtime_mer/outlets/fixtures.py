"""Lights on a DMX universe: fixtures by name, and the levels of their channels (pure)."""

import re
from itertools import pairwise
from typing import Annotated

from pydantic import Field, StrictInt, StrictStr, field_validator, model_validator

from realtime_mer.outlets.wires import Table, Value

CHANNELS = 512
"""Of a universe; they are counted from 1."""

COLOUR = "colour"
"""A part that fixtures with red, green and blue have besides: takes a text, ``#rrggbb``."""

PLANE = ("valence", "arousal")
"""Parts likewise: where on the plane the mood is, whose colour red, green and blue take."""

_RGB = ("red", "green", "blue")
_HEX = r"#[0-9a-fA-F]{6}"
_Channel = Annotated[StrictInt, Field(ge=1, le=CHANNELS)]
_Name = Annotated[StrictStr, Field(min_length=1, max_length=64)]
_Hex = Annotated[StrictStr, Field(pattern=f"^{_HEX}$")]


class Fixture(Table):
    """A light.

    Attributes:
        name: what you call it.
        channel: its first.
        parts: what each of its channels is, in their order, such as ``dimmer``, ``red``; ``-`` is
            left alone.
    """

    name: _Name
    channel: _Channel
    parts: Annotated[tuple[_Name, ...], Field(min_length=1, max_length=CHANNELS)]

    @property
    def last(self) -> int:
        """Its last channel."""
        return self.channel + len(self.parts) - 1

    @property
    def takes(self) -> list[str]:
        """All parts that a route may name."""
        named = [part for part in self.parts if part != "-"]
        return named + ([COLOUR, *PLANE] if set(_RGB) <= set(named) else [])


class DmxPlace(Table):
    """Where a value goes: to a channel, or to a part of a fixture.

    Attributes:
        channel: 1 to 512.
        fixture: its name.
        part: of it.
    """

    channel: _Channel | None = None
    fixture: _Name | None = None
    part: _Name | None = None

    @model_validator(mode="after")
    def _one(self) -> "DmxPlace":
        if (self.channel is None) == (self.fixture is None):
            raise ValueError("give either a channel, or a fixture and its part")
        if (self.fixture is None) != (self.part is None):
            raise ValueError("a fixture and a part belong together")
        return self


class DmxOptions(Table):
    """What a DMX output has besides.

    Attributes:
        fixtures: the lights on this universe.
        colours: of the plane's quadrants Q1 to Q4, ``#rrggbb``; between them they blend.
        blackout: whether all goes dark at the end; else the last levels stand.
    """

    fixtures: Annotated[tuple[Fixture, ...], Field(max_length=CHANNELS)] = ()
    colours: tuple[_Hex, _Hex, _Hex, _Hex] = ("#ffb000", "#ff2000", "#1830ff", "#00c060")
    blackout: Annotated[bool, Field(strict=True)] = True

    @field_validator("fixtures")
    @classmethod
    def _apart(cls, fixtures: tuple[Fixture, ...]) -> tuple[Fixture, ...]:
        names: set[str] = set()
        for fixture in fixtures:
            if fixture.name in names:
                raise ValueError(f"there are two fixtures called {fixture.name!r}")
            names.add(fixture.name)
            if fixture.last > CHANNELS:
                raise ValueError(
                    f"{fixture.name!r} goes up to channel {fixture.last}; there are {CHANNELS}"
                )
            twice = [part for part in fixture.takes if fixture.takes.count(part) > 1]
            if twice:
                raise ValueError(f"{fixture.name!r} has the part {twice[0]!r} twice")
        in_order = sorted(fixtures, key=lambda fixture: fixture.channel)
        for left, right in pairwise(in_order):
            if right.channel <= left.last:
                raise ValueError(
                    f"{left.name!r} has channels {left.channel} to {left.last}, and {right.name!r} "
                    f"begins at {right.channel}: they overlap"
                )
        return fixtures


def misfit(place: DmxPlace, options: DmxOptions) -> str | None:
    """Return what is wrong with a place on an output; None for nothing."""
    if place.fixture is None or place.part is None:
        return None
    named = {fixture.name: fixture for fixture in options.fixtures}
    fixture = named.get(place.fixture)
    if fixture is None:
        return f"there is no fixture {place.fixture!r}; there are: {', '.join(named) or 'none'}"
    if place.part not in fixture.takes:
        return f"{place.fixture!r} has no {place.part!r}; it has: {', '.join(fixture.takes)}"
    return None


class Universe:
    """The levels of a universe.

    Args:
        options: of the output.

    Attributes:
        levels: 512 of 0 to 255, dark at first.
    """

    def __init__(self, options: DmxOptions) -> None:
        self.levels = bytearray(CHANNELS)
        self._fixtures = {fixture.name: fixture for fixture in options.fixtures}
        self._colours = [_rgb(colour) for colour in options.colours]
        self._moods: dict[str, dict[str, float]] = {}

    def take(self, place: DmxPlace, value: Value) -> bool:
        """Take a value; return whether it could be used."""
        if place.channel is not None:
            return self._set(place.channel, value)
        fixture = self._fixtures.get(place.fixture or "")
        if fixture is None or place.part not in fixture.takes:
            return False
        if place.part in fixture.parts:
            return self._set(fixture.channel + fixture.parts.index(place.part), value)
        if place.part == COLOUR:
            if not isinstance(value, str) or not re.fullmatch(_HEX, value):
                return False
            return self._paint(fixture, _rgb(value))
        if isinstance(value, str):
            return False
        mood = self._moods.setdefault(fixture.name, dict.fromkeys(PLANE, 127.5))
        mood[place.part] = min(255.0, max(0.0, float(value)))
        return self._paint(fixture, self._blend(*(mood[axis] / 255 for axis in PLANE)))

    def _set(self, channel: int, value: Value) -> bool:
        if isinstance(value, str):
            return False
        number = 255.0 * value if isinstance(value, bool) else float(value)
        self.levels[channel - 1] = min(255, max(0, round(number)))
        return True

    def _paint(self, fixture: Fixture, rgb: tuple[float, ...]) -> bool:
        for part, level in zip(_RGB, rgb, strict=True):
            self._set(fixture.channel + fixture.parts.index(part), level)
        return True

    def _blend(self, right: float, up: float) -> tuple[float, ...]:
        """Return the colour of a place, by its shares of the way to the right and up."""
        weights = (right * up, (1 - right) * up, (1 - right) * (1 - up), right * (1 - up))
        return tuple(
            sum(w * colour[part] for w, colour in zip(weights, self._colours, strict=True))
            for part in range(3)
        )


def _rgb(colour: str) -> tuple[float, ...]:
    return tuple(float(level) for level in bytes.fromhex(colour[1:]))

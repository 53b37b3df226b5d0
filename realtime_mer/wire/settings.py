"""What can be changed of a session while it runs, as the window and the page ask for it (pure).

The same values travel over the pipe to the window and, to whoever showed the session's key on the
session's own machine, over the WebSocket.
"""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

LEAST_SPEED, MOST_SPEED = 0.25, 8.0
"""Seconds of a file or of the demo piece in a second."""

MOST_SHAPING_S = 60.0
"""Seconds of smoothing, and of delay."""

_Speed = Annotated[float, Field(ge=LEAST_SPEED, le=MOST_SPEED)]
_Shaping = Annotated[float, Field(ge=0, le=MOST_SHAPING_S)]
_Words = Annotated[str, Field(max_length=4096)]
_Row = Annotated[str, Field(max_length=177, pattern="^[01]*$")]  # the largest QR code


@dataclass(frozen=True, kw_only=True, slots=True)
class Phones:
    """What lets phones and other machines watch.

    Attributes:
        link: of the browser display, with its token in the fragment.
        code: the same as a QR code: rows of 1 for dark and 0 for light, without a border.
    """

    link: Annotated[str, Field(max_length=2048)]
    code: Annotated[tuple[_Row, ...], Field(max_length=177)] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """How what can be changed stands.

    Attributes:
        speed: seconds of sound in a second; None where the source keeps its own time.
        smoothing_s, delay_s: what estimates go through.
        phones: how phones may watch; None where they may not.
        opens: what letting phones watch opens, for people; empty where that cannot be changed.
    """

    speed: _Speed | None = None
    smoothing_s: _Shaping = 0.0
    delay_s: _Shaping = 0.0
    phones: Phones | None = None
    opens: _Words = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """What is to be otherwise; None leaves a thing as it is.

    Attributes:
        speed: seconds of sound in a second, of a file or the demo piece.
        smoothing_s, delay_s: what estimates go through from now on.
        phones: whether phones may watch.
    """

    speed: _Speed | None = None
    smoothing_s: _Shaping | None = None
    delay_s: _Shaping | None = None
    phones: bool | None = None

"""The file of a check: which tracks were drawn, and where the owner placed them.

It is JSON, and written anew, whole or not at all, with every answer. What the model says of a track
stands in it only once the owner has answered.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, PlainValidator, TypeAdapter, ValidationError

from realtime_mer.errors import InputError
from realtime_mer.library.tracks import Track
from realtime_mer.writing.replacing import replacing

ENDING = ".check.json"
"""Of the file beside a table, after the table's own name without its ending."""

_Rating = Annotated[float, Field(ge=-1, le=1)]


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("no text")
    return value


# pydantic's own check takes no name of a file that is no UTF-8.
_Path = Annotated[str, PlainValidator(_text)]


@dataclass(frozen=True, kw_only=True, slots=True)
class Placed:
    """Where the owner placed a track; both in [-1, 1]."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    valence: _Rating
    arousal: _Rating


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """What the model said of a track: its ratings, where nine of ten are expected, and who it is.

    Attributes:
        valence, arousal: in [-1, 1].
        valence_interval, arousal_interval: lowest and highest.
        model_sha256: as in ``Track``.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    valence: _Rating
    arousal: _Rating
    valence_interval: tuple[_Rating, _Rating]
    arousal_interval: tuple[_Rating, _Rating]
    model_sha256: str

    @classmethod
    def of(cls, track: Track) -> Self:
        """Return what a track's row says."""
        return cls(
            valence=track.valence,
            arousal=track.arousal,
            valence_interval=track.valence_interval,
            arousal_interval=track.arousal_interval,
            model_sha256=track.model_sha256,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Drawn:
    """A track that the owner is asked about.

    Attributes:
        path: of its file.
        placed, said: the owner's word and the model's; both or neither.
        skipped: whether the owner passed it over.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    path: _Path
    placed: Placed | None = None
    said: Said | None = None
    skipped: bool = False

    @property
    def waits(self) -> bool:
        """Whether the owner is still to be asked."""
        return self.placed is None and not self.skipped


@dataclass(frozen=True, kw_only=True)
class Answers:
    """A check as it stands.

    Attributes:
        seed: with which its tracks were drawn.
        drawn: in the order of asking.
        left_out: paths of those that could not be played, which are not drawn again.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    seed: int
    drawn: tuple[Drawn, ...] = ()
    left_out: tuple[_Path, ...] = ()
    made_by: Literal["realtime-mer"] = field(default="realtime-mer")
    format: Literal[1] = field(default=1)

    @property
    def both(self) -> list[tuple[Placed, Said]]:
        """The owner's word and the model's of every track that was placed."""
        return [
            (one.placed, one.said)
            for one in self.drawn
            if one.placed is not None and one.said is not None
        ]

    @property
    def models(self) -> Sequence[str]:
        """The fingerprints of the models that spoke of them, in order."""
        return sorted({said.model_sha256 for _, said in self.both})


def answers_beside(table: Path) -> Path:
    """Return where the answers about a table are kept."""
    return table.with_name(f"{table.stem}{ENDING}")


def read_answers(path: Path) -> Answers:
    """Return the answers in a file.

    Raises:
        InputError: it cannot be read, or is something else.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return TypeAdapter(Answers).validate_python(content)
    except OSError as error:
        raise InputError(
            f"{path} cannot be read ({error.strerror}): `realtime-mer library check` makes it"
        ) from error
    except (ValidationError, ValueError, RecursionError) as error:
        raise InputError(
            f"{path} holds no answers of `realtime-mer library check`: name another file"
        ) from error


def write_answers(path: Path, answers: Answers) -> None:
    """Write answers, whole or not at all.

    Raises:
        InputError: they cannot be written.
    """
    try:
        with replacing(path, "w", encoding="utf-8", newline="\n") as file:
            # ASCII, since names that are no UTF-8 are spelt out in it.
            file.write(json.dumps(asdict(answers), indent=1) + "\n")
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}") from error

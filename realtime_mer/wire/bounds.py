"""What a value in a message may be, and how a message is read that may break it (no socket)."""

from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_core import from_json

from realtime_mer.errors import ProtocolError

STRICT = ConfigDict(strict=True, extra="ignore", allow_inf_nan=False)
"""How every message is checked: no value is made to fit, and unknown fields are let be."""

# Words for people. Control characters would let a client write on somebody's terminal; line and
# paragraph separators would make two lines of one, and signs that embed, override or isolate a
# direction (U+202A to U+202E, U+2066 to U+2069) would turn round what stands beside the words.
SIGNS = r"[^\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]"
"""One sign of a word that a stranger may send, as a pattern."""

Text = Annotated[str, Field(max_length=4096)]
Name = Annotated[str, Field(max_length=64)]
# What a number of JSON holds exactly in every language, and a time of thirty years.
Count = Annotated[int, Field(ge=0, le=2**53 - 1)]
Seconds = Annotated[float, Field(ge=0, le=1e9)]
Span = Annotated[float, Field(gt=0, le=3600)]
Token = Annotated[str, Field(max_length=1024)]

_T = TypeVar("_T")


def read_with_care(text: str, known: Mapping[str, TypeAdapter[Any]]) -> Any:
    """Read a message in steps, so that what is wrong can be told; None for an unknown type.

    Args:
        text: one JSON object.
        known: what checks each type, by its name.

    Raises:
        ProtocolError: ``bad_json`` or ``bad_message``.
    """
    try:
        content = from_json(text, allow_inf_nan=False)
    except ValueError as error:
        raise ProtocolError("bad_json", f"not JSON: {error}") from error
    if not isinstance(content, dict) or not isinstance(content.get("type"), str):
        raise ProtocolError("bad_message", 'send one JSON object with a text "type"')
    adapter = known.get(content["type"])
    if adapter is None:
        return None
    try:
        return adapter.validate_json(text)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        where = ".".join([content["type"], *map(str, problem["loc"])])
        raise ProtocolError("bad_message", f"{where}: {problem['msg']}") from error


def read_value(
    known: TypeAdapter[_T | None], data: bytes, *, code: str, what: str, most: int | None = None
) -> _T:
    """Read a value that another process of this service wrote.

    Args:
        known: what checks it. ``None`` is in it for its settings: pydantic takes none for a
            dataclass by itself.
        data: JSON.
        code: of the error.
        what: it is, for people, as in "how a room is fed".
        most: bytes of it; None for as many as came.

    Raises:
        ProtocolError: ``code``, it is none.
    """
    if most is not None and len(data) > most:
        raise ProtocolError(code, f"{len(data)} bytes of {what}")
    try:
        found = known.validate_json(data)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]["msg"]
        raise ProtocolError(code, f"not {what}: {problem}") from error
    if found is None:
        raise ProtocolError(code, f"not {what}: null")
    return found

"""Bytes that are damaged and values that are forged at random, as a seed has it."""

import random
import struct
from typing import Any

VALUES: tuple[Any, ...] = (
    *(None, True, -1, 0, 1e308, -1e308, 5e-324, 1e15, 2**63, 10**30, 10**400),
    *("", "yesterday", "2020-01-01T00:00:00", "9999-12-31T23:59:59+00:00", "0001-01-01T00:00:00Z"),
    *("\x1b[2J", "\u202e", "=1+1", "[/x]", "../../../../etc/passwd", "x" * 5000, "音"),
    *([], {}, [1], {"a": 1}),
)
"""What stands where something else belongs."""

_NUMBERS = (0, 1, 2, 3, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFF0000, 0x7FFFFFFF, 0xFFFFFFFF)


def damaged(draw: random.Random, content: bytes) -> bytes:
    """Return bytes of which a piece is gone, zeros or noise."""
    start = draw.randrange(len(content))
    length = draw.choice((1, 10, 1000, len(content)))
    put = draw.choice((b"", b"\0" * length, draw.randbytes(length)))
    return content[:start] + put + content[start + length :]


def with_number(draw: random.Random, content: bytes, *, head: int) -> bytes:
    """Return bytes with another number somewhere among the first ``head``."""
    shape = draw.choice(("B", "<H", ">H", "<I", ">I", "<Q", ">Q"))
    size = struct.calcsize(shape)
    number = draw.choice((*_NUMBERS, draw.getrandbits(64))) % 2 ** (8 * size)
    at = draw.randrange(max(1, min(head, len(content)) - size))
    return content[:at] + struct.pack(shape, number) + content[at + size :]


def forged(draw: random.Random, value: Any) -> Any:
    """Return a value of JSON in which something is another, gone, or new."""
    if not isinstance(value, dict | list) or not value or draw.random() < 0.2:
        return draw.choice(VALUES)
    if isinstance(value, list):
        at = draw.randrange(len(value))
        return [*value[:at], forged(draw, value[at]), *value[at + 1 :]]
    key = draw.choice(list(value))
    what = draw.random()
    if what < 0.1:
        return {name: one for name, one in value.items() if name != key}
    if what < 0.2:
        return {**value, "unknown": draw.choice(VALUES)}
    return {**value, key: forged(draw, value[key])}

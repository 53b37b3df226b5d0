"""Which channels of a source are heard: those that somebody picked, or all of them."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs

from realtime_mer.audio.limits import MOST_CHANNELS
from realtime_mer.errors import InputError
from realtime_mer.writing.replacing import replacing

if TYPE_CHECKING:  # a mistyped word is answered before anything heavy is imported
    import numpy as np
    from numpy.typing import NDArray

Picked = tuple[int, ...]
"""Channels, counted from 0."""


def parse_channels(text: str) -> Picked:
    """Return the channels that ``3`` or ``3,4`` means, counted from 1.

    Raises:
        InputError: it means none.
    """
    numbers = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() and 1 <= int(part) <= MOST_CHANNELS for part in numbers):
        raise InputError(
            f"--channels {text} names no channels: give numbers from 1 on, as in 3 or 3,4."
        )
    return tuple(sorted({int(part) - 1 for part in numbers}))


def parse_raw_channels(text: str) -> tuple[int, Picked | None]:
    """Return how many channels raw sound has, and which to hear: ``18``, ``3/18`` or ``3,4/18``.

    Raises:
        InputError: it says neither.
    """
    which, _, count = text.rpartition("/")
    if not count.strip().removeprefix("-").isdecimal():
        raise InputError(
            f"--channels {text} does not say how many channels raw sound has: give their number, "
            "or which of how many, as in 3,4/18."
        )
    picked = parse_channels(which) if which else None
    if picked is not None and picked[-1] >= int(count):
        raise InputError(f"--channels {text}: there is no channel {picked[-1] + 1} of {count}.")
    return int(count), picked


def shown(picked: Picked) -> str:
    """Return channels as people count them, such as ``channels 3 and 4``."""
    *others, last = (str(channel + 1) for channel in picked)
    return f"channels {', '.join(others)} and {last}" if others else f"channel {last}"


def lacking(picked: Picked | None, *, channels: int, name: str) -> str | None:
    """Return what is wrong where a source lacks a picked channel; None where it has all."""
    if picked is None or max(picked) < channels:
        return None
    return f"{name} has {channels} channels, so there is no channel {max(picked) + 1} to pick"


def pick(samples: "NDArray[np.float32]", picked: Picked | None) -> "NDArray[np.float32]":
    """Return frames with the picked channels only."""
    return samples if picked is None else samples[:, list(picked)]


class RememberedChannels:
    """What was picked of each device, by its name, from one day to the next.

    Args:
        path: JSON file; None for the user's own.
    """

    def __init__(self, path: Path | None = None) -> None:
        folder = platformdirs.user_config_path("realtime-mer", appauthor=False)
        self._path = path or folder / "channels.json"

    def get(self, device: str) -> Picked | None:
        """Return what was picked of a device; None for nothing, or where that cannot be read."""
        found = self._all().get(device)
        if not isinstance(found, list) or not found:
            return None
        return tuple(found) if all(type(one) is int and one >= 0 for one in found) else None

    def put(self, device: str, picked: Sequence[int] | None) -> None:
        """Remember what was picked of a device; None forgets it.

        Raises:
            InputError: it cannot be written.
        """
        values = self._all()
        values.pop(device, None)
        if picked is not None:
            values[device] = list(picked)
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            text = json.dumps(values, indent=2, ensure_ascii=False)
            with replacing(self._path, "w", encoding="utf-8") as file:
                file.write(text + "\n")
        except OSError as error:
            raise InputError(f"{self._path} cannot be written: {error.strerror}.") from error

    def forget(self, device: str) -> list[str]:
        """Forget what was picked of a device, or of all; return the names of those forgotten.

        Args:
            device: its name or a part of it; ``all`` for every one.

        Raises:
            InputError: nothing is remembered of it, a part fits several, or it cannot be written.
        """
        known = list(self._all())
        found = [device] if device in known else [one for one in known if device in one]
        if device == "all":
            found = known
        elif len(found) > 1:
            raise InputError(
                f"--forget {device}: that fits {_listed(found)}; give one name or all."
            )
        elif not found:
            others = f", but of {_listed(known)}" if known else ", nor of any other device"
            raise InputError(f"--forget {device}: no channels are remembered of it{others}.")
        for name in found:
            self.put(name, None)
        return found

    def _all(self) -> dict[str, object]:
        try:
            values = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return values if isinstance(values, dict) else {}


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names))

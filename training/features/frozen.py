"""A network that was taught elsewhere, held as the plain arrays it is read from."""

from collections.abc import Iterable, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from realtime_mer.errors import InputError


class Frozen(nn.Module):
    """A network's arrays, by the names of the file they lie in; they are never trained.

    Args:
        arrays: the arrays by name.
        names: those that the network needs.
        lacking: how a missing one is told, such as ``the tagger's arrays lack``.
        instead: whose arrays to use.

    Raises:
        InputError: an array is missing.
    """

    def __init__(
        self, arrays: Mapping[str, np.ndarray], names: Iterable[str], *, lacking: str, instead: str
    ) -> None:
        super().__init__()
        for name in names:
            if name not in arrays:
                raise InputError(f"{lacking} {name!r}; use {instead}")
            array = np.array(arrays[name], np.float32)
            self.register_buffer(_buffer(name), torch.from_numpy(array))

    def array(self, name: str) -> NDArray[np.float64]:
        """Return one of its arrays, by the name that the file gives it."""
        array: NDArray[np.float64] = self._get(name).double().numpy()
        return array

    def has(self, name: str) -> bool:
        """Return whether there is an array of that name among those it needs."""
        return hasattr(self, _buffer(name))

    def _get(self, name: str) -> Tensor:
        return self.get_buffer(_buffer(name))


def _buffer(name: str) -> str:
    # A buffer's name cannot hold a dot.
    return name.replace(".", "__")

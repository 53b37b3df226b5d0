"""The states of many streams in place on one device, and a hop of any of them as one graph.

On CUDA a hop is some hundred small kernels, which the host hands over one by one; for few streams
that is what takes the time. Captured once for a number of rows, all of them are handed over as one.
A graph runs on the same memory each time: so states lie in tables that are changed in place, what
comes in and goes out has its place, and a call that is not full computes a row that is nobody's.

On the processor the same function runs as it is: with other means, all of this is the same.

Dimensions: R rows of a bucket, C numbers of a column, K columns of a window.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from realtime_mer.errors import InputError
from realtime_mer.lanes import Flag, Number, Rows
from realtime_mer.model.state import NetworkState
from realtime_mer.recognizer.bank import Heard
from realtime_mer.recognizer.contract import ESTIMATES, Estimates, RecognizerState, Samples
from realtime_mer.recognizer.reference import Recognizer

BUCKETS = (1, 8, 64, 512, 4096)
"""Rows for which there is a graph each; more are computed in several calls."""

_FULL_SCALE = 32768.0  # of a sample of 16 bits
_HUNDREDTH_DB = 0.005  # half of it: where a level of two decimals turns
_CAPTURES = 3  # calls before a graph is captured, in which libraries make ready
_CACHES = ("frames", "coarse", "fine", "hidden", "cell")


class DeviceBank:
    """A bank whose states stay on the device, as ``recognizer.bank.Bank`` promises.

    Sound goes there in 16 bits, in one copy with what else a hop needs; all that comes of it is
    one more. Sound of other sources is rounded to 16 bits, and cut off at full scale. Levels are
    taken there as well, and with them it is decided who begins anew: so nothing waits for the host
    between sound and estimate.

    Args:
        recognizer: whose network; it is on the device.
        streams: how many there may be, >= 1.
        buckets: rows for which hops are made ready, ascending.
        graphs: capture them as graphs, which only CUDA has; as the device is if None.

    Raises:
        InputError: graphs are asked for where there are none.
    """

    def __init__(
        self,
        recognizer: Recognizer,
        *,
        streams: int,
        buckets: Sequence[int] = BUCKETS,
        graphs: bool | None = None,
    ) -> None:
        self._device = recognizer.device
        cuda = self._device.type == "cuda"
        if graphs and not cuda:
            raise InputError(f"Device {self._device} has no graphs; leave them out.")
        self._recognizer, self._path = recognizer, recognizer.path
        self._streams, self._buckets = streams, tuple(buckets)
        self._hop = recognizer.hop_samples
        self._columns = self._path.network.config.columns
        rows = streams + 1  # the last is nobody's
        silent = recognizer.silent
        self._silent = {name: getattr(silent, name) for name in _CACHES}
        # Those of silence are all alike.
        self._silent_column = silent.columns[0, :, -1].clone()
        self._tail = torch.zeros(rows, recognizer.card.past_samples, device=self._device)
        self._caches = {
            name: part.repeat_interleave(rows, dim=0) for name, part in self._silent.items()
        }
        numbers = len(self._silent_column)
        self._ring = torch.zeros(rows, numbers, self._columns, device=self._device)
        # Of each row: where its next column goes, how many of its columns count, and all hops.
        self._place, self._filled, self._hops = (
            torch.zeros(rows, dtype=torch.int64, device=self._device) for _ in range(3)
        )
        most = self._buckets[-1]
        # One copy takes all there: of each row its sound, which row it is, whether it begins anew
        # in any case and whether it does if it is sound, the mean square that sound has, and by
        # which factor the network hears it louder.
        self._words = -(-self._hop // 4)
        self._given = self._pair(most, self._words + 5, dtype=torch.int64)
        self._runs: dict[int, Callable[[], None]] = {}
        self._sizes = {"quadrants": 4, "gems": 9, "mel": recognizer.card.features.n_mels}
        width = sum(self._sizes.get(name, 1) for name in ESTIMATES)
        self._packed = torch.zeros(most, width + 5, pin_memory=cuda)
        with torch.no_grad():
            for bucket in self._buckets:
                self._runs[bucket] = self._made_ready(bucket, graph=cuda and graphs is not False)

    def resize(self, streams: int) -> None:
        """As ``Bank`` promises, up to the number it was made for.

        Raises:
            InputError: it was made for fewer.
        """
        if streams > self._streams:
            raise InputError(
                f"There is room for {self._streams} streams on {self._device}, not for {streams}; "
                "make the bank for more."
            )

    def hop(
        self,
        rows: NDArray[np.int64],
        samples: NDArray[Any],
        *,
        anew: Flag,
        if_sound: Flag,
        above_dbfs: float,
        gain_db: Number = 0.0,
    ) -> Heard:
        """As ``HearingBank`` promises; samples may be int16 as well."""
        most, parts = self._buckets[-1], []
        flags = np.zeros((2, len(rows)), np.int64)
        flags[0], flags[1] = anew, if_sound
        numbers = np.empty((2, len(rows)))
        numbers[0] = 10 ** ((above_dbfs + _HUNDREDTH_DB) / 10)
        numbers[1] = 10.0 ** (np.asarray(gain_db) / 20)
        for first in range(0, len(rows), most):
            part = slice(first, first + most)
            parts.append(self._run(rows[part], samples[part], flags[:, part], numbers[:, part]))
        return self._told(parts[0] if len(parts) == 1 else np.concatenate(parts))

    def step(
        self, rows: Rows, samples: Samples, anew: Sequence[Flag]
    ) -> Estimates[NDArray[np.float32]]:
        """As ``Bank`` promises; hops one by one."""
        places = np.atleast_1d(np.asarray(rows))
        numbers = [
            self.hop(
                places,
                samples[:, index * self._hop : (index + 1) * self._hop],
                anew=begins,
                if_sound=False,
                above_dbfs=0.0,
            ).numbers
            for index, begins in enumerate(anew)
        ]
        return Estimates(
            **{
                name: np.concatenate([getattr(one, name) for one in numbers], axis=1)
                for name in ESTIMATES
            }
        )

    def reset(self, rows: Rows, *, keep_memory: bool = False) -> None:
        """As ``Bank`` promises."""
        places = torch.as_tensor(np.atleast_1d(np.asarray(rows)), device=self._device)
        self._tail[places] = 0.0
        self._filled[places] = 0
        for name, table in self._caches.items():
            if not (keep_memory and name in {"hidden", "cell"}):
                table[places] = self._silent[name]
        if not keep_memory:
            self._hops[places] = 0

    def get(self, row: int) -> RecognizerState[Tensor]:
        """As ``Bank`` promises."""
        at = torch.tensor([row], device=self._device)
        before = self._columns - 1
        place = self._place[at]
        order = (place - before + torch.arange(before, device=self._device)) % self._columns
        return RecognizerState(
            samples=self._tail[at],
            network=NetworkState(
                columns=self._window(at, place, self._filled[at])[:, :, order],
                **{name: table[at] for name, table in self._caches.items()},
            ),
            hops=self._hops[at],
        )

    def put(self, row: int, state: RecognizerState[Any]) -> None:
        """As ``Bank`` promises."""
        own = self._recognizer.reset(state, [])  # of no stream: as this device has it
        before = self._columns - 1
        self._tail[row], self._hops[row] = own.samples[0], own.hops[0]
        for name, table in self._caches.items():
            table[row] = getattr(own.network, name)[0]
        self._ring[row, :, :before] = own.network.columns[0]
        self._place[row] = self._filled[row] = before

    # -- a hop ------------------------------------------------------------------------------

    def _run(
        self,
        rows: NDArray[np.int64],
        samples: NDArray[Any],
        flags: NDArray[np.int64],
        numbers: NDArray[np.float64],
    ) -> NDArray[np.float32]:
        """Run the smallest bucket that holds these rows; return what it packed, ``(n, ...)``."""
        count = len(rows)
        bucket = next(size for size in self._buckets if size >= count)
        given = self._given[0][:bucket].numpy()
        sound = given.view(np.int16)[:, : self._hop]
        if samples.dtype == np.int16:
            sound[:count] = samples
        else:
            rounded = np.rint(samples * np.float32(_FULL_SCALE))
            sound[:count] = rounded.clip(-_FULL_SCALE, _FULL_SCALE - 1)
        given[count:, self._words] = self._streams
        given[:count, self._words] = rows
        given[:count, self._words + 1 : self._words + 3] = flags.T
        given.view(np.float64)[:count, self._words + 3 :] = numbers.T
        self._runs[bucket]()
        if self._device.type == "cuda":
            torch.cuda.current_stream(self._device).synchronize()
        return self._packed[:count].numpy().copy()

    def _told(self, packed: NDArray[np.float32]) -> Heard:
        numbers: dict[str, NDArray[np.float32]] = {}
        at = 0
        for name in ESTIMATES:
            size = self._sizes.get(name)
            part = packed[:, np.newaxis, at : at + (size or 1)]
            numbers[name] = part if size else part[..., 0]
            at += size or 1
        exact = np.ascontiguousarray(packed[:, at : at + 4]).view(np.float64)
        return Heard(
            numbers=Estimates(**numbers),
            power=exact[:, 0],
            peak=exact[:, 1],
            anew=packed[:, at + 4] > 0,
        )

    def _made_ready(self, bucket: int, *, graph: bool) -> Callable[[], None]:
        """Return what runs a hop of a bucket's rows, all of them nobody's while it is made."""
        self._given[0][:, self._words] = self._streams

        def compute() -> None:
            with torch.no_grad():
                self._compute(bucket)

        if not graph:
            return compute
        side = torch.cuda.Stream(self._device)  # type: ignore[no-untyped-call]
        side.wait_stream(torch.cuda.current_stream(self._device))
        with torch.cuda.stream(side):
            for _ in range(_CAPTURES):
                compute()
        torch.cuda.current_stream(self._device).wait_stream(side)
        captured = torch.cuda.CUDAGraph()
        with torch.cuda.graph(captured):
            compute()
        return captured.replay

    def _compute(self, bucket: int) -> None:
        """Compute a hop of the rows that are named, from where things are given to the packed."""
        here, there = (each[:bucket] for each in self._given)
        if self._device.type == "cuda":
            there.copy_(here, non_blocking=True)
        rows, surely, if_sound = there[:, self._words : self._words + 3].unbind(1)
        above, louder = there.view(torch.float64)[:, self._words + 3 :].unbind(1)
        samples = there.view(torch.int16)[:, : self._hop].float() / _FULL_SCALE
        exact = samples.double()
        power, peak = exact.square().mean(1), exact.abs().amax(1)
        anew = (surely > 0) | ((if_sound > 0) & (power > above))
        heard = samples * louder.masked_fill(anew, 1.0).float().unsqueeze(1)
        output, frames = self._advance(rows, heard, anew)
        told = self._path.numbers(output, frames, 1)
        loud = torch.stack((power, peak), dim=1).view(torch.float32)  # each as two of 32 bits
        flat = [part.reshape(bucket, -1) for part in told]
        packed = torch.cat((*flat, loud, anew.float().unsqueeze(1)), dim=1)
        self._packed[:bucket].copy_(packed, non_blocking=True)

    def _advance(self, rows: Tensor, samples: Tensor, anew: Tensor) -> tuple[Any, Tensor]:
        """Run the network on a hop of rows and change their states; those anew begin silent."""
        network = self._path.network

        def before(name: str) -> Tensor:
            table, silent = self._caches[name], self._silent[name]
            part = table.index_select(0, rows)
            return torch.where(anew.view(-1, *[1] * (part.dim() - 1)), silent, part)

        tail = self._tail.index_select(0, rows).masked_fill(anew.unsqueeze(1), 0.0)
        heard = torch.cat((tail, samples), dim=1)
        frames, pitches = self._path.heard(heard, frames=self._path.hop_frames, rows=1)
        caches = {name: before(name) for name in _CACHES}
        place = self._place.index_select(0, rows)
        filled = self._filled.index_select(0, rows).masked_fill(anew, 0)
        window = self._window(rows, place, filled)
        state = NetworkState(columns=window, **caches)
        column, *convolved = network.columns_after(frames, state, pitches=pitches)
        # In a window the order of columns does not count: mean and maximum are taken over all.
        spot = place.view(-1, 1, 1).expand(-1, window.shape[1], 1)
        output, hidden, cell = network.judge(
            window.scatter(2, spot, column), caches["hidden"], caches["cell"]
        )
        for name, new in zip(_CACHES, (*convolved, hidden, cell), strict=True):
            self._caches[name].index_copy_(0, rows, new)
        self._tail.index_copy_(0, rows, heard[:, -tail.shape[1] :])
        numbers = torch.arange(window.shape[1], device=self._device)
        self._ring.index_put_(
            (rows.unsqueeze(1), numbers.unsqueeze(0), place.unsqueeze(1)), column[:, :, 0]
        )
        self._place.index_copy_(0, rows, (place + 1) % self._columns)
        self._filled.index_copy_(0, rows, (filled + 1).clamp(max=self._columns))
        hops = self._hops.index_select(0, rows).masked_fill(anew, 0)
        self._hops.index_copy_(0, rows, hops + 1)
        return output, frames

    def _window(self, rows: Tensor, place: Tensor, filled: Tensor) -> Tensor:
        """Return the ring of rows, ``(R, C, K)``, with silence where no column counts."""
        age = (place.unsqueeze(1) - 1 - torch.arange(self._columns, device=self._device)) % (
            self._columns
        )
        counts = (age < filled.unsqueeze(1)).unsqueeze(1)
        ring = self._ring.index_select(0, rows)
        return torch.where(counts, ring, self._silent_column.view(1, -1, 1))

    def _pair(self, *shape: int, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """Return an array where the host writes and reads, and its like on the device."""
        if self._device.type != "cuda":
            both = torch.zeros(*shape, dtype=dtype)
            return both, both
        here = torch.zeros(*shape, dtype=dtype, pin_memory=True)
        return here, torch.zeros(*shape, dtype=dtype, device=self._device)

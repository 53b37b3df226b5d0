"""Many streams of sound that come and go: the hops that are due are computed in one call.

Pure: no thread, clock, file or device. A network that computes a hop of many streams in one call
takes a fraction of the time that it takes for each alone; the policies are reckoned for all of them
at once as well.

Dimensions: n streams that are due, H hops of each.
"""

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from realtime_mer.errors import InputError
from realtime_mer.following import Following, Told, joined
from realtime_mer.hops import StreamPolicy, loudness, loudness_of
from realtime_mer.lanes import Flag, Number, Rows, hop_by_hop
from realtime_mer.recognizer.bank import Bank, HearingBank, ValueBank
from realtime_mer.recognizer.contract import Samples, StreamingRecognizer


@dataclass(frozen=True, kw_only=True, slots=True)
class StreamState:
    """Everything a stream is between two hops: a value that can be kept, and go on elsewhere.

    Attributes:
        policies: what its policies know, arrays by their names.
        recognizer: the recogniser's own state of it.
    """

    policies: Mapping[str, NDArray[Any]]
    recognizer: Any


class StreamBatch:
    """Streams that come and go, each with the estimates that it would have alone.

    They need not be in step: whoever gives samples says of which streams they are. A stream is
    known by the number that ``join`` gave it, until it leaves.

    Args:
        recognizer: shared or not; it never changes.
        policy: thresholds and times, the same for all.
        bank: where the network's states lie; with the recogniser if None.
    """

    def __init__(
        self,
        recognizer: StreamingRecognizer,
        *,
        policy: StreamPolicy | None = None,
        bank: Bank | None = None,
    ) -> None:
        self.recognizer = recognizer
        self.policy = policy or StreamPolicy()
        self._hop = recognizer.hop_samples
        self._following = Following(recognizer, self.policy)
        self._bank = bank or ValueBank(recognizer)
        # Asked once: whether an object fits a protocol takes as long as all policies of a hop.
        self._hearing = self._bank if isinstance(self._bank, HearingBank) else None
        self._here = np.zeros(1, dtype=bool)  # which rows are streams
        self._used = np.zeros(1, dtype=bool)  # which rows have been, and are not new
        self._free = [0]  # a heap: rows that follow one another are copied fastest

    def __len__(self) -> int:
        """How many streams there are."""
        return int(self._here.sum())

    def join(self, state: StreamState | None = None) -> int:
        """Let a stream come, a new one or one that goes on from a state; return its number.

        The number of a stream that has left may be given again.
        """
        if not self._free:
            self._resize(2 * len(self._here))
        row = heapq.heappop(self._free)
        if state is not None:
            self._following.restore(row, state.policies)
            self._bank.put(row, state.recognizer)
        elif self._used[row]:
            self._following.restore(row, None)
            self._bank.reset(row)
        self._here[row] = self._used[row] = True
        return row

    def leave(self, stream: int) -> None:
        """Let a stream go.

        Raises:
            InputError: there is no such stream.
        """
        self._check([stream])
        self._here[stream] = False
        heapq.heappush(self._free, stream)

    def state(self, stream: int) -> StreamState:
        """Return what a stream is, for ``join`` here or elsewhere.

        Raises:
            InputError: there is no such stream.
        """
        self._check([stream])
        return StreamState(
            policies=self._following.saved(stream), recognizer=self._bank.get(stream)
        )

    def seq(self, stream: int) -> int:
        """Return how many hops of a stream have been, those left out counted in.

        Raises:
            InputError: there is no such stream.
        """
        self._check([stream])
        return self._following.seq_of(stream)

    def step(
        self,
        streams: Sequence[int] | NDArray[np.int64],
        samples: Samples,
        *,
        lost: NDArray[np.int64] | None = None,
        anew: NDArray[np.bool_] | None = None,
    ) -> Told:
        """Take the next hops of some streams and return what is told of them.

        Args:
            streams: n >= 1 numbers, each of them once.
            samples: float32 ``(n, H * hop_samples)``, H >= 1, mono, finite, one row a stream.
            lost: int64 ``(n, H)``, how many samples of each hop stand for lost sound; none if None.
            anew: bool ``(n, H)``, before which hops a stream is to forget all; none if None.

        Raises:
            InputError: there is no such stream, one comes twice, or a shape does not fit.
        """
        rows = self._check(streams)
        hops = samples.shape[1] // self._hop if samples.ndim == 2 else 0
        if not hops or samples.shape != (len(streams), hops * self._hop):
            raise InputError(
                f"Samples have shape {samples.shape}; give whole hops of {self._hop} samples for "
                f"each of {len(streams)} streams."
            )
        gone, asked = hop_by_hop(lost, hops=hops), hop_by_hop(anew, hops=hops)
        self._following.turn_to(rows)
        if self._hearing is not None:
            pieces = np.split(samples, hops, axis=1)
            return joined(
                [
                    self._hop_of(self._hearing, rows, *hop)
                    for hop in zip(pieces, gone, asked, strict=True)
                ]
            )
        sounds = loudness(samples.reshape(len(samples), hops, self._hop))
        heard = [self._following.hear(*hop) for hop in zip(sounds, gone, asked, strict=True)]
        begun = [hop.anew for hop in heard]
        numbers = self._bank.step(rows, louder(samples, [hop.gain_db for hop in heard]), begun)
        return self._following.tell(heard, asked, sounds, numbers)

    def _hop_of(
        self, bank: HearingBank, rows: Rows, samples: Samples, lost: Number, asked: Flag
    ) -> Told:
        """Take one hop where the bank itself hears how loud it is."""
        following = self._following
        surely, if_sound = following.may_begin(lost, asked)
        found = bank.hop(
            np.atleast_1d(np.asarray(rows)),
            samples,
            anew=surely,
            gain_db=following.gain_db,
            if_sound=if_sound,
            above_dbfs=self.policy.sound_above_dbfs,
        )
        columns = (found.power, found.peak, found.anew)
        (power,), (peak,), (anew,) = (
            hop_by_hop(column[:, np.newaxis], hops=1) for column in columns
        )
        sound = loudness_of(power, peak)
        heard = [following.hear_begun(sound, lost, anew)]
        return following.tell(heard, [asked], [sound], found.numbers)

    def skip(self, stream: int, hops: int, *, lost: bool = False) -> None:
        """Let ``hops`` hops of a stream pass unseen; its next samples come after them.

        Args:
            stream: its number.
            hops: >= 0.
            lost: their sound was lost in a gap rather than left out because inference was slow;
                only the latter counts as skipped.

        Raises:
            InputError: there is no such stream.
        """
        rows = self._check([stream])
        if hops:
            self._following.turn_to(stream)
            keep_memory = self._following.skip(hops, lost=lost)
            self._bank.reset(rows, keep_memory=keep_memory)

    def reset(self, streams: Sequence[int] | NDArray[np.int64]) -> None:
        """Let streams forget all sound heard so far; time and counters go on.

        Raises:
            InputError: there is no such stream.
        """
        rows = self._check(streams)
        if len(streams):
            self._following.turn_to(rows)
            self._following.reset()
            self._bank.reset(rows)

    def _resize(self, streams: int) -> None:
        self._bank.resize(streams)
        self._following.resize(streams)
        more = streams - len(self._here)
        self._free += range(len(self._here), streams)
        self._here = np.pad(self._here, (0, more))
        self._used = np.pad(self._used, (0, more))

    def _check(self, streams: Sequence[int] | NDArray[np.int64]) -> Rows:
        if len(streams) == 1 and 0 <= streams[0] < len(self._here) and self._here[streams[0]]:
            return int(streams[0])
        rows = np.asarray(streams, dtype=np.int64)
        known = (rows >= 0) & (rows < len(self._here))
        known[known] = self._here[rows[known]]
        if not known.all():
            raise InputError(
                f"Streams {rows[~known].tolist()} are not among the {len(self)} there are."
            )
        found = np.zeros(len(self._here), dtype=bool)
        found[rows] = True
        if np.count_nonzero(found) < len(rows):
            raise InputError(f"Of streams {rows.tolist()} one comes twice; give each once.")
        return rows


def louder(samples: Samples, gains_db: Sequence[Number]) -> Samples:
    """Return hops made louder by so many decibels each; themselves where there is nothing to do.

    Args:
        samples: float32 ``(n, H * hop_samples)``.
        gains_db: of each of the H hops, of one stream or of n.
    """
    gains = np.array(gains_db, np.float64).reshape(len(gains_db), -1).T
    if not gains.any():
        return samples
    factors = (10.0 ** (gains / 20)).astype(np.float32)
    hops = samples.reshape(len(samples), len(gains_db), -1) * factors[:, :, np.newaxis]
    return hops.reshape(samples.shape)

"""``Guesses`` makes an address that shows wrong tokens wait, ever longer (pure, no socket)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class _Record:
    wrong: int
    at: float
    until: float


class Guesses:
    """The wrong tokens of each address, and how long it has to wait for them.

    Times are seconds of any steady clock. What is known is bounded: of more addresses those that
    guessed longest ago are forgotten.

    Args:
        free: wrong tokens that cost no pause.
        first_s: the first pause; each wrong token after it doubles that.
        longest_s: no pause is longer.
        forget_s: after so long without a wrong token an address begins anew.
        addresses: most addresses to know.

    Attributes:
        total: wrong tokens so far, of all addresses.
    """

    def __init__(
        self,
        *,
        free: int = 5,
        first_s: float = 1.0,
        longest_s: float = 60.0,
        forget_s: float = 900.0,
        addresses: int = 1024,
    ) -> None:
        self.total = 0
        self._free, self._first_s, self._longest_s = free, first_s, longest_s
        self._forget_s, self._addresses = forget_s, addresses
        self._records: dict[str, _Record] = {}  # the latest guess last

    def pause(self, address: str, now: float) -> float:
        """Return the seconds that an address still has to wait; 0 for none."""
        record = self._records.get(address)
        return 0.0 if record is None else max(0.0, record.until - now)

    def wrong(self, address: str, now: float) -> float:
        """Count a wrong token of an address; return the pause that begins, 0 for none."""
        self.total += 1
        record = self._records.pop(address, None)
        count = 1
        if record is not None and now - record.at < self._forget_s:
            count += record.wrong
        beyond = count - self._free
        pause = 0.0
        if beyond > 0:
            pause = min(self._longest_s, self._first_s * 2.0 ** min(beyond - 1, 32))
        self._records[address] = _Record(count, now, now + pause)
        if len(self._records) > self._addresses:
            del self._records[next(iter(self._records))]
        return pause

    def right(self, address: str) -> None:
        """Forget the wrong tokens of an address that has the right one."""
        self._records.pop(address, None)

    def __len__(self) -> int:
        """How many addresses are known."""
        return len(self._records)

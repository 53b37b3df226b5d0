"""Whether every estimate of a room was told: once, in order, or in a gap that was marked (pure).

What somebody heard of a room is a list of ``Heard``, in the order in which it came. ``account``
adds it up; ``faults`` says what of it must not be. What two heard of one room may be ``joined``: of
estimates that come faster than a watcher reads them it gets the newest, and a node that is killed
tells and records nothing any more.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

GAP = "gap"


@dataclass(frozen=True, slots=True)
class Heard:
    """One estimate, as far as it is to be accounted for.

    Attributes:
        at: when it came, in seconds of a steady clock.
        seq: its number.
        status: as it said.
        skipped: hops that were left out because inference was behind, so far.
        xruns: gaps in the sound, so far.
        connection: which connection brought it: a new one begins with what was latest.
    """

    at: float
    seq: int
    status: str
    skipped: int
    xruns: int
    connection: int = 0


@dataclass(frozen=True, slots=True)
class Hole:
    """Numbers that nobody heard of.

    Attributes:
        start: the first of them.
        hops: how many.
        marked: whether what came behind them says so: hops were skipped, or sound was lost.
    """

    start: int
    hops: int
    marked: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Account:
    """What was heard of a room.

    Attributes:
        first, last: numbers of the estimates at both ends; None where none came.
        told: how many different ones came.
        repeated: numbers that came again on the same connection.
        disordered: numbers that came behind a higher one on the same connection.
        holes: numbers that never came, in between.
        in_gaps: estimates that said that sound of their hop was lost.
        longest_silence_s: between two that came.
    """

    first: int | None
    last: int | None
    told: int
    repeated: tuple[int, ...]
    disordered: tuple[int, ...]
    holes: tuple[Hole, ...]
    in_gaps: int
    longest_silence_s: float


def account(heard: Sequence[Heard]) -> Account:
    """Return what is to be said of what somebody heard of a room, in the order in which it came."""
    repeated: list[int] = []
    disordered: list[int] = []
    by_seq: dict[int, Heard] = {}
    highest: dict[int, int] = {}
    silence = 0.0
    before: Heard | None = None
    for each in heard:
        if before is not None:
            silence = max(silence, each.at - before.at)
        before = each
        reached = highest.get(each.connection)
        known = each.seq in by_seq
        if reached is not None and each.seq <= reached:
            (repeated if known else disordered).append(each.seq)
        highest[each.connection] = max(each.seq, -1 if reached is None else reached)
        by_seq.setdefault(each.seq, each)
    numbers = sorted(by_seq)
    return Account(
        first=numbers[0] if numbers else None,
        last=numbers[-1] if numbers else None,
        told=len(numbers),
        repeated=tuple(repeated),
        disordered=tuple(disordered),
        holes=tuple(_holes([by_seq[number] for number in numbers])),
        in_gaps=sum(each.status == GAP for each in by_seq.values()),
        longest_silence_s=silence,
    )


def joined(*parts: Sequence[Heard]) -> list[Heard]:
    """Return what several heard of one room, as one list in the order of numbers.

    Each part keeps its own order for ``account``; here only the numbers count, the earliest word on
    each of them first.
    """
    by_seq: dict[int, Heard] = {}
    for part in parts:
        for each in part:
            known = by_seq.get(each.seq)
            if known is None or each.at < known.at:
                by_seq[each.seq] = each
    return [by_seq[number] for number in sorted(by_seq)]


def faults(room: str, found: Account, *, begins: int, ends: int) -> list[str]:
    """Return what must not be, a line each.

    Args:
        room: its name.
        found: of all that was heard of it.
        begins: number of the first estimate that there must be.
        ends: number behind the last.
    """
    if found.first is None or found.last is None:
        return [f"{room}: nothing came"] if ends > begins else []
    wrong = [
        *(f"{room}: {seq} came twice" for seq in found.repeated),
        *(f"{room}: {seq} came behind a later one" for seq in found.disordered),
        *(
            f"{room}: {hole.start} to {hole.start + hole.hops - 1} are missing, and nothing says so"
            for hole in found.holes
            if not hole.marked
        ),
    ]
    if found.first > begins:
        wrong.append(f"{room}: {begins} to {found.first - 1} are missing at the beginning")
    if found.last < ends - 1:
        wrong.append(f"{room}: {found.last + 1} to {ends - 1} are missing at the end")
    if found.last >= ends:
        wrong.append(f"{room}: {found.last} came, and sound was sent for {ends} only")
    return wrong


def _holes(heard: Iterable[Heard]) -> Iterable[Hole]:
    """Yield the holes between estimates in the order of their numbers."""
    before: Heard | None = None
    for each in heard:
        if before is not None and each.seq > before.seq + 1:
            hops = each.seq - before.seq - 1
            skipped = each.skipped - before.skipped
            lost = each.xruns > before.xruns or GAP in (each.status, before.status)
            yield Hole(before.seq + 1, hops, marked=skipped >= hops or lost)
        before = each

"""Rooms are spread evenly, move only where they must, and are never left alone."""

from itertools import chain

from hypothesis import given
from hypothesis import strategies as st

from realtime_mer.rooms.machines.entries import Beat
from realtime_mer.rooms.machines.presence import SILENT_S, Presence
from realtime_mer.rooms.machines.sharing import LISTEN_S, SETTLE_S, STEP_S, Sharing, order

IDS = st.sets(st.sampled_from([f"w{number}" for number in range(8)]), min_size=1)
ROOMS = [f"room-{number}" for number in range(120)]
LATER = LISTEN_S + 100.0


@given(IDS, st.sampled_from(ROOMS))
def test_an_order_is_the_same_whoever_asks_and_loses_nobody(workers, room) -> None:
    found = order(room, workers)
    assert found == order(room, sorted(workers, reverse=True))
    assert sorted(found) == sorted(workers)


@given(IDS, st.sampled_from(sorted("w0 w1 w9".split())), st.sampled_from(ROOMS))
def test_where_a_worker_comes_or_goes_the_others_stay_in_their_order(workers, other, room) -> None:
    without = order(room, workers - {other})
    assert [each for each in order(room, workers | {other}) if each != other] == without


def test_rooms_are_spread_evenly() -> None:
    firsts = [order(room, ["a", "b", "c"])[0] for room in ROOMS]
    assert all(25 <= firsts.count(worker) <= 55 for worker in "abc")


@given(IDS, st.sets(st.sampled_from(ROOMS), max_size=12))
def test_of_free_rooms_each_is_taken_at_once_by_one_and_later_by_any(workers, rooms) -> None:
    free = dict.fromkeys(rooms)
    shares = {worker: Sharing(worker, 0.0) for worker in workers}
    taken = {
        worker: share.look(free, accepting=workers, now=LATER).take
        for worker, share in shares.items()
    }
    assert sorted(chain(*taken.values())) == sorted(rooms)
    for worker, share in shares.items():
        late = share.look(free, accepting=workers, now=LATER + STEP_S * len(workers)).take
        assert sorted(late) == sorted(rooms), worker


def test_a_newcomer_listens_first() -> None:
    share = Sharing("a", 10.0)
    assert share.look({"hall": None}, accepting=["a"], now=10.0 + LISTEN_S / 2).take == []
    assert share.look({"hall": None}, accepting=["a"], now=10.1 + LISTEN_S).take == ["hall"]


def test_who_takes_no_more_takes_none() -> None:
    share = Sharing("a", 0.0)
    assert share.look({"hall": None}, accepting=["b"], now=LATER).take == []


@given(IDS, IDS)
def test_rooms_settle_where_their_order_says_and_then_stay(first, then) -> None:
    """Each worker looks again and again; what it hands over is free, what is free is taken."""
    holders: dict[str, str | None] = {room: order(room, first)[0] for room in ROOMS[:40]}
    gone = first - then
    holders = {room: None if worker in gone else worker for room, worker in holders.items()}
    shares = {worker: Sharing(worker, 0.0) for worker in then}
    now, moves = LATER, 0
    for _ in range(12):
        now += SETTLE_S
        for worker, share in shares.items():
            found = share.look(holders, accepting=then, now=now)
            for room in found.hand_over:
                assert holders[room] == worker
                holders[room] = None
            for room in found.take:
                if holders[room] is None and order(room, then)[0] == worker:
                    holders[room] = worker
            moves += len(found.hand_over)
    assert holders == {room: order(room, then)[0] for room in holders}
    stayed = [room for room in holders if order(room, first)[0] == order(room, then)[0]]
    assert moves <= len(holders) - len(stayed)


def test_nothing_moves_for_balance_while_workers_come_and_go() -> None:
    room = next(room for room in ROOMS if order(room, ["a", "b"])[0] == "b")
    share = Sharing("a", 0.0)
    held = {room: "a"}
    assert share.look(held, accepting=["a"], now=LATER).hand_over == []
    assert share.look(held, accepting=["a", "b"], now=LATER + 1).hand_over == []
    later = LATER + 1 + SETTLE_S
    assert share.look(held, accepting=["a", "b"], now=later).hand_over == [room]


def beat(name: str) -> Beat:
    return Beat(id=name, role="worker", host="h", rooms=0, most=1, accepting=True)


def test_who_is_silent_is_dead_and_who_could_not_be_heard_is_not() -> None:
    presence = Presence(100.0)
    presence.hear(beat("a"), 101.0)
    assert not presence.gone("b", 100.0 + SILENT_S)
    assert presence.gone("b", 100.1 + SILENT_S)
    assert [each.id for each in presence.alive("worker", 102.0)] == ["a"]
    assert presence.alive("node", 102.0) == []
    presence.restart(110.0)
    assert not presence.gone("a", 110.0 + SILENT_S)
    assert presence.gone("a", 110.1 + SILENT_S)
    assert presence.alive("worker", 120.0) == []

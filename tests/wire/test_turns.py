"""Many senders at one bounded rate."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from realtime_mer.wire.turns import Turns


def take_all(turns: Turns[str, str], now: float) -> list[str]:
    taken = []
    while (item := turns.take(now)) is not None:
        taken.append(item)
    return taken


def test_as_long_as_there_is_room_everything_goes_on_at_once() -> None:
    turns: Turns[str, str] = Turns(per_second=1.0, burst=3, places=2)
    for item in ("a1", "a2", "a3"):
        assert turns.put("a", item)
        assert take_all(turns, 0.0) == [item]
    assert turns.wait_s(0.0) is None


def test_beyond_the_rate_senders_take_turns_whoever_sent_most() -> None:
    turns: Turns[str, str] = Turns(per_second=2.0, burst=1, places=3)
    for item in ("a1", "a2", "a3", "b1", "c1", "c2"):
        assert turns.put(item[0], item)
    assert take_all(turns, 0.0) == ["a1"]
    assert len(turns) == 5
    assert turns.wait_s(0.0) == 0.5
    assert turns.wait_s(0.25) == 0.25
    later = [item for at in range(1, 6) for item in take_all(turns, at / 2)]
    assert later == ["b1", "c1", "a2", "c2", "a3"]


def test_one_that_sends_too_much_is_refused_and_nobody_else_is() -> None:
    turns: Turns[str, str] = Turns(per_second=1.0, burst=1, places=2)
    assert [turns.put("a", str(number)) for number in range(4)] == [True, True, False, False]
    assert turns.put("b", "b1")


def test_what_was_sent_before_leaving_has_its_turn_within_the_room_of_one() -> None:
    turns: Turns[str, str] = Turns(per_second=1.0, burst=10, places=2)
    lost = 0
    for sender in ("a", "b", "c"):
        turns.put(sender, sender)
        lost += turns.leave(sender)
    assert lost == 1
    assert turns.leave("nobody") == 0
    assert take_all(turns, 0.0) == ["a", "b"]


@given(st.lists(st.sampled_from("abcde")), st.integers(1, 4))
def test_nobody_is_served_twice_while_another_waits_who_came_before(
    senders: list[str], places: int
) -> None:
    turns: Turns[str, tuple[str, int]] = Turns(per_second=1.0, burst=1000, places=places)
    accepted = Counter[str]()
    for number, sender in enumerate(senders):
        accepted[sender] += turns.put(sender, (sender, number))
    assert accepted == {sender: min(n, places) for sender, n in Counter(senders).items()}
    served = Counter[str]()
    last: dict[str, int] = {}
    while (item := turns.take(0.0)) is not None:
        sender, number = item
        waiting = [other for other in accepted if served[other] < accepted[other]]
        assert served[sender] == min(served[other] for other in waiting)
        assert number > last.get(sender, -1)
        served[sender] += 1
        last[sender] = number
    assert served == accepted
    assert len(turns) == 0

"""A clock that is off is told of once, and no latency is below nothing."""

from realtime_mer.rooms.nodes.clocks import Clocks


def test_the_node_whose_clock_is_ahead_is_named_once() -> None:
    said: list[str] = []
    clocks = Clocks(say=said.append)
    assert clocks.age("a", 100.0, 100.25) == 0.25
    assert clocks.age("a", 100.4, 100.0) == 0.0  # as clocks are that follow NTP
    assert said == []
    for _ in range(2):
        assert clocks.age("b", 400.0, 100.0) == 0.0
    (line,) = said
    assert "node b is 300.0 s ahead" in line


def test_a_node_that_is_not_known_is_told_of_once_too() -> None:
    said: list[str] = []
    clocks = Clocks(say=said.append)
    for _ in range(3):
        assert clocks.age(None, 400.0, 100.0) == 0.0
    assert len(said) == 1

"""How long an address waits for its wrong tokens."""

from hypothesis import given
from hypothesis import strategies as st

from realtime_mer.service.guesses import Guesses


def test_a_few_cost_nothing_then_each_doubles_the_pause_up_to_a_minute() -> None:
    guesses = Guesses()
    pauses = [guesses.wrong("one", 0.0) for _ in range(15)]
    assert pauses == [0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60, 60]
    assert guesses.pause("one", 20.0) == 40.0
    assert guesses.pause("one", 61.0) == 0.0
    assert guesses.total == 15


def test_the_right_token_or_a_quarter_of_an_hour_makes_all_good() -> None:
    guesses = Guesses(free=1)
    guesses.wrong("one", 0.0)
    guesses.right("one")
    guesses.right("two")
    assert guesses.wrong("one", 1.0) == 0.0
    assert guesses.wrong("one", 1.0) == 1.0
    assert guesses.wrong("one", 902.0) == 0.0


def test_of_too_many_addresses_the_ones_longest_ago_are_forgotten() -> None:
    guesses = Guesses(free=0, addresses=2)
    for address in ("a", "b", "a", "c"):
        guesses.wrong(address, 0.0)
    assert [guesses.pause(address, 0.0) for address in "abc"] == [2.0, 0.0, 1.0]


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.floats(0, 1e6))))
def test_whoever_guesses_the_state_and_the_pauses_are_bounded(
    guesses_made: list[tuple[str, float]],
) -> None:
    guesses = Guesses(addresses=4)
    now = 0.0
    for address, later in guesses_made:
        now += later
        guesses.wrong(address, now)
        assert len(guesses) <= 4
        assert 0 <= guesses.pause(address, now) <= 60

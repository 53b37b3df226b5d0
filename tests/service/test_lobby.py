"""Who waits to be let in, and who has to go for it."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from realtime_mer.service.lobby import Lobby


def test_the_oldest_goes_for_one_too_many() -> None:
    lobby: Lobby[str] = Lobby(places=2, places_per_address=2)
    assert lobby.enter("a", "one") is None
    assert lobby.enter("b", "two") is None
    assert lobby.enter("c", "three") == "a"
    assert lobby.enter("d", "four") == "b"
    assert (len(lobby), lobby.evicted) == (2, 2)


def test_an_address_with_too_many_loses_its_own_oldest() -> None:
    lobby: Lobby[str] = Lobby(places=4, places_per_address=2)
    assert lobby.enter("quiet", "one") is None
    assert [lobby.enter(str(number), "two") for number in range(4)] == [None, None, "0", "1"]


def test_one_that_was_let_in_is_never_evicted_and_leaves_its_place() -> None:
    lobby: Lobby[str] = Lobby(places=1, places_per_address=1)
    lobby.enter("good", "one")
    lobby.leave("good")
    lobby.leave("good")
    assert lobby.enter("a", "one") is None
    assert lobby.enter("b", "one") == "a"


@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 9), st.sampled_from("abc"))),
    st.integers(1, 5),
    st.integers(1, 5),
)
def test_whoever_comes_and_goes_the_bounds_hold_and_the_newcomer_is_in(
    events: list[tuple[bool, int, str]], places: int, per_address: int
) -> None:
    lobby: Lobby[tuple[int, str]] = Lobby(places=places, places_per_address=per_address)
    inside: dict[tuple[int, str], str] = {}
    for number, (comes, name, address) in enumerate(events):
        if comes:
            guest = (number, address)
            evicted = lobby.enter(guest, address)
            inside[guest] = address
            if evicted is not None:
                assert evicted != guest
                del inside[evicted]
        elif inside:
            guest = list(inside)[name % len(inside)]
            lobby.leave(guest)
            del inside[guest]
        assert len(lobby) == len(inside) <= places
        assert max(Counter(inside.values()).values(), default=0) <= per_address

"""A worker that ends says what is true of its rooms."""

import pytest

from realtime_mer.rooms.machines.process import last_words


@pytest.mark.parametrize(
    ("rooms", "takers", "said"),
    [
        (0, 0, "it computes no room"),
        (0, 2, "it computes no room"),
        (1, 2, "other workers are given its room."),
        (3, 1, "other workers are given its 3 rooms."),
        (3, 0, "no other worker takes rooms now, so nobody computes its 3 rooms"),
    ],
)
def test_others_are_named_only_where_there_are_some(rooms: int, takers: int, said: str) -> None:
    assert said in last_words(rooms, takers=takers)

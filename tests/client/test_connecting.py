"""How a client finds its way to a service."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_mer.client.connecting import normalised, retry_delay
from realtime_mer.errors import InputError

CHANCES = st.floats(min_value=0, max_value=1, exclude_max=True)


def test_the_pauses_between_attempts_double_up_to_ten_seconds() -> None:
    longest = [retry_delay(attempt, 1.0) for attempt in range(8)]
    assert longest == [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 10.0, 10.0]


@given(st.integers(min_value=0, max_value=10**9), CHANCES)
def test_chance_shortens_a_pause_by_up_to_a_half(attempt: int, chance: float) -> None:
    longest = retry_delay(attempt, 1.0)
    assert longest / 2 <= retry_delay(attempt, chance) <= longest


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("127.0.0.1:8765", "ws://127.0.0.1:8765"),
        ("http://localhost:8765/", "ws://localhost:8765/"),
        ("https://music.local:8765", "wss://music.local:8765"),
        ("wss://[::1]:8765", "wss://[::1]:8765"),
    ],
)
def test_an_address_may_be_that_of_the_page_or_have_no_scheme(url: str, address: str) -> None:
    assert normalised(url) == address


@given(st.text())
def test_whatever_is_typed_is_an_address_or_refused(url: str) -> None:
    try:
        address = normalised(url)
    except InputError:
        return
    assert address.startswith(("ws://", "wss://"))

"""Our numbers on the scales of others."""

from hypothesis import given
from hypothesis import strategies as st

from realtime_mer.library.scales import ENERGIES, energy, from_zero_to_one

ratings = st.floats(-1, 1)


@given(ratings, ratings)
def test_no_map_ever_changes_an_order(one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert energy(low) <= energy(high)
    assert from_zero_to_one(low) <= from_zero_to_one(high)


def test_the_energies_are_ten_equal_steps_between_the_places_of_strong_words() -> None:
    assert [energy(a) for a in (-1, -0.6, -0.49, -0.47, -0.01, 0, 0.47, 0.49, 0.6, 1)] == [
        1, 1, 1, 2, 5, 6, 9, 10, 10, 10,
    ]  # fmt: skip
    middles = [-0.6 + 0.12 * (step + 0.5) for step in range(10)]
    assert [energy(middle) for middle in middles] == list(ENERGIES)


def test_zero_to_one_is_half_at_neutral_and_its_ends_at_ours() -> None:
    assert [from_zero_to_one(value) for value in (-1, -0.5, 0, 0.5, 1)] == [0, 0.25, 0.5, 0.75, 1]

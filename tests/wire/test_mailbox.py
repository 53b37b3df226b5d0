"""What waits for one reader, and how much one sender may send."""

import math

from hypothesis import given
from hypothesis import strategies as st

from realtime_mer.wire.mailbox import Mailbox, MessageBudget


def test_what_waits_is_taken_in_the_order_in_which_it_came() -> None:
    mailbox: Mailbox[str] = Mailbox()
    mailbox.select(["estimates", "level"])
    mailbox.put("hello")
    mailbox.offer("level", "level", t=0.1)
    mailbox.offer("estimates", "estimate", t=0.1)
    mailbox.put("bye")
    assert [mailbox.take() for _ in range(5)] == ["hello", "level", "estimate", "bye", None]


def test_what_takes_the_place_of_an_older_one_comes_after_the_messages_in_between() -> None:
    mailbox: Mailbox[str] = Mailbox()
    mailbox.select(["estimates"])
    mailbox.offer("estimates", "old", t=0.1)
    mailbox.put("status")
    mailbox.offer("estimates", "new", t=0.2)
    assert [mailbox.take() for _ in range(3)] == ["status", "new", None]


def test_the_latest_estimate_wins_and_the_replaced_are_counted() -> None:
    mailbox: Mailbox[int] = Mailbox()
    mailbox.select(["estimates", "level"])
    pushed_out = [mailbox.offer("estimates", seq, t=seq * 0.1) for seq in range(3)]
    mailbox.offer("level", -20, t=0.2)
    assert pushed_out == [0, 1, 1]
    assert mailbox.replaced == 2
    assert [mailbox.take() for _ in range(3)] == [2, -20, None]


def test_of_a_stream_with_a_longer_slot_the_last_run_waits_and_the_rest_is_counted() -> None:
    mailbox: Mailbox[int] = Mailbox(slot_sizes={"level": 3})
    mailbox.select(["estimates", "level"])
    for seq in range(5):
        mailbox.offer("estimates", 10 + seq, t=seq * 0.1)
        mailbox.offer("level", seq, t=seq * 0.1)
    assert mailbox.replaced == 4 + 2
    assert [mailbox.take() for _ in range(5)] == [2, 3, 14, 4, None]


def test_a_stream_that_is_not_selected_is_not_kept() -> None:
    mailbox: Mailbox[int] = Mailbox()
    mailbox.select(["level"])
    mailbox.offer("estimates", 1, t=0.1)
    assert mailbox.take() is None
    mailbox.offer("level", 2, t=0.1)
    mailbox.select([])
    assert mailbox.take() is None


def test_a_reader_that_lets_ordered_messages_pile_up_is_hopeless_and_keeps_no_more() -> None:
    mailbox: Mailbox[int] = Mailbox(ordered_limit=2)
    mailbox.select(["estimates"])
    mailbox.put(1)
    mailbox.put(2)
    assert not mailbox.hopeless
    mailbox.put(3)
    assert mailbox.hopeless
    mailbox.offer("estimates", 4, t=0.1)
    assert [mailbox.take() for _ in range(3)] == [1, 2, None]


@given(
    st.lists(st.sampled_from(["put", "offer", "take"]), max_size=200),
    st.integers(min_value=1, max_value=5),
    st.integers(min_value=1, max_value=3),
)
def test_a_mailbox_is_bounded_keeps_order_and_loses_no_ordered_message_of_a_reader_that_reads(
    steps: list[str], ordered_limit: int, slot_size: int
) -> None:
    mailbox: Mailbox[tuple[str, int]] = Mailbox(ordered_limit=ordered_limit, slot_size=slot_size)
    mailbox.select(["estimates"])
    put, offered, taken = [], [], []
    for number, step in enumerate(steps):
        if step == "put":
            mailbox.put(("put", number))
            if not mailbox.hopeless:
                put.append(("put", number))
        elif step == "offer":
            if not mailbox.hopeless:
                offered.append(("offer", number))
            mailbox.offer("estimates", ("offer", number), t=float(number))
        elif (item := mailbox.take()) is not None:
            taken.append(item)
        assert len(mailbox) <= ordered_limit + slot_size
    waiting = len(mailbox)
    while (item := mailbox.take()) is not None:
        taken.append(item)
    assert [number for _, number in taken] == sorted(number for _, number in taken)
    estimates = [item for item in taken if item[0] == "offer"]
    assert [item for item in taken if item[0] == "put"] == put
    assert estimates == sorted(estimates)
    assert estimates[-1:] == offered[-1:]
    assert mailbox.replaced == len(offered) - len(estimates)
    assert waiting <= len(taken)


@given(
    st.floats(min_value=0.1, max_value=50),
    st.floats(min_value=0.01, max_value=1.0),
    st.integers(min_value=1, max_value=300),
)
def test_max_rate_holds_in_stream_time_and_in_the_mean(rate: float, hop: float, hops: int) -> None:
    mailbox: Mailbox[float] = Mailbox()
    mailbox.select(["estimates"], max_rate=rate)
    sent = []
    for index in range(hops):
        mailbox.offer("estimates", (index + 1) * hop, t=(index + 1) * hop)
        if (t := mailbox.take()) is not None:
            sent.append(t)
    # No two due times are closer than the period, and each delivery follows its own.
    for first, last in zip(sent, sent[2:], strict=False):
        assert last - first > 1 / rate - 2e-6
    duration = hops * hop
    assert len(sent) <= duration * rate + 2
    assert len(sent) >= math.floor(min(duration * rate, hops) * (1 - 1e-9) - 1e-3)


def test_a_pause_of_the_stream_is_not_caught_up() -> None:
    mailbox: Mailbox[float] = Mailbox()
    mailbox.select(["estimates"], max_rate=1)
    sent = []
    for t in [0.0, 100.0, 100.1, 100.2, 101.0]:
        mailbox.offer("estimates", t, t=t)
        sent.append(mailbox.take())
    assert sent == [0.0, 100.0, None, None, 101.0]


def test_a_stream_that_begins_anew_is_sent_at_once() -> None:
    mailbox: Mailbox[float] = Mailbox()
    mailbox.select(["estimates"], max_rate=1)
    mailbox.offer("estimates", 60.0, t=60.0)
    mailbox.offer("estimates", 0.1, t=0.1)
    assert mailbox.take() == 0.1


def test_thinned_estimates_are_not_counted_as_replaced() -> None:
    mailbox: Mailbox[int] = Mailbox()
    mailbox.select(["estimates"], max_rate=1)
    for seq in range(10):
        mailbox.offer("estimates", seq, t=seq * 0.1)
    assert mailbox.replaced == 0
    assert mailbox.take() == 0


def test_a_message_budget_allows_a_burst_and_then_the_rate() -> None:
    budget = MessageBudget(per_second=2, burst=3)
    assert [budget.spend(0.0) for _ in range(4)] == [True, True, True, False]
    assert [budget.spend(0.5), budget.spend(0.5)] == [True, False]
    assert [budget.spend(100.0) for _ in range(4)] == [True, True, True, False]


def test_a_message_budget_says_how_long_to_wait_for_the_next_message() -> None:
    budget = MessageBudget(per_second=2, burst=3)
    assert budget.wait_s(0.0) == 0.0
    for _ in range(3):
        budget.spend(0.0)
    assert [budget.wait_s(at) for at in (0.0, 0.25, 0.5, 9.0)] == [0.5, 0.25, 0.0, 0.0]


def test_a_mailbox_that_is_told_nothing_keeps_32_ordered_messages_and_no_stream() -> None:
    mailbox: Mailbox[int] = Mailbox()
    assert mailbox.offer("estimates", 0, t=0.0) == 0
    assert mailbox.hopeless is False
    for number in range(32):
        mailbox.put(number)
    assert not mailbox.hopeless
    mailbox.put(32)
    assert mailbox.hopeless
    assert len(mailbox) == 32


def test_what_is_not_kept_pushes_nothing_out() -> None:
    mailbox: Mailbox[int] = Mailbox(ordered_limit=1)
    mailbox.select(["estimates"], max_rate=1)
    assert mailbox.offer("level", 1, t=0.0) == 0
    assert mailbox.offer("estimates", 1, t=0.0) == 0
    assert mailbox.offer("estimates", 2, t=0.5) == 0  # thinned out
    assert mailbox.offer("estimates", 3, t=1.0) == 1
    mailbox.put(4)
    mailbox.put(5)
    assert mailbox.hopeless
    assert mailbox.offer("estimates", 6, t=2.0) == 0


def test_the_same_time_again_is_not_due_again_and_an_earlier_one_begins_anew() -> None:
    mailbox: Mailbox[int] = Mailbox(slot_size=10)
    mailbox.select(["estimates"], max_rate=1)
    for number, t in enumerate([5.0, 5.0, 0.1, 0.1, 1.1]):
        mailbox.offer("estimates", number, t=t)
    assert [mailbox.take() for _ in range(4)] == [0, 2, 4, None]


def test_what_comes_a_microsecond_early_is_due_and_after_a_pause_there_is_nothing_to_catch_up() -> (
    None
):
    mailbox: Mailbox[float] = Mailbox(slot_size=10)
    mailbox.select(["estimates"], max_rate=1)
    times = [0.0, 0.999999, 1.5, 3.0, 3.5, 4.0]
    for t in times:
        mailbox.offer("estimates", t, t=t)
    assert [mailbox.take() for _ in range(5)] == [0.0, 0.999999, 3.0, 4.0, None]


def test_of_several_items_that_all_matter_the_oldest_give_way_and_no_reader_is_hopeless() -> None:
    mailbox: Mailbox[int] = Mailbox(ordered_limit=2)
    mailbox.select(["estimates"], max_rate=1.0, several={"markers": 3})
    mailbox.put(100)
    assert [mailbox.offer("markers", number, t=0.0) for number in range(5)] == [0, 0, 0, 1, 1]
    assert not mailbox.hopeless
    mailbox.select([], several={"markers": 3})  # what waits of them is not forgotten
    assert [mailbox.take() for _ in range(5)] == [100, 2, 3, 4, None]
    mailbox.select(["estimates"])
    assert mailbox.offer("markers", 5, t=0.0) == 0
    assert mailbox.take() is None


@given(
    st.lists(
        st.tuples(st.sampled_from(["estimates", "level", "other"]), st.integers(0, 40)), max_size=40
    ),
    st.sampled_from([None, 2.0, 10.0]),
)
def test_past_an_empty_mailbox_goes_just_what_would_come_through_it(
    items: list[tuple[str, int]], max_rate: float | None
) -> None:
    through: Mailbox[int] = Mailbox()
    past: Mailbox[int] = Mailbox()
    for mailbox in (through, past):
        mailbox.select(["estimates", "level"], max_rate=max_rate)
    for number, (stream, tenths) in enumerate(items):
        through.offer(stream, number, t=tenths / 10)
        assert past.passes(stream, t=tenths / 10) == (through.take() == number)
        assert not past


def test_whether_anything_waits_can_be_asked_and_nothing_passes_a_hopeless_reader() -> None:
    mailbox: Mailbox[str] = Mailbox(ordered_limit=1)
    mailbox.select(["level"])
    assert not mailbox
    mailbox.put("a")
    assert mailbox
    assert mailbox.take() == "a"
    assert not mailbox
    mailbox.put("b")
    mailbox.put("c")
    mailbox.take()
    assert not mailbox.passes("level", t=1.0)

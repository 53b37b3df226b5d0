"""Why a room is not computed, and what whoever runs a node hears of its workers."""

import pytest

from realtime_mer.rooms.machines.entries import Beat
from realtime_mer.rooms.machines.presence import SILENT_S, Presence, Strangers
from realtime_mer.rooms.nodes.workers import Workers
from realtime_mer.wording import COMPUTED_LATE, NOBODY_COMPUTES, WORKERS_FULL


def beat(name: str, rooms: int, *, most: int = 2, ending: bool = False) -> Beat:
    accepting = rooms < most and not ending
    return Beat(id=name, role="worker", host="h", rooms=rooms, most=most, accepting=accepting)


@pytest.mark.parametrize(
    ("beats", "worker", "why"),
    [
        ([], None, NOBODY_COMPUTES),
        ([], "a", NOBODY_COMPUTES),
        ([beat("a", 2), beat("b", 1)], None, COMPUTED_LATE),
        ([beat("a", 2), beat("b", 2)], None, WORKERS_FULL),
        ([beat("a", 2), beat("b", 2)], "gone", WORKERS_FULL),
        ([beat("a", 2), beat("b", 2)], "b", COMPUTED_LATE),  # it has the room, and is slow
        ([beat("a", 1, ending=True)], None, COMPUTED_LATE),
    ],
)
def test_watchers_are_told_why_a_room_is_not_computed(
    beats: list[Beat], worker: str | None, why: str
) -> None:
    presence = Presence(0.0)
    for each in beats:
        presence.hear(each, 1.0)
    assert Workers(presence, say=print).late(worker, 1.5) == why


def test_whoever_runs_a_node_hears_when_workers_go_or_are_full_or_come() -> None:
    presence, said = Presence(0.0), list[str]()
    workers = Workers(presence, say=said.append)

    def heard(now: float, *beats: Beat) -> str:
        said.clear()
        for each in beats:
            presence.hear(each, now)
        workers.look(now)
        workers.look(now)  # nothing is said twice
        return "\n".join(said)

    assert heard(1.0) == ""  # nobody could be heard yet
    assert heard(1.0 + SILENT_S).startswith("No worker is there")
    assert heard(5.0, beat("a", 0)) == "Workers that are there: 1, for up to 2 rooms."
    assert heard(6.0, beat("a", 1), beat("b", 0)) == ""
    assert workers.accepting(6.0) == 2
    assert heard(7.0, beat("a", 2), beat("b", 2)).startswith("The workers have as many rooms")
    assert workers.accepting(7.0) == 0
    assert heard(7.5, beat("a", 1)) == "Workers that are there: 2, for up to 4 rooms."
    assert heard(9.0 + SILENT_S).startswith("No worker is there")


def test_another_model_at_the_same_nats_is_told_of_once() -> None:
    said: list[str] = []
    strangers = Strangers("mine", say=said.append)
    for _ in range(2):
        strangers.hear("mine", beat("a", 0).encode())
        strangers.hear("other", beat("b", 0).encode())
        strangers.hear("other", beat("c", 0).encode())
    (line,) = said
    assert line.startswith("A worker on 'h' has another model")
    for number in range(100):
        strangers.hear(f"made-up-{number}", beat("d", 0).encode())
    assert len(said) < 10

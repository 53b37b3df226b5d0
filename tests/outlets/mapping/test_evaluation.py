"""A mapping at work: a session's events go in, messages come out."""

from typing import Any

import pytest

from realtime_mer.emotion import GEMS
from realtime_mer.estimate import Estimate, Status
from realtime_mer.outlets.mapping.evaluation import Evaluation, Sending
from realtime_mer.outlets.mapping.values import NAMES, is_known
from realtime_mer.wire.protocol import Event, LevelMessage, Marker, StatusMessage
from tests.outlets.plans import evaluation_of, plan_of, sent
from tests.samples import sample_estimate

LEVEL = LevelMessage(t=0.1, level_dbfs=-20.0, peak_dbfs=-6.0, mel=tuple(range(64)))


def status_of(status: Status) -> StatusMessage:
    return StatusMessage(status=status, detail="", t=1.0, wall_time=None, source="a file")


def played(evaluation: Evaluation, *events: Event) -> list[tuple[str, Any]]:
    return [one for event in events for one in sent(evaluation.take(event))]


def music(count: int, *, first: int = 0, **changes: Any) -> list[Estimate]:
    return [sample_estimate(seq=first + number, **changes) for number in range(count)]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("valence", 0.25),
        ("arousal_sd", 0.3),
        ("quadrants.Q4", 0.4),
        ("quadrant", 4),
        *((f"gems.{name}", 0.125) for name in GEMS),
        ("mood", "calm"),
        ("mood_held", "calm"),
        ("status", "music"),
        ("seq", 3),
        ("t", 0.4),
        ("mood_age_s", 0.0),
        ("latency_ms", 12.5),
        ("state_age_s", 3.0),
        ("level_dbfs", -20.0),
        ("peak_dbfs", -6.0),
        ("bands.0", 0.0),
        ("bands.51", 0.2),
        ("bands.50-52", 0.2),
        ("marker", "drop"),
    ],
)
def test_every_value_of_the_message_can_be_sent(name: str, value: object) -> None:
    evaluation = evaluation_of({"from": name})
    events = (sample_estimate(seq=3), LEVEL, Marker(label="drop"))
    assert played(evaluation, *events) == [("/0", pytest.approx(value))]


def test_every_name_that_is_told_is_one() -> None:
    assert all(is_known(name) for name in NAMES)
    assert not is_known("wall_time")
    values = evaluation_of({"from": "t"}).values
    values.take(sample_estimate())
    values.take(LEVEL)
    unknown = {name for name in NAMES if values.get(name) is None}
    assert unknown <= {
        "marker",
        "music",
        "familiar",
        "changed",
    }  # those only where somebody or a model tells


def test_what_a_model_does_not_tell_sends_nothing() -> None:
    evaluation = evaluation_of({"from": "familiar"}, {"from": "mood"})
    assert {address for address, _ in played(evaluation, *music(3))} in ({"/1"}, {"/0", "/1"})


def test_a_level_without_bands_sends_none() -> None:
    evaluation = evaluation_of({"from": "bands.3"})
    assert played(evaluation, LevelMessage(t=0.1, level_dbfs=-20.0, peak_dbfs=-6.0)) == []


def test_a_status_is_sent_at_once_and_past_the_rate() -> None:
    evaluation = evaluation_of({"from": "status", "max_rate": 0.1})
    events = (sample_estimate(), status_of(Status.SILENCE), status_of(Status.RECONNECTING))
    assert [value for _, value in played(evaluation, *events)] == [
        "music",
        "silence",
        "reconnecting",
    ]


def test_messages_tell_of_what_moment_they_are() -> None:
    evaluation = evaluation_of({"from": "valence"}, {"from": "marker"})
    (target, message) = next(evaluation.take(sample_estimate(seq=4), captured_at=12.5))
    assert target.url.port == 9000
    assert (message.t, message.captured_at, message.once) == (0.5, 12.5, False)
    ((_, marker),) = evaluation.take(Marker(label="drop"))
    assert (marker.t, marker.once) == (0.5, True)


def test_home_is_sent_first_and_last() -> None:
    evaluation = evaluation_of(
        {"from": "valence", "target": [0, 255], "home": 10},
        {"from": "arousal", "target": [0, 255]},
    )
    assert sent(evaluation.begin()) == [("/0", 10.0)]
    played(evaluation, *music(3))
    assert sent(evaluation.end()) == [("/0", 10.0)]


def test_the_rule_of_the_example_fires_once_and_again_after_it_was_calm() -> None:
    rule = {"when": "arousal > 0.2", "for_s": 2, "until": "arousal < 0"}
    evaluation = evaluation_of(rules=[rule])
    calls = []
    for seq in range(200):
        arousal = 0.5 if seq < 60 else 0.1 if seq < 90 else -0.5 if seq < 100 else 0.5
        if played(evaluation, sample_estimate(seq=seq, arousal=arousal)):
            calls.append(seq)
    assert calls == [20, 120]


@pytest.mark.parametrize(
    "status", [Status.SILENCE, Status.TOO_QUIET, Status.NO_SIGNAL, Status.WARMING_UP]
)
def test_no_comparison_of_the_mood_holds_while_there_is_none(status: Status) -> None:
    rules = [{"when": "arousal > 0.2", "for_s": 1, "until": "arousal < 0"}]
    evaluation = evaluation_of(rules=rules)
    assert played(evaluation, *music(40, arousal=0.5, status=status)) == []
    assert played(evaluation, *music(11, first=40, arousal=0.5)) == [("/rule", 1)]
    assert played(evaluation, *music(20, first=60, arousal=-0.5, status=status)) == []
    assert played(evaluation, *music(20, first=80, arousal=0.5)) == []


def test_a_status_and_a_level_are_known_in_silence_too() -> None:
    rules = [{"when": 'status == "silence" and level_dbfs < -10'}]
    evaluation = evaluation_of(rules=rules)
    assert played(evaluation, LEVEL, *music(2, status=Status.SILENCE)) == [("/rule", 1)]


def changes(when: str, *events: Event) -> int:
    return len(played(evaluation_of(rules=[{"when": when}]), *events))


def test_a_mood_changes_when_another_one_has_stood_for_a_second() -> None:
    calm, happy = music(30, mood="calm"), music(30, first=30, mood="happy")
    flicker = [sample_estimate(seq=60 + hop, mood=("calm", "happy")[hop % 2]) for hop in range(40)]
    assert changes("mood changes", *calm) == 0
    assert changes("mood changes", *calm, *happy) == 1
    assert changes("quadrant changes", *calm, *happy) == 1
    assert changes("quadrant changes", *calm, *music(30, first=30, status=Status.SILENCE)) == 0
    assert changes("quadrant changes", *calm, *flicker) > 1


def test_music_begins_and_ends_and_a_gap_is_neither() -> None:
    events = [
        *music(3, status=Status.WARMING_UP),
        *music(3, first=3),
        *music(1, first=6, status=Status.GAP),
        *music(3, first=7),
        *music(3, first=10, status=Status.SILENCE),
        *music(3, first=13),
    ]
    assert changes("music begins", *events) == 2
    assert changes("music ends", *events) == 1
    assert changes("status changes", *events) == 5


def test_music_ends_where_the_device_goes_away() -> None:
    events = [*music(3), status_of(Status.RECONNECTING), status_of(Status.RECONNECTING)]
    assert changes("music ends", *events) == 1


def test_music_that_turns_fires_also_where_that_estimate_did_not_come_and_in_no_fresh_stream() -> (
    None
):
    turning = [sample_estimate(seq=seq, turns=turns) for seq, turns in enumerate([2, 2, 3, 3, 4])]
    assert changes("music turns", *turning) == 2
    assert changes("music turns", *turning[:2], *turning[4:]) == 1
    assert changes("music turns", *turning, sample_estimate(seq=0), sample_estimate(seq=1)) == 2


def test_a_marker_fires_a_rule_that_sends_its_label() -> None:
    send = {"to": "osc://127.0.0.1:9000", "address": "/label", "from": "marker"}
    evaluation = evaluation_of(rules=[{"when": "marker", "send": send}])
    assert played(evaluation, Marker(label="drop")) == [("/label", "drop")]


def test_a_session_begins_and_ends_once() -> None:
    rules = [{"when": f"session {word}"} for word in ("begins", "ends")]
    evaluation = evaluation_of(rules=rules)
    assert sent(evaluation.begin()) == [("/rule", 1)]
    assert sent(evaluation.end()) == [("/rule", 1)]


def anew(before: Evaluation, *routes: dict[str, Any], **rest: Any) -> tuple[Evaluation, Any, Any]:
    """Return an evaluation of another plan, and what is sent when it takes over."""
    plan = plan_of(*routes, **rest)
    left = sent(before.leave(plan.routes))
    after = Evaluation(plan, before=before)
    return after, left, sent(after.begin())


def test_another_plan_goes_on_from_where_the_old_one_stood() -> None:
    old = {"from": "valence", "target": [0, 100], "home": 0, "address": "/a"}
    evaluation = evaluation_of(old, {**old, "address": "/gone"}, rules=[{"when": "session begins"}])
    sent(evaluation.begin())
    played(evaluation, sample_estimate(seq=0, valence=1.0))
    after, left, begun = anew(
        evaluation,
        {**old, "attack_s": 1, "release_s": 1000},
        {**old, "address": "/new", "home": 7},
        rules=[{"when": "session begins"}, {"when": "music begins"}],
    )
    assert left == [("/gone", 0.0)]
    assert begun == [("/new", 7.0)]
    later: list[Sending] = [*after.take(sample_estimate(seq=1, valence=-1.0))]
    values = dict(sent(later))
    assert values["/a"] == 100.0  # and goes down from there
    assert "/rule" not in values  # the music has not begun just now

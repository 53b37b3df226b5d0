"""A mapping's file: what it says, and how what is wrong in it is told."""

from pathlib import Path
from typing import Any

import pytest

from realtime_mer.errors import InputError
from realtime_mer.outlets.mapping.conditions import Comparison
from realtime_mer.outlets.mapping.tables import MAX_BYTES, load_plan, read_plan
from realtime_mer.outlets.osc import OSC
from tests.outlets.plans import TO, plan_of

SHOW = """
[[output]]
to = "osc://127.0.0.1:9000"
routes = [
  { from = "valence", address = "/booth/warmth", range = [-1, 1], target = [0, 255], attack_s = 0.5, release_s = 2.0, unsure = "slow" },
  { from = "quadrants.Q1", address = "/booth/joy" },
]

[[rule]]
when = "arousal > 0.2"
for_s = 2
until = "arousal < 0"
send = { to = "osc://127.0.0.1:9000", address = "/scene", value = "lively" }
"""  # noqa: E501


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "show.toml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def refused(tables: dict[str, Any]) -> str:
    with pytest.raises(InputError) as found:
        read_plan(tables, file="show.toml")
    return str(found.value)


def test_a_file_is_read_as_it_is_written(tmp_path: Path) -> None:
    plan = load_plan(written(tmp_path, SHOW))
    (target,) = plan.targets
    assert (target.wire, target.url.host, target.url.port) == (OSC, "127.0.0.1", 9000)
    warmth, joy = plan.routes
    assert warmth.place == OSC.place(address="/booth/warmth")
    assert (warmth.range, warmth.target) == ((-1, 1), (0, 255))
    assert (warmth.shape.attack_s, warmth.shape.release_s) == (0.5, 2.0)
    assert warmth.shape.unsure == "slow"
    assert (joy.range, joy.target) == (None, None)
    (rule,) = plan.rules
    assert rule.when == Comparison("arousal", ">", 0.2)
    assert rule.until == Comparison("arousal", "<", 0.0)
    assert rule.for_s == 2
    (send,) = rule.sends
    assert (send.targets, send.value) == ((target,), "lively")


def test_an_output_without_routes_sends_what_its_wire_has() -> None:
    plan = read_plan({"output": [{"to": TO, "defaults": {"max_rate": 5}}]}, file="show.toml")
    assert [route.place.model_dump()["address"] for route in plan.routes] == [
        route["address"] for route in OSC.routes
    ]
    assert {route.shape.max_rate for route in plan.routes} == {5}


def test_routes_have_the_defaults_of_their_output_unless_they_say_otherwise() -> None:
    plan = plan_of(
        {"from": "valence"}, {"from": "arousal", "attack_s": 0}, defaults={"attack_s": 3}
    )
    assert [route.shape.attack_s for route in plan.routes] == [3, 0]


def test_a_text_takes_no_range_from_the_defaults() -> None:
    plan = plan_of({"from": "mood"}, defaults={"target": [0, 1], "range": [0, 1], "home": 0})
    (route,) = plan.routes
    assert (route.target, route.shape.home) == (None, None)


def test_rules_send_to_an_output_by_its_name() -> None:
    send = {"to": "booth", "address": "/scene", "from": "mood"}
    plan = read_plan(
        {
            "output": [{"to": [TO, "osc://127.0.0.1:9001"], "name": "booth", "bundle": True}],
            "rule": [{"when": "mood changes", "send": [send, send]}],
        },
        file="show.toml",
    )
    assert len(plan.targets) == 2
    assert all(send.targets == plan.targets for send in plan.rules[0].sends)
    assert set(plan.names.values()) == {"booth"}


def test_a_range_that_is_not_told_is_the_usual_one() -> None:
    plan = plan_of(
        {"from": "valence", "target": [0, 127]},
        {"from": "gems.power", "target": [0, 127]},
        {"from": "level_dbfs", "range": [-60, 0]},
    )
    assert [route.range for route in plan.routes] == [(-1, 1), (0, 1), (-60, 0)]
    assert [route.target for route in plan.routes] == [(0, 127), (0, 127), (0, 1)]


ROUTE = {"from": "valence", "address": "/a"}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"from": "valens"}, "from: there is no value 'valens'; did you mean valence?"),
        ({"from": None}, "from"),
        ({"unsure": "fast"}, "unsure: 'fast' is not allowed; it should be 'pass', 'slow' or"),
        ({"adress": "/b"}, "adress: there is no such key; there are: from, range,"),
        ({"address": "b"}, "address: 'b' is not allowed"),
        ({"attack_s": -1}, "attack_s: -1 is not allowed; it should be greater than or equal to 0"),
        ({"attack_s": "1"}, "attack_s: '1' is not allowed; it should be a number"),
        ({"range": [0, 1, 2]}, "range: "),
        ({"range": [1, -1]}, "range: [1, -1] must go upwards"),
        ({"range": [0, 0]}, "range: [0, 0] must go upwards"),
        ({"target": [0, float("nan")]}, "target: "),
        ({"home": 300, "target": [0, 255]}, "home: 300 lies outside of target [0, 255]"),
        ({"home": "red", "target": [0, 255]}, "home: 'red' is no number"),
        ({"curve": "log"}, "curve: 'log' is not allowed; it should be 'linear' or 's' or a number"),
        ({"curve": 0}, "curve: 0 is not allowed"),
        ({"from": "level_dbfs", "target": [0, 1]}, "range: give the range of level_dbfs"),
        ({"from": "mood", "target": [0, 1]}, "target: mood is a text here, which has no range"),
        ({"type": "x"}, "type: 'x' is not allowed"),
    ],
)
def test_what_is_wrong_with_a_route_is_told_by_file_table_and_key(
    change: dict[str, Any], told: str
) -> None:
    told_of = refused({"output": [{"to": TO, "routes": [ROUTE, {**ROUTE, **change}]}]})
    assert told_of.startswith("show.toml: [[output]] 1, route 2")
    assert told in told_of


@pytest.mark.parametrize(
    ("output", "told"),
    [
        ({}, "[[output]] 1, to: it is missing"),
        ({"to": "127.0.0.1:9000"}, "begin with a wire"),
        ({"to": "ocs://127.0.0.1:9000"}, "there is no wire 'ocs'; there are: "),
        ({"to": "osc://127.0.0.1"}, "give a machine and a port"),
        ({"to": "osc://127.0.0.1:99999"}, "to: 'osc://127.0.0.1:99999' is no address"),
        ({"to": "osc://127.0.0.1:9/a"}, "give a machine and a port alone"),
        ({"to": [TO, "laser://x:1"]}, "laser://x:1 is on another wire than"),
        ({"to": TO, "bundel": True}, "bundel: there is no such key; there are: to, name, defaults"),
        ({"to": TO, "bundle": 1}, "bundle: 1 is not allowed"),
        ({"to": TO, "routes": ["valence"]}, "routes"),
        ({"to": TO, "defaults": {"atack_s": 1}, "routes": [ROUTE]}, "Did you mean attack_s?"),
        (3, "[[output]] 1: 3 is no table"),
    ],
)
def test_what_is_wrong_with_an_output_is_told(output: Any, told: str) -> None:
    assert told in refused({"output": [output]})


SEND = {"to": TO, "address": "/scene", "value": 1}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"when": "arousal >"}, "[[rule]] 1, when: 'arousal >' ends where"),
        ({"when": None}, "when"),
        ({"until": "mood changes"}, "until: give a comparison"),
        ({"when": "music begins", "for_s": 2}, "for_s: 'music begins' happens at once"),
        ({"for": 2}, "for: there is no such key; there are: name, when, for_s"),
        ({"send": {"to": TO, "address": "/a"}}, "send, value: give either a value, or a name"),
        ({"send": {**SEND, "from": "mood"}}, "send, value: give either"),
        ({"send": [SEND, {**SEND, "address": ""}]}, "send 2, address: '' is not allowed"),
        ({"send": {**SEND, "to": "both"}}, "to: 'both' is no address"),
        ({"send": {"to": TO, "address": "/a", "from": "moods"}}, "did you mean mood?"),
        ({"send": []}, "send"),
    ],
)
def test_what_is_wrong_with_a_rule_is_told(change: dict[str, Any], told: str) -> None:
    rule = {"when": "arousal > 0", "send": SEND, **change}
    assert told in refused({"output": [{"to": TO, "name": "booth"}], "rule": [rule]})


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "neither an [[output]] nor a [[rule]]"),
        ("[output]\nto = 'osc://127.0.0.1:1'", "write it as [[output]], once for each"),
        ("[[outputs]]", "outputs: there is no such key; there are: output, rule. Did you mean"),
        ("a = ", "is no TOML"),
        (b"\xff\xfe", "is no TOML"),
        ("a = " + "[" * 5000, "is no TOML"),
        ("#" * (MAX_BYTES + 1), "longer than 1 MiB"),
    ],
)
def test_what_is_no_mapping_is_told(tmp_path: Path, text: str | bytes, told: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(InputError) as found:
        load_plan(path)
    assert told in str(found.value)
    assert str(path) in str(found.value)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.toml cannot be read: No such file"):
        load_plan(tmp_path / "none.toml")
    with pytest.raises(InputError, match="cannot be read: Is a directory"):
        load_plan(tmp_path)


def test_two_outputs_of_one_name_are_refused() -> None:
    outputs = [{"to": TO, "name": "booth"}, {"to": "osc://127.0.0.1:1", "name": "booth"}]
    assert "[[output]] 2 (booth), name: there is another" in refused({"output": outputs})

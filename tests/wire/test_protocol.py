"""The WebSocket protocol, without a socket."""

import json
import math
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from realtime_mer.errors import ProtocolError
from realtime_mer.estimate import ESTIMATE, Estimate, Status
from realtime_mer.wire import protocol, schema
from realtime_mer.wire.bounds import read_with_care
from realtime_mer.wire.protocol import (
    MAX_CLIENT_MESSAGE,
    PROTOCOL,
    STREAMS,
    Authorize,
    Bye,
    ErrorMessage,
    Hello,
    History,
    LevelMessage,
    Marker,
    OutletState,
    Own,
    Ping,
    Pong,
    RecordingState,
    Side,
    StatusMessage,
    Subscribe,
    adapters,
    encode,
    parse_client_message,
    parse_server_message,
    parse_server_row,
)
from realtime_mer.wire.schema import SIDES
from realtime_mer.wire.settings import Change, Phones, Settings
from tests.samples import sample_estimate

SERVER_MESSAGES = {
    "hello": Hello(server_version="0.1.0", model="default", hop=0.1, window=3.0, sample_rate=24000),
    "estimate": sample_estimate(seq=41, wall_time=None, latency_ms=None),
    "status": StatusMessage(
        status=Status.RECONNECTING,
        detail="the device is gone",
        t=12.5,
        wall_time="2026-01-01T12:00:00.000+00:00",
        source="Küchenradio “USB”",
        xruns=1,
        skipped=2,
        recording=RecordingState(estimates=True, sound=False),
        outlets=(OutletState(name="booth", state="failing", sent=12, dropped=1, failed=3),),
    ),
    "level": LevelMessage(t=1.5, level_dbfs=-120.0, peak_dbfs=-3.5),
    "marker": Marker(label="drop", id="7", t=61.2, wall_time="2026-01-01T12:00:00.000+00:00"),
    "history": History(
        seq=(36, 41),
        t=(3.7, 4.2),
        valence=(0.25, 0.251),
        arousal=(-0.5, -0.5),
        valence_sd=(0.2, 0.2),
        arousal_sd=(0.3, 0.3),
        level_dbfs=(-20.0, -120.0),
        status=(Status.MUSIC, Status.SILENCE),
        turns=(2, 3),
        markers=(Marker(label="drop", id="7", t=3.9, wall_time=None),),
    ),
    "settings": Settings(
        speed=2.0,
        delay_s=1.5,
        phones=Phones(link="http://192.168.1.5:8766/#token=x", code=("101", "010", "101")),
        opens="Whoever gets this link sees what is estimated.",
    ),
    "error": ErrorMessage(code="bad_json", message="not JSON"),
    "bye": Bye(reason="the session has ended"),
    "pong": Pong(id="a"),
}
CLIENT_MESSAGES = {
    "authorize": Authorize(token="secret"),
    "subscribe": Subscribe(streams=("estimates", "status"), max_rate=10.0, history=240.0),
    "marker": Marker(label="drop", id="7"),
    "ping": Ping(id="a"),
    "own": Own(key="secret"),
    "change": Change(speed=2.0, phones=True),
}


@pytest.mark.parametrize("name", SERVER_MESSAGES)
def test_a_server_message_reads_back_as_it_was_written(name: str) -> None:
    assert parse_server_message(encode(SERVER_MESSAGES[name])) == SERVER_MESSAGES[name]


@pytest.mark.parametrize("name", CLIENT_MESSAGES)
def test_a_client_message_reads_back_as_it_was_written(name: str) -> None:
    assert parse_client_message(encode(CLIENT_MESSAGES[name])) == CLIENT_MESSAGES[name]


@pytest.mark.parametrize("name", SERVER_MESSAGES)
def test_the_type_comes_first(name: str) -> None:
    assert next(iter(json.loads(encode(SERVER_MESSAGES[name])).items())) == ("type", name)


def test_an_estimate_message_holds_the_type_and_exactly_the_attributes_of_an_estimate() -> None:
    assert list(json.loads(encode(sample_estimate()))) == ["type", *ESTIMATE]


def test_hello_tells_what_can_be_subscribed_to_and_the_names_of_the_shares() -> None:
    hello = json.loads(encode(SERVER_MESSAGES["hello"]))
    assert hello["protocol"] == PROTOCOL
    assert hello["streams"] == ["estimates", "status", "level", "markers"]
    assert hello["labels"]["quadrants"] == ["Q1", "Q2", "Q3", "Q4"]
    assert len(hello["labels"]["gems"]) == 9


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_json_never_holds_nan_or_infinity(value: float) -> None:
    with pytest.raises(ProtocolError) as caught:
        encode(sample_estimate(valence=value))
    assert caught.value.code == "not_finite"


@given(
    st.floats(0, 1e9),
    st.integers(0, 2**53 - 1),
)
def test_any_estimate_within_the_bounds_survives_the_way_over_json(t: float, seq: int) -> None:
    estimate = sample_estimate(seq=seq, t=round(t, 6))
    assert parse_server_message(encode(estimate)) == estimate


@given(st.floats(-1, 1), st.floats(0.001, 2), st.floats(0, 1))
def test_an_estimate_and_its_line_of_json_hold_the_same_short_numbers(
    valence: float, sd: float, share: float
) -> None:
    estimate = sample_estimate(valence=valence, valence_sd=sd, quadrants={"Q1": share})
    sent = json.loads(encode(estimate), parse_float=str)
    assert sent == {"type": "estimate"} | json.loads(
        json.dumps(estimate.to_dict()), parse_float=str
    )
    assert all(
        abs(float(text) - value) <= 5.1e-7
        for text, value in (
            (sent["valence"], valence),
            (sent["valence_sd"], sd),
            (sent["quadrants"]["Q1"], share),
        )
    )
    received = parse_server_message(encode(estimate))
    assert isinstance(received, Estimate)
    assert encode(received) == encode(estimate)
    assert len(sent["valence"].removeprefix("-")) <= 8 or "e-" in sent["valence"]


@pytest.mark.parametrize("parse", [parse_client_message, parse_server_message])
def test_unknown_types_are_ignored_on_both_sides(parse: Any) -> None:
    assert parse('{"type": "weather", "rain": true}') is None


def test_unknown_fields_are_ignored_on_both_sides() -> None:
    subscribe = '{"type": "subscribe", "streams": ["level"], "colour": "blue"}'
    assert parse_client_message(subscribe) == Subscribe(streams=("level",))
    bye = '{"type": "bye", "reason": "night", "colour": "blue"}'
    assert parse_server_message(bye) == Bye(reason="night")


@pytest.mark.parametrize("parse", [parse_server_message, parse_server_row])
def test_a_service_that_does_not_tell_whether_it_is_music_is_understood(parse: Any) -> None:
    older = json.loads(encode(sample_estimate()))
    del older["music"], older["familiar"]
    assert parse(json.dumps(older)).music is None
    assert parse(json.dumps({**older, "music": 0.25, "colour": "blue"})).music == 0.25


def test_a_service_that_does_not_tell_how_familiar_it_is_is_understood() -> None:
    older = json.loads(encode(sample_estimate()))
    del older["familiar"]
    received = parse_server_message(json.dumps(older))
    assert isinstance(received, Estimate)
    assert received.familiar is None
    told = parse_server_message(json.dumps({**older, "familiar": 1}))
    assert isinstance(told, Estimate)
    assert told.familiar == 1.0


def test_a_service_that_does_not_tell_of_turns_is_understood() -> None:
    older = json.loads(encode(sample_estimate()))
    del older["changed"], older["turns"]
    received = parse_server_message(json.dumps(older))
    assert isinstance(received, Estimate)
    assert (received.changed, received.turns) == (None, 0)
    told = parse_server_message(json.dumps({**older, "changed": 0.5, "turns": 3}))
    assert isinstance(told, Estimate)
    assert (told.changed, told.turns) == (0.5, 3)


@pytest.mark.parametrize("name", ["music", "familiar", "changed"])
@pytest.mark.parametrize("value", [-0.1, 1.1, "likely"])
def test_what_is_no_share_is_refused(name: str, value: Any) -> None:
    message = json.loads(encode(sample_estimate())) | {name: value}
    with pytest.raises(ProtocolError, match=name):
        parse_server_message(json.dumps(message))


def test_a_subscription_without_max_rate_asks_for_every_estimate() -> None:
    message = parse_client_message('{"type": "subscribe", "streams": ["estimates"]}')
    assert message == Subscribe(streams=("estimates",), max_rate=None)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "bad_json"),
        ("{", "bad_json"),
        ('{"type": "ping", "id": NaN}', "bad_json"),
        ("[" * 4000, "bad_json"),
        ('{"type": "marker", "label": "\\ud800"}', "bad_json"),
        (b'{"type": "ping"}', "bad_message"),
        ("[]", "bad_message"),
        ('"ping"', "bad_message"),
        ("{}", "bad_message"),
        ('{"type": 3}', "bad_message"),
        ('{"type": "subscribe"}', "bad_message"),
        ('{"type": "subscribe", "streams": "estimates"}', "bad_message"),
        ('{"type": "subscribe", "streams": ["estimate"]}', "bad_message"),
        ('{"type": "subscribe", "streams": [], "max_rate": 0}', "bad_message"),
        ('{"type": "subscribe", "streams": [], "max_rate": -1}', "bad_message"),
        ('{"type": "subscribe", "streams": [], "max_rate": true}', "bad_message"),
        ('{"type": "subscribe", "streams": [], "max_rate": "10"}', "bad_message"),
        ('{"type": "subscribe", "streams": [], "max_rate": 1e999}', "bad_message"),
        ('{"type": "marker"}', "bad_message"),
        ('{"type": "marker", "label": ""}', "bad_message"),
        ('{"type": "marker", "label": "two\\nlines"}', "bad_message"),
        ('{"type": "marker", "label": "\\u001b[2J"}', "bad_message"),
        (json.dumps({"type": "marker", "label": "x" * 201}), "bad_message"),
        (json.dumps({"type": "ping", "id": "x" * 65}), "bad_message"),
        (json.dumps({"type": "ping", "pad": "x" * MAX_CLIENT_MESSAGE}), "too_large"),
    ],
)
def test_a_malformed_client_message_is_refused_with_a_code(text: str | bytes, code: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        parse_client_message(text)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b"{}", "binary message: send JSON as text"),
        ("[]", 'send one JSON object with a text "type"'),
        ("{", "not JSON: EOF while parsing an object at line 1 column 1"),
        ("x" * (MAX_CLIENT_MESSAGE + 1), "message of 4097 characters: at most 4096"),
    ],
)
def test_a_refusal_says_what_is_wrong_and_what_to_send(text: str | bytes, told: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        parse_client_message(text)
    assert str(caught.value) == told


def test_a_message_may_be_as_long_as_the_limit() -> None:
    message = json.dumps({"type": "ping", "pad": ""})
    padded = message.replace('""', f'"{"x" * (MAX_CLIENT_MESSAGE - len(message))}"')
    assert len(padded) == MAX_CLIENT_MESSAGE
    assert parse_client_message(padded) == Ping()


def test_what_is_sent_is_compact_and_in_the_letters_of_its_language() -> None:
    text = encode(Marker(label="début – 終", id="7"))
    assert text == '{"type":"marker","label":"début – 終","id":"7"}'


def test_a_number_that_json_cannot_hold_is_told_with_its_message() -> None:
    with pytest.raises(ProtocolError, match=r"NaN or infinite.*LevelMessage"):
        encode(LevelMessage(t=math.nan, level_dbfs=-20.0, peak_dbfs=-6.0))


def test_the_refusal_names_the_field_but_does_not_repeat_its_value() -> None:
    with pytest.raises(ProtocolError, match=r"^subscribe\.max_rate: ") as caught:
        parse_client_message('{"type": "subscribe", "streams": [], "max_rate": -77}')
    assert "77" not in str(caught.value)


@pytest.mark.parametrize(
    "changes", [{"valence": "0.1"}, {"status": "asleep"}, {"quadrants": {"Q1": None}}, {"t": True}]
)
def test_a_malformed_estimate_is_refused_by_the_client(changes: dict[str, Any]) -> None:
    text = json.dumps({**json.loads(encode(sample_estimate())), **changes})
    with pytest.raises(ProtocolError) as caught:
        parse_server_message(text)
    assert caught.value.code == "bad_message"


@pytest.mark.parametrize("name", ["hello", "estimate", "status", "level", "marker"])
def test_a_number_too_large_to_hold_is_refused_by_its_field(name: str) -> None:
    field = "hop" if name == "hello" else "t"
    content = {**json.loads(encode(SERVER_MESSAGES[name])), field: "too large"}
    text = json.dumps(content).replace('"too large"', "1e999")
    with pytest.raises(ProtocolError, match=rf"^{name}\.{field}: Input should be a finite number"):
        parse_server_message(text)


@given(st.text() | st.binary())
def test_whatever_a_client_sends_gives_a_message_or_none_or_a_protocol_error(
    text: str | bytes,
) -> None:
    try:
        outcome: object = parse_client_message(text)
    except ProtocolError as error:
        outcome = error
    expected = Authorize | Subscribe | Marker | Ping | Own | Change | ProtocolError
    assert outcome is None or isinstance(outcome, expected)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)


@given(
    st.sampled_from(list(SERVER_MESSAGES)),
    st.dictionaries(st.sampled_from(["type", *ESTIMATE, "label", "id", "recorded_at"]), JSON_VALUES)
    | st.just({}),
    st.sampled_from(["", '"t":1,', '"type":"bye",', '"id":NaN,', '"more":[Infinity],']),
)
def test_read_in_one_pass_or_with_care_a_message_is_the_same(
    name: str, changes: dict[str, Any], before: str
) -> None:
    text = json.dumps(json.loads(encode(SERVER_MESSAGES[name])) | changes)
    text = text.replace("{", "{" + before, 1)

    def outcome(read: Callable[[str], Any]) -> Any:
        try:
            return read(text)
        except ProtocolError as error:
            return error.code, str(error)

    with_care = partial(read_with_care, known=adapters("server"))
    assert outcome(parse_server_message) == outcome(with_care)


@pytest.mark.parametrize("name", ["estimate", "level"])  # which come ten times a second
def test_what_comes_often_is_read_in_one_pass(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(protocol, "read_with_care")
    assert parse_server_message(encode(SERVER_MESSAGES[name])) == SERVER_MESSAGES[name]


@pytest.mark.parametrize(
    ("heading", "messages", "parse"),
    [
        ("From the server", SERVER_MESSAGES, parse_server_message),
        ("From the client", CLIENT_MESSAGES, parse_client_message),
    ],
)
def test_the_reference_shows_every_message_with_exactly_its_fields(
    heading: str, messages: dict[str, Any], parse: Any
) -> None:
    text = (Path(__file__).parents[2] / "docs" / "protocol.md").read_text(encoding="utf-8")
    chapter = text.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    for name, message in messages.items():
        section = chapter.split(f"\n### `{name}`")[1].split("\n### ")[0]
        example = section.split("```json\n")[1].split("```")[0]
        assert type(parse(example)) is type(message)
        assert list(json.loads(example)) == list(json.loads(encode(message)))
        for field in json.loads(encode(message)):
            assert f"`{field}`" in section


@pytest.mark.parametrize(
    ("module", "unwanted"),
    [
        ("realtime_mer.wire.protocol", ["asyncio", "websockets", "torch"]),
        ("realtime_mer.wire.mailbox", ["asyncio", "websockets", "torch"]),
        # What a subscriber sends has no way to whatever listens and infers.
        (
            "realtime_mer.service.server",
            ["torch", "sounddevice", "realtime_mer.engine", "realtime_mer.audio"],
        ),
        ("realtime_mer.client.streams", ["torch", "sounddevice"]),
    ],
)
def test_importing_it_imports_nothing_it_has_no_use_for(module: str, unwanted: list[str]) -> None:
    code = f"import sys, {module}; sys.exit(' '.join(sys.modules.keys() & {set(unwanted)!r}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.strip() == ""


# The published schemas


def validator(side: Side) -> Draft202012Validator:
    path = Path(__file__).parents[2] / "docs" / "schemas" / f"{side}.schema.json"
    return Draft202012Validator(json.loads(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize("side", SIDES)
def test_the_published_schemas_are_those_of_the_messages(side: Side, tmp_path: Path) -> None:
    folder = tmp_path / "docs" / "schemas"
    schema.write(folder)
    schema.write(folder)  # over what is there
    published = Path(__file__).parents[2] / "docs" / "schemas" / f"{side}.schema.json"
    assert published.read_text(encoding="utf-8") == (folder / published.name).read_text("utf-8")
    Draft202012Validator.check_schema(json.loads(published.read_text(encoding="utf-8")))


@pytest.mark.parametrize("name", SERVER_MESSAGES)
def test_what_the_server_sends_fits_its_schema(name: str) -> None:
    validator("server").validate(json.loads(encode(SERVER_MESSAGES[name])))


@pytest.mark.parametrize("name", CLIENT_MESSAGES)
def test_what_the_client_sends_fits_its_schema(name: str) -> None:
    validator("client").validate(json.loads(encode(CLIENT_MESSAGES[name])))


@pytest.mark.parametrize("name", SERVER_MESSAGES)
def test_the_schema_of_the_server_asks_for_every_field(name: str) -> None:
    content = json.loads(encode(SERVER_MESSAGES[name]))
    for field in content:
        assert not validator("server").is_valid({k: v for k, v in content.items() if k != field})


@given(
    st.fixed_dictionaries(
        {"type": st.just("subscribe")},
        optional={
            "streams": st.lists(st.sampled_from([*STREAMS, "weather"]), max_size=3) | st.none(),
            "max_rate": st.none() | st.integers(-1, 1001) | st.text(max_size=1),
            "colour": st.none(),
        },
    )
)
def test_the_schema_and_the_service_agree_on_what_can_be_subscribed_to(
    content: dict[str, Any],
) -> None:
    try:
        understood = parse_client_message(json.dumps(content)) is not None
    except ProtocolError:
        understood = False
    assert validator("client").is_valid(content) == understood


# Bounds


def unbounded(node: Any, where: str) -> list[str]:
    """Where a schema lets a number, a text or a list be as large as it likes."""
    if isinstance(node, list):
        return [
            place for at, inner in enumerate(node) for place in unbounded(inner, f"{where}.{at}")
        ]
    if not isinstance(node, dict):
        return []
    kind, found = node.get("type"), []
    if kind in ("integer", "number"):
        low = {"minimum", "exclusiveMinimum"} & node.keys()
        high = {"maximum", "exclusiveMaximum"} & node.keys()
        found = [where] if not (low and high) else []
    elif kind == "string":
        found = [where] if not {"maxLength", "enum", "pattern"} & node.keys() else []
    elif kind == "array":
        found = [where] if "maxItems" not in node else []
    elif kind == "object" and "additionalProperties" in node:
        found = [where] if "maxProperties" not in node and "properties" not in node else []
    return found + [
        place for key, inner in node.items() for place in unbounded(inner, f"{where}.{key}")
    ]


@pytest.mark.parametrize("side", SIDES)
def test_the_schema_states_a_bound_of_every_number_text_and_list(side: Side) -> None:
    assert unbounded(schema.schema(side), side) == []


@pytest.mark.parametrize("side", SIDES)
def test_no_field_of_any_message_takes_a_number_or_a_list_without_end(side: Side) -> None:
    """What the schema states the parser holds to."""
    messages = SERVER_MESSAGES if side == "server" else CLIENT_MESSAGES
    parse = parse_server_message if side == "server" else parse_client_message
    tried = 0
    for message in messages.values():
        content = json.loads(encode(message))
        for field, value in content.items():
            if isinstance(value, bool) or not isinstance(value, (int, float, list)):
                continue
            if isinstance(value, list):
                beyond: list[Any] = [value[:1] * 300]
            else:
                beyond = [10**18, -(10**18)]
            for worse in beyond:
                tried += 1
                with pytest.raises(ProtocolError):
                    parse(json.dumps({**content, field: worse}))
    assert tried > 3


@pytest.mark.parametrize(
    "changes",
    [
        {"seq": [1]},
        {"status": ["music"]},
        {"turns": [1]},
        {"t": [0.0] * 65},
        {"valence": [1.5, 0.0]},
        {"markers": [{"type": "marker", "label": ""}]},
        {"markers": [{"type": "marker", "label": "x"}] * 33},
    ],
)
def test_a_past_whose_columns_differ_or_that_is_too_long_is_refused(
    changes: dict[str, Any],
) -> None:
    text = json.dumps({**json.loads(encode(SERVER_MESSAGES["history"])), **changes})
    with pytest.raises(ProtocolError) as caught:
        parse_server_message(text)
    assert caught.value.code == "bad_message"


def test_a_service_that_tells_no_turns_tells_a_past_without_any() -> None:
    told = json.loads(encode(SERVER_MESSAGES["history"]))
    del told["turns"]
    past = parse_server_message(json.dumps(told))
    assert isinstance(past, History)
    assert past.turns == (0, 0)
    assert past.after(36).turns == (0,)


def test_markers_of_the_past_are_whole_messages() -> None:
    for marker in json.loads(encode(SERVER_MESSAGES["history"]))["markers"]:
        assert isinstance(parse_server_message(json.dumps(marker)), Marker)

"""Who may reach the service, judged without a socket."""

import hmac
import secrets
from http import HTTPStatus
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.datastructures import Headers

from realtime_mer.service.gate import Admission, Gate, OneToken, Verdict
from realtime_mer.service.pages import Page
from realtime_mer.wire import access

GATE = Gate(
    host="0.0.0.0",
    names=("studio",),
    rights=OneToken("s3cret"),
    metrics=lambda: (b"numbers", "text/plain"),
)
FROM: dict[str, Any] = {"address": "192.168.1.9", "now": 0.0}
OURS = ["localhost", "127.0.0.1:8765", "[::1]", "studio.local"]
FOREIGN = ["evil.example.org", "localhost.evil.org", "127.0.0.1.evil.org:8765", "studio2", ""]


def judge(*, path: str = "/", method: str = "GET", **headers: str) -> Page | Admission:
    return GATE.judge(method, path, Headers(headers), **FROM)


def websocket(**headers: str) -> Page | Admission:
    return judge(Upgrade="websocket", **headers)


def refusal(outcome: Page | Admission) -> HTTPStatus:
    assert isinstance(outcome, Page)
    return outcome.status


@pytest.mark.parametrize("host", OURS)
def test_a_program_may_connect_and_show_its_token_first_or_later(host: str) -> None:
    assert websocket(Host=host) == Admission(authorized=False)
    shown = websocket(Host=host, Authorization="Bearer s3cret")
    assert shown == Admission(authorized=True, token="s3cret")


@pytest.mark.parametrize("host", FOREIGN)
def test_a_name_that_was_rebound_to_this_machine_gets_nothing_at_all(host: str) -> None:
    for path in ("/", "/healthz", "/metrics", "/realtime-mer.js"):
        assert refusal(judge(path=path, Host=host)) is HTTPStatus.FORBIDDEN
    assert refusal(websocket(Host=host, Origin=f"http://{host}")) is HTTPStatus.FORBIDDEN


@pytest.mark.parametrize("origin", ["http://evil.example.org", "null", "file://", ""])
def test_a_page_of_another_host_may_not_connect_even_with_the_token(origin: str) -> None:
    outcome = websocket(Host="localhost", Origin=origin, Authorization="Bearer s3cret")
    assert refusal(outcome) is HTTPStatus.FORBIDDEN


def test_two_hosts_or_two_origins_are_none() -> None:
    twice = Headers(Host="localhost", Upgrade="websocket")
    twice["Host"] = "localhost"
    assert refusal(GATE.judge("GET", "/", twice, **FROM)) is HTTPStatus.FORBIDDEN
    twice = Headers(Host="localhost", Upgrade="websocket", Origin="http://localhost")
    twice["Origin"] = "http://evil.example.org"
    assert refusal(GATE.judge("GET", "/", twice, **FROM)) is HTTPStatus.FORBIDDEN


WORDS = st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]), max_size=40)


@given(
    st.sampled_from(["GET", "HEAD", "POST", ""]) | WORDS,
    st.sampled_from(["/", "/metrics", "/healthz", "/?token=s3cret"]) | WORDS,
    st.dictionaries(st.sampled_from(["Host", "Origin", "Authorization", "Upgrade"]), WORDS),
    st.sampled_from([None, *OURS]),
)
def test_whatever_a_request_says_nobody_is_authorized_without_the_token(
    method: str, path: str, headers: dict[str, Any], host: str | None
) -> None:
    if host is not None:
        headers["Host"] = host
    outcome = GATE.judge(method, path, Headers(headers), **FROM)
    if isinstance(outcome, Admission):
        assert not outcome.authorized
    else:
        assert outcome.body != b"numbers"


@given(st.text(max_size=5), st.text(max_size=5))
def test_a_token_is_the_same_or_it_is_not(one: str, other: str) -> None:
    assert access.same_token(one, other) == (one == other)
    assert access.same_token(one, one)


def test_tokens_are_compared_whole_whichever_letter_differs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compared = []

    def note(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return one == other

    monkeypatch.setattr(hmac, "compare_digest", note)
    for wrong in ("x3cret", "s3crex", "s3cret2", ""):
        assert not GATE.rights.accepts(wrong)
    assert compared == [(wrong, b"s3cret") for wrong in (b"x3cret", b"s3crex", b"s3cret2", b"")]


def gate(token: str) -> tuple[Gate, list[str]]:
    lines: list[str] = []
    return Gate(
        host="0.0.0.0",
        names=("studio",),
        rights=OneToken(token),
        metrics=lambda: (b"", ""),
        told=lines.append,
    ), lines


def test_after_some_wrong_tokens_an_address_waits_and_others_do_not() -> None:
    door, lines = gate("s3cret")
    for _ in range(6):
        assert door.check("wrong", address="one", now=0.0) is Verdict.WRONG
    assert lines == ["wrong tokens from one: it has to wait 1 s"]
    # What is not looked at tells a guesser nothing.
    assert door.check("s3cret", address="one", now=0.9) is Verdict.TOO_SOON
    assert door.check("wrong", address="one", now=0.9) is Verdict.TOO_SOON
    assert door.check("s3cret", address="two", now=0.9) is Verdict.RIGHT
    assert door.check("s3cret", address="one", now=1.0) is Verdict.RIGHT
    assert door.check("wrong", address="one", now=1.0) is Verdict.WRONG


def test_a_token_that_nobody_can_guess_lets_in_whatever_others_of_its_address_do() -> None:
    token = secrets.token_hex(16)
    door, _ = gate(token)
    for _ in range(100):
        door.check("wrong", address="one", now=0.0)
    assert door.check("wrong", address="one", now=0.5) is Verdict.TOO_SOON
    assert door.check(token, address="one", now=0.5) is Verdict.RIGHT


def test_who_has_to_wait_is_told_how_long() -> None:
    door, _ = gate("s3cret")
    headers = Headers({"Host": "studio", "Authorization": "Bearer wrong"})
    for _ in range(8):
        door.judge("GET", "/metrics", headers, address="one", now=0.0)
        door.guesses.wrong("one", 0.0)
    page = door.judge("GET", "/metrics", headers, address="one", now=0.0)
    assert refusal(page) is HTTPStatus.TOO_MANY_REQUESTS
    assert isinstance(page, Page)
    assert page.headers["Retry-After"] == str(int(door.guesses.pause("one", 0.0)))

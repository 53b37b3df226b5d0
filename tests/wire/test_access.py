"""Who may reach the service, in the words of its rules."""

import base64
import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime_mer.wire.access import (
    authority,
    bearer_token,
    host_of,
    is_loopback,
    is_own_name,
    is_trusted_origin,
    port_of,
    randomness_bits,
    sender,
)


@pytest.mark.parametrize("host", ["localhost", "app.localhost", "127.0.0.1", "127.9.9.9", "::1"])
def test_what_is_this_machine_alone(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["notlocalhost", "localhost.lan", "192.168.0.7", "::", "", "::2"])
def test_what_others_can_reach(host: str) -> None:
    assert not is_loopback(host)


@pytest.mark.parametrize(
    ("values", "prefix", "host"),
    [
        (["Example.ORG:8765"], "//", "example.org"),
        (["[::1]:8765"], "//", "::1"),
        (["http://Example.org:1"], "", "example.org"),
        (["example.org"], "", None),  # no URL: an origin names its scheme
        ([], "//", None),
        (["a", "a"], "//", None),
        (["["], "//", None),
        (["ex ample"], "//", None),
        (["under_score"], "//", None),
        (["//two.example"], "", "two.example"),
    ],
)
def test_the_host_of_a_header(values: list[str], prefix: str, host: str | None) -> None:
    assert host_of(values, prefix=prefix) == host


def test_a_header_is_a_url_unless_it_is_told_otherwise() -> None:
    assert host_of(["//example.org"]) == "example.org"


@pytest.mark.parametrize(
    ("host", "port", "written"),
    [
        ("example.org", None, "example.org"),
        ("example.org", 80, "example.org:80"),
        ("::1", None, "[::1]"),
        ("::1", 8765, "[::1]:8765"),
    ],
)
def test_a_host_and_a_port_as_they_stand_in_a_url(
    host: str, port: int | None, written: str
) -> None:
    assert authority(host, port) == written


@pytest.mark.parametrize(
    ("header", "port"),
    [("example.org:8765", 8765), ("[::1]:80", 80), ("example.org", None), ("x:y", None)],
)
def test_the_port_of_a_header(header: str, port: int | None) -> None:
    assert port_of(header) == port


@pytest.mark.parametrize(
    ("host", "listening_on", "is_own"),
    [
        ("192.168.0.7", "0.0.0.0", True),
        ("192.168.0.7", "127.0.0.1", True),  # an address cannot be rebound
        ("localhost", "studio", True),
        ("studio", "Studio", True),
        ("music-box", "0.0.0.0", True),
        ("music-box.lan", "0.0.0.0", True),
        ("music-box.home.arpa", "0.0.0.0", True),
        ("lan.music-box", "0.0.0.0", False),
        ("music-box.lan", "127.0.0.1", False),
        ("music-box", "localhost", False),
        ("evil.example", "0.0.0.0", False),
    ],
)
def test_which_names_are_the_services_own(host: str, listening_on: str, is_own: bool) -> None:
    for machine in ("Music-Box.fritz.box", "music-box"):
        assert is_own_name(host, listening_on=listening_on, names=[machine]) is is_own
        assert is_own_name(host, listening_on=listening_on, names=["stage", machine]) is is_own


@pytest.mark.parametrize(
    ("origins", "trusted"),
    [
        ([], True),  # no page: a program
        (["http://studio:8765"], True),
        (["https://STUDIO"], True),
        (["http://localhost:3000"], True),
        (["http://evil.example"], False),
        (["null"], False),
        (["http://studio", "http://studio"], False),
    ],
)
def test_which_pages_are_trusted(origins: list[str], trusted: bool) -> None:
    assert is_trusted_origin(origins, "studio") is trusted


@pytest.mark.parametrize(
    ("header", "token"),
    [
        ("Bearer s3cret", "s3cret"),
        ("bearer   two words ", "two words"),
        ("Basic s3cret", None),
        ("s3cret", None),
        ("Bearer", ""),
    ],
)
def test_the_token_of_a_header(header: str, token: str | None) -> None:
    assert bearer_token(header) == token


@pytest.mark.parametrize(
    ("address", "counted_under"),
    [
        ("192.168.1.5", "192.168.1.5"),
        ("::ffff:192.168.1.5", "192.168.1.5"),  # as a service on :: sees it
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
    ],
)
def test_one_sender_of_ipv6_is_a_network_since_it_has_as_many_addresses_as_it_likes(
    address: str, counted_under: str
) -> None:
    assert sender(address) == counted_under


@pytest.mark.parametrize(
    "token",
    [
        "s3cret",
        "correct-horse-battery-staple",
        "CorrectHorseBatteryStapleTraversal",
        "MyVerySecretLongTokenForTheStudio2024",
        "THIS_IS_MY_VERY_SECRET_TOKEN_42",
        "the-quick-brown-fox-jumps-over-the-lazy-dog",
        "a" * 64,
        "0123456789" * 5,
        "abcdefghijklmnopqrstuvwxyz0123456789",
        "p4ssw0rd-p4ssw0rd-p4ssw0rd",
        "deadbeef" * 4,
        "P@ssw0rd!P@ssw0rd!2026-Summer-Party",
        "31415926535897932384626433832795028841971",
        "3.1415926535897932384626433832795028841971",
        "27182818284590452353602874713526624977572",
        "q1w2e3r4t5y6u7i8o9p0q1w2",
        "P@ssw0rd!-x-P@ssw0rd!-y-P@ssw0rd!",
        "1qaz2wsx3edc4rfv5tgb6yhn7ujm",
        "zaq12wsxcde34rfvbgt56yhn",
        "123e4567e89b",
        "",
    ],
)
def test_what_people_make_up_is_taken_for_less_than_128_bits(token: str) -> None:
    assert randomness_bits(token) < 128


@given(chance=st.integers(0, 2**64 - 1).map(random.Random))
@settings(deadline=None, max_examples=25)  # zxcvbn takes a while
def test_drawn_tokens_of_128_bits_are_taken_for_what_they_are(
    chance: random.Random,
) -> None:
    drawn = chance.randbytes(16)
    in_base64 = base64.urlsafe_b64encode(drawn).decode()
    for token in (drawn.hex(), drawn.hex().upper(), in_base64, in_base64.rstrip("=")):
        assert randomness_bits(token) >= 128, token


def test_longer_ones_may_be_written_in_any_usual_way() -> None:
    chance = random.Random(0)
    for _ in range(20):
        drawn = chance.randbytes(24)
        for token in (
            base64.urlsafe_b64encode(drawn).decode(),
            base64.b32encode(drawn).decode().rstrip("="),
            str(int.from_bytes(drawn, "big")),
        ):
            assert randomness_bits(token) >= 128, token


@pytest.mark.slow
def test_of_drawn_tokens_that_look_like_words_none_is_taken_for_words() -> None:
    """One in 225 of just 128 bits in Base64 does, such as Owmakigddaqyhy7Vclucjg."""
    chance = random.Random(0)
    for _ in range(3000):
        token = base64.urlsafe_b64encode(chance.randbytes(16)).decode().rstrip("=")
        assert randomness_bits(token) >= 128, token


@pytest.mark.parametrize(
    ("token", "bits"),
    [
        ("9c41e07ab3d25f68", 16 * 4),  # hexadecimal
        ("aB3dE6gH9jK2mN5p", 16 * 6),  # Base64
        ("024681357", 9 * math.log2(10)),  # by twos is not in a row
        ("0123456789", 10 * math.log2(10) * 0.1),  # nine of ten in a row
        ("correct-horse-battery-staple", 25 * 2 + 3 * 6),
        ("8f3a" * 8, 32 * 4 * 4 / 29),  # four different parts out of 29
        ("1f1f1f5", 7 * 4),  # three different parts out of four are enough
    ],
)
def test_words_repetitions_and_rows_count_for_so_much(token: str, bits: float) -> None:
    assert randomness_bits(token) == pytest.approx(bits)

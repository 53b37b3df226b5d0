"""Ready-made links and their QR codes."""

import io
from collections import namedtuple
from socket import AF_INET, AF_INET6

import psutil
import pytest
from rich.console import Console

from realtime_mer.service.links import links, qr_code

_Address = namedtuple("_Address", ["family", "address"])
_Stats = namedtuple("_Stats", ["isup"])


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with a network card, a container's bridge, and a card without a cable."""
    cards = {
        "lo": [_Address(AF_INET, "127.0.0.1"), _Address(AF_INET6, "::1")],
        "docker0": [_Address(AF_INET, "172.17.0.1")],
        "eth0": [
            _Address(AF_INET, "192.168.1.5"),
            _Address(AF_INET6, "2001:db8::5"),
            _Address(AF_INET6, "fe80::1%eth0"),
        ],
        "eth1": [_Address(AF_INET, "10.0.0.1")],
        "zeroconf": [_Address(AF_INET, "169.254.1.1")],
    }
    monkeypatch.setattr(psutil, "net_if_addrs", lambda: cards)
    monkeypatch.setattr(
        psutil, "net_if_stats", lambda: {name: _Stats(isup=name != "eth1") for name in cards}
    )
    monkeypatch.setattr("realtime_mer.service.links._way_out", lambda family: "192.168.1.5")


def test_a_token_of_any_signs_survives_the_link() -> None:
    (link,) = links("10.0.0.2", 1, token="a&b#c%d+e", tls=True)
    assert link == "https://10.0.0.2:1/#token=a%26b%23c%25d%2Be"


def test_on_all_addresses_every_one_that_others_can_reach_has_its_link(machine: None) -> None:
    assert links("0.0.0.0", 8765, token="s3cret", tls=False) == [
        "http://192.168.1.5:8765/#token=s3cret",
        "http://172.17.0.1:8765/#token=s3cret",
    ]
    assert "https://[2001:db8::5]:8765/" in links("::", 8765, token=None, tls=True)


def test_a_given_address_has_one_link(machine: None) -> None:
    assert links("192.168.1.5", 80, token=None, tls=True) == ["https://192.168.1.5:80/"]
    assert links("::1", 8765, token=None, tls=False) == ["http://[::1]:8765/"]


def test_this_machine_s_own_links_are_found_without_a_packet_being_sent() -> None:
    for link in links("0.0.0.0", 8765, token="s3cret", tls=False):
        assert link.startswith("http://")
        assert link.endswith(":8765/#token=s3cret")


def test_a_qr_code_is_a_square_with_its_three_eyes_and_a_quiet_border() -> None:
    lines = qr_code("http://192.168.1.5:8765/#token=s3cret").plain.splitlines()
    assert {len(line) for line in lines} == {2 * len(lines) - 1}
    eye = "█▀▀▀▀▀█"
    assert lines[0].strip() == ""
    assert lines[1][2:9] == lines[1][-9:-2] == eye
    assert any(line[2:9] == eye for line in lines[-6:])


def test_a_qr_code_is_dark_on_light_whatever_the_terminal_s_colours() -> None:
    out = io.StringIO()
    Console(file=out, force_terminal=True, color_system="standard").print(qr_code("http://x/"))
    assert "\x1b[30;107m" in out.getvalue()

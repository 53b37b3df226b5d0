"""The address by which others reach a service is read as a person writes it, or refused."""

import pytest

from realtime_mer.errors import InputError
from realtime_mer.wire.public import public_address


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://Rooms.example.org", "wss://rooms.example.org"),
        ("https://rooms.example.org/", "wss://rooms.example.org"),
        ("http://10.0.0.1:8080", "ws://10.0.0.1:8080"),
        ("wss://[2001:db8::1]:444", "wss://[2001:db8::1]:444"),
    ],
)
def test_an_address_leads_to_where_clients_connect(text: str, url: str) -> None:
    assert public_address(text).url == url


@pytest.mark.parametrize(
    "text",
    [
        "rooms.example.org",
        "ftp://rooms.example.org",
        "https://",
        "https://rooms.example.org/mer",
        "https://rooms.example.org?a=b",
        "https://rooms.example.org#token=a",
        "https://me:secret@rooms.example.org",
        "https://rooms.example.org:0",
        "https://rooms.example.org:99999",
        "https://[::1",
        "https://a b",
    ],
)
def test_what_is_none_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="--public-url"):
        public_address(text)

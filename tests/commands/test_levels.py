"""`devices --levels` shows which channel is live; one that cannot be opened stops no other."""

import json

import pytest

from realtime_mer.audio import levels
from realtime_mer.audio.devices import Device
from realtime_mer.commands.devices import show_levels
from realtime_mer.errors import DeviceError


def device(index: int, name: str) -> Device:
    return Device(
        index=index,
        name=name,
        kind="input",
        rate=48_000,
        channels=2,
        default=False,
        backend="sounddevice",
    )


DEVICES = (device(0, "Scarlett [USB]"), device(1, "Busy"))


@pytest.fixture(autouse=True)
def heard(monkeypatch: pytest.MonkeyPatch) -> None:
    def channel_levels(device: Device) -> list[float]:
        if device.name == "Busy":
            raise DeviceError("Busy is in use")
        return [-120.0, -21.0]

    monkeypatch.setattr(levels, "channel_levels", channel_levels)


def test_every_channel_has_its_level_and_what_is_silent_no_bar(
    capsys: pytest.CaptureFixture[str],
) -> None:
    show_levels(DEVICES, as_json=False)
    assert capsys.readouterr().out.splitlines() == [
        "0 Scarlett [USB] (input)",
        "  channel  1  -120.0 dBFS",
        "  channel  2   -21.0 dBFS  " + 15 * "#",
        "1 Busy (input)",
        "  Busy is in use",
    ]


def test_the_same_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    show_levels(DEVICES, as_json=True)
    scarlett, busy = json.loads(capsys.readouterr().out)
    assert (scarlett["levels_dbfs"], scarlett["problem"]) == ([-120.0, -21.0], None)
    assert (busy["name"], busy["levels_dbfs"], busy["problem"]) == ("Busy", [], "Busy is in use")


def test_where_there_is_none_it_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    show_levels((), as_json=False)
    assert capsys.readouterr().out == "No device to listen to.\n"

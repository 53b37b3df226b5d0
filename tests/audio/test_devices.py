"""A person names a device by number or by a part of its name."""

import json

import pytest

from realtime_mer.audio.devices import Device, Kind, select
from realtime_mer.errors import DeviceError


def device(index: int, name: str, kind: Kind = "input", *, default: bool = False) -> Device:
    return Device(
        index=index,
        name=name,
        kind=kind,
        rate=48_000,
        channels=2,
        default=default,
        backend="sounddevice" if kind == "input" else "soundcard",
    )


DEVICES = (
    device(0, "Built-in Microphone"),
    device(1, "USB Microphone", default=True),
    device(2, "USB"),
    device(3, "7"),
    device(4, "Monitor of Speakers", "loopback", default=True),
    device(5, "Monitor of Headphones", "loopback"),
)


@pytest.mark.parametrize(
    ("spec", "kind", "index"),
    [
        (None, "input", 1),
        (None, "loopback", 4),
        (0, "input", 0),
        ("0", "input", 0),
        ("built", "input", 0),
        ("usb mic", "input", 1),
        ("usb", "input", 2),  # whole names win over parts
        ("7", "input", 3),  # ... and over numbers
        ("HEADPHONES", "loopback", 5),
        (5, "loopback", 5),
    ],
)
def test_the_device_meant_is_found(spec, kind, index):
    assert select(DEVICES, spec, kind=kind).index == index


@pytest.mark.parametrize(
    ("spec", "kind", "words"),
    [
        ("micro", "input", "0 'Built-in Microphone', 1 'USB Microphone'"),
        ("UBS Microfone", "input", "nearest: 'USB Microphone'.*realtime-mer devices"),
        ("Built-in", "loopback", "nearest: .*realtime-mer devices"),
        (4, "input", "of kind loopback, not input"),
        (99, "input", "no device 99"),
    ],
)
def test_a_name_that_fits_none_or_several_is_refused_with_what_there_is(spec, kind, words):
    with pytest.raises(DeviceError, match=words):
        select(DEVICES, spec, kind=kind)


def test_without_any_device_the_reason_is_given():
    with pytest.raises(DeviceError, match="no system-audio loopback: no server answers"):
        select(DEVICES[:4], None, kind="loopback", problem="no server answers")


def test_the_first_of_a_kind_stands_in_for_a_missing_default():
    assert select([device(3, "Line"), device(8, "Mic")], None, kind="input").index == 3


def test_a_device_goes_through_json_unchanged():
    assert Device(**json.loads(json.dumps(DEVICES[1].to_dict()))) == DEVICES[1]

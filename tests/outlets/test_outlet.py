"""What every outlet promises, shown on each."""

from collections.abc import Callable
from pathlib import Path

import pytest

from realtime_mer.outlets.mapped import MappedOutlet
from realtime_mer.outlets.outlet import Outlet
from realtime_mer.outlets.short_ways import osc_plan
from realtime_mer.service.server import Service
from realtime_mer.sessions.recording import Deck, Recording
from realtime_mer.wire.protocol import LevelMessage, Marker
from tests.samples import sample_estimate
from tests.sessions.sessions import manifest
from tests.subscribers import HELLO, status

EVENTS = (
    status("on air"),
    sample_estimate(),
    LevelMessage(t=0.1, level_dbfs=-20.0, peak_dbfs=-6.0),
    Marker(label="drop", t=0.1, wall_time="2026-01-01T12:00:00.000+00:00"),
)


def mapped(_folder: Path) -> Outlet:
    return MappedOutlet(plans=[osc_plan("127.0.0.1:9")])


def service(_folder: Path) -> Outlet:
    service = Service(hello=HELLO, port=0)
    service.start()
    return service


def deck(folder: Path) -> Outlet:
    deck = Deck(lambda _label, _sound: Recording(folder, manifest(folder)))
    deck.begin(sound=False)
    return deck


@pytest.mark.parametrize("make", [mapped, service, deck])
def test_an_outlet_takes_every_event_and_loses_none_unheard(
    make: Callable[[Path], Outlet], tmp_path: Path
) -> None:
    outlet = make(tmp_path)
    for event in EVENTS:
        outlet.publish(event)
    assert not any(outlet.faults().values())
    outlet.close()


@pytest.mark.parametrize("make", [mapped, service, deck])
def test_an_outlet_may_be_closed_twice_and_raises_nothing_afterwards(
    make: Callable[[Path], Outlet], tmp_path: Path
) -> None:
    outlet = make(tmp_path)
    outlet.close()
    outlet.close()
    for event in EVENTS:
        outlet.publish(event)


def test_what_came_faster_than_the_service_could_take_it_is_counted() -> None:
    with Service(hello=HELLO, port=0) as service:
        service._woken = True  # as if its thread never got the processor
        for seq in range(70):
            service.publish(sample_estimate(seq=seq))
        assert service.faults()["messages that came too fast for the service"] == 6
        service._woken = False

"""Wires of other packages: a fault in one costs a line and a count, and the rest goes on."""

from collections.abc import Callable, Collection, Sequence
from contextlib import closing
from importlib.metadata import EntryPoint
from itertools import count
from pathlib import Path
from queue import Queue
from typing import Annotated, Any

import pytest
from pydantic import Field, model_validator

from realtime_mer.errors import InputError
from realtime_mer.outlets import finding, line
from realtime_mer.outlets.finding import find_wire
from realtime_mer.outlets.line import MAX_EVENTS
from realtime_mer.outlets.mapped import MappedOutlet
from realtime_mer.outlets.mapping.tables import load_plan, read_plan
from realtime_mer.outlets.wires import Message, Table, Url, Wire
from realtime_mer.wire.protocol import Hello, Marker
from tests.outlets.test_osc import Receiver
from tests.patience import PATIENCE_S
from tests.samples import sample_estimate


class LaserPlace(Table):
    beam: int


class Beam:
    """A connection as another package would write it: most of what it has may be replaced."""

    def __init__(self, _url: Url, _options: Table) -> None:
        self.shone: list[object] = []

    def send(self, messages: Sequence[Message[LaserPlace]]) -> int:
        self.shone += [message.value for message in messages]
        return 0

    def close(self) -> None:
        pass


def breaks(*_: object, **__: object) -> Any:
    raise KeyError("no beam")


def laser(**parts: Any) -> Wire[Any, Any]:
    whole = {
        "scheme": "laser",
        "example": "laser:1",
        "place": LaserPlace,
        "options": Table,
        "connect": Beam,
        "check": lambda _url: None,
    }
    return Wire(**{**whole, **parts})


def beam(**parts: Any) -> type[Beam]:
    return type("OtherBeam", (Beam,), parts)


Brings = Callable[..., None]


@pytest.fixture
def brings(monkeypatch: pytest.MonkeyPatch) -> Brings:
    """Install a package with some object for a wire, or with a fault when it is loaded."""

    class Entry(EntryPoint):
        brought: Any = None

        def load(self) -> Any:
            return self.brought() if self.brought is breaks else self.brought

    def install(wire: Any) -> None:
        kind = type("Entry", (Entry,), {"brought": staticmethod(wire) if wire is breaks else wire})
        entry = kind(name="laser", value="show.laser:LASER", group=finding.WIRES)
        monkeypatch.setattr(
            finding,
            "entry_points",
            lambda *, group, name=None: [entry] if name in (None, "laser") else [],
        )

    return install


MAPPING = {
    "output": [{"to": "laser:1", "name": "ceiling", "routes": [{"from": "valence", "beam": 1}]}],
    "rule": [{"when": "marker", "send": {"to": "ceiling", "beam": 2, "from": "marker"}}],
}
WHO = "the wire laser (show.laser:LASER) has a fault"


class Announced(Beam):
    announce = breaks


@pytest.mark.parametrize(
    ("connect", "fault"),
    [
        (breaks, "KeyError: 'no beam'"),
        (lambda _url, _options: None, "AttributeError: 'NoneType' object has no attribute 'send'"),
        (beam(send=breaks), "KeyError: 'no beam'"),
        (beam(send=lambda *_: None), "ValueError: send returned None for how many of "),
        (beam(send=lambda *_: -1), "ValueError: send returned -1 for how many of "),
        (beam(send=lambda *_: 1000), "ValueError: send returned 1000 for how many of "),
        (Announced, "KeyError: 'no beam'"),
    ],
    ids=["connect", "nothing", "send", "uncounted", "less than none", "too many", "announce"],
)
def test_a_fault_while_it_runs_is_a_line_and_counted_and_nothing_grows(
    brings: Brings, monkeypatch: pytest.MonkeyPatch, connect: Any, fault: str
) -> None:
    monkeypatch.setattr(line, "_FIRST_PAUSE_S", 0.001)
    monkeypatch.setattr(line, "_LONGEST_PAUSE_S", 0.002)
    brings(laser(connect=connect))
    told: Queue[str] = Queue()
    with closing(Receiver()) as receiver:
        to = f"osc://{receiver.text}"
        well = {"to": to, "routes": [{"from": "valence", "address": "/v"}]}
        plan = read_plan({**MAPPING, "output": [*MAPPING["output"], well]}, file="show.toml")
        with closing(MappedOutlet(plans=[plan], tell=told.put)) as outlet:
            outlet.publish(sample_estimate())
            notice = told.get(timeout=PATIENCE_S)
            assert notice.startswith(f"laser:1: {WHO}: {fault}")
            assert notice.endswith(
                "Tell whoever wrote it; the rest goes on, and this is tried again."
            )
            assert receiver.receive_all(1) == {"/v": 0.25}
            ceiling = outlet._lines[plan.targets[0]]
            for number in range(2 * MAX_EVENTS):
                outlet.publish(sample_estimate(seq=number + 1))
                outlet.publish(Marker(label=str(number)))
                assert len(ceiling._events) <= MAX_EVENTS
                assert len(ceiling._values) <= 1
            assert ceiling._thread.is_alive()
        state, _ = outlet.states()
    assert told.empty()
    assert state.state == "failing"
    assert state.sent == 0
    assert state.failed + state.dropped > 0
    if isinstance(connect, type) and "send" in vars(connect):
        assert state.failed > 0


def test_one_that_works_again_is_told_and_gets_the_latest(
    brings: Brings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line, "_FIRST_PAUSE_S", 0.001)
    broken, shone = [True], Queue[object]()

    def send(_self: Beam, messages: Sequence[Message[LaserPlace]]) -> int:
        if broken[0]:
            raise ZeroDivisionError
        for message in messages:
            shone.put(message.value)
        return 0

    brings(laser(connect=beam(send=send)))
    told: Queue[str] = Queue()
    plan = read_plan(MAPPING, file="show.toml")
    with closing(MappedOutlet(plans=[plan], tell=told.put)) as outlet:
        outlet.publish(sample_estimate(valence=0.5))
        assert f"{WHO}: ZeroDivisionError. Tell" in told.get(timeout=PATIENCE_S)
        broken[0] = False
        assert shone.get(timeout=PATIENCE_S) == 0.5
        assert told.get(timeout=PATIENCE_S) == "laser:1: back."


def test_one_that_breaks_again_and_again_is_tried_ever_more_rarely(
    brings: Brings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though it takes something each time: else its lines would fill the terminal."""
    pauses: Queue[float] = Queue()
    before = count()

    def pause(_self: line.Line, seconds: float) -> bool:
        pauses.put(seconds)
        return next(before) == 7  # then it gives up

    monkeypatch.setattr(line.Line, "_pause", pause)

    def send(self: Beam, messages: Sequence[Message[LaserPlace]]) -> int:
        if self.shone:
            raise KeyError
        self.shone.append(1)
        outlet.publish(sample_estimate())  # for the next time
        return 0

    brings(laser(connect=beam(send=send)))
    plan = read_plan(MAPPING, file="show.toml")
    with closing(MappedOutlet(plans=[plan])) as outlet:
        outlet.publish(sample_estimate())
        found = [pauses.get(timeout=PATIENCE_S) for _ in range(8)]
    assert found == [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 15.0]


def test_one_that_cannot_let_go_is_told_and_counted_and_the_session_ends(brings: Brings) -> None:
    brings(laser(connect=beam(close=breaks)))
    told: Queue[str] = Queue()
    plan = read_plan(MAPPING, file="show.toml")
    with closing(MappedOutlet(plans=[plan], tell=told.put)) as outlet:
        outlet.publish(sample_estimate())
    assert told.get(timeout=PATIENCE_S) == (
        f"laser:1: {WHO}: KeyError: 'no beam'. Tell whoever wrote it; it may still be open."
    )
    (state,) = outlet.states()
    assert (state.sent, state.failed) == (1, 1)


def test_what_it_may_raise_goes_through_in_its_own_words(brings: Brings) -> None:
    def refused(*_: object) -> Any:
        raise ConnectionRefusedError(111, "Connection refused")

    brings(laser(connect=refused))
    told: Queue[str] = Queue()
    plan = read_plan(MAPPING, file="show.toml")
    with closing(MappedOutlet(plans=[plan], tell=told.put)):
        assert told.get(timeout=PATIENCE_S).startswith("laser:1: Connection refused; the rest")


def test_places_are_announced_to_one_that_asks(brings: Brings) -> None:
    announced: Queue[list[int]] = Queue()

    def announce(_self: Beam, places: Collection[LaserPlace], _hello: Hello | None) -> None:
        announced.put([place.beam for place in places])

    brings(laser(connect=beam(announce=announce)))
    with closing(MappedOutlet(plans=[read_plan(MAPPING, file="show.toml")])):
        assert announced.get(timeout=PATIENCE_S) == [1, 2]


class Broken(LaserPlace):
    @model_validator(mode="after")
    def _known(self) -> "Broken":
        raise TypeError("no beam")


class Listed(LaserPlace):
    colours: Annotated[list[int], Field(default_factory=list)]


@pytest.mark.parametrize(
    ("wire", "told"),
    [
        (breaks, f"{WHO}: KeyError: 'no beam'. Tell whoever wrote it."),
        ("laser", "the wire laser (show.laser:LASER) is no Wire of"),
        (laser(check=breaks), f"{WHO}: KeyError"),
        (laser(misfit=breaks), f"route 1 (valence): {WHO}: KeyError"),
        (laser(place=Broken), "Broken has a fault: TypeError: no beam"),
        (laser(place=Listed), "Listed has a fault: TypeError: unhashable"),
    ],
    ids=["loading", "no wire", "check", "misfit", "validator", "unhashable"],
)
def test_a_fault_while_a_mapping_is_read_is_a_line_of_its_place(
    brings: Brings, tmp_path: Path, wire: Any, told: str
) -> None:
    brings(wire)
    path = tmp_path / "show.toml"
    path.write_text('[[output]]\nto = "laser:1"\nroutes = [{ from = "valence", beam = 1 }]')
    with pytest.raises(InputError) as raised:
        load_plan(path)
    assert told in str(raised.value)
    assert str(raised.value).startswith(f"{path}: [[output]] 1")
    assert "\n" not in str(raised.value)


def test_a_library_within_a_package_that_is_missing_is_named(brings: Brings) -> None:
    brings(laser(libraries=("no_such_package.part",)))
    assert find_wire("laser").missing() == "laser needs no_such_package.part: install it"

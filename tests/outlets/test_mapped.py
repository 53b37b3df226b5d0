"""The outlet of mappings, with receivers on loopback: threads, files that change, the end."""

import os
import threading
from collections.abc import Iterator
from contextlib import closing
from importlib.metadata import EntryPoint
from pathlib import Path
from queue import Queue
from typing import Any

import pytest

from realtime_mer.errors import InputError
from realtime_mer.outlets import finding
from realtime_mer.outlets.finding import find_wire, schemes
from realtime_mer.outlets.mapped import MappedOutlet
from realtime_mer.outlets.mapping.tables import load_plan, read_plan
from realtime_mer.outlets.osc import OSC, OscPlace
from realtime_mer.outlets.wires import Table, Url, Wire
from realtime_mer.wire.protocol import Marker
from tests.outlets.test_osc import Receiver
from tests.patience import PATIENCE_S
from tests.samples import sample_estimate

LASER = Wire(
    scheme="laser",
    example="laser:1",
    place=OscPlace,
    options=Table,
    connect=OSC.connect,
    check=lambda _url: None,
    libraries=("no_such_library", "json"),
    extra="laser",
)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with closing(Receiver()) as receiver:
        yield receiver


def toml(receiver: Receiver, *routes: str, name: str = "booth") -> str:
    joined = ", ".join(f"{{ {route} }}" for route in routes)
    to = f'to = "osc://{receiver.text}"'
    return f'[[output]]\nname = "{name}"\n{to}\nroutes = [{joined}]\n'


def rewritten(path: Path, text: str) -> None:
    """Write a file as editors do: a new one takes its place."""
    new = path.with_suffix(".new")
    new.write_text(text)
    os.replace(new, path)


WARMTH = 'from = "valence", address = "/warmth", target = [0, 100], home = 7'


def test_home_comes_first_and_last_and_values_between(tmp_path: Path, receiver: Receiver) -> None:
    path = tmp_path / "show.toml"
    path.write_text(toml(receiver, WARMTH))
    with closing(MappedOutlet(files=[path])) as outlet:
        assert receiver.receive_all(1) == {"/warmth": 7.0}
        outlet.publish(sample_estimate(valence=0.0))
        assert receiver.receive_all(1) == {"/warmth": 50.0}
    assert receiver.receive_all(1) == {"/warmth": 7.0}
    (count,) = outlet.states()
    assert (count.name, count.sent, count.dropped, count.failed) == ("booth", 3, 0, 0)
    assert not any(outlet.faults().values())


def test_a_file_that_changes_is_taken_up(tmp_path: Path, receiver: Receiver) -> None:
    path = tmp_path / "show.toml"
    path.write_text(toml(receiver, WARMTH))
    told: Queue[str] = Queue()
    with closing(MappedOutlet(files=[path], tell=told.put)) as outlet, closing(Receiver()) as other:
        assert receiver.receive_all(1) == {"/warmth": 7.0}
        rewritten(
            path,
            toml(receiver, WARMTH.replace("/warmth", "/heat"))
            + toml(other, 'from = "mood", address = "/mood"', name="other"),
        )
        assert receiver.receive_all(2) == {"/warmth": 7.0, "/heat": 7.0}  # one leaves, one comes
        outlet.publish(sample_estimate(mood="calm"))
        (warmth,) = receiver.receive_all(1).values()
        assert warmth > 50
        assert other.receive_all(1) == {"/mood": "calm"}
        assert [count.name for count in outlet.states()] == ["booth", "other"]
    assert told.get(timeout=PATIENCE_S) == (
        f"{path}: read again, 2 routes and 0 rules to 2 targets."
    )


def test_a_broken_file_leaves_the_old_in_force_and_says_so(
    tmp_path: Path, receiver: Receiver
) -> None:
    path = tmp_path / "show.toml"
    path.write_text(toml(receiver, WARMTH))
    told: Queue[str] = Queue()
    with closing(MappedOutlet(files=[path], tell=told.put)) as outlet:
        receiver.receive()
        for broken, why in (
            (toml(receiver, 'from = "valens", address = "/x"'), "there is no value 'valens'"),
            ("[[output", "is no TOML"),
            (None, "cannot be read: No such file"),
        ):
            if broken is None:
                path.unlink()
            else:
                rewritten(path, broken)
            notice = told.get(timeout=PATIENCE_S)
            assert why in notice
            assert notice.endswith("The mapping of before stays in force.")
            outlet.publish(sample_estimate(valence=0.0))
            assert receiver.receive_all(1) == {"/warmth": 50.0}
        path.write_text(toml(receiver, WARMTH.replace("100", "10").replace("7", "5")))
        told.get(timeout=PATIENCE_S)
        outlet.publish(sample_estimate(seq=1, valence=0.0))
        assert receiver.receive_all(1) == {"/warmth": 5.0}


def test_several_mappings_share_a_target(tmp_path: Path, receiver: Receiver) -> None:
    files = []
    for name in ("valence", "arousal"):
        files.append(tmp_path / f"{name}.toml")
        files[-1].write_text(toml(receiver, f'from = "{name}", address = "/{name}"'))
    with closing(MappedOutlet(files=files)) as outlet:
        assert len(outlet.targets) == 1
        outlet.publish(sample_estimate())
        assert receiver.receive_all(2) == {"/valence": 0.25, "/arousal": -0.5}


def test_a_rule_that_fires_a_thousand_times_is_bounded_and_counted(receiver: Receiver) -> None:
    send = {"to": f"osc://{receiver.text}", "address": "/scene", "from": "marker"}
    plan = read_plan({"rule": [{"when": "marker", "send": send}]}, file="show.toml")
    with closing(MappedOutlet(plans=[plan])) as outlet:
        threads = threading.active_count()
        for number in range(20_000):
            outlet.publish(Marker(label=str(number)))
            assert len(outlet._inbox) <= 256
        assert threading.active_count() == threads
    (count,) = outlet.states()
    lost = outlet.faults()["events that came too fast for the outlets"]
    assert count.sent + count.dropped + count.failed + lost == 20_000


def test_a_mapping_that_cannot_be_used_is_refused_at_the_start(tmp_path: Path) -> None:
    path = tmp_path / "show.toml"
    path.write_text("[[rules]]")
    with pytest.raises(InputError, match=r"show\.toml: .*rules: there is no such key"):
        MappedOutlet(files=[path])


@pytest.fixture
def laser(monkeypatch: pytest.MonkeyPatch) -> None:
    """A package that brings a wire, as if it were installed."""
    brought = EntryPoint(name="laser", value="tests.outlets.test_mapped:LASER", group=finding.WIRES)

    def found(*, group: str, name: str | None = None) -> list[EntryPoint]:
        assert group == "realtime_mer.outlets"
        return [brought] if name in (None, "laser") else []

    monkeypatch.setattr(finding, "entry_points", found)


@pytest.mark.usefixtures("laser")
def test_other_packages_bring_wires() -> None:
    assert find_wire("laser").scheme == "laser"
    assert schemes() == sorted({*schemes(), "laser", "osc"})
    with pytest.raises(InputError, match=r"there is no wire 'laserr'.* Did you mean laser\?"):
        find_wire("laserr")


@pytest.mark.usefixtures("laser")
def test_a_wire_whose_library_is_missing_says_what_to_install(tmp_path: Path) -> None:
    path = tmp_path / "show.toml"
    path.write_text('[[output]]\nto = "laser:1"\nroutes = [{ from = "valence", address = "/x" }]')
    assert (
        load_plan(path)
        .missing()[0]
        .startswith("laser needs no_such_library: `pip install 'realtime-mer[laser]'`")
    )
    with pytest.raises(InputError, match="laser needs no_such_library"):
        MappedOutlet(files=[path])


@pytest.mark.parametrize(
    ("text", "parts", "shown"),
    [
        ("osc://127.0.0.1:9000", {"host": "127.0.0.1", "port": 9000}, "osc://127.0.0.1:9000"),
        ("OSC://[::1]:9", {"scheme": "osc", "host": "::1", "port": 9}, "osc://[::1]:9"),
        (
            "mqtt://user:se%40cret@broker/home?x=1",
            {"user": "user", "password": "se@cret", "path": "/home", "query": {"x": "1"}},
            "mqtt://broker/home",
        ),
        ("midi:IAC Bus 1", {"host": None, "path": "IAC Bus 1"}, "midi:IAC Bus 1"),
        ("file:/tmp/a.txt", {"path": "/tmp/a.txt"}, "file:/tmp/a.txt"),
    ],
)
def test_an_address_is_read_and_shown_without_what_is_secret(
    text: str, parts: dict[str, Any], shown: str
) -> None:
    url = Url.parse(text)
    assert {name: getattr(url, name) for name in parts} == parts
    assert url.shown == shown

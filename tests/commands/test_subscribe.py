"""``subscribe`` and ``mark`` on the command line, as processes of their own."""

import json
import subprocess
from collections.abc import Iterator

import pytest

from realtime_mer.service.server import Service
from realtime_mer.wire.protocol import Marker
from tests.command_line import Result, command, start
from tests.patience import PATIENCE_S
from tests.samples import sample_estimate
from tests.subscribers import HELLO, Client


@pytest.fixture
def service() -> Iterator[Service]:
    with Service(hello=HELLO, port=0) as service:
        yield service


def run(*args: object) -> Result:
    done = subprocess.run(
        command(*args), capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    return Result(code=done.returncode, out=done.stdout, err=done.stderr)


def test_mark_sets_a_marker_for_everybody_and_returns_once_it_is_set(service: Service) -> None:
    with Client(service, "markers", "estimates") as client:
        service.publish(sample_estimate(seq=9))
        client.until("estimate")
        result = run("mark", "the drop", service.url)
        assert (result.code, result.out, result.remarks()) == (0, "", [])
        marker = client.receive()
    assert (marker["label"], marker["t"]) == ("the drop", 1.0)
    assert [marker.label for marker in service.take_markers()] == ["the drop"]


@pytest.mark.parametrize("label", ["", "two\nlines", "x" * 201])
def test_a_label_that_cannot_be_used_is_one_line(service: Service, label: str) -> None:
    assert "one line of 1 to 200 characters" in run("mark", label, service.url).complaint()


def test_mark_without_a_service_is_one_line() -> None:
    with Service(hello=HELLO, port=0) as gone:
        url = gone.url
    assert "nothing answers" in run("mark", "drop", url).complaint()


def test_markers_stand_among_the_json_lines_only_where_they_are_asked_for(service: Service) -> None:
    with (
        start("subscribe", service.url, "--jsonl", "--count", 2) as plain,
        start("subscribe", service.url, "--jsonl", "--count", 2, "--markers") as both,
    ):
        assert plain.stdout is not None
        assert both.stdout is not None
        lines = {plain: [], both: []}
        # The first estimate comes to whoever subscribes, so its line says that both have.
        service.publish(sample_estimate(seq=0))
        for process in (plain, both):
            lines[process].append(process.stdout.readline())
        service.publish(Marker(label="drop", id="7", t=0.1, wall_time=None))
        with Client(service, "estimates", "markers") as witness:
            witness.settle()
        lines[both].append(both.stdout.readline())
        service.publish(sample_estimate(seq=1))
        for process in (plain, both):
            lines[process] += process.communicate(timeout=PATIENCE_S)[0].splitlines()
        assert [json.loads(line)["seq"] for line in lines[plain]] == [0, 1]
        first, marker, second = map(json.loads, lines[both])
        assert (first["seq"], second["seq"]) == (0, 1)
        assert marker == {
            "type": "marker",
            "label": "drop",
            "id": "7",
            "t": 0.1,
            "wall_time": None,
        }


def test_people_see_markers_and_what_was_missed(service: Service) -> None:
    with start("subscribe", service.url, "--count", 2) as process:
        assert process.stdout is not None
        printed = iter(process.stdout)
        service.publish(sample_estimate(seq=0))
        assert any("calm" in line for line in printed)
        service.publish(Marker(label="drop", t=61.2, wall_time=None))
        assert any("marker at 1:01: drop" in line for line in printed)
        service.close("new cable")
        assert any("new cable; waiting for it to return" in line for line in printed)
        with Service(hello=HELLO, port=service.port) as successor:
            successor.publish(sample_estimate(seq=5))
            assert any("started anew" in line for line in printed)
            process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0

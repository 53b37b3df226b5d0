"""``bench outlets``: what it counts and compares, never how fast this machine is."""

import json
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import pytest

from realtime_mer.bench import outlets, playing
from realtime_mer.bench.outlets import compared, measure_pairs, own_plan
from realtime_mer.bench.playing import Turn
from realtime_mer.wire.protocol import OutletState
from tests.command_line import call, noise, write_model
from tests.outlets.test_osc import Receiver


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """The piece, whose sound nobody asks about here, is not composed, and turns are short."""
    monkeypatch.setattr(playing.demo, "compose", lambda *, sample_rate: noise(5, rate=sample_rate))
    monkeypatch.setattr(playing, "_SETTLE_S", 0.1)
    monkeypatch.setattr(outlets, "PAIRS", 2)


def turn(p99: float, *, sent: int | None = None, skipped: int = 0) -> Turn:
    """Return a turn of 100 hops whose 99th percentile is so many ms."""
    state = OutletState(name="osc", state="connected", sent=sent or 0, dropped=1, failed=0)
    states = () if sent is None else (state,)
    hops = [1.0] * 98 + [p99, p99]
    return Turn(
        hop_ms=hops,
        told_ms=hops,
        skipped=skipped,
        processor_s=0.5 if sent else 0.1,
        resident_mb=(1, 2),
        states=states,
    )


def test_pairs_are_compared_turn_by_turn_and_all_hops_together() -> None:
    found = compared([(turn(2.0), turn(2.2, sent=5, skipped=3)), (turn(4.0), turn(4.0, sent=7))])
    assert found["pair_ratios"] == [1.1, 1.0]
    assert found["pair_ratio"] == 1.05
    assert found["interval"] == [1.0, 1.1]
    assert found["p99_ratio"] == pytest.approx(2.218 / 2.02, abs=1e-3)  # of 200 hops, the 197th
    assert found["hops"] == [200, 200]
    assert found["hop_ms"]["with"]["median"] == 1.0
    assert found["processor_ms_per_hop"] == {"without": 1.0, "with": 5.0}
    assert found["skipped"] == {"without": 0, "with": 3}
    assert found["outlets"] == [
        {"name": "osc", "state": "connected", "sent": 12, "dropped": 2, "failed": 0}
    ]


def test_outlets_get_every_event_of_their_turns_and_nothing_of_the_others(tmp_path: Path) -> None:
    with closing(Receiver()) as receiver:
        show = tmp_path / "show.toml"
        show.write_text(
            f'[[output]]\nto = "osc://{receiver.text}"\nroutes = '
            '[{ from = "seq", address = "/seq", type = "i" }]'
        )
        said: list[str] = []
        pairs = measure_pairs(
            model=str(write_model(tmp_path)),
            plans=(),
            maps=[show],
            service=None,
            seconds=1.0,
            pairs=2,
            speed=4.0,
            say=said.append,
        )
        sent = [beside.states[0].sent for _, beside in pairs]
        seqs = [receiver.receive_all(1)["/seq"] for _ in range(sum(sent))]
    assert len(said) == 2
    breaks = [seq for seq, after in pairwise(seqs) if after != seq + 1]
    assert len(breaks) <= 1  # the two turns with outlets follow each other, but for the settling
    for without, beside in pairs:
        assert without.states == ()
        for one in (without, beside):
            assert len(one.hop_ms) > 0
            assert len(one.told_ms) > 0
            assert min(one.told_ms) > 0
            assert min(one.resident_mb) > 10


def test_without_a_mapping_those_wires_are_measured_that_need_nobody() -> None:
    with own_plan() as plan:
        there = [target.url.scheme for target in plan.targets]
    assert there[:3] == ["osc", "file", "artnet"]


@pytest.mark.slow
def test_the_results_are_json_or_a_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = write_model(tmp_path)
    command = ("bench", "outlets", "--model", model, "--seconds", 1)
    result = call(capsys, *command, "--json")
    found = json.loads(result.out)
    assert found["pairs"] == len(found["pair_ratios"]) == 2
    assert found["verdict"] in {"yes", "no", "undecided"}
    assert {state["name"] for state in found["outlets"]} >= {"osc", "file", "artnet"}
    assert all(state["sent"] > 0 for state in found["outlets"])
    table = call(capsys, *command).out
    assert "hop, with outlets" in table
    assert "raise it by less than 10 %" in " ".join(table.split())


def test_what_cannot_be_measured_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nowhere = tmp_path / "nowhere.toml"
    for words, told in (
        (("bench", "--map", nowhere), "--map is of use with"),
        (("bench", "outlets", "--map", nowhere), "cannot be read"),
        (("bench", "outlets", "--seconds", "0"), "--seconds 0.0: watch each turn"),
    ):
        assert told in call(capsys, *words).complaint()

"""The GPU check: its parts on the processor, and what becomes of those that fail."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import _lock
import gpu
import pytest
from gpu import Part, carry_lines, missing_packages

NEEDS_NOTHING: dict[str, str] = {}


@pytest.fixture
def parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A repository whose parts are lines of Python; ``tell`` writes what a part found."""
    (tmp_path / "scripts").mkdir()
    monkeypatch.setattr(gpu, "ROOT", tmp_path)

    def make(**lines: str) -> None:
        source = (
            "import json, os, pathlib, sys, time\n"
            "def tell(**told): pathlib.Path(sys.argv[3]).write_text(json.dumps(told))\n"
            f"exec({lines!r}[sys.argv[1]])\n"
        )
        (tmp_path / "scripts" / "_gpu_checks.py").write_text(source)
        made = tuple(Part(name=name, limit_s=60, needs=NEEDS_NOTHING) for name in lines)
        monkeypatch.setattr(gpu, "PARTS", made)

    return make


@pytest.fixture
def check(tmp_path: Path):
    def run(*options: str) -> tuple[int, dict]:
        out = tmp_path / "gpu.json"
        code = gpu.main(["--out", str(out), *options])
        return code, json.loads(out.read_text())

    return run


# -- what becomes of a part ------------------------------------------------------------------------


def test_what_parts_found_is_in_the_report(parts, check) -> None:
    parts(one="tell(found={'device': sys.argv[2]}, failed={})", other="tell(found={'b': 2})")
    code, report = check("--dry", "--revision", "abc")
    assert (code, report["ok"], report["dry"], report["revision"]) == (0, True, True, "abc")
    assert report["parts"]["one"]["found"] == {"device": "cpu"}
    assert report["parts"]["other"]["found"] == {"b": 2}
    assert check()[1]["parts"]["one"]["found"] == {"device": "cuda"}


def test_a_part_that_fails_or_crashes_costs_no_other(parts, check, capsys) -> None:
    parts(
        held="tell(found={}, failed={'equality': 'first line\\n0.2 is not 0.1'})",
        crashed="tell(at='B = 8', found={'B = 1': 3}); os.abort()",
        raised="print('loading'); raise ValueError('no such thing')",
        last="tell(found={'there': True}, failed={})",
    )
    code, report = check("--dry")
    assert (code, report["ok"]) == (1, False)
    found = report["parts"]
    assert [part["status"] for part in found.values()] == ["failed"] * 3 + ["passed"]
    assert found["held"]["failed"] == {"equality": "first line\n0.2 is not 0.1"}
    assert found["crashed"]["why"] == "exit status -6 at B = 8"
    assert found["crashed"]["found"] == {"B = 1": 3}
    assert "loading" in found["raised"]["words"]
    assert found["raised"]["words"].endswith("ValueError: no such thing")
    assert "equality: 0.2 is not 0.1" in capsys.readouterr().err


def test_a_part_out_of_time_is_ended_with_all_that_it_started(parts, tmp_path: Path) -> None:
    # What it starts holds a pipe open for as long as it lives.
    pipe, begun = tmp_path / "pipe", tmp_path / "begun"
    os.mkfifo(pipe)
    parts(
        hangs=f"import subprocess; pipe = open({str(pipe)!r}, 'wb'); "
        "subprocess.Popen(['sleep', '600'], stdout=pipe); "
        f"tell(at='B = 64', found={{'B = 8': 1}}); open({str(begun)!r}, 'w').close(); "
        "time.sleep(600)"
    )
    with subprocess.Popen(["cat", str(pipe)]) as reader:
        outcome = gpu.run_part("hangs", device="cpu", limit_s=3)
        if not begun.exists():  # on a very slow machine it did not come so far
            reader.kill()
        reader.wait(timeout=60)
    assert outcome["status"] == "out of time"
    if begun.exists():
        assert outcome["why"] == "ended after 3 s at B = 64"
        assert outcome["found"] == {"B = 8": 1}


def test_the_report_is_written_after_each_part(parts, check, tmp_path: Path) -> None:
    out = tmp_path / "gpu.json"
    parts(
        one="tell(found={'a': 1}, failed={})",
        other=f"told = json.loads(pathlib.Path({str(out)!r}).read_text()); "
        "tell(found={'before': list(told['parts']), 'ok': told['ok']}, failed={})",
    )
    _, report = check("--dry")
    assert report["parts"]["other"]["found"] == {"before": ["one"], "ok": False}


def test_no_part_starts_when_the_eight_minutes_are_over(parts, check, monkeypatch) -> None:
    parts(one="tell(found={}, failed={})")
    monkeypatch.setattr(gpu, "TOTAL_S", 5)
    code, report = check()
    assert code == 1
    assert report["parts"]["one"] == {"status": "out of time", "why": "no time was left for it"}


def test_all_limits_fit_into_eight_minutes() -> None:
    assert gpu.TOTAL_S == 8 * 60
    assert sum(part.limit_s for part in gpu.PARTS) <= gpu.TOTAL_S - 10


# -- what is missing -------------------------------------------------------------------------------


def test_a_part_that_lacks_a_package_is_left_out_and_the_line_to_fetch_it_is_said(
    parts, check, capsys, monkeypatch, tmp_path: Path
) -> None:
    parts(one="tell(found={}, failed={})", other="tell(found={}, failed={})")
    needy = Part(name="one", limit_s=60, needs={"mido": "no_such_package", "numpy": "numpy"})
    monkeypatch.setattr(gpu, "PARTS", (needy, gpu.PARTS[1]))
    code, report = check("--dry")
    assert code == 1
    assert report["missing"] == ["mido"]
    assert report["parts"]["one"] == {
        "status": "not run",
        "why": "not installed: mido",
    }
    assert report["parts"]["other"]["status"] == "passed"
    said = capsys.readouterr().err
    assert "pip download" in said
    assert "mido==" in said
    assert "numpy" not in said


def test_the_lock_names_the_versions_for_this_python(tmp_path: Path) -> None:
    lock = tmp_path / "requirements.lock"
    hashed = "    --hash=sha256:00"
    pins = (
        "one==1 ; python_full_version < '3' ",
        "one==2 ; python_full_version >= '3' ",
        "one==3 ; sys_platform == 'win32' ",
        "other==4.5 ",
    )
    blocks = "".join(f"# for run\n{pin}\\\n{hashed}\n" for pin in pins)
    lock.write_text(f"# project {'0' * 64}\n{blocks}")
    download, install = carry_lines(["one", "other"], lock=lock)
    assert download.endswith("--dest wheels one==2 other==4.5")
    assert "--no-index" in install


def test_every_package_that_it_looks_for_is_one_of_the_projects() -> None:
    known = {pin.name for pin in _lock.read(gpu.ROOT / "requirements.lock").pins}
    for part in gpu.PARTS:
        assert part.needs.keys() <= known
    assert missing_packages(gpu.PARTS) == []


def test_tests_for_cuda_stand_where_the_check_finds_them() -> None:
    asking = re.compile(r"\b(each_device|with_cuda)\b|mark\.cuda\b")
    for file in (gpu.ROOT / "tests").rglob("test_*.py"):
        if file.samefile(__file__):
            continue
        asks = asking.search(file.read_text(encoding="utf-8")) is not None
        assert asks == file.stem.endswith("_cuda"), file


# -- the parts themselves --------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_all_of_it_runs_on_the_processor(tmp_path: Path) -> None:
    out = tmp_path / "gpu.json"
    command = [sys.executable, str(gpu.ROOT / "scripts" / "gpu.py"), "--dry", "--out", str(out)]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert ended.returncode == 0, ended.stderr
    report = json.loads(out.read_text())
    assert report["ok"]
    parts = report["parts"]
    assert list(parts) == ["machine", "tests", "bench", "rooms", "training"]
    assert all(part["status"] == "passed" and not part["failed"] for part in parts.values())
    machine, tests, bench, rooms, training = (part["found"] for part in parts.values())
    assert machine["packages"]["torch"].startswith("2.11")
    assert tests["passed"] == len(tests["tests"])
    assert any("test_session_cuda" in name for name in tests["tests"])
    assert list(bench["hops"]) == ["1", "8"]
    for hop in bench["hops"].values():
        assert hop["ms"]["median"] > 0
        assert hop["syncs_a_hop"] == 0
    assert max(bench["apart_from_cpu"].values()) <= 1e-4
    assert rooms["music"]["apart"] <= 1e-4
    assert [tick["tick_ms"]["median"] > 0 for tick in rooms["ticks"].values()] == [True, True]
    assert list(training["runs"]) == ["cpu", "same", "default", "stopped"]
    assert training["losses_apart"] == [0.0, 0.0]


@pytest.mark.slow
def test_a_machine_without_a_gpu_is_told_so(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    out = tmp_path / "gpu.json"
    assert gpu.main(["--out", str(out), "--part", "bench"]) == 1
    part = json.loads(out.read_text())["parts"]["bench"]
    assert part["status"] == "failed"
    assert "no CUDA device" in part["failed"]["cuda"]
    assert part["found"]["gpu"] is None

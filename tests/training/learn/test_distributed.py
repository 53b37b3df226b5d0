"""Training by several processes; gloo on processors. Not run on CUDA."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from realtime_mer.errors import InputError
from tests.patience import PATIENCE_S
from training.corpora import read_clips
from training.features.cache import feature_store
from training.learn.config import read_config
from training.learn.processes import joined
from training.learn.train import train_part

ROOT = Path(__file__).parents[3]
PARTS = ("fold-0", "all")


def _together(
    seen: Path, arguments: list[object], *, kill_at: int = 0
) -> subprocess.CompletedProcess[str]:
    """Run ``torchrun -m training`` with two processes and look at them."""
    return subprocess.run(
        (
            *(sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"),
            # Without the dashes torchrun takes our --run for an option of its own.
            *(
                "--",
                str(ROOT / "tests" / "training" / "trained_together.py"),
                str(seen),
                str(kill_at),
            ),
            *map(str, arguments),
        ),
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


@pytest.mark.slow
def test_two_processes_learn_one_network_and_go_on_after_a_kill_to_the_same_weights(
    corpora_root: Path, cache_root: Path, tiny_config: Path, tmp_path: Path
) -> None:
    def command(run: str) -> list[object]:
        parts = [text for part in PARTS for text in ("--part", part)]
        data = ["--data", corpora_root, "--cache", cache_root, "--config", tiny_config]
        return ["train", "--run", tmp_path / run, *data, *parts, "--device", "cpu"]

    whole = _together(tmp_path / "seen", command("whole"))
    assert whole.returncode == 0, whole.stderr
    seen = [torch.load(tmp_path / "seen" / f"{rank}.pt") for rank in (0, 1)]
    for own, other in zip(*(each["learners"] for each in seen), strict=True):
        assert all(torch.equal(own[name], other[name]) for name in own)
    # The first step's gradients: each process' own, and the mean that both go on with.
    different = 0
    for one, two, *means in zip(
        *(each["before"] for each in seen), *(each["after"] for each in seen), strict=True
    ):
        if one is None and two is None:
            assert means == [None, None]
            continue
        halves = [each / 2 for each in (one, two) if each is not None]
        for mean in means:
            torch.testing.assert_close(mean, sum(halves))
        different += len(halves) == 2 and not torch.equal(*halves)
    assert different > 0
    assert seen[0]["written"]
    assert seen[1]["written"] == []
    for part in PARTS:
        log = (tmp_path / "whole" / part / "log.jsonl").read_text().splitlines()
        assert [json.loads(line)["epoch"] for line in log] == [0, 1, 2]
    provenance = json.loads((tmp_path / "whole" / "provenance.json").read_text())
    assert (provenance["device"], provenance["processes"]) == ("cpu", 2)

    # In the second part's second epoch.
    killed = _together(tmp_path / "seen-killed", command("killed"), kill_at=10)
    assert killed.returncode != 0
    assert (tmp_path / "killed" / "fold-0" / "weights.safetensors").is_file()
    assert not (tmp_path / "killed" / "all" / "weights.safetensors").exists()

    config, clips = read_config(tiny_config), read_clips(corpora_root)
    features = feature_store(clips, config.features, cache_root)
    with pytest.raises(InputError, match="begun by 2 processes"):
        train_part(clips, features, None, config, tmp_path / "killed" / "all", stream_key=2)

    resumed = _together(tmp_path / "seen-resumed", command("killed"))
    assert resumed.returncode == 0, resumed.stderr
    for part in PARTS:
        own, other = (
            load_file(tmp_path / run / part / "weights.safetensors") for run in ("whole", "killed")
        )
        assert own.keys() == other.keys()
        for name in own:
            assert torch.equal(own[name], other[name]), (part, name)


@pytest.mark.parametrize("device", ["cpu", "auto"])
def test_a_process_that_torchrun_did_not_start_is_alone(device: str) -> None:
    with joined(device) as world:
        assert (world.rank, world.size) == (0, 1)
        assert world.device.type == (
            "cuda" if device == "auto" and torch.cuda.device_count() else "cpu"
        )


def test_a_device_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(InputError, match=r"PyTorch sees 0.*--device cpu"), joined("cuda"):
        pass
    with pytest.raises(InputError, match="'abacus'"), joined("abacus"):
        pass

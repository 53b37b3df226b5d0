"""Where one half of a probability of music lies, fitted on what folds held out."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file
from scipy.special import expit, logit

from realtime_mer.errors import InputError
from realtime_mer.model.network import EmotionNetwork
from training.corpora import read_clips
from training.features.cache import feature_store
from training.judge.evaluate import load_network, run_network, trained_network
from training.judge.music_prior import Verdict, fit_priors, keep_priors
from training.learn.run import open_run


def _verdicts(
    kind: str, logits: float, *, clips: int = 40, spread: float = 1.0, seed: int = 0
) -> list[Verdict]:
    generator = np.random.default_rng(seed)
    return [
        Verdict(
            key=f"{kind}/{n}",
            kind=kind,
            synthetic=False,
            truth=np.full(5, float(kind == "music")),
            stream=expit(logits + spread * generator.standard_normal(5)).astype(np.float32),
        )
        for n in range(clips)
    ]


@given(st.floats(-4, 4))
def test_what_takes_music_for_granted_is_moved_back_by_as_much(taken: float) -> None:
    heard = {"fold-0": [*_verdicts("music", 2 + taken), *_verdicts("rain", -2 + taken)]}
    assert fit_priors(heard)["all"] == pytest.approx(-taken, abs=0.2)


def test_sides_count_alike_however_much_was_heard_of_each_and_so_do_kinds() -> None:
    few = [*_verdicts("music", 2), *_verdicts("rain", -2)]
    many = [*_verdicts("music", 2, clips=400), *_verdicts("rain", -2)]
    first, second = (fit_priors({"fold-0": heard})["all"] for heard in (few, many))
    assert first == pytest.approx(second, abs=0.15)
    # A kind that is hard to tell is not outvoted by many clips of one that is easy.
    hard = _verdicts("choir", 2, clips=4)
    easy = [*few, *hard], [*few, *_verdicts("rain", -2, clips=400, seed=1), *hard]
    first, second = (fit_priors({"fold-0": heard})["all"] for heard in easy)
    assert first == pytest.approx(second, abs=0.15)
    assert first < -0.5


def test_a_fold_is_moved_by_what_the_others_want() -> None:
    heard = {
        "fold-0": [*_verdicts("music", 5), *_verdicts("rain", 1)],
        "fold-1": [*_verdicts("music", 2), *_verdicts("rain", -2)],
    }
    shifts = fit_priors(heard)
    assert shifts["fold-0"] == pytest.approx(0, abs=0.2)
    assert shifts["fold-1"] == pytest.approx(-3, abs=0.2)
    assert -3 < shifts["all"] < 0
    assert fit_priors({"fold-0": _verdicts("music", 2)}) == {"fold-0": 0.0, "all": 0.0}


def test_a_network_is_loaded_with_what_was_kept_of_its_weights_alone(
    corpora_root: Path, tiny_config: Path, cache_root: Path, tmp_path: Path
) -> None:
    text = tiny_config.read_text().replace("[network]", "[network]\nmusic = true")
    text = text.replace("teacher = 0.0", "teacher = 0.0\nmusic = 1.0")
    tiny_config.write_text(text)
    run = open_run(tmp_path / "run", read_clips(corpora_root), tiny_config)
    features = feature_store(run.clips, run.config.features, cache_root)
    for part in ("fold-0", "fold-1"):
        run.weights(part).parent.mkdir()
        network = EmotionNetwork(run.config.network)
        named = {f"network.{name}": value for name, value in network.state_dict().items()}
        save_file(named, run.weights(part))
    keep_priors(run, {"fold-0": -1.5})
    clip = run.clips[0]

    def said(network: EmotionNetwork) -> np.ndarray:
        return run_network(network, *features.heard(clip.key)).music_logits[0].numpy()

    plain, moved = said(trained_network(run, "fold-0")), said(load_network(run, "fold-0"))
    np.testing.assert_allclose(moved, plain - 1.5, atol=1e-5)
    with pytest.raises(InputError, match="run not-music again"):
        load_network(run, "fold-1")
    run.weights("fold-0").write_bytes(run.weights("fold-1").read_bytes())
    with pytest.raises(InputError, match=r"music\.json"):
        load_network(run, "fold-0")


def test_a_verdict_moves_by_its_logits() -> None:
    verdict = _verdicts("rain", -1, clips=1)[0]
    np.testing.assert_allclose(logit(verdict.moved(2.0).said), logit(verdict.said) + 2, atol=1e-4)

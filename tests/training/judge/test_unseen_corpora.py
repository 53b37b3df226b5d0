"""Which corpora a report judges as never heard."""

from dataclasses import replace
from pathlib import Path

import pytest

from realtime_mer.errors import InputError
from training.corpora import read_clips
from training.learn.run import open_run
from training.report.measure import Bench, measure


def test_a_corpus_that_was_learnt_from_besides_is_not_judged_as_never_heard(
    corpora_root: Path, notes_root: Path, tiny_config: Path, tmp_path: Path
) -> None:
    run = open_run(tmp_path / "run", read_clips(corpora_root), tiny_config)
    bench = Bench(root=notes_root, cache=tmp_path, teachers=tmp_path / "none")
    # It would be judged if it had not been learnt from: the judge asks for his teacher.
    with pytest.raises(InputError, match="--teachers"):
        measure(run, tmp_path / "out", "unheard", bench)
    learnt = replace(run, config=replace(run.config, also=("vgmidi",)))
    assert measure(learnt, tmp_path / "out", "unheard", bench) == []

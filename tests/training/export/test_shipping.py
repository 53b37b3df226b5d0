"""What the card of a run says of the teachers that it learnt from."""

from dataclasses import replace
from pathlib import Path

import pytest

from training.corpora import read_clips
from training.export.shipping import checkpoint
from training.learn.run import open_run


@pytest.mark.parametrize(
    ("teachers", "told"),
    [
        (("musicnn",), {"MSD-MusiCNN": "ISC"}),
        (
            ("musicnn", "tagger"),
            {"MSD-MusiCNN": "ISC", "EfficientAT mn04": "MIT, (c) 2022 Florian Schmid"},
        ),
    ],
)
def test_a_card_names_the_teachers_that_its_run_learnt_from_with_their_terms(
    trained: Path, corpora_root: Path, teachers: tuple[str, ...], told: dict[str, str]
) -> None:
    run = open_run(trained, read_clips(corpora_root), None)
    losses = replace(run.config.losses, teacher=1.0)
    taught = replace(run, config=replace(run.config, losses=losses, teachers=teachers))
    corpora = {"emotify", "panda4q", "grekow"}
    card = checkpoint(taught).card
    terms = {entry["name"]: entry["licence"] for entry in card.corpora}
    assert {name: terms[name] for name in terms.keys() - corpora} == told
    assert f"from what {' and '.join(told)} made of the same songs" in card.description
    alone = checkpoint(run).card
    assert {entry["name"] for entry in alone.corpora} == corpora
    assert "made of the same songs" not in alone.description

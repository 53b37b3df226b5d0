"""The papers' systems from the command line to the table."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from realtime_mer.errors import InputError
from tests.training.made_corpora import can_render
from tests.training.papers.made_records import streaming_record, system_record
from training import __main__ as command_line
from training.corpora import read_clips
from training.corpora.midi import sound_fonts
from training.papers.page.cells import CUT_SHORT, epochs_told
from training.papers.page.leakage import between, verdict
from training.papers.page.listing import corpora_with
from training.papers.page.printed import (
    accuracy_by_f1,
    impossible_accuracies,
    impossible_f1,
    recalls_of_yakovyna,
    told,
)
from training.papers.page.table import remarks, write_table
from training.papers.systems import yakovyna
from training.papers.systems.registry import SYSTEMS, find_system
from training.papers.systems.system import TASKS, System, target
from training.papers.trials import protocols
from training.papers.trials.corpora import clips_here, default_split, read_corpus
from training.papers.trials.costs import core_minutes, plan, sentence
from training.papers.trials.options import TrialOptions
from training.papers.trials.protocols import LEAKY, Protocol
from training.papers.trials.records import (
    SystemRecord,
    read_record,
    read_records,
    refuse_shorter,
    write_record,
)
from training.papers.trials.rows import run_rows
from training.papers.trials.scores import confusion, metrics_of, per_class, score

NAMES = {
    *("yakovyna", "model-1", "model-2", "model-3", "cnn", "svm", "lstm", "cnn-svm"),
    *("grekow", "orjesek", "hizlisoy", "parisi"),
}

SMALL = replace(yakovyna.SYSTEMS[0], name="small", epochs=1)

CEILING = {
    **{"metric": "accuracy, perfect", "value": 0.7, "low": 0.6, "high": 0.8},
    **{"n": 12, "protocol": "made up"},
}

Run = Callable[..., list[SystemRecord]]


def two_steps(folder: Path, cache: Path) -> TrialOptions:
    records = folder / "papers" / "records"
    return TrialOptions(records=records, cache=cache, epochs=1, most_steps=2, resamples=10)


@pytest.fixture
def run(corpora_root: Path, cache_root: Path, tmp_path: Path) -> Run:
    """Run a system on a made corpus for two steps."""

    def rows(system: System, corpus: str, protocol: Protocol, **changes: Any) -> list[SystemRecord]:
        options = replace(two_steps(tmp_path, cache_root), **changes)
        return list(run_rows([system], [corpus], [protocol], root=corpora_root, options=options))

    return rows


def test_the_systems_of_the_issue_are_there_by_unique_names() -> None:
    names = [system.name for system in SYSTEMS]
    assert set(names) >= NAMES
    assert len(set(names)) == len(names)


def test_an_unknown_system_is_answered_with_those_there_are() -> None:
    with pytest.raises(InputError, match=r"no system 'svn'.*cnn-svm"):
        find_system("svn")


@pytest.mark.slow
@pytest.mark.parametrize("corpus", ["emotify", "4q"])
def test_a_row_holds_what_is_needed_to_judge_and_repeat_it(run: Run, corpus: str) -> None:
    (record,) = run(SMALL, corpus, "grouped")
    assert record.asked.protocol == "grouped"
    assert record.asked.task == ("gems" if corpus == "emotify" else "quadrants")
    assert record.n["clips"] == len(record.predictions) == 12
    assert sum(map(sum, record.confusion)) == record.n["segments"]
    assert record.fits == 5
    assert {"python", "torch", "librosa"} <= set(record.versions)
    units = {(row["unit"], row["metric"]) for row in record.metrics}
    assert units == {
        (unit, name) for unit in ("segments", "clips") for name in ("accuracy", "macro-F1")
    }
    for row in record.metrics:
        assert row["low"] <= row["high"]
        assert row["baseline"] is not None


def test_every_leaky_row_is_marked_and_says_what_leaks(run: Run) -> None:
    (record,) = run(SMALL, "grekow", "paper")
    assert record.asked.protocol == LEAKY == "paper (LEAKY)"
    assert "SMOTE" in record.leaks
    assert {row["unit"] for row in record.metrics} <= {"segments", "real segments"}


@pytest.mark.slow
def test_leaky_rows_tell_real_segments_from_those_that_over_sampling_made(run: Run) -> None:
    uneven = replace(SMALL, split=replace(SMALL.split, shares=(0.3, 0.2, 0.5)))
    (record,) = run(uneven, "emotify", "paper")
    n = {row["unit"]: row["n"] for row in record.metrics}
    assert record.n["made by over-sampling"] > 0
    assert n["real segments"] + record.n["made by over-sampling"] == n["segments"]


def test_a_row_keeps_how_its_first_fit_learnt(run: Run) -> None:
    (record,) = run(SMALL, "grekow", "grouped", epochs=3, most_steps=None)
    assert len(record.curve) == 3
    for epoch in record.curve:
        assert set(epoch) == {"loss", "watched loss", "watched accuracy"}
        assert 0 <= epoch["watched accuracy"] <= 1


def test_a_finished_row_is_kept_until_something_it_depends_on_changes(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = run(SMALL, "grekow", "paper")

    def never(*_arguments: object, **_options: object) -> None:
        raise AssertionError("run again")

    monkeypatch.setattr("training.papers.trials.rows.predict_as_paper", never)
    assert run(SMALL, "grekow", "paper") == first
    assert run(SMALL, "grekow", "paper", resamples=20) == first
    with pytest.raises(AssertionError, match="run again"):
        run(SMALL, "grekow", "paper", epochs=2)
    with pytest.raises(AssertionError, match="run again"):
        run(replace(SMALL, settings={"batch": 1}), "grekow", "paper")


@pytest.mark.parametrize(
    ("longer", "trial", "message"),
    [
        ({"epochs": 2}, {"epochs": 1}, "a row of 2 epochs and at most 2 steps, which one of 1 ep"),
        ({"most_steps": None}, {}, "a row of 1 epochs, which one of 1 epochs and at most 2 steps"),
        ({"most_steps": 3}, {}, "at most 3 steps, which one of 1 epochs and at most 2 steps"),
    ],
)
def test_a_trial_never_replaces_a_longer_row(
    run: Run, tmp_path: Path, longer: dict[str, Any], trial: dict[str, Any], message: str
) -> None:
    kept = run(SMALL, "grekow", "grouped", **longer)
    (path,) = (tmp_path / "papers" / "records").glob("*/*.json")
    before = path.read_bytes()
    with pytest.raises(InputError, match=message) as refused:
        run(SMALL, "grekow", "grouped", **trial)
    assert str(path) in str(refused.value)
    assert "--out, or delete that file" in str(refused.value)
    assert "\n" not in str(refused.value)
    assert path.read_bytes() == before
    assert run(SMALL, "grekow", "grouped", **longer) == kept


def test_a_trial_of_several_rows_is_refused_before_the_first_is_run(
    run: Run, corpora_root: Path, cache_root: Path, tmp_path: Path
) -> None:
    run(SMALL, "grekow", "grouped", epochs=2)
    shorter = run_rows(
        [replace(SMALL, name="other"), SMALL],
        ["grekow"],
        ["grouped"],
        root=corpora_root,
        options=two_steps(tmp_path, cache_root),
    )
    with pytest.raises(InputError, match="does not replace"):
        next(shorter)
    assert len(read_records(tmp_path / "papers" / "records")) == 1


def test_a_row_of_a_shorter_run_of_the_streaming_model_is_refused_too(tmp_path: Path) -> None:
    path = tmp_path / "streaming.gems.json"
    refuse_shorter(path, 1, None)
    path.write_text(json.dumps({"asked": {"system": "streaming", "epochs": 56}}), encoding="utf-8")
    refuse_shorter(path, 56, None)
    with pytest.raises(InputError, match="a row of 56 epochs, which one of 3 epochs does not"):
        refuse_shorter(path, 3, None)


def test_other_labels_make_a_row_anew_whatever_it_had_learnt_before(
    run: Run, tmp_path: Path
) -> None:
    (first,) = run(SMALL, "grekow", "grouped")
    (path,) = (tmp_path / "papers" / "records").glob("*/*.json")
    asked = replace(first.asked, labels_sha256="of other labels")
    write_record(replace(first, asked=asked, n={"clips": 1}), path)
    (again,) = run(SMALL, "grekow", "grouped")
    assert again.asked == first.asked
    assert again.n == first.n
    assert read_record(path) == again


def test_steps_change_no_row_of_a_system_that_is_solved_at_once(run: Run) -> None:
    (full,) = run(find_system("svm"), "grekow", "grouped", epochs=None, most_steps=None)
    assert run(find_system("svm"), "grekow", "grouped", most_steps=1) == [full]


def test_whether_a_division_is_stated_is_no_part_of_what_a_row_is_known_by(run: Run) -> None:
    (record,) = run(SMALL, "grekow", "paper")
    assert SMALL.split.stated
    assert set(record.asked.split) == {"unit", "leaks", "folds", "shares"}
    assert run(replace(SMALL, split=replace(SMALL.split, stated=False)), "grekow", "paper") == [
        record
    ]


@pytest.mark.slow
def test_a_killed_row_goes_on_with_the_fold_it_was_at(
    run: Run, cache_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    system = replace(SMALL, name="killed", settings={"batch": 2})
    answer = protocols._predict_fold
    asked = []

    def dies(*arguments: Any) -> Any:
        asked.append(1)
        if len(asked) == 4:
            raise KeyboardInterrupt
        return answer(*arguments)

    monkeypatch.setattr(protocols, "_predict_fold", dies)
    with pytest.raises(KeyboardInterrupt):
        run(system, "grekow", "grouped")
    (resumed,) = run(system, "grekow", "grouped")
    assert len(asked) == resumed.fits + 1
    assert not list((cache_root / "papers").glob("unfinished-*"))
    (straight,) = run(replace(system, name="whole"), "grekow", "grouped")
    for name in ("metrics", "predictions", "learnt", "curve"):
        assert getattr(resumed, name) == getattr(straight, name)


def test_a_corpus_without_the_labels_gives_no_row(run: Run) -> None:
    assert run(replace(SMALL, tasks=("affect",)), "emotify", "grouped") == []


def test_the_folds_are_those_that_the_default_checkpoint_is_judged_on(corpora_root: Path) -> None:
    clips = read_clips(corpora_root, ["grekow"])
    every = read_clips(corpora_root)
    split = default_split(corpora_root, clips)
    assert set(split.fold_of) == {clip.key for clip in every}
    assert split.folds == 5


@pytest.mark.slow
def test_the_page_shows_every_row_and_says_why_others_are_missing(
    run: Run, corpora_root: Path, tmp_path: Path
) -> None:
    system = replace(SMALL, name="yakovyna")
    for protocol in ("paper", "grouped"):
        run(system, "emotify", protocol)
    out = tmp_path / "papers"
    ceilings = {"emotify": [CEILING], "panda4q": []}
    page = write_table(read_records(out / "records"), out, clips_here(corpora_root), ceilings)
    text = page.read_text(encoding="utf-8")
    assert page == tmp_path / "papers.md"
    emotify = text[text.index("## emotify") : text.index("## panda4q")]
    (row,) = [line for line in emotify.splitlines() if line.startswith("| yakovyna | 1 (2 steps")]
    assert "of 30 † | 0.947 | " in row
    assert row.count("; n ") == 4
    assert (
        "† Fewer epochs than their own, so that more may change them: yakovyna (1 (2 steps at "
        "most) of 30). `python -m training papers --corpus emotify --system yakovyna` runs these "
        "in full"
    ) in emotify
    assert "paper (LEAKY)" in text
    assert "- model-1: not run, its cost not measured; run it with `python -m training" in emotify
    assert "- accuracy, perfect: 0.700 (0.600 … 0.800), n = 12; made up." in emotify
    panda = text[text.index("## panda4q") : text.index("## grekow")]
    # Two steps tell nothing of what thirty epochs would cost.
    assert "- yakovyna: not run, its cost not measured" in panda
    assert "Single answers of listeners are not at hand" in panda
    assert "On 3 s, after 1 (2 steps at most) epochs: " in text
    assert (out / "emotify-yakovyna-learning.png").is_file()
    classes = (out / "classes.md").read_text(encoding="utf-8")
    for name in classes.split("](")[1:]:
        assert (out / name.split(")")[0]).is_file()
    assert classes.count("amazement") == 2


def test_ratings_get_a_table_of_their_own_with_every_metric_and_its_baseline(
    run: Run, corpora_root: Path, tmp_path: Path
) -> None:
    run(replace(find_system("grekow-plain"), epochs=2), "grekow", "grouped")
    out = tmp_path / "papers"
    page = write_table(read_records(out / "records"), out, clips_here(corpora_root), {})
    text = page.read_text(encoding="utf-8")
    own = text[text.index("### Valence and arousal") :]
    for axis in ("valence", "arousal"):
        (row,) = [line for line in own.splitlines() if line.startswith(f"| grekow-plain {axis}")]
        for metric in ("R² ", "<br>MAE ", "<br>r ", "<br>baseline R² "):
            assert metric in row
        assert row.endswith("| as segments |")


@pytest.mark.parametrize(
    ("value", "high", "text"),
    [
        (0.95, 0.97, "that is the printed figure or more."),
        (0.93, 0.95, "1.7 points below the printed figure, which lies within the interval."),
        (0.91, 0.93, "within a few points of the printed figure (3.7 below). What differs: 9"),
        (0.80, 0.83, "that is 14.7 points below the printed figure. What differs: 9 songs"),
    ],
)
def test_the_verdict_on_the_printed_accuracy_follows_from_the_record(
    value: float, high: float, text: str
) -> None:
    curve = [{"watched accuracy": share} for share in np.linspace(0.5, 0.9, 10)]
    words = verdict({"value": value, "high": high}, 0.947, curve, 9)
    assert text in words
    assert ("it was still getting better" in words) == ("What differs" in words)


def test_one_low_epoch_does_not_tell_that_a_network_was_still_learning() -> None:
    level = [0.90, 0.91, 0.90, 0.91, 0.91]
    curve = [{"watched accuracy": share} for share in (*level, 0.90, 0.87, 0.91, 0.92, 0.93)]
    words = verdict({"value": 0.8, "high": 0.81}, 0.947, curve, 9)
    assert "the mean of the last 5 epochs is +0.0 points from that of the 5 before." in words
    assert "still" not in words


def row_of(protocol: str, *, epochs: int, low: float, high: float) -> SystemRecord:
    """A record of the CNN-LSTM."""
    asked = {"corpus": "emotify", "protocol": protocol, "epochs": epochs}
    accuracy = {"unit": "segments", "metric": "accuracy", "low": low, "high": high}
    return system_record("yakovyna", asked=asked, metrics=[accuracy])


def test_nothing_is_concluded_from_protocols_that_took_other_epochs() -> None:
    leaky = row_of(LEAKY, epochs=30, low=0.90, high=0.94)
    words = between(leaky, row_of("grouped", epochs=2, low=0.16, high=0.23))
    assert "not comparable: 2 against 30 epochs" in words
    assert "knowledge" not in words
    full = between(leaky, row_of("grouped", epochs=30, low=0.16, high=0.23))
    assert "knowledge of the songs" in full
    near = between(leaky, row_of("grouped", epochs=30, low=0.85, high=0.91))
    assert "knowledge" not in near


def test_rows_of_fewer_epochs_than_the_systems_own_are_marked() -> None:
    lstm = find_system("lstm")
    rows = {epochs: row_of("grouped", epochs=epochs, low=0, high=1) for epochs in (lstm.epochs, 5)}
    assert epochs_told(lstm, rows[lstm.epochs]) == "30"
    assert epochs_told(lstm, rows[5], rows[5]) == f"5 of 30 {CUT_SHORT}"
    assert epochs_told(lstm, rows[lstm.epochs], rows[5]) == f"30 / 5 of 30 {CUT_SHORT}"


def test_protocols_of_other_epochs_are_marked_in_the_table_and_the_summary(
    run: Run, corpora_root: Path, tmp_path: Path
) -> None:
    system = replace(SMALL, name="yakovyna")
    run(system, "grekow", "paper", epochs=2)
    run(system, "grekow", "grouped", epochs=1)
    out = tmp_path / "papers"
    page = write_table(read_records(out / "records"), out, clips_here(corpora_root), {})
    text = page.read_text(encoding="utf-8")
    reason = "not comparable: 1 (2 steps at most) against 2 (2 steps at most) epochs"
    (short,) = [line for line in text.splitlines() if line.startswith("| grekow, four quadrants")]
    assert short.count(f"yakovyna {CUT_SHORT} ") == 3
    assert reason in short.split(" | ")[2]
    row, _cost = [line for line in text.splitlines() if line.startswith("| yakovyna | ")]
    assert reason in row.split(" | ")[4]


def test_a_finished_row_of_any_corpus_is_on_the_page(
    run: Run, corpora_root: Path, tmp_path: Path
) -> None:
    (record,) = run(replace(SMALL, name="yakovyna"), "grekow", "grouped")
    out = tmp_path / "papers"
    clips = clips_here(corpora_root)
    page = write_table([record], out, clips, {})
    absent = "- **emopia**: perceived quadrant, one annotator a clip."
    assert absent in page.read_text(encoding="utf-8")
    notes = replace(record, asked=replace(record.asked, corpus="emopia"))
    text = write_table([record, notes], out, clips, {}).read_text(encoding="utf-8")
    own = text[text.index("## emopia") : text.index("## Printed figures")]
    assert "| yakovyna | 1 (2 steps at most) of 30" in own
    assert own.count("| yakovyna | ") == 2
    assert "The corpus itself is not here" in own
    assert absent not in text
    assert "## emopia" in (out / "classes.md").read_text(encoding="utf-8")


@can_render
def test_notes_are_rendered_with_one_sound_font_alone(
    notes_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    font = sound_fonts()[-1]
    fonts = [Path(shutil.copy(font, tmp_path / f"{name}{font.suffix}")) for name in ("A", "B")]
    monkeypatch.setattr("training.papers.trials.corpora.sound_fonts", lambda: fonts)
    clips = read_corpus(notes_root, "emopia", tmp_path / "cache")
    assert len(clips) == 4
    assert all(clip.path.is_file() for clip in clips)
    assert [path.name for path in (tmp_path / "cache" / "rendered").iterdir()] == ["A"]


def test_what_leaks_says_whose_the_division_is(corpora_root: Path, tmp_path: Path) -> None:
    page = write_table([], tmp_path / "papers", clips_here(corpora_root), {})
    text = page.read_text(encoding="utf-8")
    lines = text[text.index("## What leaks") : text.index("## Corpora that")].splitlines()
    stated = {line.split(":")[0] for line in lines if "division from the paper" in line}
    assert stated == {"- nearest, yakovyna, yakovyna-6s", "- model-1, model-2, model-3"}
    chosen = [line for line in lines if "chosen here (the text is silent)" in line]
    assert len(chosen) == 5
    assert all("so divided, " in line for line in chosen)


def test_a_printed_figure_carries_its_note_and_is_found_by_the_corpus_own_name() -> None:
    orjesek = find_system("orjesek").figures
    ((text, note),) = told(orjesek, "grekow", "RMSE")
    assert text == "DEAM: 0.217"
    assert "2019 predecessor" in note
    assert "Kerhalkar" in note
    ((text, _),) = told(orjesek, "deam", "RMSE")
    assert text == "0.217"
    models = find_system("model-3").figures
    assert [text for text, _ in told(models, "deam", "accuracy")] == ["0.89"]
    assert [text for text, _ in told(models, "emomusic", "accuracy")] == ["0.87"]
    assert [text for text, _ in told(models, "grekow", "accuracy")] == ["DEAM: 0.89", "MTurk: 0.87"]
    assert "1 471" in told(find_system("cnn").figures, "panda4q", "accuracy")[0][1]


@pytest.mark.parametrize(
    ("name", "cell", "note"),
    [
        ("orjesek-dense", "RMSE DEAM: 0.217<sup>1</sup>", "<sup>1</sup> of the 2019 predecessor"),
        ("grekow-plain", "none<sup>1</sup>", "<sup>1</sup> The review that describes the system"),
    ],
)
def test_the_page_shows_notes_on_printed_figures_and_rmse_where_a_paper_prints_it(
    run: Run, corpora_root: Path, tmp_path: Path, name: str, cell: str, note: str
) -> None:
    run(find_system(name), "grekow", "grouped")
    out = tmp_path / "papers"
    page = write_table(read_records(out / "records"), out, clips_here(corpora_root), {})
    text = page.read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith(f"| {name} valence | ")]
    assert rows[0].split(" | ")[2] == cell
    assert ("<br>RMSE 0." in rows[0]) == ("RMSE" in cell)
    assert note in text


@pytest.mark.slow
def test_4q_is_shown_in_macro_f1_beside_what_its_authors_report(
    run: Run, corpora_root: Path, tmp_path: Path
) -> None:
    run(replace(SMALL, name="yakovyna"), "4q", "grouped")
    out = tmp_path / "papers"
    page = write_table(read_records(out / "records"), out, clips_here(corpora_root), {})
    text = page.read_text(encoding="utf-8")
    own = text[text.index("## panda4q") : text.index("## grekow")]
    (row,) = [line for line in own.splitlines() if line.startswith("| yakovyna | 1 (2")]
    assert row.count("<br>macro-F1 ") == 2
    assert "report a macro-F1 of 0.764 on its 900 clips" in own
    assert "12 clips of the 900 that were published" in own


def test_live_cost_counts_each_second_as_often_as_windows_overlap(
    run: Run, corpora_root: Path, tmp_path: Path
) -> None:
    (record,) = run(replace(SMALL, name="yakovyna"), "grekow", "grouped")
    out = tmp_path / "papers"
    record = replace(record, cpu_ms_per_second=2.0)
    text = write_table([record], out, clips_here(corpora_root), {}).read_text(encoding="utf-8")
    costs = text[text.index("### What they cost") :]
    (row,) = [line for line in costs.splitlines() if line.startswith("| yakovyna |")]
    # Windows of 3 s, one every half second.
    assert row.endswith("| 2.0 | 12 | yes |")


def test_a_network_whose_loss_hardly_fell_is_named() -> None:
    still = [{"loss": 1.386}, {"loss": 1.380}]
    fell = [{"loss": 1.386}, {"loss": 0.9}]
    words, _ = remarks([system_record("lstm", asked={"epochs": 5}, curve=still)])
    assert "lstm (grouped, 5 epochs)" in words
    assert not list(remarks([system_record("lstm", asked={"epochs": 5}, curve=fell)]))


def test_a_streaming_model_of_other_folds_is_told_of() -> None:
    rows = [system_record("lstm", asked={"split": "a"}), streaming_record(asked={"split": "b"})]
    assert "other folds" in next(iter(remarks(rows)))


def test_what_is_kept_comes_first_then_cheap_rows_before_dear_ones(
    corpora_root: Path,
) -> None:
    clips = clips_here(corpora_root)
    systems = [find_system(name) for name in ("parisi", "svm", "yakovyna", "lstm")]
    kept = system_record("parisi", asked={"epochs": 20}, fit_cpu_seconds=900.0)
    long = {"corpus": "emotify", "epochs": 30}
    dear = system_record("lstm", asked=long, fit_cpu_seconds=900.0)
    rows = plan(
        systems,
        {"grekow": clips["grekow"]},
        ["grouped"],
        [kept, dear],
        known=clips,
        options=TrialOptions(records=Path(), cache=Path()),
    )
    # The machine is solved at once; nothing is known of yakovyna.
    assert [row.system.name for row in rows] == ["parisi", "svm", "lstm", "yakovyna"]
    assert [row.kept for row in rows] == [True, False, False, False]
    words = sentence(rows)
    assert words.startswith("4 rows, of which 1 are kept and 3 are run: about ")
    assert words.endswith("and 2 whose cost is not measured")
    assert sentence(rows[:1]) == "1 rows, all of which are kept"


def test_twice_the_epochs_cost_twice_the_training(corpora_root: Path) -> None:
    clips = clips_here(corpora_root)
    record = system_record(
        "lstm", asked={"epochs": 15}, cpu_ms_per_second=0.0, fit_cpu_seconds=60.0
    )
    lstm = find_system("lstm")
    cost = {
        epochs: core_minutes(lstm, "grekow", "grouped", clips, [record], epochs=epochs)
        for epochs in (15, 30, None)
    }
    assert cost == {15: pytest.approx(1), 30: pytest.approx(2), None: pytest.approx(2)}


def test_the_list_is_whole_in_80_columns() -> None:
    result = CliRunner().invoke(command_line.app, ["papers", "--list"], env={"COLUMNS": "80"})
    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert max(map(len, lines)) <= 80
    assert "…" not in result.output
    words = " ".join(result.output.split())
    for system in SYSTEMS:
        (line,) = [line for line in lines if line.split()[:1] == [system.name] and " s " in line]
        assert f"{system.view.seconds:g} s" in line
        assert str(system.epochs or "-") in line.split()
        if system.not_live is not None:
            assert f"{system.name} cannot run live: {system.not_live}." in words
    assert "gems: emotify, own" in words


def test_the_corpora_that_the_list_names_have_the_labels(
    corpora_root: Path, notes_root: Path
) -> None:
    here = clips_here(corpora_root)
    here |= {name: read_clips(notes_root, [name]) for name in ("emopia", "vgmidi")}
    for task in TASKS:
        with_it = {
            name
            for name, clips in here.items()
            if any(target(clip, task) is not None for clip in clips)
        }
        assert with_it == set(corpora_with(task)) & set(here)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--system", "svn"], "no system 'svn'"),
        (["--all", "--protocol", "honest"], "no protocol 'honest'"),
        ([], "name a --system"),
        (["--corpus", "grekov"], "unknown corpus 'grekov'"),
        (["--export", "x", "--system", "svm", "--protocol", "paper"], "leave out --protocol"),
        (["--export", "x", "--system", "svm", "--run", "here", "--all"], "out --run, --all"),
    ],
)
def test_a_mistake_is_answered_in_a_line(
    corpora_root: Path, tmp_path: Path, arguments: list[str], message: str
) -> None:
    places = ["--data", str(corpora_root), "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(command_line.app, ["papers", *arguments, *places])
    assert isinstance(result.exception, InputError)
    assert message in str(result.exception)


def test_records_hold_no_nan(run: Run, tmp_path: Path) -> None:
    run(SMALL, "grekow", "grouped")
    for path in (tmp_path / "papers" / "records").glob("*/*.json"):
        json.loads(path.read_text(encoding="utf-8"), parse_constant=pytest.fail)


def test_confusions_are_counted_by_true_row_and_said_column() -> None:
    counts = confusion(np.array([0, 0, 1, 2]), np.array([0, 1, 1, 0]), 3)
    assert counts.tolist() == [[1, 1, 0], [0, 1, 0], [1, 0, 0]]
    precision, recall, f1 = per_class(counts)
    assert precision.tolist() == [0.5, 0.5, 0.0]
    assert recall.tolist() == [0.5, 1.0, 0.0]
    np.testing.assert_allclose(f1, [0.5, 2 / 3, 0.0])


def test_macro_f1_is_over_the_classes_that_occur() -> None:
    table = pd.DataFrame(
        {
            "group": list("abcd"),
            "true": [0, 0, 1, 1],
            "predicted": [0, 0, 1, 1],
            "baseline": [0] * 4,
        }
    )
    metric, baseline = metrics_of("quadrants")["macro-F1"]
    assert metric(table) == 1.0
    assert baseline(table) == pytest.approx((2 / 3) / 2)


def test_a_mean_rating_scores_nothing() -> None:
    true = np.array([-0.5, -0.1, 0.1, 0.5])
    columns: dict[str, Any] = {"group": list("abcd")}
    for axis in ("valence", "arousal"):
        columns |= {f"true_{axis}": true, axis: true, f"mean_{axis}": np.zeros(4)}
    rows = {
        row["metric"]: row
        for row in score(pd.DataFrame(columns), "affect", unit="clips", resamples=10)
    }
    for axis in ("valence", "arousal"):
        assert rows[f"R² {axis}"]["value"] == 1.0
        assert rows[f"R² {axis}"]["baseline"] == 0.0
        assert rows[f"MAE {axis}"]["value"] == 0.0
        assert rows[f"MAE {axis}"]["baseline"] == pytest.approx(0.3)
        assert rows[f"r {axis}"]["baseline"] == 0.0


def test_an_accuracy_lies_where_the_f1_of_the_classes_allow() -> None:
    generator = np.random.default_rng(0)
    for _ in range(30):
        counts = generator.integers(0, 40, (4, 4)) + 60 * np.eye(4, dtype=int)
        f1 = dict(enumerate(per_class(counts)[2].round(2).tolist()))
        least, greatest = accuracy_by_f1(f1, tuple(counts.sum(1).tolist()))
        assert least - 1e-9 <= np.trace(counts) / counts.sum() <= greatest + 1e-9
        assert greatest - least < 0.1


def test_three_accuracies_of_kerhalkar_contradict_their_f1() -> None:
    assert {(model, corpus) for model, corpus, *_ in impossible_accuracies()} == {
        ("model-1", "DEAM"),
        ("model-1", "MTurk"),
        ("model-2", "DEAM"),
    }


def test_yakovynas_recalls_give_the_accuracy_of_3_s_and_not_that_of_6_s() -> None:
    printed = {name: (accuracy, recall) for name, accuracy, recall in recalls_of_yakovyna()}
    assert printed["yakovyna"] == (0.947, pytest.approx(0.950, abs=5e-4))
    assert printed["yakovyna-6s"] == (0.748, pytest.approx(0.703, abs=5e-4))


def test_four_printed_f1_are_above_what_precision_and_recall_allow() -> None:
    assert {(name, corpus) for name, corpus, *_ in impossible_f1()} == {
        ("lstm", "EMA"),
        ("cnn", "Emotion"),
        ("svm", "Emotion"),
        ("svm", "panda4q"),
    }


@pytest.mark.slow
@pytest.mark.parametrize("system", SYSTEMS, ids=lambda system: system.name)
def test_every_system_runs_for_a_few_steps_under_both_protocols(run: Run, system: System) -> None:
    few = replace(system, split=replace(system.split, folds=min(2, system.split.folds)))
    for protocol in ("paper", "grouped"):
        (record,) = run(few, "grekow", protocol)
        assert record.metrics[0]["value"] is not None
        assert record.parameters > 0 or system.name == "nearest"
        assert record.cpu_ms_per_second > 0


@pytest.mark.parametrize("folder", ["emotify", "grekow", "vgmidi"])
def test_a_row_is_written_as_it_was_read(folder: str, tmp_path: Path) -> None:
    kept = sorted((Path(__file__).parents[3] / "docs/papers/records" / folder).glob("*.json"))
    assert len(kept) > 20
    for path in kept:
        write_record(read_record(path), tmp_path / path.name)
        again = (tmp_path / path.name).read_text(encoding="utf-8")
        assert json.loads(again) == json.loads(path.read_text(encoding="utf-8"))


def test_what_is_no_row_is_refused_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "svm.paper.json"
    path.write_text('{"asked": {"system": "svm"}}')
    with pytest.raises(InputError, match=r"svm\.paper\.json is no row of the papers' table"):
        read_record(path)

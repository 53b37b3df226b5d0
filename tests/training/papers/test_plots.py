"""The pictures of the papers' systems say what they are of."""

from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from tests.training.papers.made_records import streaming_record, system_record
from training.papers.page import plots
from training.papers.trials.protocols import LEAKY
from training.papers.trials.records import StreamingRecord, SystemRecord


def record(
    system: str, protocol: str, *, classes: int = 4, made: int = 0
) -> SystemRecord | StreamingRecord:
    unit = "clips" if system == "streaming" else "segments"
    facts: dict[str, Any] = {
        "asked": {"protocol": protocol, "epochs": 3},
        "classes": [f"Q{number}" for number in range(1, classes + 1)],
        "confusion": [[2] * classes for _ in range(classes)],
        "metrics": [
            {"unit": unit, "metric": "accuracy", "value": 0.5, "baseline": 0.25, "n": 88},
        ],
        "n": {"segments": 88, "made by over-sampling": made, "clips": 40},
    }
    if system == "streaming":
        return streaming_record(**facts)
    return system_record(
        system,
        **facts,
        fits=1 if protocol == LEAKY else 5,
        learnt=[200],
        curve=[{"watched accuracy": value} for value in (0.2, None, 0.4)],
    )


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """What was drawn, in the place of files."""
    canvases: list[Figure] = []
    monkeypatch.setattr(plots, "_save", lambda canvas, _path: canvases.append(canvas))
    return canvases


def texts(canvas: Figure) -> list[Text]:
    found: list[Text] = canvas.findobj(Text)
    return [text for text in found if text.get_text().strip()]


def test_leaky_stands_left_and_grouped_right_and_a_missing_row_leaves_its_place_blank(
    drawn: list[Figure],
) -> None:
    pairs: list[plots.Pair] = [
        ("svm", record("svm", LEAKY), record("svm", "grouped")),
        ("lstm", None, record("lstm", "grouped")),
        ("streaming", None, record("streaming", "grouped")),
    ]
    plots.plot_confusions(pairs, Path("any.png"), title="grekow, four quadrants")
    titles = [axes.get_title().split("\n")[0] for axes in drawn[0].axes]
    assert titles == [
        *("svm, paper (LEAKY)", "svm, grouped", "lstm: no such row", "lstm, grouped"),
        *("streaming: no such row", "streaming, grouped", "", ""),
    ]
    blank = [not axes.axison for axes in drawn[0].axes]
    assert blank == [False, False, True, False, True, False, True, True]


def test_a_panel_tells_n_accuracy_baseline_and_what_over_sampling_made(
    drawn: list[Figure],
) -> None:
    leaky = record("yakovyna", LEAKY, made=6)
    pair: plots.Pair = ("yakovyna", leaky, record("yakovyna", "grouped"))
    plots.plot_confusions([pair], Path("any.png"), title="grekow, four quadrants")
    first, second = (axes.get_title() for axes in drawn[0].axes[:2])
    assert "accuracy 0.500, baseline 0.250" in first
    assert first.endswith("88 segments, 6 of them made")
    assert second.endswith("88 segments")
    assert "grekow, four quadrants" in drawn[0].get_suptitle()


@pytest.mark.parametrize(("classes", "ticks"), [(4, ["Q1", "Q2", "Q3", "Q4"]), (9, ["1", "2"])])
def test_four_classes_are_named_at_the_axes_and_more_are_numbered_in_the_title(
    drawn: list[Figure], classes: int, ticks: list[str]
) -> None:
    pair: plots.Pair = ("svm", record("svm", LEAKY, classes=classes), None)
    plots.plot_confusions([pair], Path("any.png"), title="any")
    axes = drawn[0].axes[0]
    for labels in (axes.get_xticklabels(), axes.get_yticklabels()):
        assert [label.get_text() for label in labels][: len(ticks)] == ticks
    assert ("9 Q9" in drawn[0].get_suptitle()) == (classes == 9)


def test_no_type_is_smaller_than_6_points_at_200_dots_an_inch(drawn: list[Figure]) -> None:
    pair: plots.Pair = ("svm", record("svm", LEAKY, classes=9), record("svm", "grouped", classes=9))
    plots.plot_confusions([pair], Path("any.png"), title="any")
    plots.plot_curves([record("svm", LEAKY), record("svm", "grouped")], Path("any.png"))
    for canvas in drawn:
        assert canvas.dpi == 200
        assert min(text.get_fontsize() for text in texts(canvas)) >= 6


def test_curves_tell_corpus_n_baseline_and_of_which_fit_they_are(drawn: list[Figure]) -> None:
    rows = [record("yakovyna", LEAKY, made=6), record("yakovyna", "grouped")]
    plots.plot_curves(rows, Path("any.png"))
    words = "\n".join(text.get_text() for text in texts(drawn[0]))
    assert "grekow: yakovyna" in words
    assert "paper (LEAKY), 3 epochs, one fit, learnt from 200 segments" in words
    assert "grouped, 3 epochs, the first of 5 folds, learnt from 200 segments" in words
    assert "0.250, n 88, 6 of them made by over-sampling" in words

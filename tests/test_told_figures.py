"""The figures that pages tell are those of the checkpoint that ships and of what was measured."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from realtime_mer.hops import StreamPolicy

ROOT = Path(__file__).parents[1]
CORPORA = {"4Q": "panda4q", "Emotify": "emotify", "Grekow": "grekow", "VGMIDI": "vgmidi"}

_Rows = Mapping[tuple[str, str], Mapping[str, Any]]


def told(page: str, *, head: str) -> list[list[str]]:
    """Return the cells of the first table of a page that begins so."""
    lines = (ROOT / page).read_text(encoding="utf-8").splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith(head)) + 2
    rows = []
    for line in lines[start:]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]])
    return rows


def numbers(cell: str) -> list[float]:
    """Return the numbers of a cell in their order."""
    return [float(number) for number in re.findall(r"[-−]?\d*\.?\d+", cell.replace("−", "-"))]


@pytest.fixture(scope="module")
def card() -> _Rows:
    content = json.loads((ROOT / "models" / "default.json").read_text(encoding="utf-8"))
    return {(row["data"], row["metric"]): row for row in content["metrics"]}


def measured(part: str) -> list[dict[str, Any]]:
    content = json.loads((ROOT / "docs" / "results" / f"{part}.json").read_text(encoding="utf-8"))
    rows: list[dict[str, Any]] = content["rows"]
    return rows


def ends(row: Mapping[str, Any]) -> list[float]:
    return [row["low"], row["high"]]


def test_the_page_on_training_tells_the_figures_of_the_card_that_ships(card: _Rows) -> None:
    rows = told("docs/training.md", head="| corpus | metric | value | 95 % interval | baseline | n")
    assert len(rows) == 18
    against = {(row["data"], row["metric"]): row for row in measured("against")}
    for corpus, metric, value, interval, baseline, n, before, lead in rows:
        figure = CORPORA[corpus], metric.replace("\\", "")
        row, other = card[figure], against[figure]
        found = [*numbers(value), *numbers(interval), *numbers(baseline), int(n)]
        right = [row["value"], *ends(row), row["baseline"], row["n"]]
        assert found == pytest.approx(right, abs=6e-4), metric
        led = [other["lead_value"], other["lead_low"], other["lead_high"]]
        assert numbers(before) == pytest.approx([other["value"]], abs=6e-4), metric
        assert numbers(lead.replace(" – ", " ")) == pytest.approx(led, abs=6e-4), metric
        assert lead.startswith("**") is (led[1] > 0 or led[2] < 0), metric


def first_page(card: _Rows) -> Iterator[tuple[tuple[str, str], list[Mapping[str, Any]]]]:
    """Yield what a row of the first page begins with, and the figures that it tells."""
    for data, begin, names in (
        ("4Q", "macro-F1", ["macro-F1"]),
        ("4Q", "AUC", ["AUC valence, from quadrants", "AUC arousal, from quadrants"]),
        ("Emotify", "r with", ["mean r over nine items"]),
        ("Grekow", "R²", ["R² valence", "R² arousal"]),
        ("Grekow", "right sign", ["sign of arousal where |arousal| > .5"]),
    ):
        yield (data, begin), [card[CORPORA[data], name] for name in names]
    unheard = {
        row["metric"]: row
        for row in reversed(measured("unheard"))  # the run's own rows come first
        if row["data"] == "vgmidi" and row["model"] == "the network, refit on every clip"
    }
    yield ("VGMIDI, never", "r of"), [unheard["r valence"], unheard["r arousal"]]


def test_the_first_page_tells_the_figures_of_the_card_that_ships(card: _Rows) -> None:
    rows = told("README.md", head="| corpus | metric | value | 95 % | baseline | n |")
    for (data, begin), figures in first_page(card):
        (own,) = [
            row
            for row in rows
            if row[0].startswith(data) and row[1].replace("\\", "").startswith(begin)
        ]
        assert numbers(own[2]) == pytest.approx([row["value"] for row in figures], abs=6e-3)
        right = [end for row in figures for end in ends(row)]
        assert numbers(own[3]) == pytest.approx(right, abs=6e-3), data
        assert int(own[5]) == figures[0]["n"]


FIGURES = (
    ("panda4q", "macro-F1"),
    ("emotify", "mean r over nine items"),
    ("grekow", "CCC valence"),
    ("grekow", "CCC arousal"),
)


def spoilt() -> dict[str, list[float]]:
    """Return the figures of each condition."""
    found: dict[tuple[str, str, str], float] = {
        (row["condition"], row["data"], row["metric"]): row["value"]
        for row in measured("robustness")
    }
    names = dict.fromkeys(condition for condition, _, _ in found)
    return {name: [found[name, *figure] for figure in FIGURES] for name in names}


def test_pages_tell_what_worse_sound_was_measured_to_leave() -> None:
    right = spoilt()
    rows = told("docs/training.md", head="| every clip, out of fold | 4Q macro-F1 |")
    assert [row[0] for row in rows] == list(right)
    for name, *cells in rows:
        assert [numbers(cell)[0] for cell in cells] == pytest.approx(right[name], abs=6e-4)
        kept = [numbers(cell)[1] for cell in cells if "(" in cell]
        shares = [one / clean for one, clean in zip(right[name], right["clean"], strict=True)]
        assert kept == pytest.approx([] if name == "clean" else shares, abs=6e-3)
    clean, worst, clipping = (
        [numbers(cell)[0] for cell in row[1:]]
        for row in told("README.md", head="| the sound | 4Q macro-F1 |")
    )
    clip = "clipped by 6 to 18 dB"
    others = [figures for name, figures in right.items() if name not in ("clean", clip)]
    assert clean == pytest.approx(right["clean"], abs=6e-4)
    least = [min(column) / whole for *column, whole in zip(*others, right["clean"], strict=True)]
    assert worst == pytest.approx(least, abs=6e-3)
    shares = [one / whole for one, whole in zip(right[clip], right["clean"], strict=True)]
    assert clipping == pytest.approx(shares, abs=6e-3)


def test_what_is_told_of_no_music_is_what_was_measured_under_the_policy_that_holds() -> None:
    found = {row["metric"]: row for row in reversed(measured("music"))}
    status = "hops of what is no music whose status is no_music"
    mistaken, songs = (
        "hops of music whose status it is",
        "songs with more than a tenth of such hops",
    )
    policy = StreamPolicy()
    rule = (
        f"no_music once below {policy.no_music_below:g} for {policy.no_music_after_s:g} s, "
        f"until above {policy.music_above:g} for {policy.music_after_s:g} s"
    )
    assert rule in found[status]["protocol"]
    rows = told("docs/training.md", head="| figure | value | wanted")
    value = {row[0].replace("`", ""): numbers(row[1]) for row in rows}
    assert value[status] == pytest.approx([100 * found[status]["value"]], abs=0.6)
    assert value[mistaken] == pytest.approx([100 * found[mistaken]["value"]], abs=0.06)
    assert value[songs][0] == found[songs]["value"]
    page = (ROOT / "docs" / "live.md").read_text(encoding="utf-8")
    assert f"music is less likely than {policy.no_music_below:g}".replace("0.", ".") in page
    assert f"music is likelier than {policy.music_above:g}".replace("0.", ".") in page

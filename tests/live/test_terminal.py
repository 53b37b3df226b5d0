"""The terminal view: a panel on a terminal, lines elsewhere, and a few statements at the end."""

import io
import sys
import threading

import pytest
from rich.console import Console

from realtime_mer.emotion import GEMS
from realtime_mer.estimate import Estimate, Status
from realtime_mer.live.terminal import Tally, TerminalView
from realtime_mer.wording import STATUS_WORDS
from tests.patience import PATIENCE_S
from tests.samples import sample_estimate


def plain(encoding: str = "utf-8") -> tuple[Console, io.TextIOWrapper]:
    """Return a console whose output is no terminal, and that output."""
    output = io.TextIOWrapper(io.BytesIO(), encoding=encoding, write_through=True)
    return Console(file=output, width=80), output


def text_of(output: io.TextIOWrapper) -> str:
    buffer = output.buffer
    assert isinstance(buffer, io.BytesIO)
    return buffer.getvalue().decode(output.encoding)


def panel_of(*estimates: Estimate, width: int = 80, encoding: str = "utf-8") -> str:
    """Return what a terminal shows after these estimates, without colours."""
    output = io.TextIOWrapper(io.BytesIO(), encoding=encoding, write_through=True)
    console = Console(
        file=output, force_terminal=True, width=width, height=40, no_color=True, record=True
    )
    with TerminalView(console=console, source="USB microphone", model="default") as view:
        for estimate in estimates:
            view.show(estimate)
    text = console.export_text()
    return text[text.rindex("realtime-mer") :]  # the panel as it was drawn last


def estimates(count: int, **changes: object) -> list[Estimate]:
    return [sample_estimate(seq=seq, **changes) for seq in range(count)]


def test_off_a_terminal_a_line_is_printed_for_every_second_of_sound() -> None:
    console, output = plain()
    with TerminalView(console=console, source="demo", model="default") as view:
        for estimate in estimates(35):
            view.show(estimate)
    first, *lines = text_of(output).splitlines()
    assert "demo" in first
    assert [line.split()[0] for line in lines] == ["0:00", "0:01", "0:02", "0:03"]


def test_a_line_says_time_numbers_status_level_and_mood() -> None:
    console, output = plain()
    with TerminalView(console=console, source="demo", model="default") as view:
        view.show(
            sample_estimate(
                t=75.3,
                valence=-0.31,
                valence_sd=0.12,
                arousal=0.62,
                arousal_sd=0.08,
                status=Status.SILENCE,
                level_dbfs=-63.4,
            )
        )
    line = text_of(output).splitlines()[-1]
    assert line.split() == ("1:15 V -0.31 ± 0.12 A +0.62 ± 0.08 silence -63 dBFS afraid".split())


def test_a_stream_that_starts_afresh_is_printed_at_once() -> None:
    console, output = plain()
    with TerminalView(console=console, source="demo", model="default") as view:
        view.show(sample_estimate(t=100.0))
        view.show(sample_estimate(t=0.1))
    assert len(text_of(output).splitlines()) == 3


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_no_encoding_of_the_output_breaks_it(encoding: str) -> None:
    console, output = plain(encoding)
    with TerminalView(console=console, source="マイク [USB]", model="default") as view:
        view.show(sample_estimate())
        view.message("the device マイク is gone")
    assert "[USB]" in text_of(output)
    assert "0.25" in panel_of(sample_estimate(), encoding=encoding)


def test_the_panel_shows_the_whole_estimate() -> None:
    shares = dict.fromkeys(GEMS, 0.05) | {"joyful_activation": 0.81, "power": 0.44, "tension": 0.3}
    panel = panel_of(
        sample_estimate(
            valence=0.42,
            valence_sd=0.17,
            arousal=-0.08,
            arousal_sd=0.21,
            quadrants={"Q1": 0.61, "Q2": 0.2, "Q3": 0.12, "Q4": 0.07},
            gems=shares,
            level_dbfs=-14.2,
            latency_ms=12.4,
            xruns=3,
            skipped=7,
            t=65.0,
        )
    )
    for part in (
        "USB microphone",
        "model default",
        "BETWEEN HAPPY AND PLEASED",
        "music",
        "+0.42 ± 0.17",
        "-0.08 ± 0.21",
        "Q1 61%",
        "Q4 7%",
        "joyful activation 81%   power 44%   tension 30%",
        "-14 dBFS",
        "latency 12 ms",
        "xruns 3",
        "skipped 7",
        "1:05",
    ):
        assert part in panel
    assert "amazement" not in panel


@pytest.mark.parametrize("status", list(Status))
def test_every_status_is_told_in_words(status: Status) -> None:
    assert f"status     {STATUS_WORDS[status]}" in panel_of(sample_estimate(status=status))


def test_a_bar_marks_the_mean_and_covers_one_standard_deviation_each_way() -> None:
    panel = panel_of(sample_estimate(valence=0.5, valence_sd=0.25))
    (line,) = (line for line in panel.splitlines() if "valence" in line)
    bar = line[line.index("─") : line.rindex("─") + 1]
    assert len(bar) == 41  # from -1 to 1 in steps of 0.05
    assert bar.index("│") == 20
    assert bar.index("●") == 30
    assert (bar.index("━"), bar.rindex("━")) == (25, 35)


def test_a_bar_never_leaves_its_frame() -> None:
    panel = panel_of(sample_estimate(valence=0.98, valence_sd=0.9, arousal=-1.0, arousal_sd=5.0))
    assert "+0.98 ± 0.90" in panel
    assert "-1.00 ± 5.00" in panel


@pytest.mark.parametrize("width", [20, 40, 80, 200])
def test_the_panel_keeps_to_the_width_of_the_terminal(width: int) -> None:
    panel = panel_of(sample_estimate(status=Status.NO_SIGNAL), width=width)
    assert max(map(len, panel.splitlines()[1:])) <= width


def test_before_the_first_estimate_the_panel_waits_for_sound() -> None:
    assert "waiting for sound" in panel_of()


def test_a_message_is_printed_as_it_is() -> None:
    console, output = plain()
    with TerminalView(console=console, source="demo", model="default") as view:
        view.message("[bold]opened[/bold] 'USB [2]' at https://example.org/" + "x" * 100)
    assert text_of(output).splitlines()[-1].endswith("x" * 100)
    assert "[bold]opened[/bold] 'USB [2]'" in text_of(output)


def test_showing_an_estimate_on_a_terminal_writes_nothing_itself() -> None:
    writers: set[int] = set()

    class Output(io.StringIO):
        def write(self, text: str) -> int:
            writers.add(threading.get_ident())
            drawn.set()
            return super().write(text)

    drawn = threading.Event()
    console = Console(file=Output(), force_terminal=True, width=80)
    with TerminalView(console=console, source="demo", model="default") as view:
        writers.clear()
        drawn.clear()
        view.show(sample_estimate())
        assert drawn.wait(PATIENCE_S)
        assert threading.get_ident() not in writers


def test_the_panel_leaves_other_streams_alone() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=80)
    streams = sys.stdout, sys.stderr
    with TerminalView(console=console, source="demo", model="default"):
        assert (sys.stdout, sys.stderr) == streams


def test_a_narrow_terminal_shortens_the_bars_and_keeps_the_numbers() -> None:
    panel = panel_of(sample_estimate(valence=0.5, valence_sd=0.25), width=52)
    (line,) = (line for line in panel.splitlines() if "valence" in line)
    bar = line[line.index("─") : line.rindex("─") + 1]
    assert "+0.50 ± 0.25" in line
    assert len(bar) == 17
    assert (bar.index("│"), bar.index("●")) == (8, 12)


def test_a_session_without_estimates_is_summed_up_too() -> None:
    assert len(Tally().summary_lines()) == 1


def test_the_summary_is_of_the_music() -> None:
    tally = Tally()
    first = {"Q1": 0.7, "Q2": 0.1, "Q3": 0.1, "Q4": 0.1}
    second = {"Q1": 0.5, "Q2": 0.3, "Q3": 0.1, "Q4": 0.1}
    for estimate in (
        sample_estimate(seq=0, valence=-1.0, status=Status.WARMING_UP),
        sample_estimate(seq=1, valence=0.2, arousal=0.1, quadrants=first),
        sample_estimate(seq=2, valence=0.4, arousal=0.3, quadrants=second),
        sample_estimate(seq=3, valence=0.6, arousal=0.5, quadrants=first),
        sample_estimate(seq=4, valence=-1.0, status=Status.SILENCE, xruns=2, skipped=9),
    ):
        tally.add(estimate)
    assert tally.summary_lines() == [
        "heard 0.5 s: 5 estimates, 3 of music",
        "mean valence +0.40, arousal +0.30 (over music)",
        "mostly pleasant and energetic (83%), above all delighted (50%)",
        "sound was lost 2 times (xruns), 9 estimates left out",
    ]


def test_without_any_music_the_summary_is_of_all_hops() -> None:
    tally = Tally()
    tally.add(sample_estimate(valence=0.5, status=Status.WARMING_UP))
    assert "mean valence +0.50" in tally.summary_lines()[1]
    assert "none was music" in tally.summary_lines()[1]


def test_the_view_counts_what_it_shows() -> None:
    console, _ = plain()
    with TerminalView(console=console, source="demo", model="default") as view:
        for estimate in estimates(12):
            view.show(estimate)
    assert view.tally.summary_lines()[0] == "heard 1.2 s: 12 estimates, 12 of music"

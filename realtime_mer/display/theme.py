"""The two layouts of the window: colours, sizes and pace (plain data).

The hues are those of M. Okabe & K. Ito, "Color Universal Design" (2008), lightened for a dark
ground and darkened for a light one; what a colour says is also said in words or by a shape.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

LayoutName = Literal["dj", "therapy"]


@dataclass(frozen=True, kw_only=True)
class Theme:
    """What a layout looks like and how fast it changes.

    Attributes:
        name: what it is called on the command line.
        title: what it is called in the menu.
        background, panel, grid, text, muted, point: colours of the surfaces and what is on them.
        valence, arousal, gems, quadrants: colours of the quantities.
        good, warning, record: colours of states; each stands beside its word.
        tint: opacity of the quadrants' ground, 0 to 255.
        glow: opacity of the colour of the mood behind its word, likewise; 0 for none.
        spectrum: colours of the waterfall from silent to loud, evenly spaced.
        mood_pt, number_pt, text_pt, small_pt, plane_pt: sizes of text in points.
        bold_mood: whether the mood is written bold.
        dot: radius of the point in pixels.
        glide_s: seconds in which the point reaches an estimate; at least the hop.
        hold_s: seconds that a mood must have stood before it is written.
        numbers_s: seconds between changes of numbers and bars.
        line_s: seconds that the time lines reach back.
    """

    name: LayoutName
    title: str
    background: str
    panel: str
    grid: str
    text: str
    muted: str
    point: str
    valence: str
    arousal: str
    gems: str
    quadrants: Mapping[str, str]
    good: str
    warning: str
    record: str
    tint: int
    glow: int
    spectrum: tuple[str, ...]
    mood_pt: float
    number_pt: float
    text_pt: float
    small_pt: float
    plane_pt: float
    bold_mood: bool
    dot: float
    glide_s: float
    hold_s: float
    numbers_s: float
    line_s: float


DJ = Theme(
    name="dj",
    title="DJ",
    background="#0f1218",
    panel="#1b202a",
    grid="#3c4454",
    text="#f4f6fa",
    muted="#a7b0c0",
    point="#ffffff",
    valence="#6cc0f0",
    arousal="#f0ad1e",
    gems="#dc8fbb",
    quadrants={"Q1": "#f0c742", "Q2": "#ee7a2f", "Q3": "#5aabe2", "Q4": "#2fc79b"},
    good="#2fc79b",
    warning="#f0c742",
    record="#ff6b6b",
    tint=34,
    glow=96,
    spectrum=("#0f1218", "#1c2a4a", "#345d8a", "#3f9a9a", "#9ac67a", "#f6eba0"),
    mood_pt=56.0,
    number_pt=22.0,
    text_pt=12.5,
    small_pt=11.25,
    plane_pt=14.0,
    bold_mood=True,
    dot=13.0,
    glide_s=0.0,
    hold_s=0.4,
    numbers_s=0.4,
    line_s=120.0,
)

THERAPY = Theme(
    name="therapy",
    title="Therapy",
    background="#f6f4ee",
    panel="#ebe8df",
    grid="#c9c5b9",
    text="#24302e",
    muted="#56615e",
    point="#2c6a62",
    valence="#1d5f92",
    arousal="#8a5200",
    gems="#8f4f78",
    quadrants={"Q1": "#9a7600", "Q2": "#b5531c", "Q3": "#2f78ad", "Q4": "#2f8a69"},
    good="#23694f",
    warning="#8a5200",
    record="#b3261e",
    tint=26,
    glow=0,
    spectrum=("#f6f4ee", "#d5e0da", "#a3c2bb", "#6b9c97", "#3b7574", "#1c4a4f"),
    mood_pt=36.0,
    number_pt=16.0,
    text_pt=12.0,
    small_pt=11.25,
    plane_pt=12.5,
    bold_mood=False,
    dot=10.0,
    glide_s=0.9,
    hold_s=2.0,
    numbers_s=1.0,
    line_s=240.0,
)

THEMES: Mapping[LayoutName, Theme] = {"dj": DJ, "therapy": THERAPY}

_BORDER = 0.2  # the colours of two quadrants blend so far to each side of the border


def mood_colour(theme: Theme, valence: float, arousal: float) -> str:
    """Return the colour of a place of the plane: that of its quadrant, blended at the borders.

    Args:
        valence, arousal: coordinates in [-1, 1].

    Returns:
        ``#rrggbb``.
    """
    right, up = (min(1.0, max(0.0, 0.5 + x / (2 * _BORDER))) for x in (valence, arousal))
    weights = {
        "Q1": right * up,
        "Q2": (1 - right) * up,
        "Q3": (1 - right) * (1 - up),
        "Q4": right * (1 - up),
    }
    mixed = [0.0, 0.0, 0.0]
    for name, weight in weights.items():
        for part in range(3):
            start = 1 + 2 * part
            mixed[part] += weight * int(theme.quadrants[name][start : start + 2], 16)
    return "#" + "".join(f"{round(part):02x}" for part in mixed)

"""The colours of the window, safe for colour-blind eyes.

The hues are those of M. Okabe & K. Ito, "Color Universal Design" (2008), on a dark ground.
"""

BACKGROUND = "#12151b"
PANEL = "#1a1e27"
GRID = "#39404f"
TEXT = "#eef1f6"
MUTED = "#98a2b3"
POINT = "#ffffff"

VALENCE = "#56b4e9"
AROUSAL = "#e69f00"
QUADRANT = {"Q1": "#f0c742", "Q2": "#d55e00", "Q3": "#4a9fd8", "Q4": "#26b68c"}
GEMS = "#cc79a7"
WARNING = "#f0c742"
GOOD = "#26b68c"

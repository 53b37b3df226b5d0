"""What the window remembers until its next start: layout, size of text, words, place and size."""

from dataclasses import dataclass, field, replace
from typing import Any

from PySide6.QtCore import QByteArray, QSettings

from realtime_mer.display.theme import THEMES, LayoutName
from realtime_mer.emotion import MOOD_WORDS

SCALES = (0.7, 0.8, 0.9, 1.0, 1.15, 1.3, 1.5, 1.75, 2.0)
"""The sizes that text can be scaled to."""


@dataclass(frozen=True, kw_only=True)
class Preferences:
    """How somebody likes the window.

    Attributes:
        layout: which of ``THEMES``.
        scale: of all text, one of ``SCALES``.
        on_top: whether it stays above other windows.
        details: whether the details for engineers are shown.
        words: what to write for a mood word, where it is not the word itself.
        geometry: place and size, as Qt writes them; empty for the first time.
    """

    layout: LayoutName = "dj"
    scale: float = 1.0
    on_top: bool = False
    details: bool = False
    words: dict[str, str] = field(default_factory=dict)
    geometry: bytes = b""

    def scaled(self, steps: int) -> "Preferences":
        """Return them with text larger (or, below 0, smaller) by so many steps."""
        place = SCALES.index(self.scale) + steps
        return replace(self, scale=SCALES[min(max(place, 0), len(SCALES) - 1)])


def user_settings() -> QSettings:
    """Return the file of settings of this user."""
    return QSettings(
        QSettings.Format.IniFormat, QSettings.Scope.UserScope, "realtime-mer", "display"
    )


def load(settings: QSettings) -> Preferences:
    """Return what was remembered; whatever is missing or cannot be used is as at first."""
    first = Preferences()
    layout = settings.value("layout")
    geometry = settings.value("geometry")
    words = {word.word: settings.value(f"words/{word.word}") for word in MOOD_WORDS}
    return Preferences(
        layout=next((name for name in THEMES if name == layout), first.layout),
        scale=next((scale for scale in SCALES if str(scale) == settings.value("scale")), 1.0),
        on_top=settings.value("on_top") == "true",
        details=settings.value("details") == "true",
        words={word: text for word, text in words.items() if isinstance(text, str) and text},
        geometry=bytes(geometry.data()) if isinstance(geometry, QByteArray) else b"",
    )


def save(settings: QSettings, preferences: Preferences) -> None:
    """Remember preferences."""
    settings.remove("words")
    values: dict[str, Any] = {
        "layout": preferences.layout,
        "scale": str(preferences.scale),
        "on_top": "true" if preferences.on_top else "false",
        "details": "true" if preferences.details else "false",
        "geometry": QByteArray(preferences.geometry),
        **{f"words/{word}": text for word, text in preferences.words.items()},
    }
    for key, value in values.items():
        settings.setValue(key, value)
    settings.sync()

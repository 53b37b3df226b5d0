"""Real-time music emotion recognition: sound in; valence, arousal, quadrants and GEMS-9 out.

>>> from realtime_mer import Recognizer, analyze
>>> analyze("song.mp3").summary.mood
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from realtime_mer.analysis import Analysis, analyze
    from realtime_mer.audio.files import load_audio
    from realtime_mer.client.streams import connect, subscribe
    from realtime_mer.errors import RealtimeMerError
    from realtime_mer.estimate import Estimate, Status, Summary
    from realtime_mer.recognizer.contract import Estimates, RecognizerState
    from realtime_mer.recognizer.loading import load_recognizer
    from realtime_mer.recognizer.reference import Recognizer

__version__ = "0.1.0"

_HOMES = {
    "Analysis": "analysis",
    "Estimate": "estimate",
    "Estimates": "recognizer.contract",
    "RealtimeMerError": "errors",
    "Recognizer": "recognizer.reference",
    "RecognizerState": "recognizer.contract",
    "Status": "estimate",
    "Summary": "estimate",
    "analyze": "analysis",
    "connect": "client",
    "load_audio": "audio.files",
    "load_recognizer": "recognizer.loading",
    "subscribe": "client",
}

__all__ = [
    "Analysis",
    "Estimate",
    "Estimates",
    "RealtimeMerError",
    "Recognizer",
    "RecognizerState",
    "Status",
    "Summary",
    "analyze",
    "connect",
    "load_audio",
    "load_recognizer",
    "subscribe",
]


def __getattr__(name: str) -> Any:
    # Torch takes seconds to import; who does not name Recognizer has no use for it.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    except ModuleNotFoundError as error:
        if error.name not in {"torch", "torchaudio"}:
            raise
        from realtime_mer.wording import installing

        raise ModuleNotFoundError(
            f"{name} computes with PyTorch, which is not installed: {installing('gpu')}. Without "
            "it there is load_recognizer(), which takes arrays of NumPy.",
            name=error.name,
        ) from error

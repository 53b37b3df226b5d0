"""What to say of a library that is there and cannot be imported."""

from dataclasses import dataclass
from types import FrameType

_OURS = "realtime_mer"
_AGAIN = (
    "set up anew with `python3 scripts/run.py`, or install again: "
    "`pip install --force-reinstall realtime-mer`"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class LibraryProblem:
    """A library that cannot be imported.

    Attributes:
        library: the name that was imported.
        detail: what is wrong, in the words of its error's last line.
        advice: what to do.
    """

    library: str
    detail: str
    advice: str = _AGAIN


def library_problem(error: BaseException) -> LibraryProblem | None:
    """Return which library an error kept from being imported; None if it is another kind of error.

    A library says that it cannot be loaded by an ImportError or, where a shared object is missing
    or does not fit, by an OSError, as a full disk does too. What was being done tells them apart.

    Args:
        error: as it was caught.
    """
    library = _imported(error)
    if library is None and isinstance(error, ModuleNotFoundError) and error.name:
        library = error.name.partition(".")[0]
    if library is None or library == _OURS:
        return None
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return LibraryProblem(library=library, detail=f"{library} cannot be loaded ({lines[-1]})")


def _imported(error: BaseException) -> str | None:
    """Return the library whose module was running when the error came, as our last line asked."""
    library = None
    trace = error.__traceback__
    while trace is not None:
        name, frame = _module(trace.tb_frame), trace.tb_frame
        if name == _OURS:
            library = None  # what ran before is what called us
        elif library is None and frame.f_code.co_name == "<module>":
            library = name
        trace = trace.tb_next
    return library


def _module(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", "")).partition(".")[0]

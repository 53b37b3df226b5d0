"""Rich's console, in which nothing from outside is markup."""

from typing import IO, Any

from rich.console import Console
from rich.text import Text

from realtime_mer.wording import literal


class LiteralConsole(Console):
    """A console that shows every text literally, in tables too; style is put on by ``Text``."""

    def render_str(self, text: str, **options: Any) -> Text:
        """Return a text as it is, with its control characters spelt out."""
        return super().render_str(
            literal(text), **{**options, "markup": False, "emoji": False, "highlight": False}
        )


def console(
    *, stderr: bool = False, file: IO[str] | None = None, wrap: bool = False
) -> LiteralConsole:
    """Return a console for people.

    Args:
        stderr: whether it writes to standard error.
        file: where else it writes.
        wrap: whether it breaks lines, as a table needs; else the terminal does.
    """
    return LiteralConsole(
        stderr=stderr, file=file, soft_wrap=not wrap, markup=False, emoji=False, highlight=False
    )

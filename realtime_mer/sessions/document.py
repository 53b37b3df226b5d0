"""What a report consists of, whether it becomes a page in a browser or a PDF (plain data)."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Heading:
    """A heading; ``level`` is 1 for a session and 2 for a part of it."""

    text: str
    level: int = 2


@dataclass(frozen=True, kw_only=True)
class Text:
    """A paragraph; ``lead`` sets it larger, ``small`` smaller, as below a picture."""

    text: str
    lead: bool = False
    small: bool = False


@dataclass(frozen=True, kw_only=True)
class Note:
    """A list of sentences that nobody is to overlook."""

    title: str
    items: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Facts:
    """Names and what belongs to them."""

    rows: tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows of text; the last ``numbers`` columns are set to the right."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numbers: int = 0


@dataclass(frozen=True, kw_only=True)
class Share:
    """A bar: what, how much of it in words, its part of the whole in [0, 1], its colour."""

    name: str
    amount: str
    part: float
    colour: str


@dataclass(frozen=True, kw_only=True)
class Shares:
    """Bars below one another."""

    rows: tuple[Share, ...]


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A drawing.

    Attributes:
        svg: an ``svg`` element that names no font.
        description: for who cannot see it.
        width: part of the page's width, in (0, 1].
    """

    svg: str
    description: str
    width: float = 1.0


Block = Heading | Text | Note | Facts | Table | Shares | Picture


@dataclass(frozen=True, kw_only=True)
class Document:
    """A report: its title and what follows."""

    title: str
    blocks: tuple[Block, ...]

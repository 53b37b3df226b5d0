"""A report as one HTML page that loads nothing and runs nothing."""

from collections.abc import Iterable
from html import escape

from realtime_mer.sessions.document import (
    Block,
    Document,
    Facts,
    Heading,
    Note,
    Picture,
    Share,
    Shares,
    Table,
    Text,
)
from realtime_mer.wording import literal

_SHORT = 8  # letters, such as 1:23:45

_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;color:#24302e;background:#fff;max-width:58rem;
margin:2.5rem auto;padding:0 1.25rem}
h1{font-size:1.7rem;line-height:1.25;margin:0 0 1rem;overflow-wrap:anywhere}
h1:not(:first-child){margin-top:3.5rem;padding-top:1.5rem;border-top:2px solid #24302e}
h2{font-size:1.15rem;margin:2.25rem 0 .5rem}
p{margin:.5rem 0}.lead{font-size:1.15rem}.small{font-size:.875rem;color:#56615e}
svg{display:block;width:100%;height:auto;margin:.5rem auto}
table{border-collapse:collapse;width:100%;font-size:.9375rem}
th,td{text-align:left;padding:.25rem .8rem .25rem 0;border-bottom:1px solid #dedbd2;
vertical-align:top;overflow-wrap:anywhere}
th{color:#56615e;font-weight:600;overflow-wrap:normal}
.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap;
padding:.25rem 0 .25rem 1rem}
.bar{width:55%;padding-right:0;vertical-align:middle}.bar i{display:block;height:.7rem;
border-radius:2px;min-width:1px;print-color-adjust:exact;-webkit-print-color-adjust:exact}
.note{border-left:.3rem solid #b5531c;padding:.75rem 1.25rem;background:#faf6f0;
font-size:.9375rem;print-color-adjust:exact;-webkit-print-color-adjust:exact}
.note h2{margin:0;font-size:1rem}.note ul{margin:.4rem 0 0;padding-left:1.1rem}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.15rem 1.5rem;margin:1.25rem 0}
dt{color:#56615e}dd{margin:0;overflow-wrap:anywhere}
.s{white-space:nowrap}.wide{overflow-x:auto}
@media screen and (max-width:44rem){body{margin:1.25rem auto}svg{max-width:100%!important}
.wide svg{width:44rem;max-width:none!important}.wide td:not(.n){min-width:2.5rem}
.wide td:nth-child(4){min-width:11rem}dl{grid-template-columns:1fr;gap:0}dd{margin:0 0 .5rem}
.bar{width:30%}}
@page{margin:18mm}
@media print{html{font-size:10pt}body{margin:0;max-width:none;font-size:1rem}h2{break-after:avoid}
tr,svg,p,.note{break-inside:avoid}h1:not(:first-child){break-before:page;border:0;padding:0}}
"""


def to_html(document: Document) -> str:
    """Return the page."""
    title = escape(document.title)
    body = "\n".join(map(_block, document.blocks))
    page = (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{title}</title><style>{_STYLE}</style></head><body>\n{body}\n</body></html>\n"
    )
    return literal(page)  # names come from outside


def _block(block: Block) -> str:
    match block:
        case Heading():
            return f"<h{block.level}>{escape(block.text)}</h{block.level}>"
        case Text():
            kind = " class=lead" if block.lead else " class=small" if block.small else ""
            return f"<p{kind}>{escape(block.text)}</p>"
        case Note():
            items = "".join(f"<li>{escape(item)}</li>" for item in block.items)
            title = escape(block.title)
            return f"<section class=note><h2>{title}</h2><ul>{items}</ul></section>"
        case Facts():
            rows = "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in block.rows)
            return f"<dl>{rows}</dl>"
        case Table():
            return _table(block)
        case Shares():
            return f"<table><tbody>{''.join(map(_share, block.rows))}</tbody></table>"
        case Picture():
            start = f'<svg role="img" aria-label="{escape(block.description)}"'
            if block.width < 1:
                start += f' style="max-width:{block.width:.0%}"'
            svg = block.svg.replace("<svg", start, 1)
            return f"<div class=wide>{svg}</div>" if block.width == 1 else svg


def _table(table: Table) -> str:
    first = len(table.head) - table.numbers

    def line(tag: str, cells: Iterable[str]) -> str:
        return (
            "<tr>"
            + "".join(
                f"<{tag}{_kind(cell, number=i >= first)}>{escape(cell)}</{tag}>"
                for i, cell in enumerate(cells)
            )
            + "</tr>"
        )

    body = "".join(line("td", row) for row in table.rows)
    head = line("th", table.head)
    return f"<div class=wide><table><thead>{head}</thead><tbody>{body}</tbody></table></div>"


def _kind(cell: str, *, number: bool) -> str:
    """Return the class of a cell: a number, or one that is too short to be broken."""
    if number:
        return " class=n"
    return " class=s" if len(cell) <= _SHORT else ""


def _share(share: Share) -> str:
    bar = f'<i style="width:{share.part:.1%};background:{share.colour}"></i>'
    return (
        f"<tr><td>{escape(share.name)}</td><td class=bar>{bar}</td>"
        f"<td class=n>{escape(share.amount)}</td><td class=n>{share.part:.0%}</td></tr>"
    )

"""XML as DJ programs write it: elements of attributes, in which every text can stand."""

import re
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from realtime_mer.library.exporting.entries import MADE_BY

# What XML 1.0 cannot hold, and halves of characters, as names have them that are no UTF-8.
_UNKNOWN_TO_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def legal(text: str) -> str:
    """Return a text in which a sign stands for what XML cannot hold."""
    return _UNKNOWN_TO_XML.sub("\N{REPLACEMENT CHARACTER}", text)


def add(parent: Element, name: str, **attributes: object) -> Element:
    """Add an element; attributes that are empty are left out."""
    told = {key: legal(str(value)) for key, value in attributes.items() if value != ""}
    return SubElement(parent, name, told)


def document(root: Element) -> bytes:
    """Return a whole document in UTF-8, which says who made it."""
    indent(root)
    head = f'<?xml version="1.0" encoding="UTF-8"?>\n<!-- {MADE_BY} -->\n'
    body: bytes = tostring(root, encoding="utf-8")
    return head.encode() + body + b"\n"

# SPDX-License-Identifier: BSD-2-Clause
"""HTML as a tree of elements, written by one function that escapes every text and every attribute.

Nothing else in this package writes markup. An element that could load, run or leave anything is refused
when it is made: no event handler, no style attribute, no link but to a place on the same page. Facts: HTML
Living Standard, 13.1.2 (void elements, escaping of attribute values and text).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import TypeAlias

from verifier.records import record


@record
class Element:
    """A tag with its attributes (name, value; None: an attribute without a value) and what is in it."""

    tag: str
    attributes: tuple[tuple[str, str | None], ...]
    children: tuple[Element | Trusted | str, ...]


@record
class Trusted:
    """Markup that this program made, such as a drawing: it is written as it is."""

    markup: str


Node: TypeAlias = Element | Trusted | str
Content: TypeAlias = "Node | Iterable[Content] | None"
"""What may stand in an element: text, elements, nothing, or sequences of these."""
Value: TypeAlias = str | int | bool | None

_VOID = frozenset({"br", "input", "link", "meta", "wbr"})
_BLOCKS = frozenset(
    "article body caption dd details div dl dt fieldset figure footer h1 h2 h3 h4 h5 h6 head header html legend li"
    " link main meta nav ol p script section style summary table tbody thead title tr ul".split()
)
_INLINE = frozenset(
    "a b bdi button code em figcaption i input label output pre samp small span strong td th wbr br".split()
)
_ATTRIBUTES = frozenset(
    "charset class colspan content for hidden href http-equiv id lang name open role rowspan scope tabindex type"
    " value".split()
)
_ID = re.compile(r"[A-Za-z][A-Za-z0-9-]*")
_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
# Letters and marks that have no shape of their own (Unicode, Default_Ignorable_Code_Point, without those above).
_SHAPELESS = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]")
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;"})


def el(tag: str, *children: Content, **attributes: Value) -> Element:
    """An element. ``class_`` is class, ``aria_label`` is aria-label; False and None leave an attribute out.

    Raises ValueError for a tag or an attribute that this page has no use for.
    """
    if tag not in _VOID | _BLOCKS | _INLINE:
        raise ValueError(f"no tag of this page: {tag}")
    named = tuple(
        (_attribute(name, value), None if value is True else str(value))
        for name, value in attributes.items()
        if value is not None and value is not False
    )
    return Element(tag, named, tuple(_flat(children)))


def _attribute(name: str, value: Value) -> str:
    name = name.rstrip("_").replace("_", "-")
    if name not in _ATTRIBUTES and not name.startswith(("aria-", "data-")):
        raise ValueError(f"no attribute of this page: {name}")
    if name in ("id", "for") and not _ID.fullmatch(str(value)):
        raise ValueError(f"not an identity: {value!r}")
    if name == "href" and not (str(value)[:1] == "#" and _ID.fullmatch(str(value)[1:])):
        raise ValueError(f"a link that leaves the page: {value!r}")
    return name


def _flat(content: Content) -> Iterable[Node]:
    match content:
        case None | "":
            return
        case str() | Element() | Trusted():
            yield content
        case _:
            for part in content:
                yield from _flat(part)


def escaped(text: str) -> str:
    """``text`` as it stands in a text or an attribute: markup escaped, what cannot be seen spelled out.

    Where a log shows the page's source, no line of it is a command to a CI system: ``::`` and ``##[``
    have one character as a reference.
    """
    if not (text.isascii() and text.isprintable()):
        text = "".join(_spelled(char) if _unseen(char) else char for char in text)
    text = text.translate(_ESCAPES)
    return text.replace("::", ":&#58;").replace("##[", "#&#35;[")


def _unseen(char: str) -> bool:
    return unicodedata.category(char) in _UNSAFE or _SHAPELESS.match(char) is not None


def _spelled(char: str) -> str:
    code = ord(char)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def written(node: Node) -> str:
    """The markup of a node. A block begins on a new line, so that a change of a report is a change of few lines."""
    parts: list[str] = []
    _write(node, parts)
    return "".join(parts)


def _write(node: Node, parts: list[str]) -> None:
    match node:
        case Trusted(markup):
            parts.append(markup)
        case Element(tag, attributes, children):
            if tag in _BLOCKS:
                parts.append("\n")
            parts.append(f"<{tag}")
            for name, value in attributes:
                parts.append(f" {name}" if value is None else f' {name}="{escaped(value)}"')
            parts.append(">")
            for child in children:
                _write(child, parts)
            if tag not in _VOID:
                parts.append(f"</{tag}>")
        case str():
            parts.append(escaped(node))

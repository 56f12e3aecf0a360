"""Formulas of LaTeX as MathML, which a browser sets itself."""

import functools
import re
from collections.abc import Iterator
from xml.etree import ElementTree

from latex2mathml.converter import convert
from markupsafe import Markup

_ACCENTS = {"^": "^", "~": "~", "¯": "¯", "―": "¯", "˙": "˙"}
"""What stands above a letter, each with the character that a browser stretches and places well."""

_MINUS, _TRANSPOSED = "\N{MINUS SIGN}", "\N{DOWN TACK}"
_CLOSING = {")", "]", "}", "⟩"}
_THIN = "0.167em"


@functools.cache
def mathml(latex: str) -> Markup:
    """A formula as an element `math`, in display style.

    **Raises:** `ValueError` for a command of LaTeX that it does not know, since nobody should have to read one.
    """
    math = ElementTree.fromstring(re.sub(r' xmlns="[^"]+"', "", convert(latex), count=1))
    math.set("displaystyle", "true")
    for part in math.iter():
        if "\\" in (part.text or ""):
            raise ValueError(f"no MathML is known for {part.text} in {latex}")
    for repair in (_accents, _bars, _functions, _signs):
        repair(math)
    return Markup(ElementTree.tostring(math, encoding="unicode", short_empty_elements=False))


def _accents(math: ElementTree.Element) -> None:
    """An accent is close to its letter, and as wide."""
    for over in math.iter("mover"):
        accent = over[1]
        if accent.text in _ACCENTS:
            over.set("accent", "true")
            accent.text = _ACCENTS[accent.text]
            accent.set("stretchy", "true" if accent.text == "¯" else "false")


def _bars(math: ElementTree.Element) -> None:
    """Bars come in pairs, of which one opens and one closes: they have no space towards what is between them."""
    for bar in ("|", "‖"):
        found = [operator for operator in math.iter("mo") if operator.text == bar]
        for i, operator in enumerate(found):
            operator.set("form", "postfix" if i % 2 else "prefix")
            operator.set("fence", "true")
            operator.attrib.setdefault("stretchy", "false")


def _functions(math: ElementTree.Element) -> None:
    """Names of functions have a thin space around them, but for one towards a bracket; a transpose has none."""
    for row, i, name in _atoms(math):
        text = name.text or ""
        if text == _TRANSPOSED:
            name.tag = "mi"
        if not re.fullmatch(r"[A-Za-z]{2,}", text) or name.tag == "mtext":
            continue
        name.tag = "mo"
        opens = i + 1 < len(row) and _text_of(row[i + 1])[:1] in ("(", "[")
        applied = row.tag in ("math", "mrow", "mstyle") and i + 1 < len(row)
        follows = i and row[i - 1].tag != "mo" and applied
        name.set("lspace", _THIN if follows else "0")
        name.set("rspace", _THIN if applied and not opens else "0")


def _signs(math: ElementTree.Element) -> None:
    """A minus behind an operator or an opening bracket is a sign, which stands close to its number."""
    for row, i, sign in _atoms(math):
        if sign.text in (_MINUS, "+") and i and row[i - 1].tag == "mo" and row[i - 1].text not in _CLOSING:
            sign.set("form", "prefix")


def _atoms(math: ElementTree.Element) -> Iterator[tuple[ElementTree.Element, int, ElementTree.Element]]:
    """Each element without children, with what it is in, and at which place there."""
    for row in list(math.iter()):
        for i, part in enumerate(row):
            if not len(part):
                yield row, i, part


def _text_of(part: ElementTree.Element) -> str:
    return "".join(part.itertext())

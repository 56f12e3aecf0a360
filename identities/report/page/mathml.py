"""Formulas of LaTeX as MathML, which a browser sets itself."""

import functools
import re
from collections.abc import Iterator
from xml.etree import ElementTree

from latex2mathml.converter import convert
from markupsafe import Markup

from identities.latex import plain

_ACCENTS = {"^": "^", "~": "~", "¯": "¯", "―": "¯", "˙": "˙"}
"""What stands above a letter, each with the character that a browser stretches and places well."""

_MINUS, _TRANSPOSED = "\N{MINUS SIGN}", "\N{DOWN TACK}"
_CLOSING = {")", "]", "}", "⟩"}
_THIN = "0.167em"
_COLUMN = 52  # characters


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


def breakable(latex: str) -> Markup:
    """A formula as several elements `math`, so that a line may end before a sign at which one may end on paper."""
    first, *others = _pieces(latex)
    return Markup("<wbr>").join([mathml(first), *map(_continued, others)])


def is_wide(latex: str) -> bool:
    """Whether a part of a formula, between places where a line may end, is wider than a column of paper."""
    return max(len(plain(part)) for part in _pieces(latex)) > _COLUMN


def _pieces(latex: str) -> list[str]:
    """A formula in parts: each begins with a sign that is in no bracket, or behind a quad."""
    parts, depth, bar = [""], 0, False
    for token in _TOKEN.findall(_words_apart(latex)):
        name = token.strip()
        bar ^= name == "|"
        depth += (name.startswith(_OPENING)) - (name.startswith(_CLOSED))
        outside = depth == 0 and not bar
        begins = name in ("=", "+", "-") and parts[-1].strip() and parts[-1].rstrip()[-1] not in "=:,^_"
        if outside and (begins or re.match(r"\\text\{\w", name)):
            parts.append("")
        parts[-1] += token
        if outside and name == r"\quad":
            parts.append("")
    return [part for part in parts if part.strip()] if depth == 0 and not bar else [latex]


def _words_apart(latex: str) -> str:
    """The same with every word of a text by itself."""
    return re.sub(
        r"\\text\{([^{}]+)\}", lambda text: "".join(rf"\text{{{w}}}" for w in re.findall(r"\S+ *| +", text[1])), latex
    )


_TOKEN = re.compile(r"\\(?:left|right)\W|\\text\{[^{}]*\}|\\[A-Za-z]+ ?|\\.|.")
_OPENING = ("{", "(", "[", r"\left", r"\langle", r"\lVert", r"\begin")
_CLOSED = ("}", ")", "]", r"\right", r"\rangle", r"\rVert", r"\end")


@functools.cache
def _continued(latex: str) -> Markup:
    """A part of a formula that is not the first: the sign that it begins with is between two terms."""
    return Markup(re.sub(r"^(<math[^>]*><mrow>)<mo( form=\"prefix\")?>", r'\1<mo form="infix">', str(mathml(latex))))


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
        follows = (i and row[i - 1].tag != "mo" and applied) or row.tag in ("msub", "msup")
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

"""A formula in LaTeX as one line of plain text."""

import re
import unicodedata

_SYMBOLS = {
    r"^{-\top}": "⁻ᵀ",
    r"^\top": "ᵀ",
    "^{-1}": "⁻¹",
    "^2": "²",
    "^3": "³",
    r"\partial ": "∂",
    r"\partial": "∂",
    r"\otimes": "⊗",
    r"\nabla ": "∇",
    r"\ge": "≥",
    r"\le ": "≤ ",
    r"\ne ": "≠ ",
    r"\in ": "∈ ",
    r"\infty": "∞",
    r"\odot": "⊙",
    r"\cdots": "⋯",
    r"\cdot": "·",
    r"\ldots": "…",
    r"\bigoplus": "⊕",
    r"\begin{pmatrix} ": "(",
    r" \end{pmatrix}": ")",
    r" \\": ";",
    " &": ",",
    r"\star": "⋆",
    r"\circ": "∘",
    r"\sum": "Σ",
    r"\prod": "Π",
    r"\int": "∫",
    r"\langle ": "⟨",
    r" \rangle": "⟩",
    r"\lVert ": "‖",
    r" \rVert": "‖",
    r"\quad": " ",
    r"\, ": "",
    r"\left": "",
    r"\right": "",
    r"\textstyle": "",
}

_ACCENTS = {"hat": "\u0302", "bar": "\u0304", "tilde": "\u0303", "dot": "\u0307"}
"""What stands above a letter, as the character that combines with it."""


def _letter(name: str) -> str | None:
    """The Greek letter of that name, if there is one."""
    case = "CAPITAL" if name[:1].isupper() else "SMALL"
    try:
        return unicodedata.lookup(f"GREEK {case} LETTER {_SPELT.get(name, name)}")
    except KeyError:
        return None


_SPELT = {"lambda": "lamda", "Lambda": "lamda"}
"""Letters that Unicode spells otherwise."""


def symbol(name: str) -> str:
    """How a formula writes an argument of that name: `alpha` as a Greek letter, `w_hh` and `x2` with an index."""
    word, _, index = name.partition("_")
    if not index:  # a number may follow at once
        letters = word.rstrip("0123456789")
        word, index = letters, word[len(letters) :]
    written = word if len(word) == 1 else rf"\{word}" if _letter(word) else rf"\text{{{word}}}"
    return f"{written}_{{{index}}}" if index else written


def is_equation(latex: str) -> bool:
    """Whether a formula, or the first of several, has an equals sign outside of brackets and indices."""
    first, _, _ = latex.partition(r", \quad")
    while (bare := re.sub(r"\{[^{}]*\}|\[[^][]*\]", "", first)) != first:
        first = bare
    return "=" in first


def plain(latex: str) -> str:
    """A LaTeX formula of the catalog in one line of plain text."""

    def group(text: str) -> str:
        return text if re.fullmatch(r"[\w∂ᵀ²√]+|\(.*\)", text) else f"({text})"

    text = re.sub(r"\\(?:var)?([A-Za-z]+)", lambda name: _letter(name[1]) or name[0], latex)
    for name, accent in _ACCENTS.items():
        text = re.sub(rf"\\{name}\{{(\w)\}}", lambda m, above=accent: unicodedata.normalize("NFC", m[1] + above), text)
    text = re.sub(r"\\overline\{\(?([^{}]*?)\)?\}", r"conj(\1)", text)
    text = re.sub(r"\\(?:operatorname|mathrm|text|mathbf)\{([^{}]+)\}", r"\1", text)
    for symbol, replacement in _SYMBOLS.items():
        text = text.replace(symbol, replacement)
    before = None
    while before != text:  # from the innermost braces outwards
        before = text
        text = re.sub(r"([_^])\{([^{}]*)\}", lambda m: m[1] + (m[2] if m[1] == "_" else group(m[2])), text)
        text = re.sub(r"\\sqrt\{([^{}]*)\}", lambda m: "√" + group(m[1]), text)
        text = re.sub(r"\\frac\{([^{}]*)\}\{([^{}]*)\}", lambda m: f"{group(m[1].strip())}/{group(m[2].strip())}", text)
    return re.sub(r"\s+", " ", text.replace("\\", "")).strip()

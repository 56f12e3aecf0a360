"""A formula in LaTeX as one line of plain text."""

import re

_SYMBOLS = {
    r"^{-\top}": "⁻ᵀ",
    r"^\top": "ᵀ",
    "^{-1}": "⁻¹",
    "^2": "²",
    "^3": "³",
    r"\partial ": "∂",
    r"\partial": "∂",
    r"\theta": "θ",
    r"\delta": "δ",
    r"\sigma": "σ",
    r"\varphi": "φ",
    r"\Phi": "Φ",
    r"\pi": "π",
    r"\lambda": "λ",
    r"\alpha": "α",
    r"\otimes": "⊗",
    r"\nabla ": "∇",
    r"\ge": "≥",
    r"\circ": "∘",
    r"\sum": "Σ",
    r"\prod": "Π",
    r"\int": "∫",
    r"\Omega": "Ω",
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


def plain(latex: str) -> str:
    """A LaTeX formula of the catalog in one line of plain text."""

    def group(text: str) -> str:
        return text if re.fullmatch(r"[\w∂ŷᵀ²√πθδσφΦ]+|\(.*\)", text) else f"({text})"

    text = re.sub(r"\\hat\{(\w)\}", "\\1\u0302", latex).replace("y\u0302", "ŷ")
    text = re.sub(r"\\overline\{\(?([^{}]*?)\)?\}", r"conj(\1)", text)
    text = re.sub(r"\\operatorname\{(\w+)\}", r"\1", text)
    for symbol, replacement in _SYMBOLS.items():
        text = text.replace(symbol, replacement)
    before = None
    while before != text:  # from the innermost braces outwards
        before = text
        text = re.sub(r"([_^])\{([^{}]*)\}", lambda m: m[1] + (m[2] if m[1] == "_" else group(m[2])), text)
        text = re.sub(r"\\sqrt\{([^{}]*)\}", lambda m: "√" + group(m[1]), text)
        text = re.sub(r"\\frac\{([^{}]*)\}\{([^{}]*)\}", lambda m: f"{group(m[1].strip())}/{group(m[2].strip())}", text)
    return re.sub(r"\s+", " ", text.replace("\\", "")).strip()

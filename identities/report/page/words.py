"""What somebody may type to find an identity: the words of its name, its numbers, and its formula read aloud."""

import re

from identities.catalog import Identity

_READ = {
    r"\\ln\b|\\log\b": "log ln logarithm",
    r"\\det\b": "det determinant",
    r"\\operatorname\{Tr\}": "trace tr",
    r"\^\{-1\}|\^\{-\\top\}": "inverse",
    r"\^\\top|\^\{-\\top\}": "transpose transposed",
    r"\^H\b": "hermitian conjugate",
    r"\^\+": "pseudoinverse",
    r"\\lVert": "norm",
    r"\\otimes": "kronecker",
    r"\\circ": "elementwise hadamard",
    r"\\sum": "sum",
    r"\\prod": "product",
    r"\\int": "integral",
    r"\\sqrt": "sqrt root",
    r"e\^": "exp exponential",
    r"\\langle": "inner dot",
    r"\\lambda_i": "eigenvalue eigenvalues",
    r"\\overline": "conjugate",
}
"""Signs of a formula, each with the words for it."""

_KINDS = {
    "jacobian": "derivative",
    "hessian": "second derivative curvature",
    "vjp": "gradient backward reverse pullback adjoint cotangent",
    "jvp": "differential forward pushforward tangent",
}
"""What else a kind is called."""


def words_of(identity: Identity) -> str:
    """Words for what an identity states, besides those of its name: of its formula, kind, topic and arguments."""
    formula = identity.statement
    read = [words for sign, words in _READ.items() if re.search(sign, formula)]
    named = re.findall(r"\\(?:operatorname\{)?([A-Za-z]{2,})", formula)
    by = [f"d{form}" for name in identity.wrt for form in (name, name[0])]
    topic = re.split(r"[._]", identity.topic)
    return _plain(" ".join([*read, *named, *by, *topic, _KINDS[str(identity.kind)], identity.function.__name__]))


def numbers_of(identity: Identity) -> str:
    """The numbers that it has in documents, and words of their titles."""
    return _plain(" ".join(f"{source.document} {source.equation}" for source in identity.sources))


def anchor_of(title: str) -> str:
    """The anchor of a topic or a document on its page."""
    return re.sub(r"\W+", "-", title.lower())


def _plain(text: str) -> str:
    return " ".join(dict.fromkeys(re.split(r"[\s_,;()]+", text.lower().strip())))

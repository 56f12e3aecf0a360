"""Verdicts, formulas and catalog entries as text that a person reads, and as data for a machine."""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from identities.catalog import Identity, catalog, find
from identities.oracle.counterexample import Counterexample
from identities.oracle.grading import Grade
from identities.oracle.judge import CandidateMismatch
from identities.oracle.programs import describe_device
from identities.oracle.verify import Verification
from identities.signature import describe, result

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


def by_source(identity: Identity) -> tuple[str, list[tuple[int, str]]]:
    """The order of a formula sheet: by document, then by equation, numbers before words."""
    source = identity.sources[0]
    return source.document, number_of(source.equation)


def number_of(equation: str) -> list[tuple[int, str]]:
    """The number of an equation or a section as something to sort by, numbers before words."""
    return [(int(number or 0) or 10**6, word) for number, word in re.findall(r"(\d+)|(\D+)", equation)]


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


def explain(verification: Verification) -> str:
    """Why a claim failed, with its smallest counterexample and the command that repeats it."""
    failure = verification.counterexample
    if failure is None:
        return f"{verification.identity} passed."
    by = f"off by {_units(failure)}" if failure.got.shape == failure.expected.shape else "of another shape"
    identity = catalog.get(verification.identity)
    statement = f": {plain(identity.statement)}" if identity else ""
    lines = [
        f"{verification.identity} is not what {failure.witness} says{statement}",
        f"  {failure.dtype}, {by}, for",
        *(f"    {name} = {_array(value)}" for name, value in failure.arguments.items()),
        f"  expected {_array(failure.expected)}",
        f"  got      {_array(failure.got)}",
        f"  repeat with: {command(verification)}",
    ]
    return "\n".join(lines)


def explain_mismatch(mismatch: CandidateMismatch) -> str:
    """What was asked, the counterexample, the mistake, and the command that repeats it."""
    got = mismatch.got if isinstance(mismatch.got, str) else _array(mismatch.got)
    identity = catalog.get(mismatch.identity)
    lines = [
        f"{mismatch.identity} is wrong in {mismatch.dtype}: it {mismatch.diagnosis.sentence}",
        f"  asked     {mismatch.asked}" + (f": {plain(identity.statement)}" if identity else ""),
        *(
            f"  {'for' if i == 0 else '':<8}  {name} = {_array(v)}"
            for i, (name, v) in enumerate(mismatch.arguments.items())
        ),
        f"  expected  {_array(mismatch.expected)}",
        f"  got       {got}",
        f"  mistake   {mismatch.diagnosis.kind}"
        + (f", {mismatch.diagnosis.factor}" if mismatch.diagnosis.factor else ""),
    ]
    if mismatch.repeat:
        lines.append(f"  repeat    {mismatch.repeat}")
    return "\n".join(lines)


def command(verification: Verification) -> str:
    """The command line that gives the same verdict again."""
    plan = verification.plan
    return (
        f"identities verify {verification.identity} --dtypes {' '.join(plan.dtypes)} --shapes {plan.shapes} "
        f"--instances {plan.instances} --seed {plan.seed} --device {plan.device.platform}"
    )


def _units(failure: Counterexample) -> str:
    return f"{failure.error:.3g} rounding units" if np.isfinite(failure.error) else "more than rounding explains"


def _array(values: np.ndarray) -> str:
    # As many digits as it takes to tell it from its neighbours in its own dtype: mistakes may be small.
    values = np.asarray(values)
    values = values if values.dtype in (np.float32, np.float64) else values.astype(np.float32)
    text = np.array2string(values, precision=17, floatmode="unique", separator=", ", threshold=40)
    return " ".join(text.split())


def identity_record(identity: Identity) -> dict[str, Any]:
    """An identity as JSON has it."""
    return {
        "name": identity.name,
        "kind": identity.kind,
        "function": f"{identity.function.__module__}.{identity.function.__name__}",
        "closed_form": f"{identity.closed_form.__module__}.{identity.closed_form.__name__}",
        "wrt": identity.wrt,
        "statement": identity.statement,
        "sources": [vars(source) for source in identity.sources],
        "exact": identity.exact,
    }


def verification_record(verification: Verification) -> dict[str, Any]:
    """A verdict as JSON has it; an infinite error is written as null."""
    failure = verification.counterexample
    return {
        "identity": verification.identity,
        "passed": verification.passed,
        "shapes": verification.shapes,
        "instances": verification.instances,
        "errors": {
            witness: {dtype: float(e) if np.isfinite(e) else None for dtype, e in by_dtype.items()}
            for witness, by_dtype in verification.errors.items()
        },
        "bound_log10": verification.bound_log10,
        "counterexample": failure
        and {
            "dtype": failure.dtype,
            "witness": failure.witness,
            "arguments": {name: value.tolist() for name, value in failure.arguments.items()},
            "expected": failure.expected.tolist(),
            "got": failure.got.tolist(),
        },
        "seed": verification.plan.seed,
        "device": describe_device(verification.plan.device),
    }


def grade_cells(grade: Grade) -> tuple[str, str]:
    """Verdict and diagnosis, as the table of candidates has them."""
    verdict = grade.verdict
    if isinstance(verdict, str):
        return "not judged", verdict
    if isinstance(verdict, CandidateMismatch):
        return "WRONG", str(verdict.diagnosis)
    return "right", f"{verdict.worst:.2g} units of rounding at most, in {verdict.instances} calls"


def grade_record(grade: Grade) -> dict[str, Any]:
    """A verdict on a candidate as JSON has it; numbers that are not finite are strings."""
    verdict = grade.verdict
    passed = isinstance(verdict, Verification)
    record: dict[str, Any] = {"file": grade.file, "function": grade.function, "passed": passed}
    if isinstance(verdict, str):
        return record | {"error": verdict}
    if isinstance(verdict, Verification):
        return record | {k: v for k, v in verification_record(verdict).items() if k in ("instances", "errors", "seed")}
    return record | {
        "dtype": verdict.dtype,
        "diagnosis": vars(verdict.diagnosis),
        "arguments": {name: _numbers(value) for name, value in verdict.arguments.items()},
        "expected": _numbers(verdict.expected),
        "got": verdict.got if isinstance(verdict.got, str) else _numbers(verdict.got),
        "repeat": verdict.repeat,
    }


def _numbers(values: np.ndarray) -> Any:
    if np.ndim(values):
        return [_numbers(value) for value in values]
    return float(values) if np.isfinite(values) else str(float(values))


def show(name: str) -> str:
    """All that the catalog knows of an identity."""
    identity = find(name)
    function = identity.function
    takes = ", ".join(f"{a.name} {describe(a.forms[0])}" for a in identity.arguments)
    gives = " or ".join(describe(dims) for dims in result(function).forms)
    sections = {
        "statement": [plain(identity.statement), identity.statement],
        "kind": [f"{identity.kind} of {function.__module__}.{function.__name__}, wrt {', '.join(identity.along)}"],
        "function": [(function.__doc__ or "").strip(), f"result {gives}"],
        "arguments": [takes],
        "import": [f"from {identity.closed_form.__module__} import {identity.name}"],
        "exact": ["yes: agrees bit for bit on small integers" if identity.exact else "no"],
        "sources": [f"{s}" + f"; erratum: {s.erratum}" * bool(s.erratum) for s in identity.sources],
        "needs": list(identity.preconditions) or ["nothing"],
    }
    width = max(map(len, sections))
    lines = [identity.name, ""]
    for title, entries in sections.items():
        lines += [f"{title if i == 0 else '':<{width}}  {entry}" for i, entry in enumerate(entries)]
    docstring = (identity.closed_form.__doc__ or "").strip()
    return "\n".join([*lines, "", *(line.strip() for line in docstring.splitlines())])


def cells(identity: Identity, verification: Verification, dtypes: Sequence[str]) -> list[str]:
    """A row of the table of verdicts."""

    def worst(dtype: str) -> str:
        error = max(by_dtype[dtype] for by_dtype in verification.errors.values())
        return ("exact" if error == 0 else "differs") if identity.exact else f"{error:.2f}"

    def agrees(witness: str) -> str:
        return "yes" if verification.agrees(witness) else "NO"

    return [
        ", ".join(map(str, identity.sources)),
        identity.name,
        plain(identity.statement),
        str(verification.shapes),
        f"{verification.instances:,}",
        *map(worst, dtypes),
        *map(agrees, verification.errors),
        "passed" if verification.passed else "FAILED",
    ]

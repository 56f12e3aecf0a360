"""Verdicts and catalog entries for the terminal: the cells of its tables, and all about one identity."""

import inspect
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import identities
from identities.catalog import Identity, find
from identities.derivations import declared
from identities.dimensions import BATCH, BATCH_AXES, describe
from identities.latex import plain
from identities.options import Option
from identities.oracle.reference.dense import WITNESSES
from identities.oracle.reference.differences import DIFFERENCES
from identities.oracle.verdict.verification import Verification
from identities.signature import Argument


def cells(identity: Identity, verification: Verification, dtypes: Sequence[str]) -> list[str]:
    """A row of the table of verdicts."""

    def worst(dtype: str) -> str:
        error = max(by_dtype[dtype] for by_dtype in verification.errors.values())
        return ("exact" if error == 0 else "differs") if identity.exact else f"{error:.2f}"

    def agrees(witness: str) -> str:
        return "yes" if verification.agrees(witness) else "NO"

    witnesses = (*WITNESSES, DIFFERENCES)

    return [
        ", ".join(map(str, identity.sources)),
        identity.name,
        plain(identity.statement),
        str(verification.shapes),
        f"{verification.instances:,}",
        *map(worst, dtypes),
        *map(agrees, witnesses),
        "passed" if verification.passed else "FAILED",
    ]


def grade_cells(record: Mapping[str, Any]) -> tuple[str, str]:
    """Verdict and diagnosis, as the table of candidates has them, of a record of a grade."""
    verdict = record["verdict"]
    if verdict == "WRONG":
        return verdict, mistakes(record)
    if verdict == "right":
        worst = max((error for errors in record["errors"].values() for error in errors.values()), default=0.0)
        error = f"{worst:.2g} units of rounding at most, in {record['judged']} calls"
        left_out = [f"not judged at {count}: {why}" for why, count in record["not_judged"].items()]
        return verdict, "; ".join((error, *left_out, *record["warnings"]))
    return verdict, record["error"]


def mistakes(record: Mapping[str, Any]) -> str:
    """What is wrong, in a line; of several results, with their names."""
    leaves: dict[str, list[str]] = {}
    for leaf, diagnosis in record.get("diagnoses", {"": record["diagnosis"]}).items():
        leaves.setdefault(f"{diagnosis['kind']}: it {diagnosis['sentence']}", []).append(leaf)
    return "; ".join(f"{', '.join(names)}: " * any(names) + said for said, names in leaves.items())


def show(name: str) -> str:
    """All that the catalog knows of an identity.

    **Raises:** `UnknownNameError`.
    """
    identity = find(name)
    function = identity.function
    sections = {
        "statement": [text for equation in identity.equations for text in (plain(equation), equation)],
        "kind": [f"{identity.kind} of {function.__module__}.{function.__name__}, wrt {', '.join(identity.wrt)}"],
        "function": [(function.__doc__ or "").strip(), f"result {_all_shapes(identity.signature.returns.leaves)}"],
        "arguments": [_taken(identity)],
        **({"static": list(map(option_in_words, identity.options))} if identity.options else {}),
        "returns": list(_returned(identity)),
        **({"saves": [plain(identity.saves), identity.saves]} if identity.saves else {}),
        "formula": [_place_of(identity)],
        "import": [f"from {identity.closed_form.__module__} import {identity.name}"],
        "exact": ["yes: agrees bit for bit on small integers" if identity.exact else "no"],
        **({"derived": [f"identities show {name} --derivation"]} if declared(identity) else {}),
        "sources": [f"{s}" + f"; erratum: {s.erratum}" * bool(s.erratum) for s in identity.sources],
        "needs": list(identity.preconditions) or ["nothing"],
    }
    width = max(map(len, sections))
    lines = [identity.name, ""]
    for title, entries in sections.items():
        lines += [f"{title if i == 0 else '':<{width}}  {entry}" for i, entry in enumerate(entries)]
    docstring = (identity.closed_form.__doc__ or "").strip()
    return "\n".join([*lines, "", *(line.strip() for line in docstring.splitlines())])


def file_of(identity: Identity) -> Path:
    """The file of a closed form, from the folder that holds the package."""
    file = inspect.getfile(inspect.unwrap(identity.closed_form))
    return Path(file).relative_to(Path(identities.__file__).parents[1])


def _place_of(identity: Identity) -> str:
    _, line = inspect.getsourcelines(inspect.unwrap(identity.closed_form))
    return f"{file_of(identity)}, line {line}"


def _returned(identity: Identity) -> Iterator[str]:
    """A line for each array that the closed form returns; the gradient of integers is None."""
    leaves = identity.gives.leaves
    for leaf in leaves:
        shape = _shapes(leaf) + _kind_of(leaf) if leaf in identity.leaves else "None"
        yield f"{leaf.name} {shape}" if len(leaves) > 1 else shape


def shapes_of(identity: Identity) -> str:
    """What a closed form takes and gives, as in `W (n, m), x (m,) → (n, m)`."""
    return f"{_taken(identity)} → {_all_shapes(identity.leaves)}"


def _taken(identity: Identity) -> str:
    return ", ".join(f"{a.name} {_shapes(a)}{_kind_of(a)}" for a in identity.arguments)


def _all_shapes(leaves: Sequence[Argument]) -> str:
    named = len(leaves) > 1
    return ", ".join(f"{leaf.name} " * named + _shapes(leaf) + _kind_of(leaf) for leaf in leaves)


def _shapes(leaf: Argument) -> str:
    """Its dimensions, in all forms; leading axes are `...`, as in an annotation."""
    leading = any(BATCH_AXES[0] in form for form in leaf.forms)
    forms = [(BATCH,) * leading + tuple(dim for dim in form if dim not in BATCH_AXES) for form in leaf.forms]
    return " or ".join(dict.fromkeys(map(describe, forms)))


def _kind_of(a: Argument) -> str:
    return "" if a.values == "floating" else f" {a.values}"


def option_in_words(option: Option) -> str:
    values = sorted(option.values) if all(type(v) is int for v in option.values) else option.values
    along = ", one number or one for each axis" * option.per_axis
    return f"{option.name}{along}, tried with {', '.join(map(repr, values))}"

"""Verdicts and catalog entries as data for a machine, which JSON can hold."""

import functools
import hashlib
import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np

import identities
from identities.catalog import Identity, Source, find
from identities.oracle.candidates.grading import Grade, InternalError, NotJudged
from identities.oracle.diagnosis import Diagnosis
from identities.oracle.diagnosis.edits.place import Place
from identities.oracle.run.programs import describe_device
from identities.oracle.verdict.explain import given_lines, shown
from identities.oracle.verdict.verification import CandidateMismatch, Counterexample, LineVerdict, Verification
from identities.sources import WITHOUT_DERIVATIVE


def identity_record(identity: Identity) -> dict[str, Any]:
    """An identity; `wrt` is a list where it is the derivative by several arguments."""
    return {
        "name": identity.name,
        "kind": str(identity.kind),
        "topic": identity.topic,
        "function": f"{identity.function.__module__}.{identity.function.__name__}",
        "closed_form": f"{identity.closed_form.__module__}.{identity.closed_form.__name__}",
        "wrt": identity.wrt[0] if len(identity.wrt) == 1 else list(identity.wrt),
        "statement": identity.statement,
        "sources": [vars(source) for source in identity.sources],
        "exact": identity.exact,
    }


def without_derivative_record(source: Source) -> dict[str, Any]:
    """What a document has and the catalog has not: a record without a name, that says why."""
    return {"name": None, "sources": [vars(source)], "without_derivative": WITHOUT_DERIVATIVE[source]}


def verification_record(verification: Verification) -> dict[str, Any]:
    """A verdict on an identity; an infinite error is null. `derivation` is there where the identity has one.

    It holds for this version of the package, this version of JAX, and the mathematics of which `digest` is made.
    """
    failure = verification.counterexample
    return {
        "identity": verification.identity,
        "version": identities.__version__,
        "jax": jax.__version__,
        "digest": digest(find(verification.identity)),
        "passed": verification.passed,
        "shapes": verification.shapes,
        "instances": verification.instances,
        "judged": verification.judged,
        "not_judged": dict(verification.not_judged),
        "errors": _errors(verification),
        "bound_log10": verification.bound_log10,
        "counterexample": failure
        and {"dtype": failure.dtype, "witness": failure.witness, "error": _finite(failure.error), **_evidence(failure)},
        "warnings": list(verification.warnings),
        "seed": verification.plan.seed,
        "device": describe_device(verification.plan.device),
        **({"derivation": list(map(line_record, verification.derivation))} if verification.derivation else {}),
    }


def line_record(verdict: LineVerdict) -> dict[str, Any]:
    """A line of a derivation with the verdict on it; a misprint has not `passed`, and `diagnosis` says why."""
    line = verdict.line
    return {
        "latex": line.latex,
        "code": line.code,
        "of": line.of,
        "by": line.by,
        "misprint": line.misprint,
        "note": line.note,
        "passed": verdict.passed,
        "error": _finite(verdict.error),
        "diagnosis": verdict.mismatch and f"it {verdict.mismatch.diagnosis.sentence}",
    }


@functools.cache
def digest(identity: Identity) -> str:
    """Of the files that an identity's function and closed form are in: what a verdict on it follows from."""
    modules = (inspect.getfile(inspect.unwrap(f)) for f in (identity.function, identity.closed_form))
    return hashlib.sha256(b"".join(map(_content, modules))).hexdigest()[:16]


@functools.cache
def _content(file: str) -> bytes:
    return Path(file).read_bytes()


def worst(record: Mapping[str, Any], identity: Identity) -> str:
    """The worst error that a verdict's record has, as sheets print it."""
    if not record["passed"]:
        return "FAILED"
    errors = [error for by_dtype in record["errors"].values() for error in by_dtype.values()]
    return "exact" if identity.exact else f"{max(errors):.1f}"


def grade_record(grade: Grade) -> dict[str, Any]:
    """A verdict on a candidate; `verdict` is the table's word for it, and `passed` null if it does not count."""
    verdict = grade.verdict
    record: dict[str, Any] = {"file": grade.file, "function": grade.function, "verdict": grade.word}
    if isinstance(verdict, InternalError):
        return record | {"passed": None, "error": str(verdict), "traceback": verdict.traceback}
    if isinstance(verdict, NotJudged):
        return record | {"passed": False if grade.failed else None, "error": str(verdict)}
    if isinstance(verdict, CandidateMismatch):
        return record | {"passed": False, **_mismatch(verdict)}
    return record | {
        "passed": True,
        "instances": verdict.instances,
        "judged": verdict.judged,
        "not_judged": dict(verdict.not_judged),
        "errors": _errors(verdict),
        "warnings": list(verdict.warnings),
        "seed": verdict.plan.seed,
    }


def _mismatch(mismatch: CandidateMismatch) -> dict[str, Any]:
    """What is wrong with a candidate: `diagnosis` is of the result shown; of several, `diagnoses` has each by name.

    `case` has the numbers of the counterexample as they are printed.
    """
    failure = mismatch.counterexample
    several = {leaf: _diagnosis(diagnosis) for leaf, diagnosis in mismatch.diagnoses.items()} if mismatch.leaf else None
    return {
        "dtype": failure.dtype,
        "diagnosis": _diagnosis(mismatch.diagnosis),
        **({"diagnoses": several} if several else {}),
        "asked": mismatch.asked,
        **_evidence(failure),
        "case": {
            "given": list(given_lines(failure.arguments, failure.static)),
            "expected": shown(failure.expected),
            "got": shown(failure.got),
        },
        "repeat": mismatch.repeat,
        "message": str(mismatch),
    }


def _diagnosis(diagnosis: Diagnosis) -> dict[str, Any]:
    """Its fields; that of an explanation that failed is there only if one did."""
    fields = {name: value for name, value in vars(diagnosis).items() if name != "failure" or value}
    places = {name: place and _place(place) for name, place in (("where", diagnosis.where), ("step", diagnosis.step))}
    return fields | places


def _place(place: Place) -> dict[str, Any]:
    """Its fields; and the lines around it, each with its number, since the file may not stay as it is."""
    return {**vars(place), "lines": [list(numbered) for numbered in place.neighbours().items()]}


def _evidence(failure: Counterexample) -> dict[str, Any]:
    """The arguments and results of a counterexample; `leaf` is there where it is one of several results."""
    return {
        **({"leaf": failure.leaf} if failure.leaf else {}),
        "arguments": {name: _numbers(value) for name, value in failure.arguments.items()},
        **({"static": _static(failure.static)} if failure.static else {}),
        "expected": _numbers(failure.expected),
        "got": failure.got if isinstance(failure.got, str) else _numbers(failure.got),
    }


def _errors(verification: Verification) -> dict[str, dict[str, float | None]]:
    return {
        witness: {dtype: _finite(error) for dtype, error in by_dtype.items()}
        for witness, by_dtype in verification.errors.items()
    }


def _finite(error: float) -> float | None:
    return float(error) if np.isfinite(error) else None


def _static(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options as they are, if JSON has their like, and else as Python writes them."""
    plain = (bool, int, float, str, type(None))
    return {name: value if isinstance(value, plain) else repr(value) for name, value in options.items()}


def _numbers(values: Any) -> Any:
    """Numbers in nested lists; those that JSON does not have, complex ones and infinite ones, as Python writes them."""
    if np.ndim(values):
        return [_numbers(value) for value in values]
    kind = np.asarray(values).dtype.kind
    if kind == "b":
        return bool(values)
    if kind in "iu":
        return int(values)
    if kind == "c":
        return str(complex(values))
    return float(values) if np.isfinite(values) else str(float(values))

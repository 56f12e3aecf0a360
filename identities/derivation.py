"""Derivations: how a closed form comes about, line by line, each a formula beside the expression that it states.

    @derivation
    def squared_norm_jacobian(x):
        I = jnp.eye(x.shape[0])
        yield function(r"\\lVert x \\rVert^2 = \\sum_i x_i x_i", jnp.sum(x * x))
        yield derivative(r"\\D{x_j} \\sum_i x_i x_i = \\sum_i I_{ij} x_i + x_i I_{ij}", I.T @ x + x @ I, "product rule")
        yield derivative(r"= 2 x_j", 2 * x)

A derivation has the name of its identity and takes the arguments of the closed form. What a line states is put to the
test like a closed form: nothing here is right because it is written down.
"""

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

from identities.catalog import Identity, catalog, find, in_full, restricted

Of: TypeAlias = Literal["function", "derivative", "equation"]


@dataclass(frozen=True)
class Line:
    """A formula, and what it says in JAX.

    **Fields:**

    - `latex`: the formula.
    - `of`: what the value is held to be: that of the function, its derivative, or the other side of an equation.
    - `values`: the value of the formula; of an equation that of both sides.
    - `note`: what was done, in words.
    - `by`: the argument whose gradient is meant, where there are several.
    - `misprint`: whether it stands so in print and is wrong.
    - `code`: the expression as it is written, with the assignments since the line before.
    """

    latex: str
    of: Of
    values: tuple[Any, ...]
    note: str = ""
    by: str | None = None
    misprint: bool = False
    code: str = ""


def function(latex: str, value: Any, note: str = "") -> Line:
    """A line that is what the function gives, as a derivation often begins."""
    return Line(in_full(latex), "function", (value,), note)


def derivative(latex: str, value: Any, note: str = "", *, by: str | None = None) -> Line:
    """A line that is what the identity states: its derivative, `by` one of the arguments where there are several."""
    return Line(in_full(latex), "derivative", (value,), note, by)


def equation(latex: str, left: Any, right: Any, note: str = "") -> Line:
    """A line of two sides that are equal, for all that is neither: quantities in between, and their differentials.

    The left side may be automatic differentiation of a step that is written down; the note says so then.
    """
    return Line(in_full(latex), "equation", (left, right), note)


def misprint(line: Line) -> Line:
    """A line as a document prints it, where that is wrong: it must fail, and the oracle says why."""
    return replace(line, misprint=True)


Steps: TypeAlias = Callable[..., Iterator[Line]]


@dataclass(frozen=True, eq=False)
class Derivation:
    """The lines that lead to a closed form.

    **Fields:**

    - `identity`: what is derived, as far as the derivation goes: for the shapes and values that it is annotated for,
      and with options that it does not take at their default.
    - `steps`: the generator of its lines.
    - `code`: of each line.
    """

    identity: Identity
    steps: Steps
    code: tuple[str, ...]

    def lines(self, *arguments: Any, **options: Any) -> list[Line]:
        """All lines, with their values for these arguments and for those of the options that they speak of."""
        taken = inspect.signature(self.steps).parameters
        lines = self.steps(*arguments, **{name: value for name, value in options.items() if name in taken})
        return [replace(line, code=code) for line, code in zip(lines, self.code, strict=True)]


_derivations: dict[str, Derivation] = {}


def derivation(steps: Steps) -> Steps:
    """Declare that a generator of lines derives the identity that it has the name of.

    It takes the closed form's arguments, and those of its options that it speaks of. Like a closed form it may annotate
    an argument, to speak of vectors only where the identity holds for rows, say. Its lines are yielded one by one, not
    in a loop or a branch.

    **Raises:** `UnknownNameError` for the name of no identity; `TypeError` for other arguments, and for lines that are
    not yielded one by one; `ValueError` for a second derivation of an identity.
    """
    name = steps.__name__
    if name in _derivations:
        raise ValueError(f"{name} has a derivation already")
    _derivations[name] = Derivation(restricted(find(name), steps), steps, tuple(_code_of(steps)))
    return steps


def declared(identity: Identity) -> Derivation | None:
    """The derivation that was declared for an identity of the catalog; a copy that was changed has none."""
    return _derivations.get(identity.name) if catalog.get(identity.name) is identity else None


def names() -> tuple[str, ...]:
    """The names of all identities of which a derivation was declared."""
    return tuple(_derivations)


def _code_of(steps: Steps) -> Iterator[str]:
    """The code of each line: what was assigned since the line before, and the values that are yielded."""
    source = textwrap.dedent(inspect.getsource(steps))
    (definition,) = ast.parse(source).body
    assert isinstance(definition, ast.FunctionDef)
    body = definition.body[1:] if ast.get_docstring(definition) else definition.body
    assigned: list[str] = []
    for statement in body:
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Yield):
            yield "\n".join([*assigned, " == ".join(_segment(source, value) for value in _values(statement.value))])
            assigned = []
        elif any(isinstance(node, (ast.Yield, ast.YieldFrom)) for node in ast.walk(statement)):
            raise TypeError(f"{steps.__name__}: lines are yielded one by one, not in a loop or a branch")
        else:
            assigned.append(_segment(source, statement))


_SIDES = {function.__name__: 1, derivative.__name__: 1, equation.__name__: 2}


def _values(yielded: ast.Yield) -> list[ast.expr]:
    """The expressions of a line's values, among the arguments of the call that makes it."""
    call = yielded.value
    while isinstance(call, ast.Call) and isinstance(call.func, ast.Name):
        if call.func.id in _SIDES:
            return call.args[1 : 1 + _SIDES[call.func.id]]
        call = call.args[0]  # of a misprint, the line
    raise TypeError(f"a line is one of {', '.join(_SIDES)} or a {misprint.__name__} of these")


def _segment(source: str, node: ast.expr | ast.stmt) -> str:
    return textwrap.dedent(ast.get_source_segment(source, node, padded=True) or "").strip()

"""Solves and Cholesky factors, derived as people do it wrong.

Of A x = b, whose cotangent is y: b gets w = A^-T y, and A gets -w x^T.
"""

import functools
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import numpy as np

from identities.oracle.diagnosis.edits.evaluate import Here
from identities.oracle.diagnosis.edits.program import Program
from identities.oracle.diagnosis.edits.proposals import Proposal, firsts, pulling, spelled, value_of, with_operand


class _System(NamedTuple):
    """A batch of matrices, and whether the vectors that they are multiplied with are rows or columns."""

    matrix: np.ndarray
    rows: bool

    def times(self, vectors: np.ndarray) -> np.ndarray:
        return np.einsum("bij,b...j->b...i", self.matrix, vectors) if self.rows else self.matrix @ vectors

    def inverse(self) -> "_System":
        return self._replace(matrix=np.linalg.inv(self.matrix))

    def transposed(self) -> "_System":
        return self._replace(matrix=self.matrix.mT)


class _Solve(NamedTuple):
    """A solve while cotangents are pulled back through it."""

    of: _System
    b: np.ndarray
    x: np.ndarray
    y: np.ndarray
    w: np.ndarray


Vectors = Callable[[_Solve], np.ndarray]

_MISTAKES: tuple[tuple[str, str, Vectors, Vectors], ...] = (
    ("missing-factor", "leaves out the solve with the transpose", lambda s: s.y, lambda s: s.x),
    ("other-argument", "takes the right-hand side for the solution", lambda s: s.w, lambda s: s.b),
    ("layout", "solves with the matrix, not with its transpose", lambda s: _untransposed(s), lambda s: s.x),
    ("layout", "takes the outer product the other way round", lambda s: s.x, lambda s: s.w),
    ("layout", "takes the solution with the transpose", lambda s: s.w, lambda s: _of_transpose(s)),
    ("layout", "takes the matrix for its transpose", lambda s: _untransposed(s), lambda s: _of_transpose(s)),
    ("missing-factor", "leaves out both solves", lambda s: s.y, lambda s: s.b),
)
"""What is said of the cotangent of a matrix, and what stands in the place of w and of x."""


def _untransposed(solve: _Solve) -> np.ndarray:
    return solve.of.inverse().times(solve.y)


def _of_transpose(solve: _Solve) -> np.ndarray:
    return solve.of.transposed().inverse().times(solve.b)


def solves(program: Program) -> Iterator[Proposal]:
    """Every solve and every Cholesky factor, with another pullback."""
    for address, operation in firsts(program):
        where = spelled(operation)
        if operation.name in _SYSTEMS and len(operation.kernel.avals[0][0]) == 2:
            active = program.active(operation)
            matrix = value_of(program, operation.takes[0])
            for kind, says, w, x in _MISTAKES if active[0] else ():
                at = pulling(address, functools.partial(_of_matrix, w, x))
                yield Proposal(kind, f"{says} in what {matrix} gets from {where}", 1.5, at, operation.place)
            for kind, says, w, _ in (_MISTAKES[0], _MISTAKES[2]) if active[-1] else ():
                at = pulling(address, functools.partial(_of_both, w))
                yield Proposal(kind, f"{says} in the derivative of {where}", 1.4, at, operation.place)
        for kind, says, pulled in _OF_CHOLESKY if operation.name == "cholesky" else ():
            at = pulling(address, functools.partial(_of_factor, pulled))
            yield Proposal(kind, f"{says} in the derivative of {where}", 1.5, at, operation.place)


def _general(here: Here) -> _System:
    return _System(here.operands[0], rows=True)


def _triangular(here: Here) -> _System:
    told = here.kernel.parameters
    matrix = (np.tril if told["lower"] else np.triu)(here.operands[0])
    if told["unit_diagonal"]:
        one = np.eye(matrix.shape[-1])
        matrix = np.where(one, one, matrix)
    transposed = told["transpose_a"] == told["left_side"]  # x A = b has the transpose, and rows
    return _System(matrix.mT if transposed else matrix, rows=not told["left_side"])


_SYSTEMS: dict[str, Callable[[Here], _System]] = {"custom_linear_solve": _general, "triangular_solve": _triangular}
"""Operations that solve: the matrix is the first operand, the right-hand side the last one."""


def _solve(here: Here) -> _Solve:
    last = len(here.operands) - 1
    system = _SYSTEMS[here.operation.name](here)
    (y,) = here.cotangents
    return _Solve(system, here.operands[last], here.results[0], y, system.transposed().inverse().times(y))


def _of_matrix(w: Vectors, x: Vectors, here: Here) -> Mapping[int, np.ndarray]:
    """What the matrix gets of other vectors: from the pullback of the system that has them."""
    solve = _solve(here)
    operands = with_operand(here, len(here.operands) - 1, solve.of.times(x(solve)))
    return {0: here.pull(operands, [solve.of.transposed().times(w(solve))])[0]}


def _of_both(w: Vectors, here: Here) -> Mapping[int, np.ndarray]:
    solve = _solve(here)
    return here.pull(cotangents=[solve.of.transposed().times(w(solve))])


def _halved(square: np.ndarray) -> np.ndarray:
    """The lower triangle with half the diagonal."""
    return np.tril(square) - square * np.eye(square.shape[-1]) / 2


Factored = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""What a matrix gets, but for being made symmetric, from its factor L and the product of its transpose and y."""

_OF_CHOLESKY: tuple[tuple[str, str, Factored], ...] = (
    ("missing-factor", "does not halve the diagonal", lambda L, p: _between(L, np.tril(p))),
    ("missing-factor", "does not take the lower triangle", lambda L, p: _between(L, _halved(p) + np.triu(p, 1))),
    ("missing-factor", "takes neither the lower triangle nor half of the diagonal", lambda L, p: _between(L, p)),
    ("factor", "halves all of the lower triangle", lambda L, p: _between(L, np.tril(p) / 2)),
    ("layout", "solves with the factor, not with its transpose", lambda L, p: _between(L.mT, _halved(p))),
    ("missing-factor", "leaves out the solves with the factor", lambda L, p: _halved(p)),
)
"""What is said of a Cholesky factor whose cotangent is y: right is L^-T P L^-1, P having half the diagonal of L^T y."""


def _between(L: np.ndarray, square: np.ndarray) -> np.ndarray:
    inverse = np.linalg.inv(L)
    return inverse.mT @ square @ inverse


def _of_factor(pulled: Factored, here: Here) -> Mapping[int, np.ndarray]:
    L = np.tril(here.results[0])
    S = pulled(L, L.mT @ np.tril(here.cotangents[0]))
    return {0: (S + S.mT) / 2}

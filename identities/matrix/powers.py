"""Integer powers of a matrix: the power is a static argument, zero included."""

from typing import Annotated, TypeAlias

import jax.numpy as jnp

from identities.catalog import jacobian
from identities.matrix.shapes import Scalar, Square, Vector
from identities.signature import Static, checked
from identities.sources import cookbook

Power: TypeAlias = Annotated[int, Static(0, 4)]


def powers(X: Square, count: int) -> list[Square]:
    """The first powers of X, from the identity on."""
    found = [jnp.eye(X.shape[0], dtype=X.dtype)]
    while len(found) < count:
        found.append(found[-1] @ X)
    return found[:count]


@checked
def power(X: Square, k: Power) -> Square:
    """X^k."""
    return jnp.linalg.matrix_power(X, k)


@jacobian(
    power,
    wrt="X",
    states=r"\frac{\partial (X^k)_{kl}}{\partial X_{ij}} = \sum_{r=0}^{k-1} (X^r J^{ij} X^{k-1-r})_{kl}",
    source=cookbook(90),
)
def power_jacobian_X(X, k):
    """One factor left out at a time, shape (n, n, n, n)."""
    n = X.shape[0]
    if k == 0:
        return jnp.zeros((n, n, n, n), X.dtype)
    left = jnp.stack(powers(X, k))
    return jnp.einsum("rki,rjl->klij", left, left[::-1])


@checked
def power_form(a: Vector, X: Square, b: Vector, k: Power) -> Scalar:
    """a'X^k b."""
    return a @ jnp.linalg.matrix_power(X, k) @ b


@jacobian(
    power_form,
    wrt="X",
    states=r"\frac{\partial a^\top X^k b}{\partial X} = \sum_{r=0}^{k-1} (X^r)^\top a b^\top (X^{k-1-r})^\top",
    source=cookbook(91),
)
def power_form_jacobian_X(a, X, b, k):
    """Outer products of (X')^r a and X^(k-1-r) b, shape (n, n), at the cost of vectors."""
    return _outer_products(a, X, b, k)


def _outer_products(a: Vector, X: Square, b: Vector, k: int) -> Square:
    if k == 0:
        return jnp.zeros_like(X)
    left, right = [a], [b]
    for _ in range(k - 1):
        left.append(left[-1] @ X)
        right.append(X @ right[-1])
    return jnp.stack(left).T @ jnp.stack(right[::-1])


@checked
def power_gram_form(a: Vector, X: Square, b: Vector, k: Power) -> Scalar:
    """a'(X^k)'X^k b."""
    Xk = jnp.linalg.matrix_power(X, k)
    return (Xk @ a) @ (Xk @ b)


@jacobian(
    power_gram_form,
    wrt="X",
    states=r"\frac{\partial a^\top (X^k)^\top X^k b}{\partial X} = \sum_{r=0}^{k-1}"
    r" \left((X^r)^\top X^k a b^\top (X^{k-1-r})^\top + (X^r)^\top X^k b a^\top (X^{k-1-r})^\top\right)",
    source=cookbook(
        92, erratum="the first term is transcribed as X^(k-1-r) a b' (X^k)' X^r, the transpose of what is right"
    ),
)
def power_gram_form_jacobian_X(a, X, b, k):
    """The product rule for the two powers, shape (n, n).

    With u = X^k a and v = X^k b held fixed in turn it is the derivative of v'X^k a plus that of u'X^k b, each
    as in (91): the left factors are the transposed powers times v and u.
    """
    Xk = jnp.linalg.matrix_power(X, k)
    return _outer_products(Xk @ b, X, a, k) + _outer_products(Xk @ a, X, b, k)


@checked
def trace_of_power(X: Square, k: Power) -> Scalar:
    """Tr X^k."""
    return jnp.trace(jnp.linalg.matrix_power(X, k))


@jacobian(
    trace_of_power,
    wrt="X",
    states=r"\frac{\partial}{\partial X} \operatorname{Tr} X^k = k (X^{k-1})^\top",
    source=cookbook(121),
)
def trace_of_power_jacobian_X(X, k):
    """The power rule, shape (n, n)."""
    return k * jnp.linalg.matrix_power(X, k - 1).T if k else jnp.zeros_like(X)


@checked
def trace_of_AXk(A: Square, X: Square, k: Power) -> Scalar:
    """Tr AX^k."""
    return jnp.trace(A @ jnp.linalg.matrix_power(X, k))


@jacobian(
    trace_of_AXk,
    wrt="X",
    states=r"\frac{\partial}{\partial X} \operatorname{Tr} AX^k = \sum_{r=0}^{k-1} (X^r A X^{k-r-1})^\top",
    source=cookbook(122),
)
def trace_of_AXk_jacobian_X(A, X, k):
    """One factor left out at a time, by Horner's scheme, shape (n, n)."""
    total, AXr = jnp.zeros_like(X), A
    for _ in range(k):
        total, AXr = X @ total + AXr, AXr @ X
    return total.T

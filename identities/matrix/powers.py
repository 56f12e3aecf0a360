"""Integer powers of a matrix, polynomials, the exponential and the sine.

A power is a static argument, zero included. Whatever is a power series of X alone has one derivative twice: a
cotangent is pulled back through f at X as a tangent is pushed forward through f at X'.
"""

from typing import Annotated, TypeAlias

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from identities import linalg
from identities.catalog import jacobian, jvp, vjp
from identities.checking import checked
from identities.matrix.shapes import Invertible, Moderate, Scalar, Square, Vector
from identities.options import Static
from identities.sources import cookbook, giles

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
    states=r"\D{X} a^\top X^k b = \sum_{r=0}^{k-1} (X^r)^\top a b^\top (X^{k-1-r})^\top",
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
    states=r"\D{X} a^\top (X^k)^\top X^k b = \sum_{r=0}^{k-1}"
    r" \left((X^r)^\top X^k a b^\top (X^{k-1-r})^\top + (X^r)^\top X^k b a^\top (X^{k-1-r})^\top\right)",
    source=cookbook(
        92, erratum="printed with the first term X^(k-1-r) a b' (X^k)' X^r, the transpose of what is right"
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


@jacobian(trace_of_power, wrt="X", states=r"\D{X} \Tr X^k = k (X^{k-1})^\top", source=cookbook(121))
def trace_of_power_jacobian_X(X, k):
    """The power rule, shape (n, n)."""
    return k * jnp.linalg.matrix_power(X, k - 1).T if k else jnp.zeros_like(X)


@checked
def trace_of_AXk(A: Square, X: Square, k: Power) -> Scalar:
    """Tr AX^k."""
    return jnp.trace(A @ jnp.linalg.matrix_power(X, k))


@jacobian(
    trace_of_AXk, wrt="X", states=r"\D{X} \Tr AX^k = \sum_{r=0}^{k-1} (X^r A X^{k-r-1})^\top", source=cookbook(122)
)
def trace_of_AXk_jacobian_X(A, X, k):
    """One factor left out at a time, by Horner's scheme, shape (n, n)."""
    total, AXr = jnp.zeros_like(X), A
    for _ in range(k):
        total, AXr = X @ total + AXr, AXr @ X
    return total.T


@checked
def determinant_of_power(X: Invertible, k: Power) -> Scalar:
    """det X^k."""
    return linalg.det(X) ** k


@jacobian(determinant_of_power, wrt="X", states=r"\D{X} \det X^k = k \det(X^k) X^{-\top}", source=cookbook(58))
def determinant_of_power_jacobian_X(X, k):
    """The power rule, shape (n, n)."""
    return k * linalg.product_of_pivots(X) ** (k - 1) * linalg.cofactors(X) if k else jnp.zeros_like(X)


@jvp(power, wrt="X", states=r"dX^k = \sum_{r=0}^{k-1} X^r (dX) X^{k-1-r}", source=giles("2.3.4"))
def power_jvp_X(X, dX, k):
    """By repeated squaring of the power and its tangent, shape (n, n)."""
    return _power_and_tangent(X, dX, k)[1] if k else jnp.zeros_like(dX)


def _power_and_tangent(X, dX, k):
    if k == 1:
        return X, dX
    P, dP = _power_and_tangent(X, dX, k // 2)
    P, dP = P @ P, dP @ P + P @ dP
    return (P @ X, dP @ X + P @ dX) if k % 2 else (P, dP)


@vjp(power, wrt="X", states=r"\D{X} J = \sum_{r=0}^{k-1} (X^r)^\top \delta (X^{k-1-r})^\top", source=giles("2.3.4"))
def power_vjp_X(delta, X, k):
    """The tangent delta pushed forward at X', shape (n, n)."""
    return power_jvp_X(X.T, delta, k)


@checked
def polynomial(c: Float[Array, " k"], X: Square) -> Square:
    """c_0 I + c_1 X + c_2 X^2 + ..., by Horner's scheme."""
    return _horner(c, X)


def _horner(c, X):
    eye = jnp.eye(X.shape[0], dtype=X.dtype)
    return jax.lax.scan(lambda total, a: (X @ total + a * eye, None), c[-1] * eye, c[:-1], reverse=True)[0]


@jvp(polynomial, wrt="X", states=r"dp(X) = \sum_j c_j \sum_{r=0}^{j-1} X^r (dX) X^{j-1-r}", source=giles("2.3.4"))
def polynomial_jvp_X(c, X, dX):
    """Horner's scheme with its tangent, shape (n, n)."""
    eye = jnp.eye(X.shape[0], dtype=X.dtype)

    def step(totals, a):
        total, dtotal = totals
        return (X @ total + a * eye, dX @ total + X @ dtotal), None

    (_, dtotal), _ = jax.lax.scan(step, (c[-1] * eye, jnp.zeros_like(dX)), c[:-1], reverse=True)
    return dtotal


@vjp(
    polynomial,
    wrt="X",
    states=r"\D{X} J = \sum_j c_j \sum_{r=0}^{j-1} (X^r)^\top \delta (X^{j-1-r})^\top",
    source=giles("2.3.4"),
)
def polynomial_vjp_X(delta, c, X):
    """The tangent delta pushed forward at X', shape (n, n)."""
    return polynomial_jvp_X(c, X.T, delta)


@checked
def trace_of_polynomial(c: Float[Array, " k"], X: Square) -> Scalar:
    """Tr F(X) for F(x) = c_0 + c_1 x + c_2 x^2 + ...: any power series, cut off."""
    return jnp.trace(_horner(c, X))


@jacobian(trace_of_polynomial, wrt="X", states=r"\D{X} \Tr F(X) = f(X)^\top, \quad f = F'", source=cookbook(98))
def trace_of_polynomial_jacobian_X(c, X):
    """The scalar derivative c_1 + 2 c_2 x + ... of the matrix, transposed, shape (n, n)."""
    derivative = c[1:] * jnp.arange(1, len(c), dtype=c.dtype)
    return _horner(derivative, X).T if len(derivative) else jnp.zeros_like(X)


@checked
def exponential(X: Moderate) -> Square:
    """e^X."""
    return linalg.expm(X)


@jvp(exponential, states=r"de^X = \int_0^1 e^{sX} (dX) e^{(1-s)X} \, ds", source=giles("2.3.5"))
def exponential_jvp(X, dX):
    """The Frechet derivative, by scaling and squaring (Al-Mohy and Higham, 2009), shape (n, n)."""
    return linalg.expm_frechet(X, dX)


@vjp(exponential, states=r"\D{X} J = \int_0^1 e^{sX^\top} \delta \, e^{(1-s)X^\top} \, ds", source=giles("2.3.5"))
def exponential_vjp(delta, X):
    """The tangent delta pushed forward at X', shape (n, n)."""
    return linalg.expm_frechet(X.T, delta)


@linalg.in_every_dtype
def _cosine_and_sine(X):
    """The real and the imaginary part of e^iX."""
    both = linalg.expm(1j * X)
    return both.real, both.imag


@checked
def trace_of_sine(X: Moderate) -> Scalar:
    """Tr sin X, the sine as a power series of matrices."""
    return jnp.trace(_cosine_and_sine(X)[1])


@jacobian(trace_of_sine, states=r"\D{X} \Tr \sin X = (\cos X)^\top", source=cookbook(128))
def trace_of_sine_jacobian(X):
    """The cosine of the matrix, transposed, shape (n, n)."""
    return _cosine_and_sine(X)[0].T

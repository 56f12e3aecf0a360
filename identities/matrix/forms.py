"""Linear, bilinear and quadratic forms, and what is built on them."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from identities.catalog import hessian, jacobian
from identities.checking import checked
from identities.matrix.shapes import Matrix, Scalar, Square, Symmetric, Vector
from identities.sources import cookbook


@checked
def inner(x: Vector, a: Vector) -> Scalar:
    """x'a."""
    return x @ a


@jacobian(inner, wrt="x", states=r"\D{x} x^\top a = a^\top", source=cookbook(69), exact=True)
def inner_jacobian_x(x, a):
    """The other vector, shape (n,)."""
    return a


@checked
def bilinear(a: Vector, X: Matrix, b: Float[Array, " m"]) -> Scalar:
    """a'Xb."""
    return a @ X @ b


@jacobian(bilinear, wrt="X", states=r"\D{X} a^\top X b = a b^\top", source=cookbook(70), exact=True)
def bilinear_jacobian_X(a, X, b):
    """The outer product, shape (n, m)."""
    return jnp.outer(a, b)


@checked
def bilinear_transposed(a: Float[Array, " m"], X: Matrix, b: Vector) -> Scalar:
    """a'X'b."""
    return X @ a @ b


@jacobian(bilinear_transposed, wrt="X", states=r"\D{X} a^\top X^\top b = b a^\top", source=cookbook(71), exact=True)
def bilinear_transposed_jacobian_X(a, X, b):
    """The outer product, the other way round, shape (n, m)."""
    return jnp.outer(b, a)


@checked
def quadratic_in_matrix(a: Vector, X: Square) -> Scalar:
    """a'Xa, which is a'X'a."""
    return a @ X @ a


@jacobian(quadratic_in_matrix, wrt="X", states=r"\D{X} a^\top X a = a a^\top", source=cookbook(72), exact=True)
def quadratic_in_matrix_jacobian_X(a, X):
    """The outer product of a with itself, shape (n, n)."""
    return jnp.outer(a, a)


@checked
def itself(X: Matrix) -> Matrix:
    """X."""
    return X


@jacobian(itself, states=r"\frac{\partial X}{\partial X_{ij}} = J^{ij}", source=cookbook(73), exact=True)
def itself_jacobian(X):
    """One single-entry matrix for each entry, shape (n, m, n, m)."""
    n, m = X.shape
    return jnp.eye(n * m, dtype=X.dtype).reshape(n, m, n, m)


@checked
def product_left(X: Matrix, A: Float[Array, "m k"]) -> Float[Array, "n k"]:
    """XA."""
    return X @ A


@jacobian(
    product_left,
    wrt="X",
    states=r"\frac{\partial (XA)_{ij}}{\partial X_{mn}} = \delta_{im} A_{nj}",
    source=cookbook(74),
    exact=True,
)
def product_left_jacobian_X(X, A):
    """A row of A for each entry, shape (n, k, n, m)."""
    return jnp.eye(X.shape[0], dtype=A.dtype)[:, None, :, None] * A.T[None, :, None, :]


@checked
def transposed_product(X: Matrix, A: Float[Array, "n k"]) -> Float[Array, "m k"]:
    """X'A."""
    return X.T @ A


@jacobian(
    transposed_product,
    wrt="X",
    states=r"\frac{\partial (X^\top A)_{ij}}{\partial X_{mn}} = \delta_{in} A_{mj}",
    source=cookbook(75),
    exact=True,
)
def transposed_product_jacobian_X(X, A):
    """A column of A for each entry, shape (m, k, n, m)."""
    return jnp.eye(X.shape[1], dtype=A.dtype)[:, None, None, :] * A.T[None, :, :, None]


@checked
def squared_total(X: Matrix) -> Scalar:
    """The sum of all products of two entries of X."""
    return X.sum() ** 2


@jacobian(
    squared_total,
    states=r"\frac{\partial}{\partial X_{ij}} \sum_{klmn} X_{kl} X_{mn} = 2 \sum_{kl} X_{kl}",
    source=cookbook(76),
)
def squared_total_jacobian(X):
    """Twice the sum of all entries, everywhere, shape (n, m)."""
    return jnp.full_like(X, 2) * X.sum()


@checked
def gram_form(b: Float[Array, " m"], X: Matrix, c: Float[Array, " m"]) -> Scalar:
    """b'X'Xc."""
    return (X @ b) @ (X @ c)


@jacobian(gram_form, wrt="X", states=r"\D{X} b^\top X^\top X c = X (b c^\top + c b^\top)", source=cookbook(77))
def gram_form_jacobian_X(b, X, c):
    """Two outer products, shape (n, m)."""
    return jnp.outer(X @ b, c) + jnp.outer(X @ c, b)


@checked
def affine_form(
    B: Float[Array, "k n"],
    b: Float[Array, " k"],
    C: Float[Array, "k l"],
    D: Float[Array, "l n"],
    d: Float[Array, " l"],
    x: Vector,
) -> Scalar:
    """(Bx + b)'C(Dx + d)."""
    return (B @ x + b) @ C @ (D @ x + d)


@jacobian(
    affine_form,
    wrt="x",
    states=r"\D{x} (Bx + b)^\top C (Dx + d) = B^\top C (Dx + d) + D^\top C^\top (Bx + b)",
    source=cookbook(78),
)
def affine_form_jacobian_x(B, b, C, D, d, x):
    """The product rule, shape (n,)."""
    return (C @ (D @ x + d)) @ B + ((B @ x + b) @ C) @ D


@checked
def congruence(X: Matrix, B: Square) -> Float[Array, "m m"]:
    """X'BX."""
    return X.T @ B @ X


@jacobian(
    congruence,
    wrt="X",
    states=r"\frac{\partial (X^\top B X)_{kl}}{\partial X_{ij}} = \delta_{lj} (X^\top B)_{ki} + \delta_{kj} (B X)_{il}",
    source=(cookbook(79), cookbook(80)),
)
def congruence_jacobian_X(X, B):
    """X'B J^ij + J^ji BX for each i, j, shape (m, m, n, m)."""
    eye = jnp.eye(X.shape[1], dtype=X.dtype)
    return eye[None, :, None, :] * (X.T @ B)[:, None, :, None] + eye[:, None, None, :] * (B @ X).T[None, :, :, None]


@checked
def quadratic(x: Vector, B: Square) -> Scalar:
    """x'Bx."""
    return x @ B @ x


@jacobian(quadratic, wrt="x", states=r"\D{x} x^\top B x = (B + B^\top) x", source=cookbook(81))
def quadratic_jacobian_x(x, B):
    """Bx + B'x, shape (n,)."""
    return B @ x + x @ B


@checked
def weighted_gram_form(b: Float[Array, " m"], X: Matrix, D: Square, c: Float[Array, " m"]) -> Scalar:
    """b'X'DXc."""
    return (X @ b) @ D @ (X @ c)


@jacobian(
    weighted_gram_form,
    wrt="X",
    states=r"\D{X} b^\top X^\top D X c = D^\top X b c^\top + D X c b^\top",
    source=cookbook(82),
)
def weighted_gram_form_jacobian_X(b, X, D, c):
    """Two outer products, shape (n, m)."""
    return jnp.outer((X @ b) @ D, c) + jnp.outer(D @ (X @ c), b)


@checked
def affine_quadratic(X: Matrix, b: Float[Array, " m"], c: Vector, D: Square) -> Scalar:
    """(Xb + c)'D(Xb + c)."""
    r = X @ b + c
    return r @ D @ r


@jacobian(
    affine_quadratic,
    wrt="X",
    states=r"\D{X} (Xb + c)^\top D (Xb + c) = (D + D^\top) (Xb + c) b^\top",
    source=cookbook(83),
)
def affine_quadratic_jacobian_X(X, b, c, D):
    """An outer product, shape (n, m)."""
    r = X @ b + c
    return jnp.outer(D @ r + r @ D, b)


@checked
def weighted_residual(x: Vector, A: Matrix, s: Float[Array, " m"], W: Symmetric) -> Scalar:
    """(x - As)'W(x - As), W symmetric."""
    r = x - A @ s
    return r @ W @ r


@jacobian(
    weighted_residual, wrt="s", states=r"\D{s} (x - As)^\top W (x - As) = -2 A^\top W (x - As)", source=cookbook(84)
)
def weighted_residual_jacobian_s(x, A, s, W):
    """The gradient of weighted least squares, shape (m,)."""
    return -2 * ((W @ (x - A @ s)) @ A)


@jacobian(weighted_residual, wrt="x", states=r"\D{x} (x - As)^\top W (x - As) = 2 W (x - As)", source=cookbook(87))
def weighted_residual_jacobian_x(x, A, s, W):
    """Twice the weighted residual, shape (n,)."""
    return 2 * (W @ (x - A @ s))


@jacobian(
    weighted_residual, wrt="A", states=r"\D{A} (x - As)^\top W (x - As) = -2 W (x - As) s^\top", source=cookbook(88)
)
def weighted_residual_jacobian_A(x, A, s, W):
    """An outer product, shape (n, m)."""
    return -2 * jnp.outer(W @ (x - A @ s), s)


@checked
def weighted_distance(x: Vector, s: Vector, W: Symmetric) -> Scalar:
    """(x - s)'W(x - s), W symmetric."""
    return (x - s) @ W @ (x - s)


@jacobian(weighted_distance, wrt="x", states=r"\D{x} (x - s)^\top W (x - s) = 2 W (x - s)", source=cookbook(85))
def weighted_distance_jacobian_x(x, s, W):
    """Twice the weighted difference, shape (n,)."""
    return 2 * (W @ (x - s))


@jacobian(weighted_distance, wrt="s", states=r"\D{s} (x - s)^\top W (x - s) = -2 W (x - s)", source=cookbook(86))
def weighted_distance_jacobian_s(x, s, W):
    """Minus that, shape (n,)."""
    return -2 * (W @ (x - s))


@checked
def quadratic_function(x: Vector, A: Square, b: Vector) -> Scalar:
    """x'Ax + b'x."""
    return x @ A @ x + b @ x


@jacobian(
    quadratic_function, wrt="x", states=r"\D{x} (x^\top A x + b^\top x) = (A + A^\top) x + b", source=cookbook(96)
)
def quadratic_function_jacobian_x(x, A, b):
    """The gradient, shape (n,)."""
    return A @ x + x @ A + b


@hessian(
    quadratic_function,
    wrt="x",
    states=r"\frac{\partial^2}{\partial x^2} (x^\top A x + b^\top x) = A + A^\top",
    source=cookbook(97),
    exact=True,
)
def quadratic_function_hessian_x(x, A, b):
    """Constant, shape (n, n)."""
    return A + A.T


@checked
def curves_form(x: Vector, S: Float[Array, "k n"], A: Float[Array, "k l"], R: Float[Array, "l n"]) -> Scalar:
    """s'Ar for the curves s(x) = sin(Sx) and r(x) = cos(Rx)."""
    return jnp.sin(S @ x) @ A @ jnp.cos(R @ x)


@jacobian(
    curves_form,
    wrt="x",
    states=r"\D{x} s^\top A r = \left(\frac{\partial s}{\partial x}\right)^\top A r"
    r" + \left(\frac{\partial r}{\partial x}\right)^\top A^\top s",
    source=cookbook(93),
)
def curves_form_jacobian_x(x, S, A, R):
    """The product rule for two functions of x, shape (n,)."""
    Sx, Rx = S @ x, R @ x
    return (jnp.cos(Sx) * (A @ jnp.cos(Rx))) @ S - (jnp.sin(Rx) * (jnp.sin(Sx) @ A)) @ R

"""Matrices with structure: derivatives by their independent entries, and gradients in their own space.

The two differ. A symmetric matrix has its entries off the diagonal twice, so that the derivative by an
independent entry counts both; that is what the Matrix Cookbook prints, and what an optimiser over the
entries of one triangle wants. The gradient in the space of symmetric matrices, with the inner product
Tr A'B, counts each once, and is the symmetric part of the unstructured one; that is what a step
X - t grad f wants, and nearly everybody else (Srinivasan and Panda, "What is the gradient of a scalar
function of a symmetric matrix?", 2020).
"""

import jax.numpy as jnp
from jaxtyping import Array, Float

from identities import linalg
from identities.catalog import jacobian, vjp
from identities.checking import checked
from identities.matrix.shapes import Matrix, PositiveDefinite, PositiveDefinitePart, Scalar, Square
from identities.sources import cookbook


def folded(G: Square) -> Square:
    """The lower triangle of G + G' - G o I: each entry with its mirror image, those on the diagonal once."""
    return jnp.tril(G) + jnp.triu(G, 1).T


@checked
def symmetric_by_triangle(L: Square) -> Square:
    """The symmetric matrix whose lower triangle is that of L."""
    return jnp.tril(L) + jnp.tril(L, -1).T


@jacobian(
    symmetric_by_triangle,
    states=r"\frac{\partial A}{\partial A_{ij}} = S^{ij} = J^{ij} + J^{ji} - J^{ij} J^{ij}, \quad i \ge j",
    source=cookbook(134),
    exact=True,
)
def symmetric_by_triangle_jacobian(L):
    """The structure matrices, shape (n, n, n, n); zero for the entries of L above the diagonal."""
    eye = jnp.eye(L.shape[0], dtype=L.dtype)
    J = eye[:, None, :, None] * eye[None, :, None, :]
    return jnp.tril(jnp.maximum(J, J.swapaxes(0, 1)))


@vjp(
    symmetric_by_triangle,
    states=r"\frac{dF}{dA_{ij}} = \sum_{kl} \frac{\partial F}{\partial A_{kl}} \frac{\partial A_{kl}}{\partial A_{ij}}"
    r" = (G + G^\top - G \circ I)_{ij}, \quad i \ge j",
    source=(cookbook(133), cookbook(138)),
    exact=True,
)
def symmetric_by_triangle_vjp(delta, L):
    """The derivative G by all entries as one by the independent ones, shape (n, n), lower triangle."""
    return folded(delta)


@checked
def symmetric_part(A: Square) -> Square:
    """(A + A')/2, the projection onto the symmetric matrices."""
    return (A + A.T) / 2


@vjp(symmetric_part, states=r"\nabla F = \frac{1}{2} (G + G^\top)", source=cookbook(138))
def symmetric_part_vjp(delta, A):
    """The derivative G by all entries as a gradient in the space of symmetric matrices, shape (n, n).

    Not what is printed, which is by the independent entries and counts those off the diagonal twice.
    """
    return (delta + delta.T) / 2


@checked
def trace_with_symmetric(A: Square, L: Square) -> Scalar:
    """Tr AX, X symmetric with the lower triangle of L."""
    return jnp.sum(A.T * symmetric_by_triangle(L))


@jacobian(
    trace_with_symmetric,
    wrt="L",
    states=r"\frac{d \Tr AX}{dX_{ij}} = (A + A^\top - A \circ I)_{ij}, \quad i \ge j",
    source=cookbook(139),
    exact=True,
)
def trace_with_symmetric_jacobian_L(A, L):
    """By the independent entries, shape (n, n), lower triangle; as a gradient it is (A + A')/2."""
    return folded(A)


@checked
def trace_with_symmetric_part(A: Square, X: Square) -> Scalar:
    """Tr AS, S = (X + X')/2."""
    return jnp.sum(A.T * symmetric_part(X))


@jacobian(trace_with_symmetric_part, wrt="X", states=r"\nabla \Tr AX = \frac{1}{2} (A + A^\top)", source=cookbook(139))
def trace_with_symmetric_part_jacobian_X(A, X):
    """The gradient in the space of symmetric matrices, shape (n, n)."""
    return symmetric_part(A)


@checked
def determinant_of_symmetric(L: PositiveDefinite) -> Scalar:
    """det X, X symmetric with the lower triangle of L."""
    return linalg.det(symmetric_by_triangle(L))


@jacobian(
    determinant_of_symmetric,
    states=r"\frac{d \det X}{dX_{ij}} = \det(X) (2X^{-1} - X^{-1} \circ I)_{ij}, \quad i \ge j",
    source=cookbook(140),
)
def determinant_of_symmetric_jacobian(L):
    """By the independent entries, shape (n, n), lower triangle; as a gradient it is det(X) X^-1."""
    return folded(linalg.cofactors(symmetric_by_triangle(L)))


@checked
def determinant_of_symmetric_part(A: PositiveDefinitePart) -> Scalar:
    """det X, X = (A + A')/2."""
    return linalg.det(symmetric_part(A))


@jacobian(determinant_of_symmetric_part, states=r"\nabla \det X = \det(X) X^{-1}", source=cookbook(140))
def determinant_of_symmetric_part_jacobian(A):
    """The gradient in the space of symmetric matrices, shape (n, n)."""
    return linalg.cofactors(symmetric_part(A))


@checked
def log_determinant_of_symmetric(L: PositiveDefinite) -> Scalar:
    """ln det X, X symmetric with the lower triangle of L."""
    return linalg.log_abs_det(symmetric_by_triangle(L))


@jacobian(
    log_determinant_of_symmetric,
    states=r"\frac{d \ln \det X}{dX_{ij}} = (2X^{-1} - X^{-1} \circ I)_{ij}, \quad i \ge j",
    source=cookbook(141),
)
def log_determinant_of_symmetric_jacobian(L):
    """By the independent entries, shape (n, n), lower triangle; as a gradient it is X^-1."""
    return folded(linalg.inv(symmetric_by_triangle(L)))


@checked
def log_determinant_of_symmetric_part(A: PositiveDefinitePart) -> Scalar:
    """ln det X, X = (A + A')/2."""
    return linalg.log_abs_det(symmetric_part(A))


@jacobian(log_determinant_of_symmetric_part, states=r"\nabla \ln \det X = X^{-1}", source=cookbook(141))
def log_determinant_of_symmetric_part_jacobian(A):
    """The gradient in the space of symmetric matrices, shape (n, n)."""
    return linalg.inv(symmetric_part(A))


@checked
def trace_with_diagonal(A: Square, X: Square) -> Scalar:
    """Tr AD, D diagonal with the diagonal of X."""
    return jnp.sum(jnp.diag(A) * jnp.diag(X))


@jacobian(trace_with_diagonal, wrt="X", states=r"\frac{d \Tr AX}{dX} = A \circ I", source=cookbook(142), exact=True)
def trace_with_diagonal_jacobian_X(A, X):
    """The diagonal of A, as a matrix, shape (n, n); entries and gradient agree."""
    return jnp.diag(jnp.diag(A))


def diagonal_sums(A: Square) -> Float[Array, " 2*n-1"]:
    """The sums along the diagonals of A, from the lower left corner to the upper right."""
    n = A.shape[0]
    # Rows of 2n - 1 entries, read anew as rows of 2n, are sheared: each is one entry further to the left.
    entries = jnp.pad(A, ((0, 0), (0, n - 1))).reshape(-1)
    return jnp.pad(entries, (n - 1, 1)).reshape(n, 2 * n).sum(axis=0)[:-1]


def toeplitz(t: Float[Array, " 2*n-1"]) -> Square:
    """The matrix whose diagonals have the values t, from the lower left corner to the upper right."""
    n = (t.shape[0] + 1) // 2
    # Rows of 2n entries, read anew as rows of 2n - 1, are sheared: each is one entry further to the right.
    rows = jnp.tile(jnp.concatenate([t, t[:1]]), (n,))
    return rows[n - 1 : -1].reshape(n, 2 * n - 1)[:, :n]


def diagonal_means(A: Square) -> Float[Array, " 2*n-1"]:
    """The means along the diagonals of A: what its projection onto the Toeplitz matrices has there."""
    n = A.shape[0]
    return diagonal_sums(A) / (n - jnp.abs(jnp.arange(1 - n, n)))


@checked
def trace_with_toeplitz(A: Square, t: Float[Array, " 2*n-1"]) -> Scalar:
    """Tr AT, T the Toeplitz matrix whose diagonals have the values t, from the lower left to the upper right."""
    return jnp.sum(A.T * toeplitz(t))


@jacobian(
    trace_with_toeplitz,
    wrt="t",
    states=r"\frac{d \Tr AT}{dT} = \frac{d \Tr TA}{dT} = \alpha(A), \quad \alpha_k = \sum_{j - i = k} (A^\top)_{ij}",
    source=cookbook(143),
    exact=True,
)
def trace_with_toeplitz_jacobian_t(A, t):
    """The sums of A' along its diagonals, shape (2n - 1,); as a gradient, their means."""
    return diagonal_sums(A)[::-1]


@checked
def trace_with_toeplitz_part(A: Square, X: Square) -> Scalar:
    """Tr AT, T the Toeplitz matrix nearest to X."""
    return jnp.sum(A.T * toeplitz(diagonal_means(X)))


@jacobian(
    trace_with_toeplitz_part,
    wrt="X",
    states=r"\nabla \Tr AT = \operatorname{Toeplitz}(m), \quad m_k = \frac{\alpha_k}{n - |k|}",
    source=cookbook(143),
)
def trace_with_toeplitz_part_jacobian_X(A, X):
    """The gradient in the space of Toeplitz matrices, the means of A' along its diagonals, shape (n, n)."""
    return toeplitz(diagonal_means(A)[::-1])


@checked
def trace_with_symmetric_toeplitz(A: Square, t: Float[Array, " n"]) -> Scalar:
    """Tr AT, T the symmetric Toeplitz matrix with t in its first column."""
    return jnp.sum(A.T * toeplitz(jnp.concatenate([jnp.flip(t[1:], (0,)), t])))


@jacobian(
    trace_with_symmetric_toeplitz,
    wrt="t",
    states=r"\frac{d \Tr AT}{dT} = \alpha(A) + \alpha(A)^\top - \alpha(A) \circ I",
    source=cookbook(144),
    exact=True,
)
def trace_with_symmetric_toeplitz_jacobian_t(A, t):
    """The sums of A along both diagonals at each distance, the main one once, shape (n,)."""
    sums = diagonal_sums(A)
    n = A.shape[0]
    return sums[n - 1 :].at[1:].add(sums[: n - 1][::-1])


@checked
def trace_with_symmetric_toeplitz_part(A: Square, X: Square) -> Scalar:
    """Tr AT, T the symmetric Toeplitz matrix nearest to X."""
    return jnp.sum(A.T * toeplitz(diagonal_means(symmetric_part(X))))


@jacobian(
    trace_with_symmetric_toeplitz_part,
    wrt="X",
    states=r"\nabla \Tr AT = \frac{1}{2} \left(\operatorname{Toeplitz}(m)"
    r" + \operatorname{Toeplitz}(m)^\top\right)",
    source=cookbook(144),
)
def trace_with_symmetric_toeplitz_part_jacobian_X(A, X):
    """The gradient in the space of symmetric Toeplitz matrices, means along both diagonals, shape (n, n)."""
    means = diagonal_means(A)
    return toeplitz((means + means[::-1]) / 2)


@checked
def sines_of_congruence(X: Matrix, B: Square) -> Scalar:
    """g(U) = sum sin U_kl of U = X'BX: a scalar function of a matrix function."""
    return jnp.sin(X.T @ B @ X).sum()


@jacobian(
    sines_of_congruence,
    wrt="X",
    states=r"\frac{\partial g(U)}{\partial X_{ij}} = \Tr\left("
    r"\left(\D{U} g(U)\right)^\top \frac{\partial U}{\partial X_{ij}}\right)",
    source=(cookbook(135), cookbook(136), cookbook(137)),
)
def sines_of_congruence_jacobian_X(X, B):
    """The chain rule, with dg/dU = cos U pulled back along U instead of a tensor dU/dX, shape (n, m)."""
    BX = B @ X
    dU = jnp.cos(X.T @ BX)
    return B.T @ (X @ dU) + BX @ dU.T

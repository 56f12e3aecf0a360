"""Traces of products, whose derivatives are products."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from identities.catalog import jacobian
from identities.checking import checked
from identities.matrix.differentials import trace
from identities.matrix.shapes import Matrix, Scalar, SmallSquare, Square
from identities.sources import cookbook

Back = Float[Array, "m n"]


@jacobian(trace, states=r"\D{X} \Tr X = I", source=cookbook(99), exact=True)
def trace_jacobian(X):
    """The identity matrix, shape (n, n)."""
    return jnp.diag(jnp.ones(X.shape[0], X.dtype))  # which XLA makes in less than half the time of an eye


@checked
def trace_XA(X: Matrix, A: Back) -> Scalar:
    """Tr XA."""
    return jnp.trace(X @ A)


@jacobian(trace_XA, wrt="X", states=r"\D{X} \Tr XA = A^\top", source=cookbook(100), exact=True)
def trace_XA_jacobian_X(X, A):
    """The transpose, shape (n, m)."""
    return A.T


@checked
def trace_AXB(A: Float[Array, "k n"], X: Matrix, B: Float[Array, "m k"]) -> Scalar:
    """Tr AXB."""
    return jnp.trace(A @ X @ B)


@jacobian(trace_AXB, wrt="X", states=r"\D{X} \Tr AXB = A^\top B^\top", source=cookbook(101), exact=True)
def trace_AXB_jacobian_X(A, X, B):
    """The transpose of BA, shape (n, m)."""
    return (B @ A).T


@checked
def trace_AXtB(A: Float[Array, "k m"], X: Matrix, B: Float[Array, "n k"]) -> Scalar:
    """Tr AX'B."""
    return jnp.trace(A @ X.T @ B)


@jacobian(trace_AXtB, wrt="X", states=r"\D{X} \Tr AX^\top B = BA", source=cookbook(102), exact=True)
def trace_AXtB_jacobian_X(A, X, B):
    """The product BA, shape (n, m)."""
    return B @ A


@checked
def trace_XtA(X: Matrix, A: Matrix) -> Scalar:
    """Tr X'A, which is Tr AX'."""
    return jnp.trace(X.T @ A)


@jacobian(
    trace_XtA,
    wrt="X",
    states=r"\D{X} \Tr X^\top A"
    r" = \D{X} \Tr AX^\top = A",
    source=(cookbook(103), cookbook(104)),
    exact=True,
)
def trace_XtA_jacobian_X(X, A):
    """The matrix itself, shape (n, m)."""
    return A


@checked
def trace_kronecker(A: Float[Array, "k k"], X: SmallSquare) -> Scalar:
    """Tr(A (x) X)."""
    return jnp.trace(jnp.kron(A, X))


@jacobian(trace_kronecker, wrt="X", states=r"\D{X} \Tr(A \otimes X) = \Tr(A) I", source=cookbook(105), exact=True)
def trace_kronecker_jacobian_X(A, X):
    """A multiple of the identity, shape (n, n)."""
    return jnp.trace(A) * jnp.eye(X.shape[0], dtype=X.dtype)


@checked
def trace_XX(X: Square) -> Scalar:
    """Tr X^2."""
    return jnp.trace(X @ X)


@jacobian(trace_XX, states=r"\D{X} \Tr X^2 = 2 X^\top", source=cookbook(106), exact=True)
def trace_XX_jacobian(X):
    """Twice the transpose, shape (n, n)."""
    return 2 * X.T


@checked
def trace_XXB(X: Square, B: Square) -> Scalar:
    """Tr X^2 B."""
    return jnp.trace(X @ X @ B)


@jacobian(trace_XXB, wrt="X", states=r"\D{X} \Tr X^2 B = (XB + BX)^\top", source=cookbook(107))
def trace_XXB_jacobian_X(X, B):
    """Both orders of the product, transposed, shape (n, n)."""
    return (X @ B + B @ X).T


@checked
def trace_XtBX(X: Matrix, B: Square) -> Scalar:
    """Tr X'BX, which is Tr BXX' and Tr XX'B."""
    return jnp.sum(X * (B @ X))


@jacobian(
    trace_XtBX,
    wrt="X",
    states=r"\D{X} \Tr X^\top BX = BX + B^\top X",
    source=(cookbook(108), cookbook(109), cookbook(110)),
)
def trace_XtBX_jacobian_X(X, B):
    """With B and its transpose, shape (n, m)."""
    return (B + B.T) @ X


@checked
def trace_XBXt(X: Matrix, B: Float[Array, "m m"]) -> Scalar:
    """Tr XBX', which is Tr BX'X and Tr X'XB."""
    return jnp.sum((X @ B) * X)


@jacobian(
    trace_XBXt,
    wrt="X",
    states=r"\D{X} \Tr XBX^\top = XB^\top + XB",
    source=(cookbook(111), cookbook(112), cookbook(113)),
)
def trace_XBXt_jacobian_X(X, B):
    """With B and its transpose, shape (n, m)."""
    return X @ (B + B.T)


@checked
def trace_AXBX(A: Back, X: Matrix, B: Back) -> Scalar:
    """Tr AXBX."""
    return jnp.trace(A @ X @ B @ X)


@jacobian(
    trace_AXBX, wrt="X", states=r"\D{X} \Tr AXBX = A^\top X^\top B^\top + B^\top X^\top A^\top", source=cookbook(114)
)
def trace_AXBX_jacobian_X(A, X, B):
    """Each X left out in turn, shape (n, m)."""
    return (B @ X @ A + A @ X @ B).T


@checked
def trace_XtX(X: Matrix) -> Scalar:
    """Tr X'X, which is Tr XX', and the square of the Frobenius norm."""
    return jnp.sum(X * X)


@jacobian(
    trace_XtX,
    states=r"\D{X} \Tr X^\top X = \D{X} \lVert X \rVert_F^2"
    r" = 2X",
    source=(cookbook(115), cookbook(132)),
    exact=True,
)
def trace_XtX_jacobian(X):
    """Twice the matrix, shape (n, m)."""
    return 2 * X


@checked
def trace_BtXtCXB(B: Float[Array, "m k"], X: Matrix, C: Square) -> Scalar:
    """Tr B'X'CXB."""
    XB = X @ B
    return jnp.sum(XB * (C @ XB))


@jacobian(
    trace_BtXtCXB, wrt="X", states=r"\D{X} \Tr B^\top X^\top CXB = C^\top XBB^\top + CXBB^\top", source=cookbook(116)
)
def trace_BtXtCXB_jacobian_X(B, X, C):
    """With C and its transpose, shape (n, m)."""
    return (C + C.T) @ (X @ B @ B.T)


@checked
def trace_XtBXC(X: Matrix, B: Square, C: Float[Array, "m m"]) -> Scalar:
    """Tr X'BXC."""
    return jnp.trace(X.T @ B @ X @ C)


@jacobian(trace_XtBXC, wrt="X", states=r"\D{X} \Tr X^\top BXC = BXC + B^\top XC^\top", source=cookbook(117))
def trace_XtBXC_jacobian_X(X, B, C):
    """Each X left out in turn, shape (n, m)."""
    return B @ X @ C + B.T @ X @ C.T


@checked
def trace_AXBXtC(A: Float[Array, "k n"], X: Matrix, B: Float[Array, "m m"], C: Float[Array, "n k"]) -> Scalar:
    """Tr AXBX'C."""
    return jnp.trace(A @ X @ B @ X.T @ C)


@jacobian(trace_AXBXtC, wrt="X", states=r"\D{X} \Tr AXBX^\top C = A^\top C^\top XB^\top + CAXB", source=cookbook(118))
def trace_AXBXtC_jacobian_X(A, X, B, C):
    """Each X left out in turn, shape (n, m)."""
    CA = C @ A
    return CA.T @ X @ B.T + CA @ X @ B


@checked
def squared_residual(A: Float[Array, "k n"], X: Matrix, B: Float[Array, "m l"], C: Float[Array, "k l"]) -> Scalar:
    """Tr (AXB + C)(AXB + C)'."""
    return jnp.sum((A @ X @ B + C) ** 2)


@jacobian(
    squared_residual,
    wrt="X",
    states=r"\D{X} \Tr (AXB + C)(AXB + C)^\top = 2 A^\top (AXB + C) B^\top",
    source=cookbook(119),
)
def squared_residual_jacobian_X(A, X, B, C):
    """The gradient of matrix least squares, shape (n, m)."""
    return 2 * A.T @ (A @ X @ B + C) @ B.T


@checked
def trace_kronecker_square(X: SmallSquare) -> Scalar:
    """Tr(X (x) X), which is the square of Tr X."""
    return jnp.trace(jnp.kron(X, X))


@jacobian(trace_kronecker_square, states=r"\D{X} \Tr(X \otimes X) = 2 \Tr(X) I", source=cookbook(120), exact=True)
def trace_kronecker_square_jacobian(X):
    """A multiple of the identity, shape (n, n)."""
    return 2 * jnp.trace(X) * jnp.eye(X.shape[0], dtype=X.dtype)


@checked
def trace_BtXtCXXtCXB(B: Float[Array, "m k"], X: Matrix, C: Square) -> Scalar:
    """Tr B'X'CXX'CXB."""
    CXB = C @ X @ B
    return jnp.sum((X.T @ C.T @ X @ B) * (X.T @ CXB))


@jacobian(
    trace_BtXtCXXtCXB,
    wrt="X",
    states=r"\D{X} \Tr B^\top X^\top CXX^\top CXB = CXX^\top CXBB^\top"
    r" + C^\top XBB^\top X^\top C^\top X + CXBB^\top X^\top CX + C^\top XX^\top C^\top XBB^\top",
    source=cookbook(123),
)
def trace_BtXtCXXtCXB_jacobian_X(B, X, C):
    """Each of the four X left out in turn, shape (n, m)."""
    XB, CX, CtX = X @ B, C @ X, C.T @ X
    CXB, CtXB = C @ XB, C.T @ XB
    return (CX @ (X.T @ CXB) + CtX @ (X.T @ CtXB)) @ B.T + CtXB @ (XB.T @ CtX) + CXB @ (XB.T @ CX)

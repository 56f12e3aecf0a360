"""Gradients as people write them: wrong ones, with the mistake that is in them, and right ones written differently.

All are NumPy in the style of course homework, judged one example at a time.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy import special

from identities import Diagnosis, Verification, check, domains
from identities.claim import Claim
from identities.oracle.asking import claim

# Functions that the catalog does not have, with shapes for the oracle.


def cross_entropy(logits, y):
    return -(y * jax.nn.log_softmax(logits)).sum(-1).mean()


def linear(x, W, b):
    return x @ W + b


def layer_norm(x):
    centred = x - x.mean()
    return centred / jnp.sqrt((centred**2).mean() + 0.25)


def ridge(theta, X, Y):
    return jnp.sum((X @ theta - Y) ** 2) / Y.shape[0] + 0.1 * theta @ theta


def logistic(theta, X, y):
    z = X @ theta
    return jnp.mean(jnp.logaddexp(0, z) - y * z)


def quadratic(x, A):
    return x @ A @ x


def log_det(X):
    return jnp.linalg.slogdet(X @ X.T + 4 * jnp.eye(X.shape[0]))[1]


def norm(x):
    return jnp.sqrt(x @ x + 1)


def variance(x):
    return jnp.mean((x - x.mean()) ** 2)


def hinge(theta, x, s):
    return jnp.maximum(0.0, 1 - s * (theta @ x))


def matmul(A, B):
    return A @ B


def attention(q, K, V):
    return jax.nn.softmax(K @ q) @ V


BATCH = claim("jacobian", cross_entropy, "logits", "(b,k),(b,k)->()", {"y": domains.distribution})
LINEAR_W = claim("vjp", linear, "W", "(b,n),(n,m),(m)->(b,m)", None)
LINEAR_B = claim("vjp", linear, "b", "(b,n),(n,m),(m)->(b,m)", None)
LINEAR_X = claim("vjp", linear, "x", "(b,n),(n,m),(m)->(b,m)", None)
LAYER_NORM = claim("vjp", layer_norm, "x", "(n)->(n)", None)
RIDGE = claim("jacobian", ridge, "theta", "(p),(n,p),(n)->()", None)
LOGISTIC = claim("jacobian", logistic, "theta", "(p),(n,p),(n)->()", None)
QUADRATIC = claim("jacobian", quadratic, "x", "(n),(n,n)->()", None)
QUADRATIC_A = claim("jacobian", quadratic, "A", "(n),(n,n)->()", None)
LOG_DET = claim("jacobian", log_det, "X", "(n,m)->()", None)
NORM = claim("jacobian", norm, "x", "(n)->()", None)
VARIANCE = claim("jacobian", variance, "x", "(n)->()", None)
MATMUL_A = claim("vjp", matmul, "A", "(n,k),(k,m)->(n,m)", None)
MATMUL_B = claim("vjp", matmul, "B", "(n,k),(k,m)->(n,m)", None)
ATTENTION_Q = claim("vjp", attention, "q", "(d),(n,d),(n,v)->(v)", None)


@dataclass(frozen=True)
class Entry:
    """A candidate, what it is to be, and the mistake in it: None in a right one."""

    against: str | Claim
    candidate: Callable[..., Any]
    kinds: tuple[str, ...] = ()
    factor: str | None = None
    dtype: str = "float64"

    def judge(self, **options: Any) -> Verification:
        asked: dict[str, Any] = {"dtypes": (self.dtype,), **options}
        return check(self.candidate, self.against, **asked)

    def is_true(self, diagnosis: Diagnosis) -> bool:
        """Whether an explanation is a true one."""
        return diagnosis.kind in self.kinds and self.factor in (None, diagnosis.factor)

    def __str__(self) -> str:
        return f"{self.against}: {self.candidate.__name__}"


WRONG: list[Entry] = []
RIGHT: list[Entry] = []


def wrong(against: str | Claim, kind: str, factor: str | None = None, dtype: str = "float64"):
    """Declare a wrong candidate and its mistake; several kinds, with a bar between, where more than one is true."""

    def declare(candidate):
        WRONG.append(Entry(against, candidate, tuple(kind.split("|")), factor, dtype))
        return candidate

    return declare


def right(against: str | Claim, dtype: str = "float64"):
    """Declare a right candidate."""

    def declare(candidate):
        RIGHT.append(Entry(against, candidate, dtype=dtype))
        return candidate

    return declare


def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


# ---- wrong: sign and factor


@wrong("mean_squared_error_jacobian_theta", "reduction", "n")
def the_lost_1_over_n(theta, X, Y):
    return 2 * (X @ theta - Y) @ X


@wrong("mean_squared_error_jacobian_theta", "sign", "-1")
def residual_the_other_way(theta, X, Y):
    return 2 * (Y - X @ theta) @ X / len(Y)


@wrong("mean_squared_error_jacobian_theta", "factor", "1/2")
def the_lost_2(theta, X, Y):
    return X.T @ (X @ theta - Y) / X.shape[0]


@wrong("mean_squared_error_jacobian_theta", "factor", "n/p")
def divides_by_the_other_dimension(theta, X, Y):
    return 2 * X.T @ (X @ theta - Y) / X.shape[1]


@wrong("mean_squared_error_jacobian_theta", "factor", "-n/2")
def three_mistakes_at_once(theta, X, Y):
    return (Y - X @ theta) @ X


@wrong(BATCH, "reduction", "b")
def the_lost_1_over_batch(logits, y):
    return softmax(logits) - y


@wrong(BATCH, "factor", "1/k")
def averages_over_classes_too(logits, y):
    return (softmax(logits) - y) / logits.size


@wrong("softmax_cross_entropy_jacobian_theta", "sign", "-1")
def target_minus_prediction(theta, y):
    return y - softmax(theta)


@wrong("reciprocal_vjp", "sign", "-1")
def reciprocal_without_minus(delta, x):
    return delta / x**2


@wrong("cos_vjp", "sign", "-1")
def cosine_without_minus(delta, x):
    return delta * np.sin(x)


@wrong("sqrt_vjp", "factor", "2")
def square_root_without_half(delta, x):
    return delta / np.sqrt(x)


@wrong("squared_norm_jacobian", "factor", "1/2")
def squared_norm_without_two(x):
    return x.copy()


@wrong("erf_vjp", "factor")
def erf_with_the_constant_of_the_normal_density(delta, x):
    return delta * np.exp(-x * x) / np.sqrt(2 * np.pi)


@wrong(VARIANCE, "factor", "n/(n - 1)")
def variance_with_n_minus_one(x):
    return 2 * (x - x.mean()) / max(len(x) - 1, 1)


@wrong("mean_squared_error_hessian_theta", "reduction", "n")
def hessian_without_mean(theta, X, Y):
    return 2 * X.T @ X


# ---- wrong: shape, transpose, layout


@wrong("matvec_jacobian_x", "shape")
def jacobian_in_denominator_layout(W, x):
    return W.T


@wrong("softmax_jacobian", "shape|diagonal")
def only_the_diagonal_as_a_vector(x):
    z = softmax(x)
    return z * (1 - z)


@wrong("sin_jacobian", "shape")
def elementwise_jacobian_as_a_vector(x):
    return np.cos(x)


@wrong("exp_vjp", "shape")
def elementwise_vjp_as_a_matrix(delta, x):
    return np.diag(delta * np.exp(x))


@wrong("matvec_vjp_W", "shape")
def outer_product_the_wrong_way_round(delta, W, x):
    return np.outer(x, delta)


@wrong("matvec_vjp_W", "shape")
def outer_product_flattened(delta, W, x):
    return np.kron(delta, x)


@wrong("squared_norm_jacobian", "shape")
def gradient_as_a_column(x):
    return 2 * x[:, None]


@wrong("logsumexp_jacobian", "shape")
def gradient_as_a_row(x):
    return softmax(x)[None, :]


@wrong("mean_squared_error_jacobian_theta", "shape")
def gradient_summed_away(theta, X, Y):
    return np.sum(2 * (X @ theta - Y) @ X / len(Y))


@wrong(LINEAR_B, "reduction")
def bias_gradient_not_summed_over_the_batch(delta, x, W, b):
    return delta.copy()


@wrong(LINEAR_B, "shape")
def bias_gradient_keeps_the_axis(delta, x, W, b):
    return delta.sum(axis=0, keepdims=True)


@wrong(LINEAR_B, "factor|reduction", "1/b")
def bias_gradient_averaged(delta, x, W, b):
    return delta.mean(axis=0)


@wrong(LINEAR_W, "shape")
def weight_gradient_transposed(delta, x, W, b):
    return delta.T @ x


@wrong("matvec_jacobian_W", "shape")
def jacobian_unrolled_to_a_matrix(W, x):
    return np.kron(np.eye(len(W)), x)


@wrong("composition_jacobian_x", "shape")
def chain_rule_transposed(A, B, x):
    inner = np.cos(B @ x)[:, None] * B
    outer = A / (1 + (A @ np.sin(B @ x)) ** 2)[:, None]
    return (outer @ inner).T


@wrong(QUADRATIC_A, "symmetrised")
def doubled_off_the_diagonal(x, A):
    G = np.outer(x, x)
    return 2 * G - np.diag(np.diag(G))


@wrong("curve_jacobian", "shape")
def jacobian_of_a_curve_as_a_column(x):
    a, b = x * x, np.sin(x)
    return np.array([[2 * x * b + a * np.cos(x)], [2 * x + np.cos(x)]])


@wrong("trace_XX_jacobian", "transpose")
def trace_of_a_square_untransposed(X):
    return 2 * X


@wrong("inverse_vjp", "transpose")
def inverse_pulled_back_untransposed(delta, X):
    Y = np.linalg.inv(X)
    return -Y @ delta.T @ Y


@wrong("matvec_vjp_W", "layout")
def unrolled_by_columns_and_rolled_by_rows(delta, W, x):
    return np.outer(delta, x).ravel(order="F").reshape(W.shape)


@wrong("log_determinant_jacobian", "transpose")
def inverse_untransposed(X):
    return np.linalg.inv(X)


@wrong("trace_with_symmetric_jacobian_L", "diagonal")
def symmetric_by_entries_without_correction(A, L):
    return np.tril(A + A.T)


# ---- wrong: parts missing


@wrong("softmax_jacobian", "missing-term|diagonal")
def softmax_jacobian_without_the_outer_product(x):
    return np.diag(softmax(x))


@wrong("softmax_jacobian", "diagonal")
def softmax_jacobian_diagonal_only(x):
    z = softmax(x)
    return np.diag(z * (1 - z))


@wrong("softmax_vjp", "missing-term")
def softmax_vjp_without_the_sum(delta, x):
    return delta * softmax(x)


@wrong("softmax_vjp", "missing-term|unexplained")
def softmax_vjp_of_the_diagonal(delta, x):
    z = softmax(x)
    return delta * z * (1 - z)


@wrong(QUADRATIC, "region")
def quadratic_form_of_a_symmetric_matrix(x, A):
    return 2 * A @ x


@wrong(QUADRATIC, "missing-term")
def quadratic_form_half(x, A):
    return A @ x


@wrong(RIDGE, "missing-term|detached")
def ridge_without_the_penalty(theta, X, Y):
    return 2 / len(Y) * X.T @ (X @ theta - Y)


@wrong(RIDGE, "missing-term")
def ridge_with_half_the_penalty(theta, X, Y):
    return 2 / len(Y) * X.T @ (X @ theta - Y) + 0.1 * theta


@wrong("softmax_cross_entropy_jacobian_theta", "missing-term")
def forgets_to_subtract_the_target(theta, y):
    return softmax(theta)


@wrong("tanh_vjp", "missing-term")
def tanh_with_the_square_forgotten(delta, x):
    return delta * (1 - np.tanh(x))


@wrong("sigmoid_vjp", "missing-term")
def sigmoid_without_one_minus(delta, x):
    return delta * sigmoid(x)


@wrong("silu_vjp", "missing-term")
def silu_without_the_second_term(delta, x):
    return delta * sigmoid(x)


@wrong("gelu_vjp", "missing-term")
def gelu_without_the_density(delta, x):
    return delta * special.ndtr(x)


@wrong("exp_vjp", "cotangent")
def forgets_the_cotangent(delta, x):
    return np.exp(x)


@wrong(NORM, "factor|returned")
def forgets_to_normalise(x):
    return x.copy()


@wrong(VARIANCE, "missing-term")
def variance_of_uncentred_values(x):
    return 2 * x / len(x)


@wrong(LAYER_NORM, "missing-term|detached")
def layer_norm_through_the_numerator_only(delta, x):
    c = x - x.mean()
    s = np.sqrt((c**2).mean() + 0.25)
    return (delta - delta.mean()) / s


@wrong(LOGISTIC, "missing-term|detached")
def logistic_gradient_without_targets(theta, X, y):
    return X.T @ sigmoid(X @ theta) / len(y)


# ---- wrong: another derivative


@wrong("normal_equations_vjp_Y", "unexplained")
def solves_for_the_wrong_side(delta, X, Y):
    return X @ np.linalg.solve(X.T @ X, X.T @ Y)


@wrong("softmax_cross_entropy_jacobian_theta", "other-argument")
def derivative_by_the_target(theta, y):
    return -np.log(softmax(theta))


@wrong("softmax_vjp", "other-argument")
def value_instead_of_derivative(delta, x):
    return softmax(x)


@wrong("softplus_vjp", "other-argument")
def softplus_itself(delta, x):
    return np.log1p(np.exp(x))


@wrong("softmax_vjp", "other-argument")
def jacobian_instead_of_vjp(delta, x):
    z = softmax(x)
    return np.diag(z) - np.outer(z, z)


@wrong("composition_vjp_x", "other-argument|shape")
def pushes_forward_instead_of_back(delta, A, B, x):
    return A / (1 + (A @ np.sin(B @ x)) ** 2)[:, None] @ (np.cos(B @ x)[:, None] * B)


@wrong(MATMUL_A, "raises")
def matmul_without_the_transpose(delta, A, B):
    return delta @ B


@wrong(MATMUL_B, "other-argument")
def gradient_of_the_other_factor(delta, A, B):
    return delta @ B.T


# ---- wrong: in places


@wrong("relu_vjp", "region")
def leaky_relu(delta, x):
    return delta * np.where(x > 0, 1.0, 0.01)


@wrong("absolute_vjp", "region|returned")
def absolute_value_without_sign(delta, x):
    return delta * np.ones_like(x)


@wrong("exp_vjp", "region")
def exponential_clipped(delta, x):
    return delta * np.exp(np.minimum(x, 3))


@wrong("sqrt_vjp", "region")
def square_root_with_a_floor(delta, x):
    return delta / (2 * np.sqrt(np.maximum(x, 0.5)))


@wrong("softmax_cross_entropy_jacobian_theta_any_y", "region|missing-factor")
def assumes_that_the_target_sums_to_one(theta, y):
    return softmax(theta) - y


@wrong("squared_norm_jacobian", "region")
def loop_that_stops_at_three(x):
    g = np.zeros_like(x)
    for i in range(min(3, len(x))):
        g[i] = 2 * x[i]
    return g


@wrong("matvec_vjp_W", "region|raises")
def works_for_square_matrices_only(delta, W, x):
    return np.outer(delta, x) if W.shape[0] == W.shape[1] else np.outer(delta, x) * 0


@wrong("tanh_vjp", "non-finite")
def tanh_by_naive_quotients(delta, x):
    t = (np.exp(600 * x) - np.exp(-600 * x)) / (np.exp(600 * x) + np.exp(-600 * x))
    return delta * (1 - np.tanh(x) ** 2) + 0 * t


@wrong("logsumexp_jacobian", "non-finite")
def softmax_of_the_cubes(x):
    e = np.exp(x**3 * 20)
    return softmax(x) + 0 * (e - e)


@wrong("squared_norm_jacobian", "non-finite")
def norm_times_direction(x):
    n = np.sqrt(x @ x)
    return 2 * n * (x / n)


# ---- wrong: precision and behaviour


@wrong("exp_vjp", "precision")
def exponential_in_single_precision(delta, x):
    return np.float64(delta * np.exp(x.astype(np.float32)))


@wrong("softmax_jacobian", "precision")
def result_in_single_precision(x):
    z = softmax(x)
    return (np.diag(z) - np.outer(z, z)).astype(np.float32)


@wrong("sin_vjp", "precision")
def central_differences(delta, x):
    return delta * (np.sin(x + 1e-5) - np.sin(x - 1e-5)) / 2e-5


@wrong("exp_vjp", "precision")
def forward_differences(delta, x):
    return delta * (np.exp(x + 1e-6) - np.exp(x)) / 1e-6


@wrong("gelu_vjp", "constant")
def gelu_by_its_tanh_approximation(delta, x):
    c, a = np.sqrt(2 / np.pi), 0.044715
    t = np.tanh(c * (x + a * x**3))
    return delta * (0.5 * (1 + t) + 0.5 * x * (1 - t**2) * c * (1 + 3 * a * x**2))


@wrong("matvec_vjp_W", "precision", dtype="float32")
def half_precision_in_the_middle(delta, W, x):
    return np.outer(delta.astype(np.float16), x.astype(np.float16)).astype(np.float32)


@wrong("sigmoid_vjp", "nondeterministic")
def with_dropout(delta, x):
    s = sigmoid(x)
    return delta * s * (1 - s) * (np.random.default_rng().random(x.shape) > 0.5) * 2


@wrong("matvec_vjp_W", "raises")
def axes_out_of_bounds(delta, W, x):
    return np.swapaxes(np.outer(delta, x), 0, 2)


@wrong("logsumexp_jacobian", "wrong-type")
def prints_instead_of_returning(x):
    softmax(x)


# ---- right: written over the arguments, which is a warning


@right("squared_norm_jacobian")
def in_place(x):
    x *= 2
    return x


# ---- right: loops


@right("softmax_jacobian")
def softmax_jacobian_in_loops(x):
    z = softmax(x)
    return [[z[i] * ((i == j) - z[j]) for j in range(len(x))] for i in range(len(x))]


@right("matvec_vjp_W")
def outer_product_in_loops(delta, W, x):
    G = np.zeros(W.shape)
    for i in range(W.shape[0]):
        for j in range(W.shape[1]):
            G[i, j] = delta[i] * x[j]
    return G


@right("matvec_jacobian_W")
def jacobian_in_loops(W, x):
    J = np.zeros((len(W), *W.shape))
    for i in range(len(W)):
        J[i, i] = x
    return J


@right("mean_squared_error_jacobian_theta")
def regression_in_loops(theta, X, Y):
    g = np.zeros(len(theta))
    for x, y in zip(X, Y, strict=True):
        g += 2 * (x @ theta - y) * x / len(Y)
    return g


@right("mean_squared_error_jacobian_theta")
def regression_expanded(theta, X, Y):
    return 2 * (X.T @ X @ theta - X.T @ Y) / len(Y)


@right("mean_squared_error_jacobian_theta")
def regression_as_the_notes_have_it(theta, X, Y):
    return 2 * np.mean((X @ theta - Y)[:, None] * X, axis=0)


@right("mean_squared_error_hessian_theta")
def hessian_by_einsum(theta, X, Y):
    return np.einsum("ni,nj->ij", X, X) * 2 / X.shape[0]


@right("squared_norm_jacobian")
def squared_norm_as_a_list(x):
    return [2 * float(v) for v in x]


@right("squared_norm_hessian")
def squared_norm_hessian_in_integers(x):
    return np.diag(np.full(len(x), 2))


@right("identity_map_jacobian")
def identity_by_comparison(x):
    i = np.arange(len(x))
    return i[:, None] == i


# ---- right: other forms


@right("softmax_vjp")
def softmax_vjp_by_the_matrix(delta, x):
    z = softmax(x)
    return delta @ (np.diag(z) - np.outer(z, z))


@wrong("softmax_vjp", "non-finite")
def softmax_vjp_without_shift(delta, x):
    z = np.exp(x) / np.exp(x).sum()
    return z * (delta - delta @ z)


@right("softmax_jvp")
def softmax_jvp_by_einsum(x, v):
    z = special.softmax(x)
    return np.einsum("i,i->i", z, v) - np.einsum("i,j,j->i", z, z, v)


@right("logsumexp_jacobian")
def softmax_by_logarithms(x):
    return np.exp(x - special.logsumexp(x))


@wrong("logsumexp_hessian", "non-finite")
def hessian_without_shift(x):
    e = np.exp(x)
    s = e.sum()
    return np.diag(e) / s - np.outer(e, e) / s**2


@right("softmax_cross_entropy_jacobian_theta")
def cross_entropy_for_any_target(theta, y):
    return y.sum() * softmax(theta) - y


@wrong("softmax_cross_entropy_jacobian_y", "non-finite")
def log_of_softmax(theta, y):
    return -np.log(special.softmax(theta))


@right("softmax_cross_entropy_hessian_theta")
def hessian_as_a_variance(theta, y):
    z = softmax(theta)
    return (np.eye(len(z)) - z) * z[:, None]


@right(BATCH)
def cross_entropy_over_the_batch(logits, y):
    return (softmax(logits) - y) / len(logits)


@right(LINEAR_W)
def weight_gradient(delta, x, W, b):
    return np.einsum("bn,bm->nm", x, delta)


@right(LINEAR_B)
def bias_gradient(delta, x, W, b):
    return np.ones(len(delta)) @ delta


@right(LINEAR_X)
def input_gradient(delta, x, W, b):
    return (W @ delta.T).T


@right("exp_vjp")
def exponential_by_powers(delta, x):
    return delta * np.e**x


@right("tanh_vjp")
def tanh_by_cosh(delta, x):
    return delta / np.cosh(x) ** 2


@right("tanh_vjp")
def tanh_by_its_square(delta, x):
    return delta * (1 - np.tanh(x) ** 2)


@right("sigmoid_vjp")
def sigmoid_without_care(delta, x):
    s = sigmoid(x)
    return delta * (s - s * s)


@right("sigmoid_jacobian")
def sigmoid_of_scipy(x):
    return np.diag(special.expit(x) * special.expit(-x))


@wrong("softplus_vjp", "non-finite")
def softplus_by_a_quotient(delta, x):
    return delta * np.exp(x) / (1 + np.exp(x))


@right("silu_vjp")
def silu_by_the_product_rule(delta, x):
    s = sigmoid(x)
    return delta * (s + x * s * (1 - s))


@right("gelu_vjp")
def gelu_of_scipy(delta, x):
    return delta * (special.ndtr(x) + x * np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi))


@right("erf_vjp")
def erf_with_a_root(delta, x):
    return delta * 2 / np.pi**0.5 * np.exp(-np.square(x))


@right("relu_vjp")
def relu_by_a_mask(delta, x):
    g = delta.copy()
    g[x < 0] = 0
    return g


@right("absolute_vjp")
def sign_by_division(delta, x):
    return delta * x / abs(x)


@right("log_vjp")
def logarithm(delta, x):
    return delta / x


@right("rsqrt_vjp")
def power_rule(delta, x):
    return -0.5 * delta * x**-1.5


@right("composition_vjp_x")
def backwards_step_by_step(delta, A, B, x):
    a = B @ x
    s = np.sin(a)
    d_z = delta / (1 + (A @ s) ** 2)
    d_s = A.T @ d_z
    return B.T @ (d_s * np.cos(a))


@right("composition_jacobian_x")
def with_diagonal_matrices(A, B, x):
    a = B @ x
    return np.diag(1 / (1 + (A @ np.sin(a)) ** 2)) @ A @ np.diag(np.cos(a)) @ B


@right("normal_equations_vjp_Y")
def by_qr(delta, X, Y):
    Q, R = np.linalg.qr(X)
    return Q @ np.linalg.solve(R.T, delta)


@right(QUADRATIC)
def quadratic_form(x, A):
    return (A + A.T) @ x


@right(VARIANCE)
def variance_by_moments(x):
    return 2 * (x - np.sum(x) / len(x)) / len(x)


@right(LAYER_NORM)
def layer_norm_backward(delta, x):
    c = x - x.mean()
    s = np.sqrt((c**2).mean() + 0.25)
    z = c / s
    return (delta - delta.mean() - z * (delta * z).mean()) / s


@right(ATTENTION_Q)
def attention_backward(delta, q, K, V):
    p = softmax(K @ q)
    d = V @ delta
    return K.T @ (p * (d - p @ d))


@right(LOG_DET)
def log_determinant(X):
    return 2 * np.linalg.solve(X @ X.T + 4 * np.eye(len(X)), X)


@right("trace_of_AXk_jacobian_X")
def power_rule_by_sums(A, X, k):
    P = [np.linalg.matrix_power(X, r) for r in range(k + 1)]
    return sum((P[r].T @ A.T @ P[k - 1 - r].T for r in range(k)), np.zeros_like(X))


@right("inverse_form_jacobian_X")
def inverse_form_by_the_inverse(a, X, b):
    Y = np.linalg.inv(X)
    return -Y.T @ np.outer(a, b) @ Y.T


# ---- right: in single precision


@right("softmax_vjp", dtype="float32")
def softmax_vjp_in_single_precision(delta, x):
    z = softmax(x)
    return z * (delta - delta @ z)


@right("mean_squared_error_jacobian_theta", dtype="float32")
def accumulates_in_single_precision(theta, X, Y):
    g = np.zeros(len(theta), np.float32)
    for x, y in zip(X, Y, strict=True):
        g += (x @ theta - y) * x
    return g * np.float32(2 / len(Y))


@right("composition_vjp_x", dtype="float32")
def backwards_in_single_precision(delta, A, B, x):
    a = B @ x
    return B.T @ (A.T @ (delta / (1 + (A @ np.sin(a)) ** 2)) * np.cos(a))


@right("gelu_vjp", dtype="float32")
def gelu_in_single_precision(delta, x):
    phi = np.exp(-x * x / np.float32(2)) / np.float32(np.sqrt(2 * np.pi))
    return delta * (special.ndtr(x) + x * phi)

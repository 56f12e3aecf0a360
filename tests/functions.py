"""Functions as people write them, unstable ones among them, each with its signature and what its arguments may be."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import erf, gammaln, logsumexp, xlogy

from identities.domains import Drawn, boolean, distribution, index, positive, positive_definite


@dataclass(frozen=True)
class Written:
    """A function, and how it is described to the oracle."""

    name: str
    function: Callable[..., Any]
    signature: str | None = None  # or as its annotations say
    domains: Mapping[str, Any] = field(default_factory=dict)


WRITTEN: list[Written] = []


def written(signature: str, **domains: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add a function to the list."""

    def add(function: Callable[..., Any]) -> Callable[..., Any]:
        WRITTEN.append(Written(function.__name__, function, signature, domains))
        return function

    return add


def _entrywise(name: str, formula: Callable[[Any], Any], **domains: Any) -> None:
    def function(x):
        return formula(x)

    function.__name__ = name
    written("(n)->(n)", **domains)(function)


_entrywise("sigmoid_naive", lambda x: 1 / (1 + jnp.exp(-x)))
_entrywise("sigmoid_by_tanh", lambda x: 0.5 * (1 + jnp.tanh(x / 2)))
_entrywise("softplus_naive", lambda x: jnp.log(1 + jnp.exp(x)))
_entrywise("softplus_stable", lambda x: jnp.maximum(x, 0) + jnp.log1p(jnp.exp(-jnp.abs(x))))
_entrywise("tanh_by_exponentials", lambda x: (jnp.exp(x) - jnp.exp(-x)) / (jnp.exp(x) + jnp.exp(-x)))
_entrywise("silu", lambda x: x / (1 + jnp.exp(-x)))
_entrywise("mish", lambda x: x * jnp.tanh(jnp.log1p(jnp.exp(x))))
_entrywise("gelu_exact", lambda x: 0.5 * x * (1 + erf(x / jnp.sqrt(2.0).astype(x.dtype))))
_entrywise("gelu_tanh", lambda x: 0.5 * x * (1 + jnp.tanh(0.7978845608 * (x + 0.044715 * x**3))))
_entrywise("elu", lambda x: jnp.where(x > 0, x, jnp.exp(x) - 1))
_entrywise("selu", lambda x: 1.0507 * jnp.where(x > 0, x, 1.67326 * (jnp.exp(jnp.minimum(x, 0)) - 1)))
_entrywise("relu_squared", lambda x: jnp.maximum(x, 0) ** 2)
_entrywise("hardswish", lambda x: x * jnp.clip(x + 3, 0, 6) / 6)
_entrywise("leaky", lambda x: jnp.where(x > 0, x, 0.01 * x))
_entrywise("softsign", lambda x: x / (1 + jnp.abs(x)))
_entrywise("logit", lambda x: jnp.log(x / (1 - x)), x=positive.drawn_so(Drawn(lambda z: -0.1 - np.abs(z))))
_entrywise("expm1_naive", lambda x: jnp.exp(x) - 1)
_entrywise("one_minus_cosine", lambda x: 1 - jnp.cos(x))
_entrywise("sinc", lambda x: jnp.sinc(x))
_entrywise("square_root", jnp.sqrt, x=positive)
_entrywise("reciprocal_square_root", lambda x: 1 / jnp.sqrt(x), x=positive)
_entrywise("x_to_the_x", lambda x: x**x, x=positive)
_entrywise("polynomial", lambda x: 3 * x**3 - 2 * x**2 + x - 5)
_entrywise("expanded_cube", lambda x: x**3 - 3 * x**2 + 3 * x - 1)
_entrywise("gaussian", lambda x: jnp.exp(-x * x / 2))
_entrywise("arctangent", jnp.arctan)
_entrywise("log_cosh", lambda x: jnp.log(jnp.cosh(x)))
_entrywise("log_gamma", gammaln, x=positive)
_entrywise("swish_of_square", lambda x: x * x / (1 + jnp.exp(-x)))


@written("(n)->(n)")
def softmax_naive(x):
    return jnp.exp(x) / jnp.exp(x).sum()


@written("(b,n)->(b,n)")
def softmax_rows(x):
    e = jnp.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


@written("(b,n)->(b,n)")
def log_softmax_rows(x):
    return x - logsumexp(x, axis=-1, keepdims=True)


@written("(n)->()")
def log_sum_exp_naive(x):
    return jnp.log(jnp.exp(x).sum())


@written("(n)->()")
def variance(x):
    return ((x - x.mean()) ** 2).mean()


@written("(n)->()")
def variance_of_moments(x):
    return (x * x).mean() - x.mean() ** 2


@written("(n+1)->()")
def standard_deviation(x):
    return jnp.sqrt(jnp.sum((x - x.mean()) ** 2) / (len(x) - 1))


@written("(n)->()")
def norm(x):
    return jnp.sqrt((x * x).sum())


@written("(n)->(n)")
def normalised(x):
    return x / jnp.sqrt((x * x).sum())


@written("(n)->(n)")
def normalised_safely(x):
    return x / jnp.sqrt((x * x).sum() + 1e-6)


@written("(n),(n)->()")
def cosine_similarity(a, b):
    return a @ b / (jnp.sqrt(a @ a) * jnp.sqrt(b @ b))


@written("(t,c),(c),(c)->(t,c)")
def layer_norm(x, w, b):
    mean = x.mean(-1, keepdims=True)
    variance = ((x - mean) ** 2).mean(-1, keepdims=True)
    return (x - mean) / jnp.sqrt(variance + 1e-5) * w + b


@written("(t,c),(c)->(t,c)")
def rms_norm(x, w):
    return x / jnp.sqrt((x * x).mean(-1, keepdims=True) + 1e-5) * w


@written("(b,c)->(b,c)")
def batch_norm(x):
    return (x - x.mean(0)) * jax.lax.rsqrt(x.var(0) + 1e-5)


@written("(b,2*g)->(b,2*g)")
def group_norm(x):
    groups = x.reshape(len(x), 2, -1)
    centred = groups - groups.mean(-1, keepdims=True)
    return (centred / jnp.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5)).reshape(x.shape)


@written("(b,k),(b)->()", labels=index("k"))
def cross_entropy(logits, labels):
    return -jnp.take_along_axis(jax.nn.log_softmax(logits), labels[:, None], 1).mean()


@written("(b,k),(b)->()", labels=index("k"))
def cross_entropy_naive(logits, labels):
    p = jnp.exp(logits) / jnp.exp(logits).sum(-1, keepdims=True)
    return -jnp.log(jnp.take_along_axis(p, labels[:, None], 1)).sum()


@written("(n),(n)->()", y=boolean)
def binary_cross_entropy(x, y):
    return (jnp.log1p(jnp.exp(-jnp.abs(x))) + jnp.maximum(x, 0) - x * y).mean()


@written("(n),(n)->()", p=distribution, q=positive)
def divergence(p, q):
    return (xlogy(p, p) - p * jnp.log(q)).sum()


@written("(n),(n)->()")
def huber(x, y):
    r = x - y
    return jnp.where(jnp.abs(r) < 1, r * r / 2, jnp.abs(r) - 0.5).mean()


@written("(b,d),(b,d)->()")
def contrastive(x, y):
    x = x / jnp.sqrt((x * x).sum(-1, keepdims=True) + 1e-6)
    y = y / jnp.sqrt((y * y).sum(-1, keepdims=True) + 1e-6)
    return -jnp.diagonal(jax.nn.log_softmax(5 * x @ y.T)).mean()


@written("(n,d),(m,d)->(n,m)")
def squared_distances(x, y):
    return ((x[:, None] - y[None]) ** 2).sum(-1)


@written("(n,d),(m,d)->(n,m)")
def squared_distances_by_products(x, y):
    return (x * x).sum(-1)[:, None] + (y * y).sum(-1)[None] - 2 * x @ y.T


@written("(t,c),(s,c),(s,d)->(t,d)")
def attention(q, k, v):
    return jax.nn.softmax(q @ k.T / jnp.sqrt(q.shape[-1]).astype(q.dtype)) @ v


@written("(t,c),(t,c),(t,c)->(t,c)")
def causal_attention(q, k, v):
    scores = jnp.where(jnp.tril(jnp.ones((len(q), len(q)), bool)), q @ k.T, -jnp.inf)
    return jax.nn.softmax(scores) @ v


@written("(v,c),(t)->(t,c)", ids=index("v"))
def embedding(w, ids):
    return w[ids]


@written("(n),(h,n),(h)->(h)")
def recurrent_cell(x, w, h):
    return jnp.tanh(w @ x + h)


@written("(n),(h,n),(h)->(h)")
def gated(x, w, h):
    z = jax.nn.sigmoid(w @ x)
    return z * h + (1 - z) * jnp.tanh(w @ x)


@written("(b,i),(i,h),(h,o)->(b,o)")
def two_layers(x, w1, w2):
    return jnp.maximum(x @ w1, 0) @ w2


@written("(c,n+2),(f,c,3)->(f,n)")
def convolution(x, w):
    return jax.lax.conv_general_dilated(x[None], w, (1,), "VALID")[0]


@written("(b,2*n)->(b,n)")
def swiglu(x):
    a, b = jnp.split(x, 2, axis=-1)
    return jax.nn.silu(a) * b


@written("(n)->(n)")
def running_sum(x):
    return jnp.cumsum(x)


@written("(n)->(n)")
def running_product(x):
    return jnp.cumprod(x)


@written("(n)->()")
def product(x):
    return jnp.prod(x)


@written("(n),(n)->(n)")
def scanned(x, a):
    def step(h, xa):
        h = jnp.tanh(xa[0] + xa[1] * h)
        return h, h

    return jax.lax.scan(step, jnp.zeros((), x.dtype), (x, a))[1]


@written("(n),(m)->(m)")
def interpolation(y, t):
    """At places between the entries of y."""
    grid = jnp.linspace(-8, 8, len(y)).astype(y.dtype)
    return jnp.interp(t, grid, y)


@written("(n,n)->()", A=positive_definite)
def log_determinant(A):
    return jnp.linalg.slogdet(A)[1]


@written("(n,n),(n)->(n)", A=positive_definite)
def solution(A, b):
    return jnp.linalg.solve(A, b)


@written("(n,n)->(n,n)", A=positive_definite)
def cholesky_factor(A):
    return jnp.linalg.cholesky(A)


@written("(n)->()")
def largest(x):
    return jnp.max(x)


@written("(n),(n)->()")
def log_density(x, s):
    return (-0.5 * (x * jnp.exp(-s)) ** 2 - s - 0.9189385332).sum()


@written("(m,k),(k,n),(n)->(m)")
def composition(A, B, x):
    return jnp.arctan(A @ jnp.sin(B @ x))


@written("(n),(k,n),(k,l),(l,n)->()")
def curves_form(x, S, A, R):
    return jnp.sin(S @ x) @ A @ jnp.cos(R @ x)

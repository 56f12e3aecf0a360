"""Norms, products, running products and largest entries, where something is zero, or equal."""

import jax
import jax.numpy as jnp
import numpy as np

from identities.domains import distribution, longer_than_one
from identities.oracle.asking import claim
from tests.reports.corpus import gradient, of_claim, vjp


def deviation(x):
    return jnp.sqrt(((x - x.mean()) ** 2).sum() / (x.shape[0] - 1))


deviations = vjp(
    "Lightning-AI/lightning-thunder#1848",
    deviation,
    "x",
    "(n)->()",
    lambda g, x: g * (x - x.mean()) / np.std(x, ddof=1) / (len(x) - 1),
    x=longer_than_one,
)
deviations.wrong("constant", lambda g, x: g * (x - x.mean()) / (np.std(x, ddof=1) + 1e-8) / (len(x) - 1))


def norm_squared(x):
    return jnp.linalg.norm(x) ** 2


def dot_with_itself(x):
    return x @ x


def by_the_norm(g, x):
    """Nothing divided by nothing where x is zero, although the function is smooth there."""
    size = np.linalg.norm(x)
    return 2 * g * size * (x / size)


for function in (norm_squared, dot_with_itself):
    norm = vjp("HIPS/autograd#586", function, "x", "(n)->()", lambda g, x: 2 * g * x)
    norm.wrong("non-finite", by_the_norm)


def magnitude(parts):
    return jnp.sqrt((parts**2).sum())


of_complex = vjp("HIPS/autograd#612", magnitude, "parts", "(2,n)->()", lambda g, z: g * z / np.linalg.norm(z))
of_complex.wrong("sign", lambda g, z: g * z / np.linalg.norm(z) * np.array([[1.0], [-1.0]]))


def product(x):
    return jnp.prod(x)


def products_of_the_others(g, x):
    return g * np.array([np.prod(np.delete(x, i)) for i in range(len(x))])


def without_its_axis(g, x):
    return np.asarray(g) if len(x) == 1 and x[0] == 0 else products_of_the_others(g, x)


one_zero = of_claim(
    "pytorch/pytorch#82644",
    claim("vjp", product, "x", "(n)->()", None),
    products_of_the_others,
    shapes=5,
    instances=128,
)
one_zero.wrong("shape", without_its_axis)


def running_product(x):
    return jnp.cumprod(x)


def running_product_backward(g, x):
    """Every entry meets the products of all the others up to each end."""
    found = np.zeros_like(x)
    for end in range(len(x)):
        found[: end + 1] += products_of_the_others(g[end], x[: end + 1])
    return found


def by_division(g, x):
    with np.errstate(all="ignore"):
        return np.nan_to_num((g * np.cumprod(x))[::-1].cumsum()[::-1] / x, nan=0.0, posinf=0.0, neginf=0.0)


after_zeros = vjp("tensorflow/tensorflow#119430", running_product, "x", "(n)->(n)", running_product_backward)
after_zeros.wrong("region", by_division)


def divergence(target, log_prediction):
    return (jax.scipy.special.xlogy(target, target) - target * log_prediction).sum()


def minus_infinity_at_zero(target, log_prediction):
    with np.errstate(divide="ignore"):
        return np.log(target) + 1 - log_prediction


def zero_at_zero(target, log_prediction):
    return np.where(target == 0, 0, minus_infinity_at_zero(np.where(target == 0, 1, target), log_prediction))


by_target = gradient(
    "pytorch/pytorch#89558", divergence, "target", "(n),(n)->()", minus_infinity_at_zero, target=distribution
)
by_target.convention("t log t has no derivative at 0, where its domain ends", zero_at_zero)


def distances(x):
    return jnp.sqrt(((x[:, None] - x) ** 2).sum(-1))


def distances_with_care(x):
    squares = ((x[:, None] - x) ** 2).sum(-1)
    apart = squares > 0
    return jnp.where(apart, jnp.sqrt(jnp.where(apart, squares, 1)), 0)


def distances_backward(g, x, at_zero=0.0):
    apart = x[:, None] - x
    sizes = np.linalg.norm(apart, axis=-1)
    with np.errstate(all="ignore"):
        by = (g + g.T) / np.where(sizes == 0, at_zero, sizes)
        return (by[..., None] * apart).sum(1)


def distances_backward_with_care(g, x):
    return distances_backward(g, x, at_zero=1.0)


for function in (distances, distances_with_care):
    apart = vjp("pytorch/pytorch#37154", function, "x", "(n,d)->(n,n)", distances_backward_with_care)
    apart.wrong("non-finite", distances_backward)


def largest(x):
    return jnp.max(x, axis=0)


def to_each(g, x):
    return g * (x == x.max(0))


ties = vjp("apache/mxnet#18563", largest, "x", "(n,m)->(m)", lambda g, x: to_each(g, x) / (x == x.max(0)).sum(0))
ties.wrong("missing-factor|region", to_each)

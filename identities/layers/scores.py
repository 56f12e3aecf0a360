"""What queries say of keys: their products, scaled and perhaps capped; and which keys a query sees at all.

Heads of queries may share one of keys. In here, queries are (..., groups, t, d) where keys are (..., s, d).
"""

from dataclasses import dataclass
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

Q: TypeAlias = Float[Array, "... groups t d"]
K: TypeAlias = Float[Array, "... s d"]
S: TypeAlias = Float[Array, "... groups t s"]
Rows: TypeAlias = Float[Array, "... groups t 1"]
Seen: TypeAlias = Bool[Array, "t s"]


@dataclass(frozen=True)
class Scores:
    """How scores come of queries and keys.

    **Fields:**

    - `scale`: what products are multiplied by; one over the root of their length, if it is None.
    - `is_causal`: a query sees no key that comes later.
    - `window`: a query sees no key that comes as much earlier as this, or more.
    - `softcap`: what no score gets beyond, by a hyperbolic tangent.
    """

    scale: float | None = None
    is_causal: bool = False
    window: int | None = None
    softcap: float | None = None

    def __call__(self, q: Q, k: K) -> S:
        """The scores, of keys that are not seen too."""
        s = products(q, k) * self._scale_of(q)
        return s if self.softcap is None else self.softcap * jnp.tanh(s / self.softcap)

    def pull(self, ds: S, s: S, q: Q, k: K) -> tuple[Q, K]:
        """A cotangent of the scores s, pulled back to queries and keys."""
        ds = self._uncapped(ds, s)
        return weighted(ds, k) * self._scale_of(q), gathered(ds, q) * self._scale_of(q)

    def push(self, s: S, q: Q, k: K, dq: Q, dk: K) -> S:
        """What the scores s do when queries and keys move."""
        return self._uncapped((products(dq, k) + products(q, dk)) * self._scale_of(q), s)

    def sees(self, distance: Any) -> Any:
        """Whether a query sees the key that comes so much earlier; distances are NumPy's or JAX's."""
        seen = distance == distance
        if self.is_causal:
            seen = seen & (distance >= 0)
        return seen if self.window is None else seen & (distance < self.window)

    def seen(self, t: int, s: int) -> Seen:
        """Which of s keys each of t queries sees."""
        return self.sees(jnp.arange(t)[:, None] - jnp.arange(s))

    def _scale_of(self, q):
        return q.shape[-1] ** -0.5 if self.scale is None else self.scale

    def _uncapped(self, ds, s):
        """Times the derivative of the hyperbolic tangent."""
        return ds if self.softcap is None else ds * (1 - s / self.softcap) * (1 + s / self.softcap)


def products(q: Q, k: K) -> S:
    """Of every query and every key."""
    return jnp.einsum("...gtd,...sd->...gts", q, k)


def weighted(w: S, v: K) -> Q:
    """For each query, the sum of the keys' vectors with its weights."""
    return jnp.einsum("...gts,...sd->...gtd", w, v)


def gathered(w: S, q: Q) -> K:
    """For each key, the sum of the queries' vectors with their weights of it, over all heads that share it."""
    return jnp.einsum("...gts,...gtd->...sd", w, q)


def row_sums(s: S) -> Rows:
    return s.sum(axis=-1, keepdims=True)


def exponentials(s: S, shift: Rows, seen: Seen) -> S:
    """exp(s - shift); of what is not seen zero, whatever it is."""
    return jnp.exp(jnp.where(seen, s - shift, -jnp.inf))


def largest(s: S, seen: Seen, initial: Rows | float) -> Rows:
    """The largest score that each query sees, or `initial`, as a constant: weights do not depend on their shift."""
    of_rows = jnp.where(seen, s, -jnp.inf).max(axis=-1, keepdims=True)
    return jax.lax.stop_gradient(jnp.maximum(of_rows, initial))


def or_one(sums: Rows) -> Rows:
    """Sums of exponentials to divide by: a query that sees nothing has weights of zero, and not of 0/0."""
    return jnp.where(sums == 0, 1, sums)

"""Mixtures of experts: which of them a token goes to, with what weights, and a loss that keeps their load balanced."""

from typing import Annotated, TypeAlias

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from identities.catalog import vjp
from identities.checking import checked
from identities.domains import Drawn, index
from identities.options import Static
from identities.softmax import pulled_back
from identities.sources import paper

Logits: TypeAlias = Annotated[Float[Array, "t e"], Drawn(largest=4)]
Chosen: TypeAlias = Annotated[Int[Array, "t k"], index("e")]


def _largest(x, k):
    """The k largest entries of each row, and their places; all of them where there are fewer."""
    return jax.lax.top_k(x, min(k, x.shape[-1]))


def _placed(values, places, like):
    return jnp.put_along_axis(jnp.zeros_like(like), places, values, -1, inplace=False)


@checked
def top_k_gating(x: Logits, k: Annotated[int, Static(1, 2)]) -> Logits:
    """z = softmax of the k largest logits of each token, zero elsewhere; of equal ones, the first are kept."""
    kept, places = _largest(x, k)
    return _placed(jax.nn.softmax(kept), places, x)


@vjp(
    top_k_gating,
    wrt="x",
    states=r"\frac{\partial J}{\partial x} = z \circ (\delta - \langle \delta, z \rangle)",
    source=paper("Sparsely-Gated Mixture-of-Experts", "3"),
    saves="z",
)
def top_k_gating_vjp(delta, x, k):
    """That of softmax, among those that were kept."""
    kept, places = _largest(x, k)
    return _placed(pulled_back(jnp.take_along_axis(delta, places, -1), kept), places, x)


def _load(chosen, like):
    """The fraction of choices that fall on each expert."""
    e = like.shape[-1]
    return jnp.zeros(e, like.dtype).at[chosen.ravel()].add(1) / chosen.size


@checked
def load_balancing_loss(x: Logits, chosen: Chosen) -> Float[Array, ""]:
    """J = e sum(f P): f is the fraction of choices of each of e experts, P the mean over tokens of the softmax of x.

    It is least, one, where both are uniform. Which experts were chosen has no derivative.
    """
    return x.shape[-1] * _load(chosen, x) @ jax.nn.softmax(x).mean(0)


@vjp(
    load_balancing_loss,
    wrt="x",
    states=r"\frac{\partial J}{\partial x} = \delta \frac{e}{t} p \circ (f - \langle f, p \rangle),"
    r"\quad p = \operatorname{softmax}(x)",
    source=paper("Switch Transformers", "4"),
    saves="p",
)
def load_balancing_loss_vjp(delta, x, chosen):
    """That of softmax, for the same cotangent in every row: the loads."""
    t, e = x.shape
    return pulled_back(delta * (e / t) * _load(chosen, x), x)

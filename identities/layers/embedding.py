"""Rows looked up in a table by their numbers, one by one and in bags.

The gradient of the table is a sum over all places at which a row was looked up, in float32 at least: a frequent row
would outgrow what a half-precision number can be added to.

PyTorch's `scale_grad_by_freq`, which divides that sum by their number, is left out: it is no derivative of the result.
"""

from typing import Annotated, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from identities.catalog import vjp
from identities.checking import checked
from identities.domains import index, offsets
from identities.layers.rows import wide
from identities.options import OneOf, Tried
from identities.sources import torch

Table: TypeAlias = Float[Array, "v d"]
Ids: TypeAlias = Annotated[Int[Array, "... t"], index("v")]
Listed: TypeAlias = Annotated[Int[Array, " t"], index("v")]
Offsets: TypeAlias = Annotated[Int[Array, " b"], offsets("t")]
Bags: TypeAlias = Float[Array, "b d"]
Padding: TypeAlias = Annotated[int | None, Tried(None, 0)]


def _summed_at(ids: Array, rows: Array, table: Array) -> Array:
    """A table of zeros to which rows are added, each at its number."""
    return jnp.zeros(table.shape, wide(rows).dtype).at[ids].add(wide(rows)).astype(table.dtype)


def _unless_padding(rows: Array, ids: Array, padding_idx: int | None) -> Array:
    return rows if padding_idx is None else jnp.where((ids == padding_idx)[..., None], 0, rows)


@checked
def embedding(ids: Ids, w: Table, padding_idx: Padding = None) -> Float[Array, "... t d"]:
    """The rows of w of those numbers; that of padding is zero, as PyTorch sets it once and then leaves it alone."""
    return _unless_padding(w[ids], ids, padding_idx)


@vjp(
    embedding,
    wrt="w",
    states=r"\frac{\partial J}{\partial w_v} = \sum_t [i_t = v] \, \delta_t",
    source=torch("embedding"),
)
def embedding_vjp(delta, ids, w, padding_idx=None):
    """The sum of the cotangents of all places at which a row was looked up; nothing for that of padding."""
    return _summed_at(ids, _unless_padding(delta, ids, padding_idx), w)


class _Bags(NamedTuple):
    """Which bag each number is in, and how many bags there are: what is in none, as padding, has the number of all."""

    bag: Array
    number: int

    def total(self, rows: Array) -> Array:
        return jax.ops.segment_sum(rows, self.bag, self.number)

    def sizes(self, dtype: jnp.dtype) -> Array:
        """Of each bag, and one for those that are empty."""
        return jnp.maximum(self.total(jnp.ones(self.bag.shape, dtype)), 1)[:, None]

    def largest(self, rows: Array) -> Array:
        """Of each column; zero in empty bags."""
        found = jax.ops.segment_max(rows, self.bag, self.number)
        return jnp.where(jnp.isinf(found), 0, found)

    def of_each(self, by_bag: Array) -> Array:
        """What its bag has, for each number; zero for those in none."""
        return by_bag.at[self.bag].get(mode="fill", fill_value=0)


def _bags(ids: Array, offsets: Array, padding_idx: int | None) -> _Bags:
    count = len(offsets)
    bag = jnp.zeros_like(ids).at[offsets].add(1, mode="drop").cumsum() - 1
    return _Bags(bag if padding_idx is None else jnp.where(ids == padding_idx, count, bag), count)


@checked
def embedding_bag(
    ids: Listed,
    w: Table,
    offsets: Offsets,
    mode: Annotated[str, OneOf("mean", "sum", "max")] = "mean",
    padding_idx: Padding = None,
) -> Bags:
    """The mean, the sum or the largest of the rows of each bag, which begins at its offset; padding is in none.

    A table of numbers, (b, k), is that of `ids.ravel()` with an offset at every k-th. An empty bag gives zero.
    """
    bags, rows = _bags(ids, offsets, padding_idx), w[ids]
    if mode == "max":
        return bags.largest(rows)
    total = bags.total(rows)
    return total if mode == "sum" else total / bags.sizes(w.dtype)


@vjp(
    embedding_bag,
    wrt="w",
    states=r"\frac{\partial J}{\partial w_v} = \sum_t [i_t = v] \, \delta_{b_t},"
    r" \text{ of means divided by their number, of maxima where the row has them}",
    source=torch("embedding_bag"),
)
def embedding_bag_vjp(delta, ids, w, offsets, mode="mean", padding_idx=None):
    """The sum of the cotangents of all bags that a row is in; rows that share a maximum share its cotangent."""
    bags = _bags(ids, offsets, padding_idx)
    if mode == "mean":
        delta = delta / bags.sizes(delta.dtype)
    each = bags.of_each(delta)
    if mode == "max":
        rows = w[ids]
        has_it = (rows == bags.of_each(bags.largest(rows))).astype(delta.dtype)
        each = has_it * bags.of_each(delta / jnp.maximum(bags.total(has_it), 1))
    return _summed_at(ids, each, w)


@checked
def weighted_embedding_bag(
    ids: Listed, w: Table, offsets: Offsets, s: Float[Array, " t"], padding_idx: Padding = None
) -> Bags:
    """The sum of the rows of each bag, each row times its own weight: PyTorch's `per_sample_weights`."""
    return _bags(ids, offsets, padding_idx).total(s[:, None] * w[ids])


@vjp(
    weighted_embedding_bag,
    wrt=("w", "s"),
    states=(r"\sum_t [i_t = v] \, s_t \delta_{b_t} \text{ in row } v", r"\langle \delta_{b_t}, w_{i_t} \rangle"),
    source=torch("embedding_bag"),
    exact=True,
)
def weighted_embedding_bag_vjp(delta, ids, w, offsets, s, padding_idx=None):
    """For the table, sums of weighted cotangents; for a weight, the product of its row and the cotangent of its bag."""
    each = _bags(ids, offsets, padding_idx).of_each(delta)
    return _summed_at(ids, s[:, None] * each, w), (each * w[ids]).sum(-1)

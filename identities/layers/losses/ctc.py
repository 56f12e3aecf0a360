"""Connectionist temporal classification: how probable a sequence of labels is, over all its alignments in time.

Labels are interleaved with blanks. In the statement, alpha is the logarithm of how probable it is to come to a place
among these, which is a recursion over time; and gamma how probable it is to have been there, of all alignments, which
is one back from the end.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, TypeAlias

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from identities.catalog import vjp
from identities.checking import checked
from identities.domains import Domain, index, integers
from identities.layers.reduction import Reduction, reduces
from identities.layers.rows import wide
from identities.options import OneOf, Static
from identities.sources import paper, torch


def _drawn_from(domain: Domain, low: str, high: str) -> Domain:
    """The same set, of which only integers are drawn that lie between two expressions in dimensions."""
    wanted = integers(low, high)

    def at(sizes: Mapping[str, int]) -> Domain:
        drawn = wanted.at(sizes)
        return replace(domain.at(sizes), project=drawn.project, admits=drawn.admits)

    return replace(domain, sized=at)


LogProbabilities: TypeAlias = Float[Array, "t n c"]
# None of them blank, and as much time as tells equal ones apart, with a blank between them.
Labels: TypeAlias = Annotated[Int[Array, "n s"], _drawn_from(index("c"), "1", "c-1")]
InputLengths: TypeAlias = Annotated[Int[Array, " n"], _drawn_from(integers(1, "t"), "2*s-1", "t")]
TargetLengths: TypeAlias = Annotated[Int[Array, " n"], integers(0, "s")]
Losses: TypeAlias = Annotated[Float[Array, ""] | Float[Array, " n"], reduces]


def _impossible(a):
    """A logarithm of nothing that has differences: minus infinity has none from itself."""
    return jnp.finfo(a.dtype).min / 2


def _is_possible(total):
    return total > _impossible(total) / 2


def _interleaved(x, y, blank):
    """Labels with blanks around them; which may follow the one before the last at once; their log-probabilities."""
    places = jnp.full((len(y), 2 * y.shape[1] + 1), blank, y.dtype).at[:, 1::2].set(y)
    skips = jnp.pad(places[:, 2:] != places[:, :-2], ((0, 0), (2, 0)))
    return places, skips, jnp.take_along_axis(wide(x), places[None], -1)


def _moved(a, by, nothing):
    """What has been that many places before, or `nothing` where there is no such place."""
    rest = jnp.full((len(a), abs(by)), nothing, a.dtype)
    parts = (rest, a[:, :-by]) if by > 0 else (a[:, -by:], rest)
    return jnp.concatenate(parts, axis=1)


def _at_end(a, target_lengths):
    """Of a place where an alignment may end, that is the last label and the blank after it, what is given there."""
    from_end = 2 * target_lengths[:, None] - jnp.arange(a.shape[1])
    return jnp.where((from_end == 0) | (from_end == 1), a, _impossible(a))


def _forwards(log_p, skips, input_lengths, gather):
    """Alpha at the end; and what is gathered, at all times, of alpha by the ways to a place: stay, move, skip."""
    impossible = _impossible(log_p)
    first = jnp.where(jnp.arange(log_p.shape[2]) < 2, log_p[0], impossible)

    def step(alpha, now):
        t, emitted = now
        skipped = jnp.where(skips, _moved(alpha, 2, impossible), impossible)
        ways = jnp.stack([alpha, _moved(alpha, 1, impossible), skipped])
        there = emitted + jax.nn.logsumexp(ways, axis=0)
        return jnp.where((t < input_lengths)[:, None], there, alpha), gather(ways)

    return jax.lax.scan(step, first, (jnp.arange(1, len(log_p)), log_p[1:]))


def _backwards(last, ways, input_lengths):
    """Gamma at all times, which is that of the end after it: of every place, by each way as much as came that way."""

    def step(gamma, now):
        t, (stayed, moved, skipped) = now
        before = stayed * gamma + _moved(moved * gamma, -1, 0) + _moved(skipped * gamma, -2, 0)
        return jnp.where((t < input_lengths)[:, None], before, gamma), gamma

    first, later = jax.lax.scan(step, last, (jnp.arange(1, len(ways) + 1), ways), reverse=True)
    return jnp.concatenate([first[None], later])


def _shares(target_lengths, dtype, reduction):
    """What each loss counts: in a mean, they are by the label."""
    labels = jnp.maximum(target_lengths, 1).astype(dtype)
    return 1 / (labels * len(labels)) if reduction == "mean" else jnp.ones_like(labels)


@checked
def ctc_loss(
    x: LogProbabilities,
    y: Labels,
    input_lengths: InputLengths,
    target_lengths: TargetLengths,
    blank: Annotated[int, Static(0, 0)] = 0,
    reduction: Reduction = "mean",
    zero_infinity: Annotated[bool, OneOf(False, True)] = False,
) -> Losses:
    """Minus the logarithm of how probable the labels are, over all alignments, by log-probabilities of classes in time.

    Where there is too little time for all labels, that is infinite; or zero, with `zero_infinity`.
    """
    _, skips, log_p = _interleaved(x, y, blank)
    alpha, _ = _forwards(log_p, skips, input_lengths, lambda ways: None)
    total = jax.nn.logsumexp(_at_end(alpha, target_lengths), axis=1)
    losses = jnp.where(_is_possible(total), -total, 0 if zero_infinity else jnp.inf)
    losses = (losses * _shares(target_lengths, losses.dtype, reduction)).astype(x.dtype)
    return losses if reduction == "none" else losses.sum()


@vjp(
    ctc_loss,
    wrt="x",
    states=r"-\delta \sum_{s: l_s = c} \gamma_{ts}",
    source=(torch("ctc_loss"), paper("CTC", "4.1")),
    saves=r"e^\alpha \text{ by the way to each place}",
)
def ctc_loss_vjp(delta, x, y, input_lengths, target_lengths, blank=0, reduction="mean", zero_infinity=False):
    """Minus how probable it is to be at each class at each time, of all alignments; none, after the end."""
    places, skips, log_p = _interleaved(x, y, blank)
    alpha, ways = _forwards(log_p, skips, input_lengths, lambda ways: jax.nn.softmax(ways, axis=0))
    ends = _at_end(alpha, target_lengths)
    gamma = _backwards(jax.nn.softmax(ends, axis=1), ways, input_lengths)
    counts = (jnp.arange(len(x))[:, None] < input_lengths) & _is_possible(ends.max(axis=1))
    shares = jnp.where(counts, delta * _shares(target_lengths, gamma.dtype, reduction), 0)
    rows = jnp.arange(len(y))[:, None]
    return jnp.zeros(x.shape, gamma.dtype).at[:, rows, places].add(-shares[..., None] * gamma).astype(x.dtype)

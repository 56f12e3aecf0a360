"""Mistakes in loops, of Python and of JAX, that are named whatever the number of passes."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import identities

quick: Any = {"dtypes": ("float64",), "shapes": 4, "instances": 32, "sizes": {"t": [1, 2, 3]}}


def walked(x, w, v):
    """Two states, of which each pass hands both to the next one."""
    h, c, out = 0.0, 0.0, []
    for u in x:
        c = jax.nn.sigmoid(u + v * h) * c + u
        h = jnp.tanh(w * c + h)
        out.append(h)
    return jnp.stack(out)


def walked_vjp(g, x, w, v, h_back=1, c_back=1, bent=True, added=True):
    hs, cs, fs = [0.0], [0.0], []
    for u in x:
        fs.append(1 / (1 + np.exp(-u - v * hs[-1])))
        cs.append(fs[-1] * cs[-1] + u)
        hs.append(np.tanh(w * cs[-1] + hs[-1]))
    dx, dw, dv, dh, dc = np.zeros_like(x), np.zeros_like(w), np.zeros_like(v), 0.0, 0.0
    for t in reversed(range(len(x))):
        da = (g[t] + h_back * dh) * (1 - hs[t + 1] ** 2 if bent else 1)
        dc = w * da + c_back * dc
        ds = dc * cs[t] * fs[t] * (1 - fs[t])
        dx[t] = ds + dc
        dw = added * dw + da * cs[t + 1]
        dv = dv + ds * hs[t]
        dh, dc = da + v * ds, dc * fs[t]
    return dx, dw, dv


def scanned(x, w, v):
    """The same, as a loop of JAX."""

    def step(state, u):
        h, c = state
        c = jax.nn.sigmoid(u + v * h) * c + u
        h = jnp.tanh(w * c + h)
        return (h, c), h

    return jax.lax.scan(step, (0.0, 0.0), x)[1]


@pytest.mark.parametrize("function", [walked, scanned])
@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"h_back": 0, "c_back": 0}, "treats all that one step hands to the next as a constant"),
        ({"h_back": 0}, "treats what one step hands to the next as a constant"),
        ({"bent": False}, "leaves out the derivative of `h = jnp.tanh(w * c + h)`"),
    ],
    ids=["everything", "one-state", "a-derivative"],
)
def test_one_mistake_in_every_pass_is_one_mistake(function, wrong, says):
    right: Any = {"wrt": ("x", "w", "v"), "signature": "(t),(),()->(t)", **quick}
    assert identities.check_vjp(function, walked_vjp, **right)
    with pytest.raises(identities.CandidateMismatch) as caught:
        identities.check_vjp(function, lambda *given: walked_vjp(*given, **wrong), **right)
    assert all(says in diagnosis.sentence for diagnosis in caught.value.diagnoses.values())
    assert set(caught.value.diagnoses) == {"x", "w", "v"}


@pytest.mark.parametrize("function", [walked, scanned])
def test_a_gradient_that_is_overwritten_in_every_pass(function):
    with pytest.raises(identities.CandidateMismatch) as caught:
        identities.check_vjp(
            function, lambda *given: walked_vjp(*given, added=False)[1], "w", signature="(t),(),()->(t)", **quick
        )
    assert caught.value.diagnosis.kind == "reduction"
    assert "keeps only the first pass of what w gets" in caught.value.diagnosis.sentence


def filtered(x, w):
    padded = jnp.pad(x, 1)
    taps = [w[k] * padded[k : k + x.shape[0]] for k in range(3)]
    return sum(taps)


def filtered_vjp(g, x, w, passes):
    padded, dpadded, dw = np.pad(x, 1), np.zeros(len(x) + 2), np.zeros(3)
    for k in passes:
        dpadded[k : k + len(x)] += w[k] * g
        dw[k] = padded[k : k + len(x)] @ g
    return dpadded[1:-1], dw


@pytest.mark.parametrize(("passes", "which"), [(range(2), "last"), (range(1, 3), "first")])
def test_a_range_that_ends_or_begins_one_off_leaves_out_a_pass(passes, which):
    asked = {**quick, "sizes": {"n": [1, 2, 5]}}
    with pytest.raises(identities.CandidateMismatch) as caught:
        identities.check_vjp(filtered, lambda g, x, w: filtered_vjp(g, x, w, passes), signature="(n),(3)->(n)", **asked)
    for diagnosis in caught.value.diagnoses.values():
        assert diagnosis.sentence.startswith(f"leaves out the {which} pass of ")
        assert diagnosis.where


def test_the_cotangent_of_the_last_pass_alone():
    def only_the_last(g, x, w, v):
        return walked_vjp(g * (np.arange(len(g)) == len(g) - 1), x, w, v)

    with pytest.raises(identities.CandidateMismatch) as caught:
        identities.check_vjp(walked, only_the_last, signature="(t),(),()->(t)", **quick)
    sentences = {diagnosis.sentence for diagnosis in caught.value.diagnoses.values()}
    assert sentences == {"takes only the last entry of the cotangent along axis 0"}


def turned(x, h):
    for u in x:
        h = jnp.tanh(h) * u + jnp.sin(u)
    return h


def turned_vjp(g, x, h, of_tanh=None, of_all=None):
    """As if states, or all that is kept, were those of one pass in every pass."""
    states = [h]
    for u in x:
        states.append(np.tanh(states[-1]) * u + np.sin(u))
    dx = np.zeros_like(x)
    for t in reversed(range(len(x))):
        k = t if of_all is None else of_all % len(x)
        dx[t] = g * (np.tanh(states[k]) + np.cos(x[k]))
        g = g * x[k] / np.cosh(states[k if of_tanh is None else of_tanh % len(x)]) ** 2
    return dx, g


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (
            {"of_tanh": 0},
            "`jnp.tanh(h) * u + jnp.sin(u)` of the first pass in every pass in the derivative of `jnp.tanh(h)`",
        ),
        (
            {"of_tanh": -1},
            "`jnp.tanh(h) * u + jnp.sin(u)` of the last pass in every pass in the derivative of `jnp.tanh(h)`",
        ),
        ({"of_all": 0}, "takes what has been kept of the first pass in every pass of its loops"),
        ({"of_all": -1}, "takes what has been kept of the last pass in every pass of its loops"),
    ],
)
def test_what_one_pass_has_kept_is_taken_in_every_pass(wrong, says):
    asked: Any = {"signature": "(t),()->()", **quick, "sizes": {"t": [1, 3, 4]}}
    assert identities.check_vjp(turned, turned_vjp, **asked)
    with pytest.raises(identities.CandidateMismatch) as caught:
        identities.check_vjp(turned, lambda *given: turned_vjp(*given, **wrong), **asked)
    for diagnosis in caught.value.diagnoses.values():
        assert diagnosis.kind == "index"
        assert says in diagnosis.sentence

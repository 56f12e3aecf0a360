"""Sizes beyond a tile, and the memory that arrays lie in: what shows at no small and tidy shape."""

import ctypes
import functools
import time
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from scipy import linalg

import identities
from identities import CandidateMismatch, check_jacobian, check_vjp, domains
from identities.oracle.asking import claim
from identities.oracle.draw.shapes import draw_shapes
from tests import mistakes

FEW: dict[str, Any] = {"shapes": 2, "instances": 8}


def scale(x, w):
    return x * w


def scale_backward(delta, x, w):
    return delta * w, (delta * x).sum(0)


SCALE = {"signature": "(t,c),(c)->(t,c)"}


mismatch = functools.partial(mistakes.mismatch, check_vjp)


# ---- tiles


def beyond(tile):
    def backward(delta, x, w):
        dx, dw = scale_backward(delta, x, w)
        dw[tile:] = 0
        return dx, dw

    return backward, "w", "c"


def tail(tile):
    def backward(delta, x, w):
        dx, dw = scale_backward(delta, x, w)
        if len(x) > tile:
            dx[len(x) // tile * tile :] = 0
        return dx, dw

    return backward, "x", "t"


def first_rows_only(tile):
    return lambda delta, x, w: (delta * w, (delta * x)[:tile].sum(0)), "w", "t"


@pytest.mark.parametrize("tile", [32, 64, 128])
@pytest.mark.parametrize("bug", [beyond, tail, first_rows_only])
def test_what_ends_with_a_tile_is_caught_by_default_and_shown_at_the_boundary(bug, tile):
    candidate, leaf, dimension = bug(tile)
    wrong = mismatch(scale, candidate, **SCALE, **FEW)
    assert wrong.leaf == leaf
    sizes = dict(zip("tc", wrong.arguments["x"].shape, strict=True))
    assert sizes.pop(dimension) == tile + 1
    assert set(sizes.values()) == {1}, "and as small as may be in every other dimension"
    assert wrong.diagnosis.kind == "region"


def test_a_size_above_the_tile_that_is_no_multiple_is_tried_in_every_dimension():
    shapes = set()

    def noting(delta, x, w):
        shapes.add(x.shape)
        return scale_backward(delta, x, w)

    verdict = check_vjp(scale, noting, **SCALE, **FEW)
    assert verdict.shapes == len(shapes)
    large = [max(shape[axis] for shape in shapes) for axis in (0, 1)]
    assert all(size > 128 and all(size % tile for tile in (32, 64, 128)) for size in large)
    assert max(np.prod(shape) for shape in shapes) <= 100_000


# ---- sizes that are asked for


def squares(x):
    return (x * x).sum()


@pytest.mark.parametrize(
    ("asked", "tried"),
    [
        ([1, 31, 200], {1, 31, 200}),
        (range(8, 33, 8), {8, 16, 24, 32}),
        (40, {40}),
        (identities.around(16), {15, 16, 17, 31, 32, 33}),
    ],
    ids=str,
)
def test_every_listed_size_is_tried_and_no_other(asked, tried):
    seen = set()

    def backward(delta, x):
        seen.add(len(x))
        return 2 * delta * x

    assert check_vjp(squares, backward, signature="(n)->()", sizes={"n": asked}, shapes=1, instances=4).passed
    assert seen == tried


def test_options_that_leave_no_room_for_any_size_do_not_keep_others_from_being_tried():
    def windows(x, size, stride=1):
        return jnp.convolve(x, jnp.ones(size), "valid")[::stride]

    options = {"size": [100, 2, 3], "stride": [1, 2]}
    asked = claim("vjp", windows, None, "(n)->((n-size)//stride+1)", static=options)
    for seed in range(4):
        tried = [shape.static(asked) for shape in draw_shapes(asked, 3, seed)]
        assert {static["size"] for static in tried} == {2, 3}
        assert {static["stride"] for static in tried} == {1, 2}


def test_around_a_tile():
    assert identities.around(32) == [31, 32, 33, 63, 64, 65]
    assert identities.around(2, 4) == [1, 2, 3, 4, 5, 7, 8, 9]
    for nothing in ((), (1,), (2.5,)):
        with pytest.raises(ValueError, match="around takes sizes of tiles, whole numbers above one"):
            identities.around(*nothing)  # pyright: ignore[reportArgumentType]


def test_sizes_of_what_is_no_dimension_are_refused():
    for sizes, words in (({"m": [3]}, "there is no dimension 'm'; there are n"), ({"n": [0]}, "at least one")):
        with pytest.raises(ValueError, match=words):
            check_vjp(squares, lambda delta, x: 2 * delta * x, signature="(n)->()", sizes=sizes)


# ---- time


def test_a_slow_candidate_is_called_at_no_size_that_would_take_it_long():
    entries = []

    def slow(delta, x, w):
        entries.append(x.size)
        assert x.size < 1000
        time.sleep(2e-3 * x.size)  # at 20,000 entries 40 seconds
        return scale_backward(delta, x, w)

    assert check_vjp(scale, slow, **SCALE, **FEW).passed
    assert max(entries) > 100, "what is bearable is tried all the same"
    assert len(entries) < 64


def test_it_is_said_what_a_candidate_was_too_slow_for():
    def slow(delta, x):
        assert len(x) < 100
        time.sleep(0.02 * len(x))
        return 2 * delta * x

    verdict = check_vjp(squares, slow, signature="(n)->()", shapes=1, instances=1)
    assert verdict.passed
    assert verdict.warnings == ("is not tried at larger n: that would take more than 10 s, by what small sizes take",)


def test_a_candidate_that_compiles_for_every_shape_is_tried_at_the_sizes_of_a_quick_one():
    compiled = set()

    def compiles(delta, x, w):
        if x.shape not in compiled:
            time.sleep(0.3)
            compiled.add(x.shape)
        return scale_backward(delta, x, w)

    verdict = check_vjp(scale, compiles, **SCALE, **FEW)
    assert max(map(min, compiled)) > 128, "both dimensions at once"
    assert verdict == check_vjp(scale, compiles, **SCALE, **FEW)


def test_a_function_that_makes_much_of_little_is_not_computed_where_that_is_too_much():
    def lyapunov(A, Q):
        eye = jnp.eye(len(A))
        return jnp.linalg.solve(jnp.kron(A, eye) + jnp.kron(eye, A), Q.reshape(-1)).reshape(Q.shape)  # 2.5 GB at 133

    def backward(delta, A, Q):
        X, S = (linalg.solve_continuous_lyapunov(*given) for given in ((A, Q), (A.T, delta)))
        return -(S @ X.T + S.T @ X)

    asked: Any = {"signature": "(n,n),(n,n)->(n,n)", "domains": {"A": domains.positive_definite_part}, **FEW}
    verdict = check_vjp(lyapunov, backward, "A", **asked)
    assert verdict.passed
    assert [warning.partition(":")[0] for warning in verdict.warnings] == ["is not tried at larger n"]


def test_a_dimension_that_the_function_loops_over_stays_small():
    def recurrence(x):
        h = jnp.zeros(x.shape[1])
        for row in x:
            h = jnp.sin(h) + row
        return h

    shapes = set()

    def backward(delta, x):
        shapes.add(x.shape)
        dx, hs = np.empty_like(x), [np.zeros(x.shape[1])]
        for row in x[:-1]:
            hs.append(np.sin(hs[-1]) + row)
        for i in reversed(range(len(x))):
            dx[i], delta = delta, delta * np.cos(hs[i])
        return dx

    verdict = check_vjp(recurrence, backward, signature="(n,m)->(m)", **FEW)
    assert verdict.passed
    assert [warning.partition(":")[0] for warning in verdict.warnings] == ["is not tried at larger n"]
    assert max(n for n, _ in shapes) <= 6
    assert max(m for _, m in shapes) > 128


# ---- memory


def as_it_lies(x):
    """What a kernel sees that takes a pointer and the shape, and forgets the strides."""
    return np.array((ctypes.c_double * x.size).from_address(x.ctypes.data)).reshape(x.shape)


def test_reading_memory_in_place_of_the_array_is_a_mistake_of_its_own():
    wrong = mismatch(scale, lambda delta, x, w: scale_backward(as_it_lies(delta), x, w), **SCALE, **FEW)
    assert wrong.diagnosis.kind == "memory"
    assert "it is wrong for strided arrays, right elsewhere" in wrong.diagnosis.sentence


def test_a_transposed_array_is_among_them():
    def strided_only(delta, x, w):
        # Understands an array whose rows are apart, but not one whose columns come first.
        if delta.strides[0] < delta.strides[-1]:
            delta = delta.T.reshape(delta.shape)
        return scale_backward(delta, x, w)

    wrong = mismatch(scale, strided_only, **SCALE, **FEW)
    assert wrong.diagnosis.kind == "memory"
    assert "transposed" in wrong.diagnosis.sentence


def test_to_refuse_what_is_not_contiguous_is_right_and_is_said():
    def careful(delta, x, w):
        if not delta.flags.c_contiguous:
            raise ValueError("contiguous arrays, please")
        return scale_backward(delta, x, w)

    verdict = check_vjp(scale, careful, **SCALE, **FEW)
    assert verdict.passed
    assert [warning.partition(":")[0] for warning in verdict.warnings] == [
        "refuses strided arrays",
        "refuses transposed arrays",
    ]


# ---- products


def layer(W, x):
    return jnp.tanh(W @ x)


def layer_jacobian(W, x):
    return (1 - np.tanh(W @ x) ** 2)[:, None, None] * np.eye(len(W))[:, :, None] * x


def test_a_jacobian_of_a_million_entries_is_judged_by_products():
    large = {"signature": "(n,m),(m)->(n)", "sizes": {"n": [100], "m": [100]}, "shapes": 1, "instances": 4}
    assert check_jacobian(layer, layer_jacobian, "W", **large).passed

    def last_column_lost(W, x):
        return layer_jacobian(W, x * (np.arange(len(x)) < 99))

    with pytest.raises(CandidateMismatch) as caught:
        check_jacobian(layer, last_column_lost, "W", **large)
    assert caught.value.arguments["W"].shape == (1, 100)

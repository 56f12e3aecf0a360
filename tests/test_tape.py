"""Programs evaluated by NumPy, beside the same programs compiled: every operation that NumPy is said to have."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from identities import catalog
from identities.oracle.draw.shapes import draw_shapes
from identities.oracle.draw.values import draw_values, wide
from identities.oracle.run.primitives import TABLE
from identities.oracle.run.programs import compiled, cpu, evaluated, full_precision
from identities.oracle.run.rounded import recorded
from identities.oracle.run.tape import UnknownOperationError, tape_of

RNG = np.random.default_rng(0)
A = RNG.standard_normal((4, 3, 5))
SQUARE = RNG.standard_normal((4, 3, 3)) + 3 * np.eye(3)
IDS = RNG.integers(-4, 6, (4, 6))
INTEGERS = RNG.integers(-9, 10, (4, 7))

PROGRAMS: dict[str, tuple[Callable[..., Any], tuple[np.ndarray, ...]]] = {
    "elementwise": (
        lambda x: [
            f(x) for f in (jnp.exp, jnp.sin, jnp.cos, jnp.tanh, jnp.sinh, jnp.cosh, jnp.arctan, jnp.expm1, jnp.square)
        ],
        (A,),
    ),
    "of positive numbers": (
        lambda x: [f(jnp.abs(x) + 0.1) for f in (jnp.log, jnp.log1p, jnp.sqrt, lax.rsqrt, jnp.log2, jnp.cbrt)],
        (A,),
    ),
    "entries in another order": (lambda x: lax.reshape(x, (5, 3), (1, 0)), (A,)),
    "special": (lambda x: [jax.scipy.special.erf(x), jax.scipy.special.erfc(x), jax.nn.sigmoid(9 * x)], (A,)),
    "inverse functions": (
        lambda x: [f(x / 4) for f in (jnp.arcsin, jnp.arccos, jnp.arcsinh, jnp.arctanh, jnp.tan, jnp.exp2)],
        (A / 9,),
    ),
    "of two numbers": (lambda x: [jnp.arctan2(x, x[::-1]), lax.complex(x, x[::-1]), jnp.arccosh(1 + x * x)], (A,)),
    "rounding": (
        lambda x: [jnp.floor(x), jnp.ceil(x), jnp.round(x), lax.round(x), jnp.sign(x), jnp.abs(x), jnp.isfinite(x / 0)],
        (np.where(np.abs(A) < 0.5, np.round(A) + 0.5, A),),
    ),
    "powers": (lambda x: [x**3, x**-2, jnp.abs(x) ** 1.7, lax.integer_pow(x, 5)], (A,)),
    "integers": (
        lambda n: [n // 3, n % 4, lax.div(n, jnp.full_like(n, 4)), lax.rem(n, jnp.full_like(n, 4))],
        (INTEGERS,),
    ),
    "comparisons": (lambda n: [n > 2, n <= 2, n == 1, (n > 0) & ~(n == 3) | (n != 2), (n > 0) ^ (n < 4)], (INTEGERS,)),
    "reductions": (
        lambda x: [
            x.sum(0),
            x.prod(1),
            x.max((0, 1)),
            x.min(0),
            (x > 0).any(0),
            (x > 0).all(1),
            x.argmax(1),
            x.argmin(0),
        ],
        (A,),
    ),
    "running": (
        lambda x: [
            jnp.cumsum(x, 0),
            jnp.cumprod(x, 1),
            lax.cummax(x, 0),
            lax.cummin(x, 0),
            lax.cumlogsumexp(x, 0),
            lax.cumsum(x, 1, reverse=True),
        ],
        (A,),
    ),
    "sorted": (lambda x: [jnp.sort(x, 0), jnp.argsort(x, 1), jnp.median(x)], (A,)),
    "shapes": (
        lambda x: [
            x.T,
            x.reshape(5, 3),
            x[None],
            jnp.flip(x, 1),
            jnp.tile(x, (2, 1)),
            jnp.stack([x, x], 1),
            jnp.split(x, 3),
        ],
        (A,),
    ),
    "padded": (
        lambda x: [
            lax.pad(x, 7.0, p) for p in (((1, 2, 0), (0, 1, 2)), ((-1, 1, 0), (2, -3, 0)), ((-1, -1, 1), (0, 0, 0)))
        ],
        (A,),
    ),
    "convolutions, each with a kernel of its own": (
        lambda x: [
            lax.conv(jnp.stack([x, 2 * x * x])[:, None], jnp.stack([x, x + 1])[:, None, :2, :2], (1, 2), "VALID"),
            lax.conv_general_dilated(x[None], x[:, None, 1:3], (2,), [(-1, 3)], (2,), (3,), feature_group_count=3),
            lax.conv_general_dilated(x[:, None], x[:, None, 1:4], (1,), [(0, 1)], (2,), batch_group_count=3),
            lax.conv_general_dilated(x[..., None], x[None], (1,), "SAME", dimension_numbers=("CWN", "WIO", "WNC")),
        ],
        (A,),
    ),
    "parts": (
        lambda x: [x[1:, ::2], lax.dynamic_slice(x, (1, 9), (2, 2)), lax.dynamic_update_slice(x, x[:2], (7, 0))],
        (A,),
    ),
    "looked up": (
        lambda x, i: [
            x[:, i],
            x[i],
            jnp.take_along_axis(x, i[:3, None] % 5, 1),
            x.at[:, i].get(mode="fill"),
            x[i % 3, i % 5],
        ],
        (A, IDS),
    ),
    "added up": (lambda x, i: [x.at[:, i].add(1.5), x.at[i % 3, i % 5].add(x[i % 3, 0]), x.at[1].set(0.0)], (A, IDS)),
    "products": (
        lambda x: [x @ x.T, jnp.einsum("ij,kj,il->kl", x, x, x), jnp.outer(x[0], x[1]), jnp.tensordot(x, x, 2)],
        (A,),
    ),
    "complex": (
        lambda x: [jnp.abs(z := x + 1j * x**2), z.real, z.imag, jnp.conj(z) * jnp.exp(z), z @ z.T, lax.logistic(z)],
        (A,),
    ),
    "linear algebra": (
        lambda s: [jnp.linalg.inv(s), jnp.linalg.slogdet(s), jnp.linalg.solve(s, s.T), jnp.linalg.cholesky(s @ s.T)],
        (SQUARE,),
    ),
    "triangular": (
        lambda s: [
            lax.linalg.triangular_solve(s, s + 1, left_side=left, lower=lower, transpose_a=turned)
            for left in (True, False)
            for lower in (True, False)
            for turned in (True, False)
        ],
        (SQUARE,),
    ),
    "triangular, of numbers of all sizes": (
        lambda s: [lax.linalg.triangular_solve(s, jnp.ones((2, 1)), left_side=True, lower=True)],
        (np.array([[[1.0, 0.0], [1e200, 1e-200]]]),),
    ),
    "spectra": (
        lambda s: [jnp.linalg.eigvalsh(s + s.T), jnp.linalg.svd(s, compute_uv=False), jnp.abs(jnp.linalg.qr(s)[1])],
        (SQUARE,),
    ),
    "not definite": (lambda s: [jnp.linalg.cholesky(s - 9 * jnp.eye(3))], (SQUARE,)),
    "loops": (
        lambda x: [
            lax.scan(lambda c, r: (jnp.tanh(c + r), c * r), x[0], x),
            lax.scan(lambda c, r: (c + r, c), x[0], x, reverse=True),
            jax.grad(lambda x: jnp.sum(lax.scan(lambda c, r: (jnp.tanh(c * r), c * r), x[0], x)[1]))(x),
        ],
        (A,),
    ),
    "branches": (
        lambda x: [
            jnp.where(x > 0, x, -x),
            lax.cond(True, jnp.sin, jnp.cos, x),
            jnp.clip(x, -0.5, 0.5),
            jax.nn.relu(x),
        ],
        (A,),
    ),
    "kept from differentiation": (lambda x: [lax.stop_gradient(x), jax.nn.logsumexp(x), jax.nn.softmax(x, -1)], (A,)),
    "gradients": (
        lambda x: [
            jax.grad(lambda x: jnp.sum(jnp.sin(x) ** 2 / (1 + x[:, :1] ** 2)))(x),
            jax.hessian(lambda r: jnp.prod(r))(x[0]),
        ],
        (A,),
    ),
}


def close(got: Any, expected: Any) -> bool:
    got, expected = np.asarray(got), np.asarray(expected)
    same = got.shape == expected.shape and got.dtype == expected.dtype
    return same and np.allclose(got, expected, rtol=1e-12, atol=1e-12, equal_nan=True)


@pytest.mark.parametrize(("function", "arguments"), PROGRAMS.values(), ids=PROGRAMS)
def test_numpy_gives_what_the_compiler_gives(function, arguments):
    program = compiled(function, arguments, cpu())
    with full_precision():
        tape = tape_of(jax.jit(jax.vmap(function)).trace(*arguments).jaxpr)
    with np.errstate(all="ignore"):
        found = tape(*arguments)
    expected = jax.tree.leaves(program(*arguments))
    assert len(found) == len(expected)
    for got, right in zip(found, expected, strict=True):
        assert close(got, right)


REALS = (0.0, -0.0, 0.3, -0.5, 1.0, 2.5, -3.7, 88.0, 300.0, 1e10, -1e19, np.inf, -np.inf, np.nan)
DTYPES = ("float64", "float32", "int64", "int32", "int8", "uint64", "uint8", "bool")
EXACT = {
    "one": (lax.neg, lax.sign, jnp.max, jnp.argmin),
    "two": (lax.add, lax.sub, lax.mul, lax.div, lax.rem, lax.max, lax.min, lax.eq, lax.lt, lax.ge),
    "one whole": (lambda x: lax.integer_pow(x, 3), lax.cumsum, lax.cumprod),
    "one real": (
        *(lax.abs, lax.floor, lax.ceil, lax.is_finite, lax.square, lax.sqrt, lax.conj),
        *(lambda x, how=how: lax.round(x, how) for how in lax.RoundingMethod),
    ),
    "two real": (lax.complex,),
}
ROUNDED = {
    "one real": (
        *(lax.exp, lax.expm1, lax.log, lax.log1p, lax.sin, lax.tan, lax.tanh, lax.cbrt, lax.asin),
        *(lax.acos, lax.atan, lax.asinh, lax.acosh, lax.atanh, lax.rsqrt, lax.logistic, lax.erf, lax.erfc),
        *(lax.cumsum, lax.cumprod, lambda x: lax.integer_pow(x, 3), lambda x: lax.integer_pow(x, -3)),
    ),
    "two real": (lax.pow, lax.atan2),
}
"""Of which either side is right to a unit, so that they are two apart at most."""
HALVED = {"one real": (lax.sinh, lax.cosh)}
"""Which XLA makes of exp(x - log 2): the difference is off by half a unit of x, and its exponential by x / 2 units."""


@pytest.mark.parametrize("dtype", DTYPES[:-1])
def test_at_the_edges_of_a_dtype_too_numpy_gives_what_the_compiler_gives(dtype):
    kind = "real" if dtype.startswith("float") else "whole"
    limits = np.iinfo("int8" if kind == "real" else dtype)
    whole = [0, 1, 2, 7, limits.max - 1, limits.max, limits.min, limits.min + 1]
    edges = np.array(REALS if kind == "real" else whole, dtype)
    one, other = (values.ravel() for values in np.meshgrid(edges, edges))
    told_apart = ~((one == 0) & (other == 0))  # which of two zeros is the larger one is left open
    one, other = one[told_apart], other[told_apart]

    def program(functions):
        of_one = [*functions.get("one", ()), *functions.get(f"one {kind}", ())]
        of_two = [*functions.get("two", ()), *functions.get(f"two {kind}", ())]
        return lambda x, a, b: [*(f(x) for f in of_one), *(f(a, b) for f in of_two)]

    conversions = {"one": tuple(lambda x, to=to: lax.convert_element_type(x, to) for to in DTYPES)}
    few = edges[(np.abs(edges) <= 88) | ~np.isfinite(edges)]
    with full_precision(), np.errstate(all="ignore"):
        for functions, x, units in (
            (EXACT, edges, 0),
            (conversions, edges, 0),
            (ROUNDED, edges, 2),
            (HALVED, few, 2 + 88 / 2),
        ):
            closed = jax.make_jaxpr(program(functions))(x, one, other)
            compiled_ = jax.jit(program(functions))(x, one, other)
            for ours, expected in zip(tape_of(closed)(x, one, other), compiled_, strict=True):
                assert ours.dtype == expected.dtype
                rounding = units * np.finfo(ours.dtype).eps if units else 0
                # Equal to the bit where no unit is allowed; otherwise each entry to its own, however small it is.
                np.testing.assert_allclose(ours, expected, rtol=rounding, atol=0)
                assert (np.signbit(ours.real) == np.signbit(expected.real))[ours == 0].all()


def test_every_operation_has_been_seen():
    seen = set()
    with full_precision():
        for function, arguments in PROGRAMS.values():
            traced = jax.jit(jax.vmap(function)).trace(*arguments)
            seen |= {step.name for step in tape_of(traced.jaxpr).steps}
    assert set(TABLE) - seen <= {"one_minus_square", "unstack", "empty", "empty2", "log2"}, (
        "which not every version of JAX has"
    )


def test_witnesses_of_the_catalog_are_evaluated_by_numpy():
    unknown = []
    for identity in list(catalog.values())[::9]:
        shape = draw_shapes(identity, 1, 0)[0]
        batch = wide(draw_values(identity, shape, "float64", 1, 0))
        primals = [batch[a.name] for a in identity.primals]
        by = tuple(i for i, a in enumerate(identity.primals) if a.name in identity.moving)
        with full_precision():
            traced = jax.jit(jax.vmap(jax.jacrev(identity.flat(shape.static(identity)), by))).trace(*primals)
        try:
            tape_of(traced.jaxpr)
        except UnknownOperationError as error:
            unknown.append((identity.name, str(error)))
    assert {operation for _, operation in unknown} <= {"eig", "bitcast_convert_type"}


KEY = jax.random.key(0)

NOT_OF_NUMPY: dict[str, Callable[..., Any]] = {
    "half numbers": lambda x: jnp.exp(x.astype(jnp.bfloat16)).astype(float) @ x.astype(jnp.float16).T,
    "random numbers": lambda x: x * jax.random.normal(jax.random.key(0), x.shape),
    "random numbers of a given key": lambda x: x * jax.random.normal(KEY, x.shape),
    "a loop over nothing": lambda x: lax.scan(lambda c, r: (c + r, c), x[0], x[:0]),
    "a loop of unknown length": lambda x: lax.while_loop(lambda c: c.sum() < 9, lambda c: c * c + 1, x),
    "powers of two of complex numbers": lambda x: jnp.exp2(x + 1j).real,
}


@pytest.mark.parametrize("name", NOT_OF_NUMPY)
def test_a_complete_tape_leaves_what_numpy_has_not_to_jax(name):
    function = NOT_OF_NUMPY[name]
    off = 2**-7 if name == "half numbers" else 1e-12  # a compiler may keep half numbers in more digits
    with full_precision(), pytest.raises(UnknownOperationError):
        tape_of(jax.jit(jax.vmap(function)).trace(A).jaxpr)
    recording = recorded(function, [A])
    expected = jax.tree.leaves(compiled(function, (A,), cpu())(A))
    for got, right in zip(jax.tree.leaves(recording.exactly([A])), expected, strict=True):
        assert np.shape(got) == right.shape
        assert np.allclose(got, right, rtol=off, atol=off)
    assert len(recording.moved([A], "float32", 2, np.random.default_rng(0))) == 3
    assert recording.leaves_range([A]) in (True, False)


def test_a_matrix_over_which_numpy_raises_has_no_factors(monkeypatch):
    def raising(m, *given, **options):
        if (m == SQUARE[1]).all(axis=(-2, -1)).any():
            raise np.linalg.LinAlgError
        return real(m, *given, **options)

    real = np.linalg.svd
    monkeypatch.setattr(np.linalg, "svd", raising)
    (values,) = TABLE["svd"][0](SQUARE, full_matrices=False, compute_uv=False)
    assert np.array_equal(np.isnan(values).all(axis=1), [False, True, False, False])
    assert np.array_equal(values[[0, 2, 3]], real(SQUARE[[0, 2, 3]], compute_uv=False))


def test_what_numpy_has_not_is_compiled():
    program = evaluated(jax.scipy.special.gammaln, (np.ones((4, 2)),))
    assert np.allclose(program(np.full((4, 2), 5.0)), np.log(24.0))
    assert evaluated(lambda: jnp.arange(3.0), (), batch=2)().shape == (2, 3)


def test_a_number_at_a_kink_is_moved_to_either_side_of_it():
    x = np.full(200, -2.0)  # the square of which is a power of two, which rounding alone does not move up
    copies = recorded(lambda x: x * x, [x]).moved([x], "float64", 8, np.random.default_rng(0), zeros=True)
    moved = np.stack(copies[1:])
    assert (moved > 4).any(axis=0).mean() > 0.9
    assert (moved < 4).any(axis=0).mean() > 0.9


def test_what_is_out_of_range_is_lost_although_its_reciprocal_is_nothing():
    x = np.array([100.0, 300.0])  # whose squares are within the range of float16, and beyond
    copies = recorded(lambda x: 1 + lax.integer_pow(x, -2), [x]).moved([x], "float16", 8, np.random.default_rng(0))
    moved = np.stack(copies[1:])
    assert np.isfinite(moved[:, 0]).all()
    assert np.isinf(moved[:, 1]).all()

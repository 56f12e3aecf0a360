"""What may be said of shapes: expressions of dimensions, signatures in writing, trees of arrays, kinds of numbers."""

import dataclasses
import re
from typing import Annotated, Any, NamedTuple, TypedDict

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array, Bool, Complex, Float, Int
from scipy import special

from identities import CandidateMismatch, check_jacobian, check_vjp, domains
from identities.checking import checked
from identities.dimensions import expanded, names_in, shape_of, size_of
from identities.oracle.asking import claim
from identities.oracle.draw.shapes import admitted, draw_shapes
from identities.oracle.draw.values import draw_values
from identities.signature import signature_of
from identities.spelling import described, read_signature

cheaply: dict[str, Any] = {"shapes": 4, "instances": 16, "dtypes": ("float64",)}


@pytest.mark.parametrize(
    ("dim", "names", "size"),
    [
        ("n", ("n",), 7),
        ("3", (), 3),
        ("n+1", ("n",), 8),
        ("n-k+1", ("n", "k"), 6),
        ("2*n", ("n",), 14),
        ("k*n*k", ("k", "n"), 28),
        ("(n+1)//2", ("n",), 4),
        ("n // k", ("n", "k"), 3),
        ("2*(n-(k+1))", ("n", "k"), 8),
        ("min(n, k+1)", ("n", "k"), 3),
        ("n//stride[1]+stride[0]", ("n", "stride[1]", "stride[0]"), 5),
        ("max(0,k-n)*n", ("k", "n"), 0),
        ("heads * width_1", ("heads", "width_1"), 15),
    ],
)
def test_dimensions_are_expressions(dim: str, names: tuple[str, ...], size: int):
    assert names_in(dim) == names
    sizes = {"n": 7, "k": 2, "heads": 3, "width_1": 5, "stride[0]": 2, "stride[1]": 2}
    assert size_of(dim, sizes) == size


def test_shapes_follow_from_sizes():
    assert shape_of(("n", "n-k+1", "3", "2*k"), {"n": 5, "k": 2}) == (5, 4, 3, 4)
    assert shape_of((), {}) == ()
    with pytest.raises(ValueError, match="dimension n//k divides by zero"):
        size_of("n//k", {"n": 5, "k": 0})


@pytest.mark.parametrize(
    "dim",
    [
        *("", "n m", "n+", "n/2", "n**2", "f(n)", "min(n)", "n.m", "1.5", "True", "-n", "n if m else k"),
        *("n[m]", "n[-1]", "n[1.5]"),
    ],
)
def test_what_is_no_dimension_is_refused(dim: str):
    with pytest.raises(ValueError, match=f"{re.escape(repr(dim))} is no dimension"):
        names_in(dim)


def test_leading_axes_are_none_one_or_two():
    none, one, two = expanded(("...", "n", "2*n"))
    assert (none, one[1:], two[2:]) == (("n", "2*n"),) * 3
    assert len({*none, *one, *two}) == 4
    assert expanded(("n",)) == (("n",),)
    with pytest.raises(ValueError, match=r"leading axes, and comes first in \(n, \.\.\.\)"):
        expanded(("n", "..."))


@pytest.mark.parametrize(
    ("signature", "arguments", "results"),
    [
        ("(n,m),(m)->(n)", ("x (n, m)", "y (m,)"), ("result (n,)",)),
        (" ( n , m ) , (m,) -> ( ) ", ("x (n, m)", "y (m,)"), ("result ()",)),
        ("(),(n-k+1)->(2*n)", ("x ()", "y (n-k+1,)"), ("result (2*n,)",)),
        ("((n+1)//2,3),(n)->((n)), (n)", ("x ((n+1)//2, 3)", "y (n,)"), ("result.0 ((n),)", "result.1 (n,)")),
        (
            "(...,n),(n)->(...)",
            ("x (n,) or (batch1, n) or (batch1, batch2, n)", "y (n,)"),
            ("result () or (batch1,) or (batch1, batch2)",),
        ),
    ],
)
def test_signatures_are_read(signature: str, arguments: tuple[str, ...], results: tuple[str, ...]):
    read = read_signature(signature, ["x", "y"])
    assert tuple(map(str, read.arguments)) == arguments
    assert tuple(map(str, read.returns.leaves)) == results


@pytest.mark.parametrize(
    ("signature", "said", "at"),
    [
        ("(n,m),(m)", "no single ->", None),
        ("(n)->(n)->(n)", "no single ->", None),
        ("(n,m->(n)", "this parenthesis is not closed", 0),
        ("(n),(m->(n)", "this parenthesis is not closed", 4),
        ("(n)(m)->(n)", "a comma separates arrays", 3),
        ("(n),m->(n)", "the dimensions of an array stand in parentheses", 4),
        ("(n),->(n)", "the dimensions of an array stand in parentheses", 4),
        ("->(n)", "there is no array", 0),
        ("(n),(m)->", "there is no array", 9),
        ("(n),(m k)->(n)", "'m k' is no dimension", 5),
        ("(n),(m,k!)->(n)", "'k!' is no dimension", 7),
        ("(n),(m,,k)->(n)", "'' is no dimension", 7),
        ("(n),(m)->(n/2)", "'n/2' is no dimension", 10),
    ],
)
def test_an_unreadable_signature_points_at_the_place(signature: str, said: str, at: int | None):
    with pytest.raises(ValueError, match=r"cannot be read: .*" + re.escape(said)) as caught:
        read_signature(signature, ["x", "y"])
    lines = str(caught.value).split("\n")
    assert repr(signature) in lines[0]
    if at is not None:
        shown, pointer = lines[1:]
        assert pointer.index("^") - shown.index(signature) == at


def test_a_signature_must_fit_its_function():
    with pytest.raises(ValueError, match=r"has 1 arguments; the function takes \(x, y\)"):
        read_signature("(n)->(n)", ["x", "y"])
    with pytest.raises(TypeError, match="does not take the shapes"):
        claim("jacobian", lambda A, x: A @ x, "x", "(n,m),(n)->(n)")
    with pytest.raises(ValueError, match=r"returns shape .* its signature says \(m,\)"):
        claim("jacobian", lambda A, x: A @ x, "x", "(n,m),(m)->(m)")


def convolve(x, w):
    return jnp.convolve(x, w, mode="valid")


def convolve_by_w(delta, x, w):
    return np.correlate(x, delta, mode="valid")[::-1]


@pytest.mark.parametrize("seed", range(4))
def test_no_dimension_is_drawn_below_one(seed: int):
    made = claim("vjp", convolve, "w", "(n),(k)->(n-k+1)")
    shapes = draw_shapes(made, 12, seed)
    assert len(shapes) == 12
    for shape in shapes:
        assert admitted(made, shape)
        assert all(size >= 1 for a in (*made.arguments, *made.leaves) for size in shape.of(a))
    assert min(shape.of(made.vectors[0]) for shape in draw_shapes(made, 40, seed)) == (1,)


def test_a_convolution_is_judged_by_its_signature():
    assert check_vjp(convolve, convolve_by_w, "w", signature="(n),(k)->(n-k+1)", **cheaply).passed
    with pytest.raises(CandidateMismatch) as caught:
        check_vjp(convolve, lambda *given: convolve_by_w(*given)[::-1], "w", signature="(n),(k)->(n-k+1)", **cheaply)
    assert caught.value.diagnosis.kind == "layout"


@pytest.mark.parametrize(
    ("function", "candidate", "signature"),
    [
        (lambda x: x[: (len(x) + 1) // 2] * 2, lambda x: 2 * np.eye(len(x))[: (len(x) + 1) // 2], "(n)->((n+1)//2)"),
        (lambda x: jnp.concatenate([x, x]), lambda x: np.concatenate([np.eye(len(x))] * 2), "(n)->(2*n)"),
        (lambda x: jnp.append(x, 1.0), lambda x: np.eye(len(x) + 1, len(x)), "(n)->(n+1)"),
        (lambda x: x[:3] + x[3:], lambda x: np.hstack([np.eye(3)] * 2), "(6)->(3)"),
        (lambda x: x.reshape(-1, 2).sum(1), lambda x: np.kron(np.eye(len(x) // 2), np.ones(2)), "(2*n)->(n)"),
    ],
)
def test_results_may_have_dimensions_of_their_own(function, candidate, signature: str):
    assert check_jacobian(function, candidate, signature=signature, **cheaply).passed
    with pytest.raises(CandidateMismatch):
        check_jacobian(function, lambda x: candidate(x) * 2, signature=signature, **cheaply)


@pytest.mark.parametrize("count", [6, 7, 9])
def test_as_many_names_as_one_likes(count: int):
    dims = [f"n{i}" for i in range(count)]
    signature = ",".join(f"({dim})" for dim in dims) + "->()"
    made = claim("jacobian", lambda *xs: sum(jnp.sum(x) for x in xs), "x0", signature)
    assert made.dimensions == tuple(dims)
    shapes = draw_shapes(made, 4, 0)
    tall, wide, square, single = (list(dict(shape.sizes).values()) for shape in shapes)
    assert len(set(tall)) == len(set(wide)) == count  # so that no two are mistaken for each other
    assert tall == sorted(tall, reverse=True)
    assert wide == sorted(wide)
    assert len(set(square)) == 1
    assert single == [1] * count


def test_a_product_over_six_names_is_judged():
    def function(A, B, C):
        return jnp.einsum("abc,cde,ef->abdf", A, B, C)

    def candidate(delta, A, B, C):
        return np.einsum("abdf,cde,ef->abc", delta, B, C)

    signature = "(a,b,c),(c,d,e),(e,f)->(a,b,d,f)"
    assert check_vjp(function, candidate, "A", signature=signature, **cheaply).passed
    with pytest.raises(CandidateMismatch):
        check_vjp(function, lambda *given: -candidate(*given), "A", signature=signature, **cheaply)


def test_leading_axes_are_drawn():
    made = claim("vjp", lambda x: jax.nn.softmax(x), "x", "(...,n)->(...,n)")
    assert {len(shape.of(made.primals[0])) for shape in draw_shapes(made, 4, 0)} == {1, 2, 3}

    def candidate(delta, x):
        z = np.exp(x - x.max(-1, keepdims=True))
        z /= z.sum(-1, keepdims=True)
        return z * (delta - (delta * z).sum(-1, keepdims=True))

    assert check_vjp(lambda x: jax.nn.softmax(x), candidate, "x", signature="(...,n)->(...,n)", **cheaply).passed
    with pytest.raises(CandidateMismatch) as caught:  # which is right for a vector, and sums over all of a batch
        check_vjp(
            lambda x: jax.nn.softmax(x),
            lambda delta, x: (z := special.softmax(x, -1)) * (delta - (delta * z).sum()),
            "x",
            signature="(...,n)->(...,n)",
            **cheaply,
        )
    assert caught.value.arguments["x"].ndim > 1


# Trees of arguments: an affine layer, whose parameters come in every form.


class Pair(NamedTuple):
    w: Float[Array, "n m"]
    b: Float[Array, " n"]


@dataclasses.dataclass(frozen=True)
class Layer:
    w: Float[Array, "n m"]
    b: Float[Array, " n"]


class Weights(TypedDict):
    w: Float[Array, "n m"]
    b: Float[Array, " n"]


jax.tree_util.register_dataclass(Layer, ["w", "b"], [])


def by_position(p: tuple[Float[Array, "n m"], Float[Array, " n"]], x: Float[Array, " m"]) -> Float[Array, " n"]:
    return p[0] @ x + p[1]


def by_field(p: Pair, x: Float[Array, " m"]) -> Float[Array, " n"]:
    assert type(p) is Pair
    return p.w @ x + p.b


def of_dataclass(p: Layer, x: Float[Array, " m"]) -> Float[Array, " n"]:
    assert type(p) is Layer
    return p.w @ x + p.b


def by_key(p: Weights, x: Float[Array, " m"]) -> Float[Array, " n"]:
    return p["w"] @ x + p["b"]


@pytest.mark.parametrize(
    ("function", "signature", "gradient"),
    [
        (by_position, None, lambda w, b: (w, b)),
        (by_field, None, Pair),
        (of_dataclass, None, Layer),
        (by_key, None, lambda w, b: {"b": b, "w": w}),
        (by_position, ((("n m", "n"), "m"), "n"), lambda w, b: [w, b]),
        (by_key, (({"w": "n m", "b": "n"}, "m"), "n"), lambda w, b: {"w": w, "b": b}),
        (by_field, ((Pair("n m", "n"), "m"), "n"), lambda w, b: {"w": w, "b": b}),  # pyright: ignore[reportArgumentType]
        (of_dataclass, ((Layer("n m", "n"), "m"), "n"), lambda w, b: (w, b)),  # pyright: ignore[reportArgumentType]
    ],
)
def test_arguments_may_be_trees(function, signature, gradient):
    read = described(function, signature)
    keys = ("0", "1") if function is by_position else ("w", "b")
    assert [leaf.name for leaf in read.arguments] == [f"p.{keys[0]}", f"p.{keys[1]}", "x"]
    assert [leaf.forms for leaf in read.arguments] == [(("n", "m"),), (("n",),), (("m",),)]

    def candidate(delta, p, x):
        return gradient(np.outer(delta, x), delta)

    assert check_vjp(function, candidate, "p", signature=signature, **cheaply).passed
    with pytest.raises(CandidateMismatch) as caught:
        check_vjp(function, lambda d, p, x: gradient(np.outer(d, x), 2 * d), "p", signature=signature, **cheaply)
    assert caught.value.leaf == f"p.{keys[1]}"


def test_what_says_nothing_of_shapes_is_refused():
    def bare(x: list[float]) -> Float[Array, ""]:
        return jnp.array(0.0)

    with pytest.raises(TypeError, match="argument x: annotate it with its shape"):
        signature_of(bare)


def test_checked_functions_take_trees_apart():
    layer = checked(of_dataclass)
    w, b, x = jnp.ones((2, 3)), jnp.ones(2), jnp.ones(3)
    assert layer(Layer(w, b), x).shape == (2,)
    with pytest.raises(ValueError, match=r"of_dataclass: argument p\.b has shape \(3,\), expected \(n,\) = \(2,\)"):
        layer(Layer(w, x), x)
    with pytest.raises(TypeError, match=r"of_dataclass: argument p is a dict of w where one of w, b is due"):
        layer({"w": w}, x)  # pyright: ignore[reportArgumentType]


# Kinds of numbers.


def mixed(
    x: Float[Array, "b n"], mask: Bool[Array, " b"], rows: Int[Array, " k"], z: Complex[Array, " n"]
) -> Float[Array, " k"]:
    return (jnp.where(mask[:, None], x, 0.0) @ jnp.abs(z) ** 2)[rows]


def test_annotations_tell_the_kinds_of_numbers():
    read = signature_of(mixed)
    assert [leaf.values for leaf in read.arguments] == ["floating", "boolean", "integer", "complex"]
    assert [leaf.moves for leaf in read.arguments] == [True, False, False, True]


def test_a_derivative_beside_integers_booleans_and_complex_numbers():
    def candidate(delta, x, mask, rows, z):
        back = np.zeros(len(x))
        np.add.at(back, rows, delta)
        return np.outer(back * mask, np.abs(z) ** 2)

    options: dict[str, Any] = cheaply | {"domains": {"rows": domains.index("b")}}
    assert check_vjp(mixed, candidate, "x", **options).passed
    with pytest.raises(CandidateMismatch):  # rows that occur twice are counted once
        check_vjp(mixed, lambda delta, x, mask, rows, z: candidate(delta[:1], x, mask, rows[:1], z), "x", **options)
    with pytest.raises(ValueError, match="argument rows consists of integers: say with `domains` which"):
        check_vjp(mixed, candidate, "x", **cheaply)
    with pytest.raises(ValueError, match="rows consists of integers, which have no derivative"):
        check_vjp(mixed, candidate, "rows", **options)


def drawn(function, signature: str, given: dict[str, Any], shapes: int = 6):
    """The values that each of many shapes has, with its sizes."""
    made = claim("jacobian", function, "x", signature, given)
    for shape in draw_shapes(made, shapes, 0):
        yield dict(shape.sizes), draw_values(made, shape, "float64", 32, 0)


def test_an_index_is_below_the_size_of_its_dimension():
    for sizes, batch in drawn(lambda x, i: x[i], "(k),(n)->(n)", {"i": domains.index("k")}):
        assert batch["i"].dtype.kind == "i"
        assert batch["i"].min() == 0
        assert batch["i"].max() == sizes["k"] - 1
    for _, batch in drawn(lambda x, i: x[i], "(4),(n)->(n)", {"i": domains.index(4)}, shapes=2):
        assert set(np.unique(batch["i"])) == {0, 1, 2, 3}


def test_integers_lie_between_their_bounds():
    for _, batch in drawn(lambda x, i: x * i, "(n),(n)->(n)", {"i": domains.integers(-2, 3)}):
        assert set(np.unique(batch["i"])) == set(range(-2, 4))
    for sizes, batch in drawn(lambda x, i: x * i, "(n),(n)->(n)", {"i": domains.integers("1-n", "2*n")}):
        assert (batch["i"].min(), batch["i"].max()) == (1 - sizes["n"], 2 * sizes["n"])
    for sizes, _ in drawn(lambda x, i: x * i, "(n),(n)->(n)", {"i": domains.integers(3, "n")}):
        assert sizes["n"] >= 3  # below, there are none
    with pytest.raises(ValueError, match="a domain speaks of q, and there is no such dimension"):
        list(drawn(lambda x, i: x * i, "(n),(n)->(n)", {"i": domains.index("q")}))


def test_booleans_are_both():
    for _, batch in drawn(lambda x, m: jnp.where(m, x, 0.0), "(n),(n)->(n)", {"m": domains.boolean}):
        assert batch["m"].dtype == bool
        assert 0.2 < batch["m"].mean() < 0.8


def test_checked_functions_say_what_kind_of_numbers_is_due():
    @checked
    def pick(x: Float[Array, " k"], i: Annotated[Int[Array, " n"], domains.index("k")]) -> Float[Array, " n"]:
        return x[i]

    x = jnp.arange(3.0)
    assert pick(x, jnp.array([2, 0])).shape == (2,)
    with pytest.raises(TypeError, match=r"pick: argument i must be an array of integers, got float32"):
        pick(x, x)
    with pytest.raises(ValueError, match=r"pick: argument i needs integers from 0 to below k; got \[3\]"):
        pick(x, jnp.array([3]))

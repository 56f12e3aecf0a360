"""What is sent to a stranger's process, and what comes back: trees, integers, options, complex and large arrays."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from jaxtyping import Array, Complex, Float, Int

from identities import CandidateMismatch, domains
from identities.claim import Claim
from identities.oracle.asking import claim, plan_of
from identities.oracle.candidates.local import Candidate
from identities.oracle.candidates.sandbox import Limits, Sandbox
from identities.oracle.draw.shapes import Shape, draw_shapes
from identities.oracle.draw.values import draw_values
from identities.oracle.verdict.inquiry import Inquiry
from identities.oracle.verdict.judge import judge


def outcomes(candidate: Candidate, claim: Claim, each: int = 1, number: int = 0) -> tuple[Any, ...]:
    """What a candidate makes of arguments of one shape: for each array of the result, an outcome an instance."""
    shape = draw_shapes(claim, number + 1, 0)[number]
    batch = {name: values[:each] for name, values in draw_values(claim, shape, "float64", each, 0).items()}
    return candidate(claim, shape, {"float64": batch})["float64"].leaves


INDEXED = """
import numpy as np

def right(delta, table, rows, scale):
    assert rows.dtype == np.int64
    gradient = np.zeros_like(table["a"])
    np.add.at(gradient, rows, scale * delta)
    return {"a": gradient, "b": 0 * table["b"]}, None, (delta * table["a"][rows]).sum()

def no_such_gradient(delta, table, rows, scale):
    return right(delta, table, rows, scale)[0], rows + 1.0, 0.0

def raises(delta, table, rows, scale):
    raise ValueError("no")

def says(*arguments, modes, label="", unknown=3):
    assert (modes, label) == ((1, "two"), "a"), (modes, label)
    return arguments[0]

def lies(delta, table, rows, scale):
    return 1j * delta
"""


@pytest.fixture
def indexed(tmp_path) -> Iterator[Sandbox]:
    (tmp_path / "indexed.py").write_text(INDEXED)
    with Sandbox(str(tmp_path / "indexed.py"), Limits(20, 0)) as sandbox:
        yield sandbox


def indexed_claim() -> Claim:
    def rows_of(table, rows, scale):
        return scale * table["a"][rows]

    ints = Int[Array, "k"]
    signature = (({"a": Float[Array, "n m"], "b": Float[Array, "m"]}, ints, ""), "k m")
    return claim("vjp", rows_of, ("table", "rows", "scale"), signature, {"rows": domains.index("n")})


def test_trees_and_integers(indexed):
    claimed = indexed_claim()
    plan = plan_of(shapes=3, instances=16)
    assert judge(Inquiry(claimed, indexed.candidate("right"), plan), "").passed
    with pytest.raises(CandidateMismatch, match="rows, which consists of integers: its gradient is None"):
        judge(Inquiry(claimed, indexed.candidate("no_such_gradient"), plan), "")
    leaves = outcomes(indexed.candidate("raises"), claimed, each=2)
    assert [outcome.sentence for leaf in leaves for outcome in leaf] == ["raises ValueError: no (line 14)"] * 6
    # Each answer is read to its end: the next question gets its own.
    assert [outcome.shape for (outcome,) in outcomes(indexed.candidate("right"), claimed)][2] == ()


def test_options_are_sent_as_they_are(indexed):
    def f(x, modes, label):
        return x

    claimed = claim("value", f, signature="(n)->(n)", static={"modes": [(1, "two")], "label": "a"})
    assert isinstance(outcomes(indexed.candidate("says"), claimed)[0][0], np.ndarray)
    claimed = claim("value", f, signature="(n)->(n)", static={"modes": [{1, 2}], "label": "a"})
    with pytest.raises(TypeError, match="cannot be sent to another process"):
        outcomes(indexed.candidate("says"), claimed)


def test_complex_numbers(tmp_path):
    (tmp_path / "mine.py").write_text("def double(z): return z + z\ndef doubles(x): return (x + x) * (1 + 0j)")
    to_complex, to_real = ((Complex[Array, "n"],), Complex[Array, "n"]), "(n)->(n)"
    with Sandbox(str(tmp_path / "mine.py"), Limits(20, 0)) as sandbox:
        (leaf,) = outcomes(sandbox.candidate("double"), claim("value", lambda z: 2 * z, signature=to_complex), 3)
        assert [outcome.dtype for outcome in leaf] == ["complex128"] * 3
        (leaf,) = outcomes(sandbox.candidate("doubles"), claim("value", lambda x: 2 * x, signature=to_real), 3)
        assert {outcome.kind for outcome in leaf} == {"wrong-type"}


def test_a_large_result_is_no_fault(tmp_path):
    (tmp_path / "mine.py").write_text("import numpy as np\ndef outer(x): return np.outer(x, x)")
    claimed = claim("value", lambda x: x[:, None] * x, signature="(n)->(n,n)")
    shape = Shape((("n", 3000),))  # of 72 MB
    with Sandbox(str(tmp_path / "mine.py"), Limits(30, 0)) as sandbox:
        batch = {"x": np.ones((1, 3000))}
        ((outcome,),) = sandbox.candidate("outer")(claimed, shape, {"float64": batch})["float64"].leaves
    assert outcome.shape == (3000, 3000)

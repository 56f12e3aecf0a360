"""A reference of one's own: what the names in a file ask about its functions, and how what is found is called."""

import json
from pathlib import Path

import pytest

from identities.cli import main
from identities.oracle.candidates.reference_file import ReferenceFile

REFERENCE = """
import jax.numpy as jnp
from jaxtyping import Array, Float, Int
from identities import adapt

def affine(x: Float[Array, "n d"], prev_w: Float[Array, "d m"]) -> Float[Array, "n m"]:
    return helper(x @ prev_w)

def helper(x):
    return x

def square(x: Float[Array, " n"], eps: float = 0.5) -> Float[Array, " n"]:
    return x * x + eps

def loss(x: Float[Array, " n"]) -> Float[Array, ""]:
    return (x * x).sum()

def double(k: Int[Array, " n"]) -> Int[Array, " n"]:
    return 2 * k

CANDIDATES = {"loss_backward": adapt.from_loss_and_gradients("loss"), "square_vjp": "gradient_of_square"}
"""

LITTLE = ["--sizes", "n=1,3", "--shapes", "2", "--instances", "8"]


@pytest.fixture
def reference(tmp_path) -> Path:
    file = tmp_path / "lab.py"
    file.write_text(REFERENCE)
    return file


def judged(capsys, reference: Path, source: str, *options: str) -> dict[str, str]:
    """By the name of what is judged the verdict, or what is said in the place of one."""
    file = reference.with_name("mine.py")
    file.write_text("import numpy as np\n" + source)
    main(["check", str(file), "--reference", str(reference), "--json", *LITTLE, *options])
    records = json.loads(capsys.readouterr().out)
    return {
        r["function"]: r["verdict"] if r["verdict"] in ("right", "missing") else r.get("error", "WRONG")
        for r in records
    }


def asked(reference: Path, *names: str) -> dict[str, tuple[str, tuple[str, ...]]]:
    """By name, which kind of derivative is asked for, and by which arguments."""
    return {q.name: (q.claim.kind.name, q.claim.wrt) for q in ReferenceFile(str(reference)).read(names).questions}


def test_names_ask_for_values_and_derivatives(reference):
    assert asked(reference, "affine", "affine_forward", "affine_backward", "affine_hessian_x", "helper", "os") == {
        "affine": ("value", ()),
        "affine_forward": ("value", ()),
        "affine_backward": ("vjp", ("x", "prev_w")),
        "affine_hessian_x": ("hessian", ("x",)),
    }
    assert asked(
        reference, "affine_jvp_prev_w", "affine_jacobian_prev_w_x", "affine_vjp", "affine_vjp_y", "square_"
    ) == {
        "affine_vjp": ("vjp", ("x", "prev_w")),
        "affine_jvp_prev_w": ("jvp", ("prev_w",)),
        "affine_jacobian_prev_w_x": ("jacobian", ("prev_w", "x")),
    }
    # Integers have a value, and no derivative.
    assert asked(reference, "double", "double_backward", "double_vjp") == {"double": ("value", ())}


def test_what_is_nearly_right_is_pointed_out_and_what_is_not_there_is_missing(reference):
    reading = ReferenceFile(str(reference)).read(["affine_forward", "afine_backward", "gradient_of_square", "plot"])
    assert reading.near == {"afine_backward": "affine_backward"}
    # Of a forward pass the backward one, of the table every line, and of other functions anything.
    assert reading.missing == ("affine_backward", "loss_backward", "double")


@pytest.mark.parametrize(
    "source",
    [
        "def affine_forward(x, w): return x @ w, (x, w)\n"
        "def affine_backward(dout, cache):\n    x, w = cache\n    return dout @ w.T, x.T @ dout",
        "def affine(x, w): return x @ w, {'x': x, 'w': w}\n"
        "def affine_backward(dout, cache): return dout @ cache['w'].T, cache['x'].T @ dout",
        "def affine_forward(x, w): return x @ w, (x, w)",
        "def affine_forward(x, w): return x @ w\n"
        "def affine_backward(dout, x, w): return dout @ w.T, x.T @ dout",
        "def affine_forward(x, w): return x @ w, (x, w)\n"
        "def affine_backward(dout, x, prev_w): return {'prev_w': x.T @ dout, 'x': dout @ prev_w.T}",
        "def affine_backward(prev_w, x, delta): return delta @ prev_w.T, x.T @ delta",
        "def square_forward(x): return x * x + 0.5, 2 * x\ndef square_backward(dout, cache): return dout * cache",
        "def square_forward(x): return x * x + 0.5\ndef square_backward(dout, x): return 2 * dout * x",
    ],
)  # fmt: skip
def test_passes_are_taken_as_they_are_written(capsys, reference, source):
    verdicts = judged(capsys, reference, source)
    found = {name: verdict for name, verdict in verdicts.items() if f"def {name}" in source}
    assert found == dict.fromkeys(found, "right")
    assert len(found) == source.count("def ")


def test_the_table_says_what_is_otherwise(capsys, reference):
    source = "def loss(x): return (x * x).sum(), 2 * x\ndef gradient_of_square(delta, x): return 2 * delta * x"
    assert judged(capsys, reference, source, "--only", "loss", "loss_backward", "square_vjp") == {
        "loss": "right",
        "loss_backward": "right",
        "square_vjp": "right",
    }
    source = "def loss(x): return (x * x).sum(), x\ndef gradient_of_square(delta, x): return delta * x"
    assert judged(capsys, reference, source, "--only", "loss_backward", "square_vjp") == {
        "loss_backward": "WRONG",
        "square_vjp": "WRONG",
    }


def test_an_error_is_told_by_its_line_in_the_file(capsys, reference):
    source = "def square_forward(x): return x * x, x\n\ndef square_backward(dout, cache):\n    raise ValueError('no')"
    file = reference.with_name("mine.py")
    file.write_text(source)
    main(["check", str(file), "--reference", str(reference), "--only", "square_backward", *LITTLE])
    out = capsys.readouterr().out
    assert "raises ValueError: no (line 4)" in out
    assert f"identities check {file} --reference {reference} --only square_backward" in out


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("1 / 0", "cannot be loaded: ZeroDivisionError: division by zero (line 1)"),
        ("def f(x): return x", "has no function with jaxtyping annotations"),
        ("def f(x: int): return x", "f cannot be asked about: argument x: annotate it with its shape"),
        (
            REFERENCE + 'CANDIDATES = {"afine_backward": "g"}',
            "CANDIDATES: {} does not ask for 'afine_backward'; did you mean affine_backward",
        ),
        (REFERENCE + 'CANDIDATES = {"loss_backward": print}', "must be the name of a function, or an adapter of names"),
    ],
)  # fmt: skip
def test_a_reference_that_makes_no_sense_is_refused(tmp_path, capsys, source, words):
    file = tmp_path / "lab.py"
    file.write_text(source)
    with pytest.raises(SystemExit) as exit_:
        main(["check", str(file), "--reference", str(file)])
    assert exit_.value.code == 2
    assert words.format(file) in capsys.readouterr().err


def test_a_name_that_is_not_asked_for_is_misuse(reference, capsys):
    with pytest.raises(SystemExit) as exit_:
        main(["check", str(reference), "--reference", str(reference), "--only", "affine_vjp_y"])
    assert exit_.value.code == 2
    assert f"{reference} does not ask for 'affine_vjp_y'; did you mean affine_vjp" in capsys.readouterr().err

"""`pytest --candidate`, in runs of its own."""

import subprocess
import sys

import pytest

HOMEWORK = """
import numpy as np

def softmax(x):
    e = np.exp(x - x.max())
    return e / e.sum()

def softmax_jvp(x, v):
    z = softmax(x)
    return z * (v - z @ v)

def softmax_vjp(delta, x):
    return softmax(x) * delta

def matvec_vjp_w(delta, W, x):
    return np.outer(delta, x)
"""


@pytest.fixture
def run(tmp_path):
    """Runs pytest in an empty folder with a file of candidates in it."""
    (tmp_path / "my_grads.py").write_text(HOMEWORK)
    (tmp_path / "nothing.py").write_text("def f(x): return x")
    (tmp_path / "test_other.py").write_text("def test_other(): pass")

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    return run


def test_every_function_and_dtype_is_an_item(run, tmp_path):
    done = run("--candidate", "my_grads.py", "--candidate-dtypes", "float64", "float32", "-v", "--junitxml", "out.xml")
    assert done.returncode == 1
    for item in ("softmax_jvp[float64] PASSED", "softmax_jvp[float32] PASSED", "softmax_vjp[float32] FAILED"):
        assert f"my_grads.py::{item}" in done.stdout
    assert "softmax_vjp is wrong in float64: it lacks the term -sum_p delta_p z_i z_p in entry i" in done.stdout
    assert (
        "pytest --candidate my_grads.py --candidate-dtypes float64 --candidate-arrays numpy -k softmax_vjp"
        in done.stdout
    )
    assert "matvec_vjp_w is not in the catalog; did you mean matvec_vjp_W?" in done.stdout
    assert "test_other" not in done.stdout, "without other arguments, candidates are all there is"
    assert "2 failed, 2 passed" in done.stdout
    assert 'failures="2"' in (tmp_path / "out.xml").read_text()


def test_it_works_with_xdist_and_beside_tests_and_modules(run):
    pytest.importorskip("xdist", reason="pytest-xdist is not installed")
    done = run("--candidate", "my_grads", "test_other.py", "-n", "1", "-k", "jvp or other")
    assert done.returncode == 0, done.stdout
    assert "2 passed" in done.stdout


def test_what_cannot_be_judged_is_an_error(run):
    done = run("--candidate", "nothing.py")
    assert done.returncode == 2
    assert "nothing.py has no function whose name is in the catalog" in done.stdout
    done = run("--candidate", "nowhere.py")
    assert done.returncode == 4
    assert "--candidate: there is no file nowhere.py" in done.stderr


def test_a_run_without_candidates_does_not_import_jax(run, tmp_path):
    (tmp_path / "test_light.py").write_text(
        "import sys\ndef test_light(): assert not {'jax', 'identities', 'hypothesis'} & set(sys.modules)"
    )
    done = run("-p", "no:hypothesispytest", "test_light.py")
    assert done.returncode == 0, done.stdout


REFERENCE = """
from jaxtyping import Array, Float

def double(x: Float[Array, " n"]) -> Float[Array, " n"]:
    return 2 * x

def square(x: Float[Array, " n"]) -> Float[Array, " n"]:
    return x * x
"""

PAIRS = """
def double_forward(x):
    return 2 * x, None

def double_backward(dout, cache):
    return dout

def square_forwards(x):
    return x * x
"""


def test_a_reference_of_ones_own(run, tmp_path):
    (tmp_path / "lab.py").write_text(REFERENCE)
    (tmp_path / "pairs.py").write_text(PAIRS)
    done = run("--candidate", "pairs.py", "--reference", "lab.py", "-v")
    assert done.returncode == 1
    assert "pairs.py::double_forward[float64] PASSED" in done.stdout
    assert "double_backward is wrong in float64: it returns 1/2 times the right result" in done.stdout
    assert "pytest --candidate pairs.py --reference lab.py --candidate-dtypes float64" in done.stdout
    assert "square_forwards is not asked for by lab.py; did you mean square_forward?" in done.stdout
    assert "square is missing" in done.stdout
    assert "1 failed, 1 passed" in done.stdout

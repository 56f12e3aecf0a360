"""`identities check`: strangers' files, each function in a process of its own."""

import json
import os
import resource
from collections.abc import Iterator
from pathlib import Path

import jax.numpy as jnp
import pytest

from identities import Source, catalog
from identities.catalog import _catalog, vjp
from identities.cli import main
from identities.oracle.verdict.judge import judge


def grade(path: Path, source: str, *options: str) -> tuple[int, list[str]]:
    file = path / "my_grads.py"
    file.write_text("import numpy as np\n" + source)
    return main(["check", str(file), "--shapes", "3", "--instances", "16", *options]), [str(file)]


def graded(path, capsys, source: str, *options: str) -> dict[str, dict]:
    code, _ = grade(path, source, "--json", *options)
    records = json.loads(capsys.readouterr().out)
    assert code == int(not all(record["passed"] for record in records))
    return {record["function"]: record for record in records}


HOMEWORK = """
def softmax(x):
    e = np.exp(x - x.max())
    return e / e.sum()

def softmax_jacobian(x):
    z = softmax(x)
    return np.diag(z) - np.outer(z, z)

def softmax_vjp(delta, x):
    return softmax(x) * delta

def matvec_vjp_w(delta, W, x):
    return np.outer(delta, x)
"""


def test_a_file_is_graded_in_a_table(tmp_path, capsys):
    code, (file,) = grade(tmp_path, HOMEWORK)
    out = capsys.readouterr().out
    assert code == 1
    assert "right" in out
    assert "missing-term: it lacks the term -sum_p delta_p z_i z_p in entry i" in out
    assert "is not in the catalog; did you mean matvec_vjp_W?" in out
    assert f"identities check {file} --only softmax_vjp --dtypes float64" in out
    assert "1 of 2 right" in out


def test_a_right_file_exits_with_zero_and_names_that_are_only_near_do_not_matter(tmp_path, capsys):
    source = "def square_vjp(delta, x):\n    return 2 * x * delta\ndef square_vpj(delta, x):\n    return 0"
    assert grade(tmp_path, source)[0] == 0
    assert "1 of 1 right" in capsys.readouterr().out


def test_json_tells_everything(tmp_path, capsys):
    record = graded(tmp_path, capsys, "def square_vjp(delta, x):\n    return -2 * x * delta")["square_vjp"]
    assert record["diagnosis"] == {
        "kind": "sign",
        "sentence": "has the wrong sign",
        "factor": "-1",
        "where": None,
        "step": None,
    }
    assert record["dtype"] == "float64"
    assert set(record["arguments"]) == {"delta", "x"}
    assert record["expected"] == [-value for value in record["got"]]


def test_only_some_and_in_other_dtypes(tmp_path, capsys):
    source = "def square_vjp(delta, x):\n    return 2 * x * delta\ndef exp_vjp(delta, x):\n    return None"
    records = graded(tmp_path, capsys, source, "--only", "square_vjp", "--dtypes", "float32", "bfloat16")
    assert list(records) == ["square_vjp"]
    assert set(records["square_vjp"]["errors"]["jacfwd"]) == {"float32", "bfloat16"}


HOSTILE = """
import os, sys, time, pickle, json, signal
RIGHT = lambda delta, x: delta * np.exp(x)

def exp_vjp(delta, x):
    while True:
        pass

def sin_vjp(delta, x):
    os._exit(7)

def cos_vjp(delta, x):
    os.kill(os.getpid(), signal.SIGSEGV)

def log_vjp(delta, x):
    return np.zeros((10**6, 10**6)) + 1

def sinh_vjp(delta, x):
    hoard = []
    while True:
        hoard.append(np.empty(10**8))

def sqrt_vjp(delta, x):
    sys.exit("enough")

def cosh_vjp(delta, x):
    print("nothing to see", flush=True)
    os.write(1, b"nothing to see")
    input()

def tanh_vjp(delta, x):
    # Patches everything that could decide the verdict.
    np.array_equal = np.allclose = lambda *a, **k: True
    np.ndarray = pickle.loads = json.loads = None
    try:
        import identities.oracle.reference.unit as tolerance
        tolerance.TOLERANCE = float("inf")
    except ImportError:
        pass
    return delta * 0

def square_vjp(delta, x):
    # Writes an answer of its own to every pipe, to be read before the true one.
    for fd in range(3, 64):
        try:
            os.write(fd, b"\\x02\\x00\\x00\\x00{}" * 3)
        except OSError:
            pass
    return delta * 0

def erf_vjp(delta, x):
    return np.ones((1, 10**8), np.int8)

def arctan_vjp(delta, x):
    # Lies about the shape of what follows, and colours the terminal.
    main = sys.modules["identities.oracle.candidates.serving"]
    send = main.send
    main.send = lambda pipe, head, payload=b"": send(pipe, {"dtype": "float64", "shape": [float("inf")]})
    return delta

def log1p_vjp(delta, x):
    # Of no bytes, and still larger than any array.
    main = sys.modules["identities.oracle.candidates.serving"]
    send = main.send
    main.send = lambda pipe, head, payload=b"": send(pipe, {"dtype": "float64", "shape": [0, 2**62, 2**62]})
    return delta

def square_jacobian(x):
    # Accuses itself of what it did not do, in colour.
    main = sys.modules["identities.oracle.candidates.serving"]
    send = main.send
    main.send = lambda pipe, head, payload=b"": send(pipe, head | {"writes": "\\x1b[31mall"}, payload)
    return np.diag(2 * x)

def sigmoid_vjp(delta, x):
    raise ValueError("\\x1b[31mred\\x1b[0m")

def expm1_vjp(delta, x):
    raise KeyboardInterrupt

class Evil:
    def __reduce__(self):
        return (os.system, ("touch pwned",))

def silu_vjp(delta, x):
    return Evil()

def softplus_vjp(delta, x):
    return delta / (1 + np.exp(-x))
"""


def test_hostile_functions_lose_only_their_own_verdict(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    records = graded(tmp_path, capsys, HOSTILE, "--time-limit", "3", "--memory-limit", "2")
    verdicts = {
        name: (r["passed"] or (r["diagnosis"]["kind"], r["diagnosis"]["sentence"])) for name, r in records.items()
    }
    assert verdicts.pop("softplus_vjp") is True
    assert verdicts.pop("square_jacobian") is True
    assert records["square_jacobian"]["warnings"] == []
    assert not any(passed is True for passed in verdicts.values())
    expected = {
        "exp_vjp": ("timeout", "does not finish within 3 s (--time-limit)"),
        "sin_vjp": ("crash", "ends its process, with exit code 7"),
        "cos_vjp": ("crash", "ends its process with SIGSEGV"),
        "sqrt_vjp": ("raises", "raises SystemExit: enough"),
        "cosh_vjp": ("raises", "raises EOFError"),
        "log_vjp": ("raises", "raises MemoryError"),
        "sinh_vjp": ("raises", "raises MemoryError"),
        "silu_vjp": ("wrong-type", "returns a Evil"),
        "erf_vjp": ("wrong-type", "no array of a sensible size"),
        "arctan_vjp": ("wrong-type", "no array of a sensible size"),
        "log1p_vjp": ("wrong-type", "no array of a sensible size"),
        "sigmoid_vjp": ("raises", "raises ValueError:  [31mred [0m"),
        "expm1_vjp": ("raises", "raises KeyboardInterrupt"),
    }
    for name, (kind, words) in expected.items():
        assert records[name]["diagnosis"]["kind"] == kind, name
        assert words in records[name]["diagnosis"]["sentence"], name
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("def f(x): return x", "has no function whose name is in the catalog"),
        ("1 / 0", "cannot be loaded: ZeroDivisionError: division by zero (line 2)"),
        ("def f(:", "cannot be loaded: SyntaxError"),
        ("import os; os._exit(0)", "cannot be loaded: ends its process, with exit code 0"),
        (
            "import sys\nm = sys.modules['identities.oracle.candidates.serving']\n"
            "o = m.send\nm.send = lambda p, h: o(p, {})",
            "disturbs the connection",
        ),
        ("while True: pass", "cannot be loaded: does not finish within 1 s"),
    ],
)
def test_a_file_that_cannot_be_judged_is_an_error(tmp_path, capsys, source, words):
    assert grade(tmp_path, source, "--time-limit", "1")[0] == 1
    assert words in capsys.readouterr().out


def test_the_next_file_is_judged_all_the_same(tmp_path, capsys):
    (tmp_path / "good.py").write_text("def square_vjp(delta, x): return 2 * delta * x")
    code = main(["check", str(tmp_path / "good.py"), str(tmp_path / "good.py"), "--shapes", "1", "--instances", "4"])
    assert code == 0
    grade(tmp_path, "1 / 0")
    (tmp_path / "bad.py").write_text("1 / 0")
    code = main(["check", str(tmp_path / "bad.py"), str(tmp_path / "good.py"), "--shapes", "1", "--instances", "4"])
    assert code == 1
    assert "1 of 1 right" in capsys.readouterr().out


def test_a_function_that_is_asked_for_and_missing_is_an_error(tmp_path, capsys):
    source = "def square_vjp(delta, x):\n    return 2 * x * delta"
    assert grade(tmp_path, source, "--only", "square_vjp", "cos_vjp")[0] == 1
    assert "is not in the file" in capsys.readouterr().out


def test_misuse_exits_with_two(capsys):
    with pytest.raises(SystemExit) as exit_:
        main(["check", "nowhere", "--time-limit", "-1"])
    assert exit_.value.code == 2
    with pytest.raises(SystemExit) as exit_:
        main(["check", "nowhere.py"])
    assert exit_.value.code == 2
    assert "there is no file nowhere.py" in capsys.readouterr().err


@pytest.fixture
def many_open_files() -> Iterator[None]:
    """More of them than `select` knows of."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 1500:
        pytest.skip("this process may not open so many files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 1500), hard))
    opened = [os.open(os.devnull, os.O_RDONLY) for _ in range(1100)]
    yield
    for file in opened:
        os.close(file)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("many_open_files")
def test_a_process_with_many_open_files_can_judge(tmp_path, capsys):
    assert grade(tmp_path, "def square_vjp(delta, x):\n    return 2 * x * delta")[0] == 0
    assert "1 of 1 right" in capsys.readouterr().out


def test_an_error_of_the_oracle_is_nobodys_grade(tmp_path, capsys, monkeypatch):
    def broken(inquiry, *rest):
        if inquiry.claim.name == "exp_vjp":
            raise KeyError("x")
        return judge(inquiry, *rest)

    monkeypatch.setattr("identities.oracle.candidates.grading.judge", broken)
    source = "def exp_vjp(delta, x):\n    return delta\ndef square_vjp(delta, x):\n    return 2 * x * delta"
    assert grade(tmp_path, source)[0] == 3
    printed = capsys.readouterr()
    assert "is not judged: internal error of the oracle\nTraceback (most recent call last):" in printed.err
    assert "KeyError: 'x'" in printed.err
    assert "internal error" in printed.out
    assert "1 of 1 right" in printed.out
    assert grade(tmp_path, source, "--json")[0] == 3
    unjudged, right = json.loads(capsys.readouterr().out)
    assert (unjudged["passed"], right["passed"]) == (None, True)
    assert "KeyError: 'x'" in unjudged["traceback"]


WRONG_BEYOND_TWELVE = """
def square_vjp(delta, x):
    return 2 * x * delta * (1 + (x.size == 13))

def matvec_vjp_W(delta, W, x):
    return np.outer(delta, x)
"""


def test_sizes_are_those_that_were_asked_for(tmp_path, capsys):
    assert grade(tmp_path, WRONG_BEYOND_TWELVE, "--sizes", "n=1,12,14", "m=2")[0] == 0
    capsys.readouterr()
    assert grade(tmp_path, WRONG_BEYOND_TWELVE, "--sizes", "n=1,13", "m=2")[0] == 1
    out = capsys.readouterr().out
    assert "1 of 2 right" in out
    assert "--seed 0 --sizes n=1,13 m=2" in out


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--sizes", "t=3"], "sizes: there is no dimension 't'; there are n, batch1, batch2, m"),
        (["--sizes", "n=0"], "'n=0' is no dimension with sizes from one on; write it like t=1,127"),
        (["--sizes", "n"], "'n' is no dimension with sizes from one on"),
        (["--arrays", "lists"], 'arrays must be "numpy", "jax" or "torch"'),
        (["--only", "square_vpj"], "did you mean square_vjp"),
    ],
)
def test_options_that_make_no_sense_exit_with_two(tmp_path, capsys, options, words):
    with pytest.raises(SystemExit) as exit_:
        grade(tmp_path, WRONG_BEYOND_TWELVE, *options)
    assert exit_.value.code == 2
    assert words in capsys.readouterr().err


def test_who_writes_to_an_argument_is_warned_or_wrong_if_strict(tmp_path, capsys):
    source = "def square_vjp(delta, x):\n    x *= 2\n    return x * delta"
    record = graded(tmp_path, capsys, source)["square_vjp"]
    assert record["warnings"] == ["writes to its argument x"]
    assert grade(tmp_path, source)[0] == 0
    assert "calls; writes to its argument x" in capsys.readouterr().out
    record = graded(tmp_path, capsys, source, "--strict")["square_vjp"]
    assert record["diagnosis"]["kind"] == "mutates-arguments"
    assert record["repeat"].endswith(" --strict")


def test_static_arguments_arrive_as_they_are(tmp_path, capsys):
    source = """
def power_jacobian_X(X, k):
    assert type(k) is int
    n, power = len(X), np.linalg.matrix_power
    terms = [np.einsum("ki,jl->klij", power(X, r), power(X, k - 1 - r)) for r in range(k)]
    return sum(terms, np.zeros((n, n, n, n)))
"""
    assert graded(tmp_path, capsys, source)["power_jacobian_X"]["passed"]


@pytest.fixture
def both_gradients() -> Iterator[str]:
    """The name of an identity with two gradients, in the catalog for the time of a test."""
    states, source = (r"\delta x^\top", r"W^\top \delta"), Source("Test", "1")

    @vjp(catalog["matvec_vjp_W"].function, wrt=("W", "x"), states=states, source=source)
    def matvec_vjp_W_x(delta, W, x):
        return jnp.outer(delta, x), W.T @ delta

    yield "matvec_vjp_W_x"
    del _catalog["matvec_vjp_W_x"]


def test_several_gradients(tmp_path, capsys, both_gradients):
    right = f"def {both_gradients}(delta, W, x):\n    return np.outer(delta, x), W.T @ delta"
    assert graded(tmp_path, capsys, right)[both_gradients]["passed"]
    wrong = f"def {both_gradients}(delta, W, x):\n    return dict(x=2 * W.T @ delta, W=-np.outer(delta, x))"
    record = graded(tmp_path, capsys, wrong)[both_gradients]
    assert record["leaf"] == "W"
    assert record["diagnosis"]["kind"] == "sign"
    assert {leaf: diagnosis["factor"] for leaf, diagnosis in record["diagnoses"].items()} == {"W": "-1", "x": "2"}
    assert grade(tmp_path, wrong)[0] == 1
    assert "W: sign: it has the wrong sign; x: factor: it returns 2 times the right result" in capsys.readouterr().out
    alone = f"def {both_gradients}(delta, W, x):\n    return np.outer(delta, x)"
    assert graded(tmp_path, capsys, alone)[both_gradients]["diagnosis"]["kind"] == "wrong-type"

"""`identities check`: strangers' files, each function in a process of its own."""

import json
import time
from pathlib import Path

import numpy as np
import pytest

from identities.__main__ import main
from identities.oracle.sandbox import Limits, Sandbox


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
    assert record["diagnosis"] == {"kind": "sign", "sentence": "has the wrong sign", "factor": "-1"}
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
        import identities.oracle.tolerance as tolerance
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
    main = sys.modules["__main__"]
    send = main.send
    main.send = lambda pipe, head, payload=b"": send(pipe, {"dtype": "float64", "shape": [float("inf")]})
    return delta

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
            "import sys\nm = sys.modules['__main__']\no = m.send\nm.send = lambda p, h: o(p, {})",
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


def test_processes_are_gone_afterwards(tmp_path):
    file = tmp_path / "spawns.py"
    file.write_text("import subprocess\nchild = subprocess.Popen(['sleep', '60'])\ndef exp_vjp(d, x): return child.pid")
    with Sandbox(str(file), Limits(20, 0)) as sandbox:
        (outcome,) = sandbox.candidate("exp_vjp")({"delta": np.ones((1, 1)), "x": np.ones((1, 1))})
        pid = int(outcome)  # pyright: ignore[reportArgumentType]
    time.sleep(0.2)
    status = Path(f"/proc/{pid}/stat")
    assert not status.exists() or status.read_text().split()[2] == "Z"

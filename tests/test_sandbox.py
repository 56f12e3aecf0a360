"""What a stranger's process cannot do: each hostile function is right only if it has done it."""

import json
import os
import py_compile
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from identities.cli import main
from identities.oracle.candidates import sandbox, scratch
from identities.oracle.candidates.protection import protection
from identities.oracle.candidates.sandbox import CannotLoadError, Limits, Sandbox

needs_a_sandbox = pytest.mark.skipif(not protection().whole, reason=str(protection()))

HOSTILE = """
import ctypes, fcntl, os, resource, signal, socket, subprocess, sys, threading, time
from pathlib import Path
import numpy as np

HOME, PROJECT, JUDGE = Path({home!r}), Path({project!r}), os.getppid()
SCRATCH = Path(os.environ["HOME"])

def anyone(*attempts):
    for attempt in attempts:
        try:
            attempt()
            return "it was possible"
        except OSError:
            pass
    raise PermissionError("none of it")

def square_vjp(delta, x):  # writes to the project
    anyone(
        lambda: (PROJECT / "pwned").write_text(""),
        lambda: (Path(__file__).parent / "pwned").write_text(""),
        lambda: os.truncate(PROJECT / "file", 0),
        lambda: os.chmod(PROJECT / "file", 0),
        lambda: os.utime(PROJECT / "file", (0, 0)),
        lambda: (PROJECT / "file").unlink(),
        lambda: os.rename(PROJECT / "file", SCRATCH / "file"),
    )
    return 2 * x * delta

def exp_vjp(delta, x):  # writes to the home folder, and reads there
    link = SCRATCH / str(time.time_ns())
    link.symlink_to(HOME / "file")
    anyone(
        lambda: (HOME / "pwned").write_text(""),
        lambda: link.read_text(),
        lambda: os.link(HOME / "file", SCRATCH / str(time.time_ns())),
        lambda: os.listdir(HOME),
    )
    return delta * np.exp(x)

def sin_vjp(delta, x):  # reads and writes the judge's memory, and changes its limits
    def call(*arguments):
        if ctypes.CDLL(None).syscall(*arguments) < 0:
            raise OSError
    anyone(
        lambda: open(f"/proc/{{JUDGE}}/mem", "r+b"),
        lambda: open(f"/proc/{{JUDGE}}/environ"),
        lambda: os.listdir(f"/proc/{{JUDGE}}/fd"),
        lambda: os.pidfd_open(JUDGE),
        lambda: call({ptrace}, 16, JUDGE, 0, 0),
        lambda: resource.prlimit(JUDGE, resource.RLIMIT_CORE, (0, 0)),
        lambda: os.sched_setaffinity(JUDGE, {{0}}),
        lambda: fcntl.fcntl(int(sys.argv[1]), fcntl.F_SETOWN, JUDGE),
    )
    return delta * np.cos(x)

def cos_vjp(delta, x):  # opens sockets
    anyone(
        socket.socket,
        lambda: socket.socket(socket.AF_UNIX),
        lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW),
        socket.socketpair,
    )
    return -delta * np.sin(x)

def log_vjp(delta, x):  # forks; whoever can do it once can do it without end
    def fork():
        if os.fork() == 0:
            os._exit(0)
    anyone(fork, lambda: subprocess.Popen(["true"]), lambda: os.posix_spawn("/bin/true", ["true"], {{}}))
    return delta / x

def sqrt_vjp(delta, x):  # detaches what goes on when it has ended
    if os.fork() == 0:
        os.setsid()
        os.execvp("sleep", ["sleep", "60"])
    return delta / (2 * np.sqrt(x))

def sinh_vjp(delta, x):  # fills the disk
    for i in range(10**6):
        (SCRATCH / str(i)).write_bytes(bytes(10**6))

def cosh_vjp(delta, x):  # fills it with folders in folders
    os.chdir(SCRATCH)
    for i in range(10**6):
        os.mkdir("a" * 200)
        os.chdir("a" * 200)

def erf_vjp(delta, x):  # one file that is too large
    with open(SCRATCH / "file", "wb") as file:
        file.truncate(10**12)

def tanh_vjp(delta, x):  # kills its parent, if it may send signals there
    anyone(lambda: os.kill(JUDGE, signal.SIGURG), lambda: os.kill(-1, signal.SIGURG), lambda: os.kill(1, 0))
    return delta / np.cosh(x) ** 2

def arctan_vjp(delta, x):  # sends a million messages
    pipe = int(sys.argv[1])
    for _ in range(10**6):
        os.write(pipe, b"\\x02\\x00\\x00\\x00{{}}")

def log1p_vjp(delta, x):  # threads without end
    threading.stack_size(1 << 18)  # more than memory alone would allow
    while True:
        threading.Thread(target=time.sleep, args=(60,), daemon=True).start()

def expm1_vjp(delta, x):  # goes on when nobody waits for it, until its processor time is over
    resource.setrlimit(resource.RLIMIT_CPU, (1, resource.getrlimit(resource.RLIMIT_CPU)[1]))
    while True:
        pass

def softmax_vjp(delta, x):  # copies the answer
    from identities.softmax import softmax_vjp
    return np.asarray(softmax_vjp(delta, x))

def sigmoid_vjp(delta, x):  # is only right
    z = 1 / (1 + np.exp(-x))
    return delta * z * (1 - z)
"""

GOOD = "def square_vjp(delta, x):\n    return 2 * x * delta\n"


def records_of(capsys, *arguments: str) -> list[dict]:
    main(["check", *arguments, "--shapes", "1", "--instances", "2", "--json"])
    return json.loads(capsys.readouterr().out)


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    (folder / "file").write_text("mine")
    monkeypatch.setenv("HOME", str(folder))
    return folder


def contents(folder: Path) -> list[tuple[Path, int, float, int]]:
    """All that is in a folder, as it is."""
    found = [(path, path.lstat()) for path in sorted(folder.rglob("*")) if path.name != "temporary"]
    return [(path, status.st_size, status.st_ctime, status.st_mode) for path, status in found]


@needs_a_sandbox
def test_hostile_functions_touch_nothing(tmp_path, home, capsys, monkeypatch):
    monkeypatch.setattr(scratch, "MOST", 8 << 20)
    monkeypatch.setattr(sandbox, "_MOST_THREADS", 100)
    project, students, temporary = (tmp_path / name for name in ("project", "students", "temporary"))
    for folder in (project, students, temporary):
        folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))  # where the scratch folders are, while they are
    (project / "file").write_text("mine")
    ptrace = {"x86_64": 101, "aarch64": 117}[os.uname().machine]
    (students / "hostile.py").write_text(HOSTILE.format(home=str(home), project=str(project), ptrace=ptrace))
    (students / "good.py").write_text(GOOD)
    before = contents(tmp_path)
    hostile, good = str(students / "hostile.py"), str(students / "good.py")
    records = records_of(capsys, hostile, good, "--time-limit", "10")
    assert contents(tmp_path) == before
    assert records.pop()["passed"] is True  # the next file
    words = {r["function"]: r["diagnosis"]["sentence"] for r in records if not r["passed"]}
    assert [r["function"] for r in records if r["passed"]] == ["sigmoid_vjp"]
    for name in ("square_vjp", "exp_vjp", "sin_vjp", "cos_vjp", "log_vjp", "tanh_vjp"):
        assert "PermissionError: none of it" in words[name], name
    assert "PermissionError" in words["sqrt_vjp"]
    assert "PermissionError" in words["softmax_vjp"]
    assert "writes more than 8 MiB" in words["sinh_vjp"]
    assert "writes more than 8 MiB" in words["cosh_vjp"] or "OSError" in words["cosh_vjp"]
    assert "File too large" in words["erf_vjp"]
    assert "no array of a sensible size" in words["arctan_vjp"]
    assert "starts more than 100 threads" in words["log1p_vjp"]
    assert "s of processor time" in words["expm1_vjp"]


@needs_a_sandbox
def test_a_reference_beside_the_file_cannot_be_read(tmp_path):
    (tmp_path / "reference.py").write_text("def answer():\n    return 42\n")
    (tmp_path / "helper.py").write_text("TWO = 2\n")
    (tmp_path / "mine.py").write_text("import helper\nimport reference\n")
    py_compile.compile(str(tmp_path / "reference.py"))
    hidden = Limits(20, 0, hidden=(str(tmp_path / "reference.py"),))
    with pytest.raises(CannotLoadError, match=r"PermissionError: .*reference.py' \(line 2\)"):
        Sandbox(str(tmp_path / "mine.py"), hidden)
    with Sandbox(str(tmp_path / "mine.py"), Limits(20, 0)) as sandbox:
        assert sandbox.functions == {}
    (tmp_path / "link.py").symlink_to(tmp_path / "reference.py")
    with pytest.raises(CannotLoadError, match="PermissionError"):
        Sandbox(str(tmp_path / "link.py"), hidden)


EARLY = """
import io, os, sys
import numpy as np
serving = sys.modules["identities.oracle.candidates.serving"]
said = io.BytesIO()
serving.send(said, {"functions": {"square_vjp": ["delta", "x"]}})
for _ in range(20):
    serving.send(said, {"dtype": "float64", "shape": [1], "writes": ""}, np.ones(1).tobytes())
os.write(int(sys.argv[1]), said.getvalue())  # at once

def square_vjp(delta, x):
    return 2 * x * delta
"""


def test_who_answers_before_being_asked_is_not_listened_to(tmp_path, capsys):
    (tmp_path / "early.py").write_text(EARLY)
    (record,) = records_of(capsys, str(tmp_path / "early.py"))
    assert record["diagnosis"]["sentence"].startswith("answers before it is asked")


@pytest.mark.parametrize("arrays", ["jax", "torch"])
def test_frameworks_work_in_it(tmp_path, capsys, arrays):
    pytest.importorskip(arrays)
    source = {
        "jax": "import jax\n@jax.jit\ndef square_vjp(delta, x):\n    return jax.vjp(lambda x: x**2, x)[1](delta)[0]\n",
        "torch": "def square_vjp(delta, x):\n    (x.requires_grad_() ** 2).backward(delta)\n    return x.grad\n",
    }
    (tmp_path / "mine.py").write_text(source[arrays])
    (record,) = records_of(capsys, str(tmp_path / "mine.py"), "--arrays", arrays)
    assert record["passed"]


PICKLES = """
import gzip, hashlib, pickle
from pathlib import Path

FLIP = '''
from identities.oracle.candidates import grading
before = grading.replace
def replace(grade, **changes):
    if isinstance(changes.get("verdict"), grading.CandidateMismatch):
        plan = grading.plan_of()
        right = grading.Verification(grade.function, True, 1, 2, {"jacfwd": {"float64": 0.5}}, None, None, plan)
        changes = {"verdict": right, "failed": False}
    return before(grade, **changes)
grading.replace = replace
'''

class Program:
    def __init__(self, content):
        self.content = content

    def __reduce__(self):  # it is what it was, and more
        return eval, (f"(exec({FLIP!r}, {{}}), __import__('pickle').loads({self.content!r}))[1]",)

for file in Path(CACHE).rglob("*"):
    content = file.read_bytes() if file.is_file() else b""
    head, magic, packed = content.partition(b"\\x1f\\x8b")
    if magic:
        changed = gzip.compress(pickle.dumps(Program(gzip.decompress(magic + packed))))
        seal = hashlib.sha256(changed).hexdigest().encode() + b"\\n"
        file.write_bytes(b"".join(head.splitlines(keepends=True)[:-1]) + seal + changed)
"""

WITHOUT_LANDLOCK = """
import errno, sys
from identities.cli import main
from identities.oracle.candidates.confinement import seccomp
from identities.oracle.candidates.confinement.system import process_control

def program(gpu):  # every call of Landlock's is forbidden, as it is in many a container
    yield seccomp._instruction(seccomp._LOAD, seccomp._NUMBER)
    for number in (444, 445, 446):
        yield from seccomp._refused(seccomp._EQUAL, number, errno.EPERM)
    yield seccomp._instruction(seccomp._RETURN, seccomp._ALLOW)

process_control(38, 1)
seccomp._program = program
seccomp.restrict(False)
sys.exit(main(sys.argv[1:]))
"""


class Judge:
    """`identities check` in a process of its own, which keeps its programs in a folder."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.cache = folder / "cache"

    def __call__(self, *arguments: str, program: tuple[str, ...] = ("-m", "identities")) -> subprocess.CompletedProcess:
        options = ("check", *arguments, "--shapes", "1", "--instances", "2")
        kept = {"JAX_COMPILATION_CACHE_DIR": str(self.cache), "JAX_ENABLE_COMPILATION_CACHE": "true"}
        command = [sys.executable, *program, *options]
        return subprocess.run(command, env=os.environ | kept, capture_output=True, text=True, cwd=self.folder)


@pytest.fixture(scope="module")
def judge(tmp_path_factory) -> Judge:
    """With a folder full of programs, and two files that are wrong, one of them hostile."""
    folder = tmp_path_factory.mktemp("judge")
    judge = Judge(folder)
    wrong = "def square_vjp(delta, x):\n    return 3 * x * delta\n"
    hostile = f"CACHE = {str(judge.cache)!r}\n" + PICKLES
    (folder / "wrong.py").write_text(wrong)
    (folder / "hostile.py").write_text(hostile + wrong)
    (folder / "careful.py").write_text(f"try:\n    exec({hostile!r})\nexcept OSError:\n    pass\n{wrong}")
    assert judge("wrong.py").returncode == 1
    assert contents(judge.cache)
    return judge


@needs_a_sandbox
def test_programs_are_not_written_by_candidates(judge):
    before = contents(judge.cache)
    found = judge("hostile.py", "careful.py", "wrong.py", "--json")
    assert found.returncode == 1
    unloaded, careful, wrong = json.loads(found.stdout)
    assert "PermissionError" in unloaded["error"]
    assert careful["diagnosis"]["factor"] == wrong["diagnosis"]["factor"] == "3/2"
    assert contents(judge.cache) == before


@needs_a_sandbox
def test_without_a_sandbox_no_program_is_loaded_and_it_is_said(judge):
    found = judge("hostile.py", program=("-c", WITHOUT_LANDLOCK))
    assert found.returncode == 1
    assert "WRONG" in found.stdout
    assert "INCOMPLETE: nothing keeps a candidate from your files" in found.stdout
    assert "(Landlock: it is forbidden)" in found.stdout
    found = judge("hostile.py", "--require-sandbox", program=("-c", WITHOUT_LANDLOCK))
    assert found.returncode == 2
    assert "identities: --require-sandbox: sandbox: INCOMPLETE" in found.stderr


def test_what_is_in_force_is_said(tmp_path, capsys):
    (tmp_path / "good.py").write_text(GOOD)
    (record,) = records_of(capsys, str(tmp_path / "good.py"))
    assert record["sandbox"] == protection().record()
    main(["check", str(tmp_path / "good.py"), "--shapes", "1", "--instances", "2"])
    assert str(protection()) in capsys.readouterr().out


@needs_a_sandbox
def test_what_is_in_force_stands_in_the_documentation():
    page = Path(__file__).parents[1] / "docs" / "teaching.md"
    assert str(protection()).partition(" (")[0] in page.read_text()

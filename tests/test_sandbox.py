"""What a stranger's process cannot do: each hostile function is right only if it has done it."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from identities.cli import main
from identities.oracle.candidates import sandbox, scratch
from identities.oracle.candidates.confinement import InForce
from identities.oracle.candidates.protection import Protection, protection

needs_a_sandbox = pytest.mark.skipif(not protection().whole, reason=str(protection()))

HOSTILE = """
import ctypes, os, resource, signal, socket, subprocess, sys, threading, time
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

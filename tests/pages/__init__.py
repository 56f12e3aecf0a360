"""What the tests of pages look at: a class whose files are meant to harm whoever reads of them."""

from pathlib import Path

from identities.cli import main

REFERENCE = """
import jax.numpy as jnp
from jaxtyping import Array, Float

def square(x: Float[Array, " n"]) -> Float[Array, " n"]:
    return x * x

def centred(x: Float[Array, " n"]) -> Float[Array, " n"]:
    scale = 2
    mean = x.mean()
    return scale * (x - mean)
"""

HOSTILE = "<script>document.title = 'gone'</script><img src=//nowhere.invalid/a.png> <a href='javascript:0'>`b`</a>"

STUDENTS = {
    "ada.py": "def square_backward(d, x): return 2 * d * x\ndef centred_backward(d, x): return 2 * d",
    "<b>eve.py": f"def square_backward(d, x): raise ValueError({HOSTILE!r} + 'w' * 300)\ndef centred_bakward(d, x): 0",
    "bob.py": "def square_backward(d, x): return d * x\ndef centred_backward(d, x): return 2 * (d - d.mean())",
}


def make_report(folder: Path) -> Path:
    """The report of that class, as the command writes it."""
    (folder / "lab.py").write_text(REFERENCE)
    for name, source in STUDENTS.items():
        (folder / name).write_text(source)
    page = folder / "report.html"
    files = [str(folder / name) for name in STUDENTS]
    little = ["--sizes", "n=1,3", "--shapes", "2", "--instances", "8"]
    assert main(["check", *files, "--reference", str(folder / "lab.py"), "--html", str(page), *little]) == 1
    return page

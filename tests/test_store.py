"""Programs that are kept on disk: found without tracing, and only where nothing has changed."""

import contextlib
import functools
import inspect
import os
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from identities import catalog, elementwise
from identities.oracle.run import store
from identities.oracle.run.programs import cpu
from identities.signature import Argument

ON_THE_CPU = jax.sharding.SingleDeviceSharding(cpu())
VECTOR = jax.ShapeDtypeStruct((3,), np.dtype("float32"), sharding=ON_THE_CPU)
ONE, TWO = (np.arange(3, dtype=np.float32) + i for i in (1, 2))
TANH = catalog["tanh_jacobian"].function


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.setattr(store, "_folder", tmp_path)
    return tmp_path


@contextlib.contextmanager
def jax_keeps_programs():
    """As in a process that begins; in one of the oracle's own it is off."""
    jax.config.update("jax_enable_compilation_cache", True)
    yield
    jax.config.update("jax_enable_compilation_cache", False)


def never_traced(*_):
    raise AssertionError("traced")


def program(function, *made_of, arguments=1):
    return store.compiled(function, (VECTOR,) * arguments, cpu(), {}, made_of)


def test_a_program_of_the_package_is_found_without_tracing():
    first = program(TANH, "function", TANH)
    again = program(never_traced, "function", TANH)
    assert again(ONE).tobytes() == first(ONE).tobytes()


@pytest.mark.parametrize("made_of", [("another use", TANH), ("function", functools.partial(TANH, k=1))])
def test_other_programs_are_told_apart(made_of):
    program(TANH, "function", TANH)
    with pytest.raises(AssertionError, match="traced"):
        program(never_traced, *made_of)


def test_changed_sources_are_traced_again(monkeypatch):
    program(TANH, "function", TANH)
    monkeypatch.setattr(store, "_SOURCES", "changed")
    assert program(lambda x: 2 * x, "function", TANH)(ONE).tolist() == [2, 4, 6]
    assert program(never_traced, "function", TANH)(ONE).tolist() == [2, 4, 6]


@pytest.mark.parametrize(
    "patched",
    [
        (elementwise, "square"),  # a function of the package, whoever calls it
        (jnp, "tanh"),
        (Argument, "dims"),
    ],
)
def test_what_is_made_while_something_is_patched_is_not_found_later(monkeypatch, patched):
    with monkeypatch.context() as patch:
        patch.setattr(*patched, lambda *_: None)
        assert program(lambda x: 2 * x, "function", TANH)(ONE).tolist() == [2, 4, 6]
        assert store.taped(lambda x: 2 * x, (VECTOR,), cpu(), ("function", TANH))
    with pytest.raises(AssertionError, match="traced"):
        program(never_traced, "function", TANH)
    with pytest.raises(AssertionError, match="traced"):
        store.taped(never_traced, (VECTOR,), cpu(), ("function", TANH))


def test_what_is_kept_is_not_found_while_something_is_patched(monkeypatch):
    program(TANH, "function", TANH)
    monkeypatch.setattr(inspect.unwrap(elementwise.square), "__code__", (lambda x: x).__code__)
    with pytest.raises(AssertionError, match="traced"):
        program(never_traced, "function", TANH)


def test_what_stands_in_for_a_function_of_the_package_is_traced():
    @functools.wraps(TANH)
    def wrong(x):
        return 2 * x

    program(TANH, "function", TANH)
    assert program(wrong, "function", wrong)(ONE).tolist() == [2, 4, 6]


def test_programs_that_differ_in_what_they_leave_unused_are_told_apart():
    first, second = (program(function, never_traced, arguments=2) for function in (lambda x, y: x, lambda x, y: y))
    assert first(ONE, TWO).tolist() == [1, 2, 3]
    assert second(ONE, TWO).tolist() == [2, 3, 4]


def test_a_program_is_not_compiled_twice(folder, monkeypatch):
    program(lambda x: 3 * x, never_traced)
    (kept,) = folder.iterdir()
    monkeypatch.setattr(jax.stages.Lowered, "compile", never_traced)
    assert program(lambda x: 3 * x, never_traced)(ONE).tolist() == [3, 6, 9]
    assert list(folder.iterdir()) == [kept]


def test_a_later_process_finds_what_there_is(tmp_path):
    # A program with a factorisation, whose functions of LAPACK are to be found by the process that loads it.
    cache, verdicts = tmp_path / "cache", tmp_path / "verdicts.json"
    command = [sys.executable, "-m", "identities", "verify", "cholesky_vjp", "softmax_vjp", "--shapes", "1"]
    environment = os.environ | {"JAX_COMPILATION_CACHE_DIR": str(cache), "JAX_ENABLE_COMPILATION_CACHE": "true"}
    seen = []
    for _ in range(2):
        subprocess.run([*command, "--json", str(verdicts)], env=environment, check=True)
        seen.append((verdicts.read_text(), sorted((file.name, file.stat().st_mtime_ns) for file in cache.iterdir())))
    assert seen[0] == seen[1]
    assert seen[0][1]


def test_a_damaged_program_is_made_anew(folder):
    program(lambda x: 3 * x, never_traced)
    (kept,) = folder.iterdir()
    kept.write_bytes(kept.read_bytes()[:-1])
    with pytest.warns(UserWarning, match="damaged"):
        program(lambda x: 3 * x, never_traced)
    assert program(lambda x: 3 * x, never_traced)(ONE).tolist() == [3, 6, 9]


def test_what_calls_back_into_python_is_not_kept(folder):
    def calls_back(x):
        return jax.pure_callback(lambda x: 4 * x, jax.ShapeDtypeStruct((3,), np.dtype("float32")), x)

    assert program(calls_back, never_traced)(ONE).tolist() == [4, 8, 12]
    assert not list(folder.iterdir())


def test_a_folder_that_cannot_be_made_is_done_without(folder, monkeypatch):
    monkeypatch.setattr(store, "_folder", None)
    (folder / "file").touch()
    with jax_keeps_programs(), pytest.warns(UserWarning, match="compiled programs are not kept: .*file"):
        store.keep_in(folder / "file" / "cache")
    assert program(lambda x: 3 * x, never_traced)(ONE).tolist() == [3, 6, 9]


def test_the_folder_is_its_owners_alone(folder, monkeypatch):
    monkeypatch.setattr(store, "_folder", None)
    (folder / "cache").mkdir(mode=0o777)
    with jax_keeps_programs():
        store.keep_in(folder / "cache")
    assert (folder / "cache").stat().st_mode & 0o777 == 0o700
    program(TANH, "function", TANH)
    assert {file.stat().st_mode & 0o777 for file in (folder / "cache").iterdir()} == {0o600}
    for file in (folder / "cache").iterdir():  # as somebody else could have written it before
        file.chmod(0o666)
    with pytest.raises(AssertionError, match="traced"):
        program(never_traced, "function", TANH)


@pytest.mark.parametrize(
    ("path", "user", "words"),
    [
        ("cache", os.geteuid() + 1, "is somebody else's"),
        ("gs://bucket/cache", os.geteuid(), "no folder of this machine"),
    ],
)
def test_a_folder_of_somebody_else_is_refused(folder, monkeypatch, path, user, words):
    monkeypatch.chdir(folder)
    monkeypatch.setattr(store, "_folder", None)
    monkeypatch.setattr(os, "geteuid", lambda: user)
    with jax_keeps_programs(), pytest.warns(UserWarning, match=words):
        store.keep_in(path)
    assert program(lambda x: 3 * x, never_traced)(ONE).tolist() == [3, 6, 9]
    assert not [file for file in folder.rglob("*") if file.is_file()]


def test_nothing_is_kept_where_jax_keeps_nothing(folder, monkeypatch):
    monkeypatch.setattr(store, "_folder", None)
    assert not jax.config.jax_enable_compilation_cache  # pyright: ignore[reportAttributeAccessIssue]
    store.keep_in(folder / "cache")
    program(TANH, "function", TANH)
    assert not list(folder.iterdir())

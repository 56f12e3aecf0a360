"""Compiled programs on disk, where a later process finds them before it has traced anything.

JAX's own cache of compilations answers only to a program that has been traced and lowered, and in a second run that
takes longer than everything else. The oracle's programs over functions of this package are known beforehand: by the
names of those functions, and the sources, while they are what has been imported. A program is filed by its text; an
entry leads from names to it. Programs are code: the folder is open to this user alone.
"""

import functools
import gzip
import hashlib
import os
import pickle
import platform
import stat
import sys
import threading
import types
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import jaxlib.version
import numpy as np
from jax.experimental import serialize_executable
from jax.experimental.compilation_cache import compilation_cache
from jax.stages import Compiled

from identities.oracle.run.imported import is_as_imported, remember
from identities.oracle.run.tape import Tape, UnknownOperationError, tape_of, work

if TYPE_CHECKING:

    @runtime_checkable
    class Device(Protocol):
        """A device of JAX's, which JAX itself has no type for: what is used of one."""

        @property
        def id(self) -> int: ...
        @property
        def platform(self) -> str: ...
        @property
        def device_kind(self) -> str: ...
        @property
        def client(self) -> Any: ...

else:
    Device = jax.Device

_PACKAGE = Path(__file__).parents[2]
_SOURCES = hashlib.sha256(repr([(f.name, f.read_bytes()) for f in sorted(_PACKAGE.rglob("*.py"))]).encode()).hexdigest()
"""A digest of this package as it is imported, and not as it may be by the time that a program is compiled."""

_MOST_BY_NUMPY = 5_000_000
"""Numbers that a program computes in one go: beyond that, its runs take NumPy longer than a compilation takes."""

_folder: Path | None = None

# Threads profit from tracing one program while another one compiles; two compilations at once have crashed jaxlib 0.12.
_compiling = threading.Lock()


def keep_in(folder: str | Path) -> None:
    """Keep compiled programs in a folder, unless JAX is told to keep none; for processes of the oracle's own.

    The first folder of a process stays. It takes the place of JAX's own cache, whose programs cannot be stored again.
    Whoever can write to it can run code in the processes that read it, so it is this user's alone: another user's is
    not used, nor one of another machine. With a folder that cannot be used, there is a warning, and nothing is kept.
    """
    global _folder
    remember()
    if _folder or not _jax_keeps_programs():
        return
    try:
        _folder = _own(folder)
    except OSError as error:
        warnings.warn(f"compiled programs are not kept: {error}", stacklevel=2)
    else:
        _switch_off_jaxs_own()


def keep_nothing() -> None:
    """Neither keep nor load programs from now on, where somebody else may write them."""
    global _folder
    _folder = None
    _switch_off_jaxs_own()


def _own(folder: str | Path) -> Path:
    """The folder, made if it is not there, and open to nobody else."""
    if "://" in str(folder):
        raise OSError(f"{folder} is no folder of this machine; set JAX_COMPILATION_CACHE_DIR to one that is")
    path = Path(folder)
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = path.stat()
    if status.st_uid != os.geteuid():
        raise OSError(f"{path} is somebody else's; set JAX_COMPILATION_CACHE_DIR to a folder of your own")
    if stat.S_IMODE(status.st_mode) != 0o700:
        path.chmod(0o700)
    return path


def _jax_keeps_programs() -> bool:
    # JAX adds its settings to `config` as it is imported, which the type checker does not see.
    return jax.config.jax_enable_compilation_cache  # pyright: ignore[reportAttributeAccessIssue]


def _switch_off_jaxs_own() -> None:
    jax.config.update("jax_enable_compilation_cache", False)
    compilation_cache.reset_cache()


def compiled(
    function: Callable[..., Any],
    shapes: tuple[Any, ...],
    device: Device,
    options: Mapping[str, Any],
    made_of: tuple[Any, ...] | None = None,
) -> Compiled:
    """The function's program that has been kept; or else compiled now, and kept from now on.

    **Arguments:**

    - `shapes`: a pytree of `jax.ShapeDtypeStruct` for each argument, on the device.
    - `options`: the compiler's.
    - `made_of`: all that tells the function from the others of the package: its functions, and things whose `repr`
      says everything. It is traced if this is left out, or names a function that is not one of this package's.
    """
    entry = _entry(made_of, shapes, options, device) if _folder and made_of else None
    if entry and (file := _file_of(entry)) and (program := _load(file, device)):
        return program
    # An argument that is not used is kept: without it, programs of one text may take different ones.
    lowered = jax.jit(function, keep_unused=True).lower(*shapes)
    file, text = None, lowered.as_text()
    if "stablehlo.convolution" in text:  # whose loops take a minute in float64 for what is optimised in a second
        options = {name: value for name, value in options.items() if name != "xla_backend_optimization_level"}
    if _folder and "callback" not in text:  # into this process, which is no other's
        file = _folder / _digest(text, lowered.in_tree, lowered.out_tree, options, _environment(device))
    program = _load(file, device) if file else None
    if not program:
        with _compiling:
            program = lowered.compile(dict(options))
        if file:
            _write(file, _sealed(gzip.compress(pickle.dumps(serialize_executable.serialize(program)), compresslevel=1)))
    if entry and file:
        _write(entry, f"{_SOURCES} {file.name}".encode())
    return program


def taped(
    function: Callable[..., Any], shapes: tuple[Any, ...], device: Device, made_of: tuple[Any, ...] | None
) -> Callable[..., Any] | None:
    """The function's program as a tape for NumPy, kept like compiled ones; None if NumPy lacks its operations.

    It takes and returns pytrees of NumPy arrays.
    """
    entry = _entry(("tape", *made_of), shapes, {}, device) if _folder and made_of else None
    found = _kept_tape(entry) if entry else None
    if found is None:
        traced = jax.jit(function, keep_unused=True).trace(*shapes)
        found = _sound(traced, shapes), jax.tree.structure(traced.out_info)
        if entry:
            content = _sealed(gzip.compress(pickle.dumps(found), compresslevel=1))
            _write(entry, f"{_SOURCES}\n".encode() + content)
    tape, out_tree = found
    if tape is None:
        return None

    def run(*arguments: Any) -> Any:
        with np.errstate(all="ignore"):
            results = tape(*jax.tree.leaves(arguments))
        return jax.tree.unflatten(out_tree, results)

    return run


def _sound(traced: Any, shapes: tuple[Any, ...]) -> Tape | None:
    """The tape of a traced program, if it can be made and gives what the program says that it gives."""
    if work(traced.jaxpr.jaxpr) > _MOST_BY_NUMPY:
        return None
    try:
        tape = tape_of(traced.jaxpr)
        with np.errstate(all="ignore"):
            results = tape(*[np.ones(leaf.shape, leaf.dtype) for leaf in jax.tree.leaves(shapes)])
    except UnknownOperationError:
        return None
    except Exception:  # an operation of NumPy's may not have this dtype, say; whatever it is, the compiler knows better
        return None
    promised = [(leaf.shape, np.dtype(leaf.dtype)) for leaf in jax.tree.leaves(traced.out_info)]
    return tape if [(np.shape(result), np.asarray(result).dtype) for result in results] == promised else None


def _kept_tape(entry: Path) -> tuple[Tape | None, Any] | None:
    sources, _, content = _read(entry).partition(b"\n")
    plain = _opened(content, entry) if sources.decode() == _SOURCES else None
    return pickle.loads(gzip.decompress(plain)) if plain else None


def _entry(made_of: tuple[Any, ...], shapes: Any, options: Mapping[str, Any], device: Device) -> Path | None:
    # What a GPU's programs call may have to be found by lowering them.
    names = [_name(part) if callable(part) else repr(part) for part in made_of]
    if _folder is None or None in names or device.platform != "cpu" or not is_as_imported():
        return None
    return _folder / _digest(names, shapes, options, _environment(device))


def _name(function: Callable[..., Any]) -> str | None:
    """What this package calls the function; None if it is not one of the package's, or stands in for one."""
    if isinstance(function, functools.partial):
        name, filled_in = _name(function.func), (function.args, function.keywords)
        plain = all(isinstance(value, int) for value in (*function.args, *function.keywords.values()))
        return f"{name}, {filled_in}" if name and plain else None
    if not isinstance(function, types.FunctionType):
        return None
    module, name = function.__module__, function.__qualname__
    ours = module.partition(".")[0] == __name__.partition(".")[0]
    return f"{module}.{name}" if ours and getattr(sys.modules[module], name, None) is function else None


def _file_of(entry: Path) -> Path | None:
    """The program that an entry leads to, if it is of these sources."""
    sources, _, file = _read(entry).decode().partition(" ")
    return entry.parent / file if sources == _SOURCES else None


def _load(file: Path, device: Device) -> Compiled | None:
    content = _opened(sealed, file) if (sealed := _read(file)) else None
    if content is None:
        return None
    _find_lapack()
    executable, inputs, outputs = pickle.loads(gzip.decompress(content))
    with _compiling:
        return serialize_executable.deserialize_and_load(executable, inputs, outputs, device.client, [device])


def _read(file: Path) -> bytes:
    """What is in a file that nobody else may write to; nothing if there is none."""
    try:
        with file.open("rb") as opened:
            status = os.fstat(opened.fileno())
            ours = status.st_uid == os.geteuid() and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
            return opened.read() if ours else b""
    except FileNotFoundError:
        return b""


def _opened(sealed: bytes, file: Path) -> bytes | None:
    """What has been sealed; None, with a warning, if it is no longer what it was."""
    seal, _, content = sealed.partition(b"\n")
    if _sealed(content) != seal + b"\n" + content:
        warnings.warn(f"{file} is damaged, and made anew", stacklevel=3)
        return None
    return content


def _sealed(content: bytes) -> bytes:
    return hashlib.sha256(content).hexdigest().encode() + b"\n" + content


def _write(file: Path, content: bytes) -> None:
    own = file.with_name(f"{file.name}-{os.getpid()}-{threading.get_ident()}")
    try:
        own.touch(mode=0o600)
        own.write_bytes(content)
        own.replace(file)  # at once, beside others that may read or write it
    except OSError as error:
        own.unlink(missing_ok=True)
        warnings.warn(f"a compiled program is not kept: {error}", stacklevel=2)


def _digest(*parts: Any) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def version() -> str:
    """What tells this package, and what it computes with, from any other that may come to other results."""
    return _digest(_SOURCES, sys.version, jax.__version__, jaxlib.version.__version__, np.__version__)


@functools.cache
def _environment(device: Device) -> tuple[Any, ...]:
    """What a program depends on besides its text and options: versions, XLA's flags, the processor and the device."""
    versions = sys.version, jax.__version__, jaxlib.version.__version__, os.environ.get("XLA_FLAGS")
    kind = device.platform, device.device_kind, device.client.platform_version, device.id
    return versions, _processor(), kind


def _processor() -> tuple[Any, ...]:
    file = Path("/proc/cpuinfo")  # of Linux
    lines = file.read_text().splitlines() if file.is_file() else []
    features = {line for line in lines if line.startswith(("flags", "Features"))}
    return platform.machine(), sorted(features) or np.show_config(mode="dicts")


@functools.cache
def _find_lapack() -> None:
    # JAX looks LAPACK's functions up when it lowers the first program that has one. A loaded program needs them too.
    traced = jax.jit(jnp.linalg.cholesky).trace(jax.ShapeDtypeStruct((1, 1), np.float32))
    traced.lower(lowering_platforms=("cpu",))

"""Compiled programs on disk, where a later process finds them before it has traced anything.

JAX's own cache of compilations answers only to a program that has been traced and lowered, and in a second run that
takes longer than everything else. The oracle's programs over functions of this package are known beforehand: by the
names of those functions, and the sources. A program is filed by its text; an entry leads from names to it.
"""

import functools
import gzip
import hashlib
import os
import pickle
import platform
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import jaxlib.version
import numpy as np
from jax.experimental import serialize_executable
from jax.experimental.compilation_cache import compilation_cache
from jax.stages import Compiled

Device: TypeAlias = jax.Device  # pyright: ignore[reportInvalidTypeForm]

_folder: Path | None = None

# Threads profit from tracing one program while another one compiles; two compilations at once have crashed jaxlib 0.12.
_compiling = threading.Lock()


def keep_in(folder: Path) -> None:
    """Keep compiled programs in a folder, unless JAX is told to keep none; for processes of the oracle's own.

    The first folder of a process stays. It takes the place of JAX's own cache, whose programs cannot be stored again.
    Whoever can write to it can run code in the processes that read it.
    """
    global _folder
    if _folder is None and jax.config.jax_enable_compilation_cache:  # pyright: ignore[reportAttributeAccessIssue]
        folder.mkdir(parents=True, exist_ok=True)
        _folder = folder
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
    entry = _entry(made_of, shapes, options, _environment(device)) if made_of else None
    if entry and (file := _file_of(entry)) and (program := _load(file, device)):
        return program
    # An argument that is not used is kept: without it, programs of one text may take different ones.
    lowered = jax.jit(function, keep_unused=True).lower(*shapes)
    file = _path(lowered.as_text(), lowered.in_tree, lowered.out_tree, options, _environment(device))
    program = _load(file, device) if file else None
    if not program:
        with _compiling:
            program = lowered.compile(dict(options))
        if file:
            _write(file, gzip.compress(pickle.dumps(serialize_executable.serialize(program)), compresslevel=1))
    if entry and file:
        _write(entry, f"{_sources()} {file.name}".encode())
    return program


def _path(*parts: Any) -> Path | None:
    return _folder and _folder / hashlib.sha256(repr(parts).encode()).hexdigest()


def _entry(made_of: tuple[Any, ...], *options: Any) -> Path | None:
    names = [_name(part) if callable(part) else repr(part) for part in made_of]
    return None if None in names else _path(names, *options)


def _name(function: Callable[..., Any]) -> str | None:
    """What this package calls the function; None if it is not one of the package's, or stands in for one."""
    if isinstance(function, functools.partial):
        name = _name(function.func)
        return name and f"{name}, {function.args}, {function.keywords}"
    module, name = function.__module__, function.__qualname__
    ours = module.partition(".")[0] == __name__.partition(".")[0]
    return f"{module}.{name}" if ours and getattr(sys.modules[module], name, None) is function else None


def _file_of(entry: Path) -> Path | None:
    """The program that an entry leads to, if it is of these sources."""
    if not entry.exists():
        return None
    sources, file = entry.read_text().split()
    return entry.parent / file if sources == _sources() else None


def _load(file: Path, device: Device) -> Compiled | None:
    if not file.exists():
        return None
    _find_lapack()
    executable, inputs, outputs = pickle.loads(gzip.decompress(file.read_bytes()))
    return serialize_executable.deserialize_and_load(executable, inputs, outputs, device.client, [device])


def _write(file: Path, content: bytes) -> None:
    with tempfile.NamedTemporaryFile(dir=file.parent, delete=False) as stream:
        stream.write(content)
    os.replace(stream.name, file)  # at once, beside others that may read or write it


@functools.cache
def _sources() -> str:
    """A digest of this package."""
    package = Path(__file__).parents[1]
    contents = {str(file.relative_to(package)): file.read_bytes() for file in sorted(package.rglob("*.py"))}
    return hashlib.sha256(repr(contents).encode()).hexdigest()


@functools.cache
def _environment(device: Device) -> tuple[Any, ...]:
    """What a program depends on besides its text and options: versions, XLA's flags, the processor and the device."""
    processor = platform.machine(), np.show_config(mode="dicts").get("SIMD Extensions")  # pyright: ignore[reportOptionalMemberAccess]
    kind = device.platform, device.device_kind, device.client.platform_version, device.id
    return sys.version, jax.__version__, jaxlib.version.__version__, os.environ.get("XLA_FLAGS"), processor, kind


@functools.cache
def _find_lapack() -> None:
    # JAX looks LAPACK's functions up when it lowers the first program that has one. A loaded program needs them too.
    jax.jit(jnp.linalg.cholesky).lower(jax.ShapeDtypeStruct((1, 1), np.float32))

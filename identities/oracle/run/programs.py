"""Compiling the oracle's own programs: quickly, in full precision, and without touching any setting."""

import contextlib
import functools
import math
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from identities.oracle.run import store
from identities.oracle.run.store import Device

# Each program runs a handful of times, so that its compilation is the cost. Left to themselves, the
# optimisations of XLA and LLVM take two thirds of that time. The scheduler is named, and
# threads within a program are switched off, because on machines with few cores XLA can deadlock over
# independent triangular solves.
_CPU_OPTIONS = {
    "xla_backend_optimization_level": 0,
    "xla_llvm_disable_expensive_passes": True,
    "xla_cpu_parallel_codegen_split_count": 1,
    "xla_cpu_use_fusion_emitters": False,
    "xla_cpu_scheduler_type": "CPU_SCHEDULER_TYPE_MEMORY_OPTIMIZED",
    "xla_cpu_multi_thread_eigen": False,
}

# Executing two programs at once has hung jaxlib 0.10.
_executing = threading.Lock()


@contextlib.contextmanager
def full_precision() -> Iterator[None]:
    """64-bit types, and matrix products in the precision of their operands, within this context."""
    with jax.enable_x64(True), jax.default_matmul_precision("highest"):
        yield


# A compiled program takes some 25 pieces of the address space, of which Linux gives a process 65,530; then XLA crashes.
recently_made = functools.lru_cache(maxsize=256)
"""For functions that make programs: the last ones stay."""


@functools.cache
def cpu() -> Device:
    return jax.devices("cpu")[0]


@functools.cache
def _options(platform: str) -> dict[str, Any]:
    """Those options that this version of XLA knows, on the CPU; elsewhere none."""
    if platform != "cpu":
        return {}
    options = dict(_CPU_OPTIONS)
    while options:
        try:
            jax.jit(jnp.negative, compiler_options=options).lower(np.float32(1)).compile()
            break
        except jax.errors.JaxRuntimeError as error:
            unknown = [name for name in options if f"'{name}'" in str(error)]
            if not unknown:
                raise
            del options[unknown[0]]
    return options


def compiled(
    function: Callable[..., Any], shapes: Sequence[Any], device: Device, made_of: tuple[Any, ...] | None = None
) -> Callable[..., Any]:
    """`vmap` of the function, compiled for one device and one pytree of arrays or shapes for each argument.

    The result takes NumPy arrays of those shapes, whose first axis is the batch's, and returns NumPy arrays.

    **Arguments:**

    - `made_of`: what the function is made of, as `store.compiled` takes it; it saves later processes the tracing.
    """
    batch, at_once, structures = _pieces(shapes, device, _AT_ONCE)
    with full_precision():
        program = store.compiled(jax.vmap(function), structures, device, _options(device.platform), made_of)

    def evaluate(*arguments):
        with full_precision(), _executing:
            return jax.device_get(program(*arguments))

    return _piecewise(evaluate, batch, at_once)


def evaluated(
    function: Callable[..., Any], shapes: Sequence[Any], made_of: tuple[Any, ...] | None = None, batch: int = 1
) -> Callable[..., Any]:
    """As `compiled`, on the CPU, for programs that run a handful of times: by NumPy, if it has all of their operations.

    **Arguments:**

    - `batch`: the size of the batch, where there is no argument to tell; all results are the same then.
    """
    if not jax.tree.leaves(tuple(shapes)):
        with full_precision(), jax.default_device(cpu()):
            once = jax.device_get(jax.jit(function)())
        return lambda: jax.tree.map(lambda x: np.repeat(np.asarray(x)[None], batch, axis=0), once)
    batch, at_once, structures = _pieces(shapes, cpu(), _AT_ONCE_BY_NUMPY)
    with full_precision():
        program = store.taped(jax.vmap(function), structures, cpu(), made_of)
    return _piecewise(program, batch, at_once) if program else compiled(function, shapes, cpu(), made_of)


def _pieces(shapes: Sequence[Any], device: Device, most: int) -> tuple[int, int, Any]:
    """The size of a batch, how many instances are computed in one go, and what an array of those is like."""
    leaves = jax.tree.leaves(tuple(shapes))
    batch = leaves[0].shape[0]
    at_once = _at_once(batch, sum(math.prod(leaf.shape[1:]) for leaf in leaves), device, most)
    sharding = jax.sharding.SingleDeviceSharding(device)

    def placed(leaf):
        return jax.ShapeDtypeStruct((at_once, *leaf.shape[1:]), leaf.dtype, sharding=sharding)

    return batch, at_once, jax.tree.map(placed, tuple(shapes))


def _piecewise(evaluate: Callable[..., Any], batch: int, at_once: int) -> Callable[..., Any]:
    def run(*arguments):
        parts = [evaluate(*_part(arguments, start, at_once)) for start in range(0, batch, at_once)]
        return jax.tree.map(lambda *values: np.concatenate(values), *parts) if len(parts) > 1 else parts[0]

    return run


def _part(arguments: Any, start: int, count: int) -> Any:
    return jax.tree.map(lambda values: values[start : start + count], arguments)


_AT_ONCE, _AT_ONCE_BY_NUMPY = 64, 512
_ENTRIES_AT_ONCE = 1 << 14


def _at_once(batch: int, entries: int, device: Device, most: int) -> int:
    """How many instances of a batch to compute in one go: few on a CPU, where XLA can hang over many factorisations.

    Fewer if each has many entries, since nobody knows what a function makes of them on the way.
    """
    if device.platform != "cpu":
        return batch
    most = min(batch, most, max(1, _ENTRIES_AT_ONCE // max(entries, 1)))
    return max(count for count in range(1, most + 1) if batch % count == 0)


def find_device(device: str | Device | None) -> Device:
    """The JAX device that is meant: the first of its platform, or JAX's default."""
    if isinstance(device, Device):
        return device
    try:
        return jax.devices(device)[0]
    except RuntimeError:
        present = sorted({d.platform for d in jax.devices()})
        raise ValueError(
            f"there is no {device!r} device here; JAX sees {', '.join(present)}"
            + ". For an NVIDIA GPU, install the extra: pip install -e '.[cuda]'" * (device in ("gpu", "cuda"))
        ) from None


def describe_device(device: Device) -> str:
    """`cpu` for the CPU, and the platform with the kind for any other."""
    return "cpu" if device.platform == "cpu" else f"{device.platform} ({device.device_kind})"

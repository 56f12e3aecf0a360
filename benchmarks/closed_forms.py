"""Each closed form, jitted, beside the two modes of automatic differentiation, at a size where it matters.

    python -m benchmarks.closed_forms [NAME ...] [--topic layers] [--dtype float32] [--device cpu|gpu]

A Jacobian stands beside `jacfwd` and `jacrev`, a Hessian beside both orders of the two, a vjp beside
`jax.vjp` and a jvp beside `jax.jvp`. The speed-up is over the better of the two, and so is the share of its memory,
results included. A mode that would need an array 64 times larger than the largest of the closed form, or four GiB, is
left out.
"""

import argparse
import math
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from rich.console import Console
from rich.table import Table

from benchmarks.shapes import of_sizes
from benchmarks.timing import Times, median, ratio, times
from identities.catalog import Identity, catalog, find
from identities.oracle.candidates.closed_form import closed_form_of
from identities.oracle.draw.shapes import Shape, admitted
from identities.oracle.draw.values import EXACT, REGIMES, draw_values
from identities.oracle.run.programs import find_device
from identities.oracle.run.store import Device

ENTRIES = 1 << 20
"""About how many entries the largest array has, arguments and result, unless that takes too long."""

MOST = 4 << 30
"""Bytes, beyond which nothing is run."""

SLOWER = 0.95
"""The speed-up below which a closed form is timed again, for four times as long, and then counts as slower."""

CLOSED_FORM = "closed form"
MODES = ("jacfwd", "jacrev")


def shape_of_benchmark(identity: Identity, entries: int) -> Shape:
    """The shape, with equal sizes, whose largest array has about so many entries."""
    size = 1
    while True:
        shape = of_sizes(identity, dict.fromkeys(identity.dimensions, 2 * size))
        arrays = (*identity.arguments, *identity.results, *identity.leaves)
        largest = max(math.prod(shape.of(a)) for a in arrays)
        here = of_sizes(identity, dict.fromkeys(identity.dimensions, size))
        ends = largest > entries or not identity.dimensions or not admitted(identity, shape)
        if ends and (admitted(identity, here) or largest > entries):  # as windows larger than what they are in are not
            return here
        size *= 2


def in_time(identity: Identity, dtype: str, device: Device) -> tuple[Shape, list[jax.Array], Callable[..., Any]]:
    """The largest shape at which the closed form takes less than half a second, arguments for it, and it compiled."""
    entries = ENTRIES
    while True:
        shape = shape_of_benchmark(identity, entries)
        batch = draw_values(identity, shape, dtype, 1, 0, EXACT if identity.exact else REGIMES)
        values = jax.device_put([jnp.asarray(v[-1]) for v in batch.values()], device)
        program = jax.jit(closed_form_of(identity, shape))
        if not memory(program, values) >= MOST:  # what is between arguments and results may be larger than both
            jax.block_until_ready(program(*values))
            started = time.perf_counter()
            jax.block_until_ready(program(*values))
            if time.perf_counter() - started < 0.5:
                return shape, values, program
        entries //= 4


def memory(program: Callable[..., Any], values: list[jax.Array]) -> float:
    """What a program needs beside its arguments, in bytes; not a number where the compiler does not know."""
    known = jax.jit(program).lower(*values).compile().memory_analysis()
    return math.nan if known is None else known.temp_size_in_bytes + known.output_size_in_bytes


def autodiff(identity: Identity, shape: Shape) -> dict[str, Callable[..., Any]]:
    """The ways that JAX has to the same derivative, on the closed form's arguments."""
    function = identity.flat(shape.static(identity))
    names = [a.name for a in identity.primals]
    position = tuple(names.index(name) for name in identity.moving)
    if identity.kind.name == "jacobian":
        return {"jacfwd": jax.jacfwd(function, position), "jacrev": jax.jacrev(function, position)}
    if identity.kind.name == "hessian":
        return {
            "jacfwd": jax.jacfwd(jax.jacrev(function, position), position),
            "jacrev": jax.jacrev(jax.jacfwd(function, position), position),
        }
    count, vectors = len(names), len(identity.vectors)

    def with_only(primals):
        def of_varied(*varied):
            full = list(primals)
            for i, value in zip(position, varied, strict=True):
                full[i] = value
            return function(*full)

        return of_varied, [primals[i] for i in position]

    def vjp(*cotangents_and_primals):
        partial, varied = with_only(cotangents_and_primals[vectors:])
        return jax.vjp(partial, *varied)[1](cotangents_and_primals[:vectors])

    def jvp(*primals_and_tangents):
        partial, varied = with_only(primals_and_tangents[:count])
        return jax.jvp(partial, varied, list(primals_and_tangents[count:]))[1]

    return {"jacrev": vjp} if identity.kind.name == "vjp" else {"jacfwd": jvp}


def modes(identity: Identity, shape: Shape, values: list[jax.Array]) -> dict[str, Callable[..., Any]]:
    """The ways that JAX has to the same derivative, jitted, as far as they need no more memory than there is."""
    programs = autodiff(identity, shape)
    if identity.kind.name == "jacobian":  # whose modes go through a basis of the inputs or of the outputs
        inputs = sum(math.prod(shape.of(a)) for a in identity.primals if a.name in identity.moving)
        outputs = sum(math.prod(shape.of(a)) for a in identity.results)
        for mode, basis in (("jacfwd", inputs**2), ("jacrev", outputs**2)):
            if basis > 64 * ENTRIES:
                del programs[mode]
    return {name: jax.jit(program) for name, program in programs.items() if not memory(program, values) >= MOST}


def speed_up(taken: Times) -> float:
    """Over the better of the modes that were timed; infinite where none could be."""
    return min((ratio(taken, mode, CLOSED_FORM) for mode in taken if mode != CLOSED_FORM), default=math.inf)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--topic", default="", help="only identities whose topic begins so, as `layers`")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--device")
    options = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    device = find_device(options.device)
    table = Table(title=f"{options.dtype} on {device.device_kind}, jax {jax.__version__}; microseconds")
    for title in ("identity", "shape", CLOSED_FORM, *MODES, "speed-up", "memory"):
        table.add_column(title, justify="left" if title in ("identity", "shape") else "right")
    slower = []
    chosen = [find(name) for name in options.names] or catalog.values()
    for identity in (identity for identity in chosen if identity.topic.startswith(options.topic)):
        shape, values, closed_form = in_time(identity, options.dtype, device)
        subjects = {CLOSED_FORM: closed_form, **modes(identity, shape, values)}
        calls = {name: partial(program, *values) for name, program in subjects.items()}
        taken = times(calls)
        if speed_up(taken) < SLOWER:  # as a busy machine makes it seem now and then
            taken = times(calls, seconds=8, rounds=121)
        if speed_up(taken) < SLOWER:
            slower.append(identity.name)
        microseconds = [f"{1e6 * median(taken, n):,.1f}" if n in taken else "" for n in (CLOSED_FORM, *MODES)]
        style = "red" if identity.name in slower else None
        needed = {name: memory(program, values) for name, program in subjects.items()}
        share = needed.pop(CLOSED_FORM) / max(min(needed.values(), default=math.nan), 1)
        row = (*microseconds, f"{speed_up(taken):.2f}", f"{share:.2f}")
        table.add_row(identity.name, str(shape), *row, style=style)
    Console(width=140).print(table)
    print(f"slower than {SLOWER} of the better mode: {', '.join(slower) or 'none'}")


if __name__ == "__main__":
    main()

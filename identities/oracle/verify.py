"""Putting one claim to the test, on random shapes and values: the verdict."""

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from identities.catalog import Identity, find
from identities.oracle.arguments import draw_shapes
from identities.oracle.counterexample import Counterexample, smallest
from identities.oracle.processes import processes, share
from identities.oracle.programs import Device, find_device
from identities.oracle.tolerance import TOLERANCE
from identities.oracle.trial import Plan, schwartz_zippel_log10, trials
from identities.oracle.witness import WITNESSES

DTYPES = ("float64", "float32", "bfloat16", "float16")


@dataclass(frozen=True)
class Verification:
    """The verdict on one identity.

    **Fields:**

    - `identity`: its name.
    - `passed`: whether it held, everywhere.
    - `shapes`, `instances`: how many were tried; an instance is one set of argument values.
    - `errors`: the worst error in units of rounding, by witness and then dtype; at most `TOLERANCE` in
      a claim that passed, and 0 or infinite in an exact one.
    - `bound_log10`: for an exact identity that passed, the decimal logarithm of the probability, at
      most, that a wrong polynomial would have passed (Schwartz-Zippel); None for the others.
    - `counterexample`: the smallest one, if it did not pass.
    - `plan`: the options that it came of.
    """

    identity: str
    passed: bool
    shapes: int
    instances: int
    errors: Mapping[str, Mapping[str, float]]
    bound_log10: float | None
    counterexample: Counterexample | None
    plan: Plan

    @property
    def worst(self) -> float:
        """The worst error, over witnesses and dtypes."""
        return max(error for by_dtype in self.errors.values() for error in by_dtype.values())

    def agrees(self, witness: str) -> bool:
        """Whether it held against this witness."""
        return all(error <= TOLERANCE for error in self.errors[witness].values())


def verify(
    identity: Identity | str,
    *,
    dtypes: Sequence[str] = ("float64", "float32"),
    shapes: int = 4,
    instances: int = 512,
    seed: int = 0,
    device: str | Device | None = None,
) -> Verification:
    """Put one identity to the test against both witnesses.

    **Arguments:**

    - `identity`: an `Identity`, or the name of one in the catalog.
    - `dtypes`: among "float64", "float32", "bfloat16" and "float16".
    - `shapes`: how many different random shapes; each costs a compilation.
    - `instances`: how many random argument values for each shape and dtype, rounded up to whole batches.
    - `seed`: the same seed gives the same verdict.
    - `device`: where the closed form runs, "cpu", "gpu" or a JAX device; JAX's default if left out. The
      witnesses run in float64 on the CPU.

    **Raises:** `LookupError` for an unknown name, `ValueError` for an option that makes no sense.
    """
    identity = find(identity)
    check_options(dtypes, shapes, instances)
    plan = Plan(tuple(dtypes), shapes, instances, seed, find_device(device))
    drawn = draw_shapes(identity, shapes, seed)
    errors = {witness: dict.fromkeys(dtypes, 0.0) for witness in WITNESSES}
    tried, bound_log10, failed = 0, 0.0, None
    for shape in drawn:
        for trial in trials(identity, shape, plan):
            tried += len(trial.got)
            for witness, units in trial.errors.items():
                worst = errors[witness]
                worst[trial.dtype] = max(worst[trial.dtype], float(units.max()))
            if not (failed or trial.passed):
                failed = shape
        if identity.exact and not failed:
            bound_log10 += schwartz_zippel_log10(identity, shape, plan)
    return Verification(
        identity.name,
        not failed,
        len(drawn),
        tried,
        errors,
        bound_log10 if identity.exact and not failed else None,
        smallest(identity, failed, plan) if failed else None,
        plan,
    )


def verify_each(
    identities: Iterable[Identity], begin: Callable[[], None] | None = None, **options: Any
) -> Iterator[Verification]:
    """`verify` for many identities of the catalog, those of one function together, with the same options.

    `begin`, a function of a module, is called at the start of every process that takes part.
    """
    # Identities of one function share its witnesses, and so one worker.
    by_function: dict[Callable, list[Identity]] = {}
    for identity in identities:
        by_function.setdefault(identity.function, []).append(identity)
    groups = list(by_function.values())
    count = processes(find_device(options.get("device")))
    yield from itertools.chain.from_iterable(share(partial(_verify_all, options=options), groups, count, begin))


def _verify_all(identities: Sequence[Identity], options: Mapping[str, Any]) -> list[Verification]:
    return [verify(identity, **options) for identity in identities]


def check_options(dtypes: Sequence[str], shapes: int, instances: int) -> None:
    """Raise `ValueError` for options that make no sense."""
    if isinstance(dtypes, str) or not dtypes or not set(dtypes) <= set(DTYPES):
        raise ValueError(f"dtypes must be a list of some of {DTYPES}, got {dtypes!r}")
    for name, value in (("shapes", shapes), ("instances", instances)):
        if value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}")

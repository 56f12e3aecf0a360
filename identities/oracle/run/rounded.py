"""Programs evaluated with the result of every operation moved at random by its rounding (Monte Carlo arithmetic).

What comes out moves by what the rounding of a dtype makes of it: where terms cancel, where a function saturates, near a
pole. See Parker, Monte Carlo Arithmetic, 1997.
"""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from identities.oracle.run.exactness import CLOSE, EXACT, GROWING, INTEGRAL, NORMWISE, SUMS, rounds_nothing
from identities.oracle.run.programs import cpu, full_precision
from identities.oracle.run.tape import Step, Tape, is_inexact, run_step, tape_of


@dataclass(frozen=True)
class Recording:
    """A program over a batch, whatever its operations are, that can be evaluated with rounding."""

    tape: Tape
    results: Any  # the form of the tree that it returns

    def exactly(self, arguments: Any) -> Any:
        """The results in float64."""
        with full_precision(), jax.default_device(cpu()), np.errstate(all="ignore"):
            return self._tree(self.tape(*jax.tree.leaves(arguments)))

    def moved(
        self, arguments: Any, dtype: str, copies: int, rng: np.random.Generator, zeros: bool = False
    ) -> list[Any]:
        """The results of some copies, with every number on the way as far off as the dtype may leave it.

        An operation takes each of its operands from another copy, as if that had been computed for it alone: terms that
        cancel because they are rounded alike do not have to, in somebody else's program. Infinite beyond the range of
        the dtype.

        **Arguments:**

        - `zeros`: whether what comes to nothing on the way moves too, if only just, to either side of a kink.
        """
        given = jax.tree.leaves(arguments)
        rounding = _Rounding(dtype, rng, zeros, _sizes(given))
        with full_precision(), jax.default_device(cpu()), np.errstate(all="ignore"):
            values: dict[int, list[Any]] = {
                number: [rounding.argument(value) for _ in range(copies)]
                for number, value in zip(self.tape.arguments, given, strict=True)
            }
            for number, value in self.tape.constants.items():
                values[number] = [rounding.constant(value) for _ in range(copies)]
            fixed = set(values) - {*self.tape.arguments}
            for step in self.tape.steps:
                execute = rounding.execute
                if fixed.issuperset(step.takes):
                    fixed.update(step.makes)
                    execute = rounding.execute_with_constants
                # What only chooses has to choose among what it compares: the largest entry is one of its own copy.
                taken = [values[n] if step.name in EXACT else _exchanged(values[n], rng, rounding) for n in step.takes]
                operands = list(zip(*taken, strict=True))
                made = [self.tape.executed(step, of_copy, execute) for of_copy in operands or [()] * copies]
                for number, of_copies in zip(step.makes, zip(*made, strict=True), strict=True):
                    values[number] = list(of_copies)
                for number in step.done:
                    del values[number]
            flushed = self._flushed(given, dtype, rng)
        return [flushed, *(self._tree([values[n][copy] for n in self.tape.results]) for copy in range(copies))]

    def _flushed(self, given: Sequence[Any], dtype: str, rng: np.random.Generator) -> Any:
        """The results without rounding, and with all subnormal numbers taken for zero: 1e-5 in float16, say."""
        rounding = _Rounding(dtype, rng)
        tape = replace(self.tape, constants={n: rounding.flushed(value) for n, value in self.tape.constants.items()})
        return self._tree(tape.run([rounding.flushed(value) for value in given], rounding.execute_flushed))

    def leaves_range(self, arguments: Any) -> bool:
        """Whether a number on the way is infinite or nothing for no other reason than its size."""
        found = False

        def execute(step: Step, operands: Sequence[Any]) -> Sequence[Any]:
            nonlocal found
            made = run_step(step, operands)
            if step.name in GROWING:
                usual = np.all([np.isfinite(o) & (o != 0) for o in np.broadcast_arrays(*operands)], axis=0)
                found |= bool((usual & (np.isinf(made[0]) | (np.abs(made[0]) < self._tiny))).any())
            return made

        with full_precision(), jax.default_device(cpu()), np.errstate(all="ignore"):
            self.tape.run(jax.tree.leaves(arguments), execute)
        return found

    _tiny = float(np.finfo(float).tiny)

    def _tree(self, found: Sequence[Any]) -> Any:
        return jax.tree.unflatten(self.results, found)


def recorded(function: Callable[..., Any], arguments: Sequence[Any]) -> Recording:
    """The program of a function over a batch, for arrays like those given."""
    leaves, tree = jax.tree.flatten(arguments)
    return _recorded(function, tree, tuple((leaf.shape, leaf.dtype) for leaf in leaves))


@functools.lru_cache(maxsize=512)  # those of the claims of a class, more or less
def _recorded(function: Callable[..., Any], tree: Any, of: tuple[tuple[tuple[int, ...], np.dtype], ...]) -> Recording:
    arguments = jax.tree.unflatten(tree, [jax.ShapeDtypeStruct(*leaf) for leaf in of])
    with full_precision():
        traced, shapes = jax.make_jaxpr(jax.vmap(function), return_shape=True)(*arguments)
    return Recording(tape_of(traced, complete=True), jax.tree.structure(shapes))


def _sizes(arguments: Sequence[Any]) -> Any:
    """The largest entry of all arguments, by instance."""
    sizes = [np.abs(v.reshape(len(v), -1)).max(axis=1, initial=0) for v in arguments if is_inexact(v.dtype)]
    return np.max(sizes, axis=0) if sizes else 0.0


def _exchanged(copies: list[Any], rng: np.random.Generator, rounding: "_Rounding") -> list[Any]:
    """The copies of an operand in another order, as far as they are alike."""
    first = copies[0]
    if not is_inexact(first.dtype) or all(copy is first for copy in copies):
        return copies
    alike = rounding.alike(copies)
    order = rng.permutation(len(copies))
    return [np.where(alike, copies[other], copy) for other, copy in zip(order, copies, strict=True)]


class _Rounding:
    """What a dtype does to numbers, at random."""

    def __init__(self, dtype: str, rng: np.random.Generator, zeros: bool = False, sizes: Any = 0.0):
        info = jnp.finfo(dtype)
        self._sizes = np.asarray(sizes)  # of the arguments, by instance
        self._dtype, self._rng, self._zeros = jnp.dtype(dtype), rng, zeros
        self._tiny = float(info.tiny)
        self._half_of_digits = (info.nmant + 1) // 2
        self._unit, self._largest = float(info.eps) / 2, float(info.max)
        # Numbers below the normal ones are flushed to zero or kept, as the machine pleases; float16 cannot do without.
        self._smallest = float(info.smallest_subnormal if dtype == "float16" else info.tiny)
        # Sums of half types are kept in float32, and matrices are factorised in it. Everything else may be stored, and
        # parts of it that are no step of the program too: the 1 + exp(-x) of a sigmoid.
        self._in_sums = min(self._unit, _SINGLE)

    def execute(self, step: Step, operands: Sequence[Any]) -> Sequence[Any]:
        given = operands
        if step.name in SUMS:
            operands = [self._off(o, self._in_sums) for o in operands]
        if step.name in NORMWISE:
            operands = [self._off_by_size(o, _ROUGH * self._in_sums) for o in operands]
        if step.parameters.get("y", 0) < 0:  # by way of the power, which may be out of range
            power = replace(step, parameters={"y": -step.parameters["y"]})
            powers = self.execute(power, operands)
            return [np.where(np.isinf(v), np.inf, self._rounded(1 / v, self._unit)) for v in powers]
        made = run_step(step, operands)
        if rounds_nothing(step.name, operands):
            return made
        if step.name == "div" and _is_one_number(operands[1]):
            # A compiler multiplies by the reciprocal, whose rounding is the same for all instances.
            made = [made[0] * self._off(np.ones(()), self._unit)]
        unit = self._unit if step.name in CLOSE else _ROUGH * self._unit
        rounded = [self._rounded(values, unit) for values in made]
        if step.name in SUMS:
            # In some order, terms of one sign come first: a part of a sum may be too large where all of it is not.
            (most,) = run_step(step, [np.abs(o) if is_inexact(o.dtype) else o for o in operands])
            rounded = [np.where(most > self._largest, np.inf, values) for values in rounded]
        if step.name in INTEGRAL and not self._zeros:
            rounded = [self._or_whole(step, given, values) for values in rounded]
        return rounded

    def execute_with_constants(self, step: Step, operands: Sequence[Any]) -> Sequence[Any]:
        """An operation that no argument has a part in: it is exact where its result has few digits, as 0.5 * 3 has.

        Such are the places of quantiles, and the ends of grids, which are to stay where they are.
        """
        pairs = zip(self.execute(step, operands), run_step(step, operands), strict=True)
        return [np.where(self._is_short(exact), exact, off) if _is_real(exact) else off for off, exact in pairs]

    def _is_short(self, numbers: Any) -> Any:
        """Which numbers have no more than half of the digits of the dtype."""
        scaled = np.ldexp(np.frexp(numbers)[0], self._half_of_digits)
        return scaled == np.rint(scaled)

    def alike(self, copies: Sequence[Any]) -> Any:
        """Which entries of copies differ by rounding, rather than by another branch, order or sign.

        By half of the digits: terms that cancel may have lost as many. Where they have lost all, only rounding is left,
        and half of the digits of a product of arguments are much for that.
        """
        first = copies[0]
        apart = np.max([np.abs(copy - first) for copy in copies[1:]], axis=0)
        near = np.sqrt(self._unit)
        found = apart <= near * np.abs(first)
        # Instances lie along the first axis, if along any.
        if first.shape[:1] == self._sizes.shape and self._sizes.size:
            sizes = self._sizes.reshape(-1, *[1] * (first.ndim - 1))
            found |= apart <= near * np.maximum(sizes, sizes**2)
        return found

    def _or_whole(self, step: Step, operands: Sequence[Any], rounded: Any) -> Any:
        """Whole numbers without rounding where they are made of whole ones: an index, which must stay what it is."""
        parts = [np.where(o == np.rint(o), 0, np.nan) for o in operands]
        whole = np.isfinite(run_step(step, parts)[0]) if step.name in SUMS else ~np.isnan(sum(parts))
        if not np.any(whole):
            return rounded
        (values,) = run_step(step, operands)
        return np.where(whole & (np.abs(values) * self._unit <= 1), values, rounded)

    def argument(self, values: Any) -> Any:
        """An argument, which is as it is given; but a subnormal number may be taken for zero."""
        if not is_inexact(values.dtype):
            return values
        small = (values != 0) & (np.abs(values) < self._smallest)
        if not np.any(small):
            return values
        return np.where(small, self._smallest * self._rng.uniform(-1, 1, np.shape(values)), values)

    def constant(self, value: Any) -> Any:
        """A constant of the program, which is the same for all instances, as the dtype has it."""
        if not is_inexact(value.dtype):
            return value
        parts = np.stack([np.real(value), np.imag(value)])
        if np.array_equal(parts.astype(self._dtype), parts, equal_nan=True):
            return value
        return self._off(value, self._unit)

    def execute_flushed(self, step: Step, operands: Sequence[Any]) -> Sequence[Any]:
        if step.parameters.get("y", 0) < 0:
            power = replace(step, parameters={"y": -step.parameters["y"]})
            return [self.flushed(1 / values) for values in self.execute_flushed(power, operands)]
        return [self.flushed(values) for values in run_step(step, operands)]

    def flushed(self, values: Any) -> Any:
        """Within the range of the dtype: what is too large is infinite, and subnormal numbers are nothing."""
        if not is_inexact(values.dtype):
            return values
        found = np.where(np.abs(values) < self._tiny, 0.0, values)
        return np.where(np.abs(found) > self._largest, np.copysign(np.inf, np.real(found)), found)

    def _off(self, values: Any, unit: float) -> Any:
        if not is_inexact(values.dtype):
            return values
        if np.iscomplexobj(values):
            return self._off_in_parts(values, unit)
        off = unit * self._rng.uniform(-1, 1, np.shape(values))
        if self._unit > np.finfo(float).eps / 2 or values.dtype != np.float64:
            return values * (1 + off)
        # In float64, half of the last digit would be rounded back: the next number is taken as often as it is near.
        spacing = np.spacing(np.abs(values))
        steps = np.floor(off * np.abs(values) / spacing + self._rng.random(np.shape(values)))
        return np.where(np.isfinite(values), values + spacing * steps, values)

    def _off_in_parts(self, values: Any, unit: float) -> Any:
        """Complex numbers, each part of which may be what is left of two that cancel. What is real stays so."""
        parts = np.stack([np.real(values), np.imag(values)], axis=-1)
        parts += unit * np.abs(values)[..., None] * (parts != 0) * self._rng.uniform(-1, 1, parts.shape)
        return parts.view(values.dtype)[..., 0]

    def _off_by_size(self, matrices: Any, unit: float) -> Any:
        size = np.abs(matrices).max(axis=(-2, -1), keepdims=True)
        return matrices + unit * size * self._rng.uniform(-1, 1, np.shape(matrices))

    def _rounded(self, values: Any, unit: float) -> Any:
        if not is_inexact(values.dtype):
            return values
        stays = (values == 0) & (not self._zeros)
        flushed = np.where(stays, 0, self._smallest * self._rng.uniform(-1, 1, np.shape(values)))
        found = self._off(values, unit) + flushed
        if self._zeros and found.dtype.kind == "f":
            # In float64 a number may be rounded back to what it was, as a power of two is from above.
            side = self._rng.choice([-np.inf, np.inf], found.shape)
            found = np.where(found == values, np.nextafter(values, side), found)
        return np.where(np.abs(found) > self._largest, np.copysign(np.inf, np.real(found)), found)


_SINGLE = float(jnp.finfo("float32").eps) / 2

_ROUGH = 4
"""Units of rounding by which a library's exponential, tanh or factorisation may be off."""


def _is_real(values: Any) -> bool:
    return is_inexact(values.dtype) and values.dtype.kind == "f"


def _is_one_number(values: Any) -> bool:
    """Whether an operand is the same number everywhere, and no power of two."""
    numbers = np.unique(values)
    return numbers.size == 1 and numbers.dtype.kind == "f" and np.abs(np.frexp(numbers[0])[0]) != 0.5

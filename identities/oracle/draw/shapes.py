"""Shapes: random sizes of the dimensions of a claim, small ones first."""

import itertools
import math
import zlib
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from identities.caching import cached
from identities.claim import Claim
from identities.dimensions import BATCH_AXES, axes_in, describe, names_in, numbers_in, owner_of, shape_of, size_of
from identities.options import Option
from identities.signature import Argument

LARGEST = 6
"""The largest size that a dimension takes by default: enough to tell every index from every other."""

_LARGEST_LEADING: Mapping[str, int] = dict(zip(BATCH_AXES, (2, 3), strict=True))
"""The largest sizes that leading axes take: enough to tell them from one another, at a fraction of the work."""

_PATIENCE = 32
"""For how many random sizes the same options are tried, if none is admitted with them."""

_FEW = 4
"""The most shapes of which one, of a single entry, stands for all that have axes of one."""

Sizes = Mapping[str, Iterable[int]]
"""Sizes that a user wants to be tried, by the name of the dimension."""


@dataclass(frozen=True, order=True)
class Shape:
    """A size for every dimension name, which of its forms an array with several takes, and which options are chosen.

    `options` has for every static argument which of its values is meant.
    """

    sizes: tuple[tuple[str, int], ...]
    form: int = 0
    options: tuple[tuple[str, int], ...] = ()

    def of(self, argument: Argument) -> tuple[int, ...]:
        return shape_of(argument.dims(self.form), dict(self.sizes))

    def static(self, claim: Claim) -> dict[str, Any]:
        """The values of static arguments."""
        chosen = dict(self.options)
        return {option.name: _value(claim, option, chosen[option.name], self.form) for option in claim.options}

    def numbers(self, claim: Claim) -> dict[str, float]:
        """The values of those that are numbers, as a temperature is."""
        return {name: value for name, value in self.static(claim).items() if type(value) in (int, float)}

    def resized(self, name: str, size: int) -> "Shape":
        """The same with another size of one dimension."""
        return Shape(tuple((n, size if n == name else s) for n, s in self.sizes), self.form, self.options)

    @property
    def total(self) -> int:
        """A measure of size, to order shapes by."""
        return sum(size for _, size in self.sizes)

    def described(self, claim: Claim) -> str:
        """As in `n = 3, causal = True`."""
        used = used_names(claim, self.form)
        static = self.static(claim)
        sizes = [f"{name} = {size}" for name, size in self.sizes if name in used and owner_of(name) == name]
        options = [f"{name} = {value!r}" for name, value in static.items() if name not in used]
        return ", ".join(sizes + options) or "scalars"

    def __str__(self) -> str:
        chosen = "".join(f", {name} #{number}" for name, number in self.options if name not in dict(self.sizes))
        sizes = ", ".join(f"{name} = {size}" for name, size in self.sizes if owner_of(name) == name)
        return (sizes or "scalars") + chosen


def _value(claim: Claim, option: Option, number: int, form: int) -> Any:
    """One of the values of an option, or where it is wanted for several axes, a tuple of those from that one on."""
    axes = axes_in(used_names(claim, form), option.name) if option.per_axis else 0
    if axes < 2 or isinstance(option.values[number], str):  # a word is one for all axes
        return option.values[number]
    numbers = [value for value in option.values if not isinstance(value, str)]
    return tuple(numbers[(number + axis) % len(numbers)] for axis in range(axes))


def arrays_of(claim: Claim) -> tuple[Argument, ...]:
    return (*claim.arguments, *claim.gives.leaves, *claim.signature.returns.leaves)


@cached
def used_names(claim: Claim, form: int) -> frozenset[str]:
    return frozenset(name for a in arrays_of(claim) for dim in a.dims(form) for name in names_in(dim))


def shrinkable(claim: Claim, shape: Shape) -> list[str]:
    """The dimensions that may have other sizes: those that are no options, and that arrays of this form have."""
    fixed, used = {option.name for option in claim.options}, used_names(claim, shape.form)
    return [name for name, _ in shape.sizes if owner_of(name) not in fixed and name in used]


def admitted(claim: Claim, shape: Shape) -> bool:
    """Whether every array has a size of at least one there, and members in its domain that are drawn."""
    sizes = dict(shape.sizes)
    if _is_for_another_form(claim, shape):
        return False
    for a in arrays_of(claim):
        found = tuple(size_of(dim, sizes) for dim in a.dims(shape.form))
        domain = a.domain.at(sizes)
        if min(found, default=1) < 1 or not (domain.admits(found) and domain.drawn.admits(found)):
            return False
    return True


def _is_for_another_form(claim: Claim, shape: Shape) -> bool:
    """Whether an option has numbers for more axes than arrays have in this form, and in another one have."""

    def axes(name: str, form: int) -> int:
        return axes_in(used_names(claim, form), name)

    long = {name: len(value) for name, value in shape.static(claim).items() if isinstance(value, tuple)}
    most = {name: max(axes(name, form) for form in range(claim.forms)) for name in long}
    return any(axes(name, shape.form) < min(count, most[name]) for name, count in long.items())


def small_enough(claim: Claim, shape: Shape) -> bool:
    drawn = [(shape.of(a), a.domain.drawn) for a in claim.arguments]
    return all(max(of, default=1) <= d.largest and math.prod(of) <= d.entries for of, d in drawn)


def _with_fewer_entries(claim: Claim, shape: Shape) -> Shape:
    """The shape with its largest sizes one less, as often as it takes for no array to have more than are drawn."""
    for a in claim.arguments:
        names = {name for dim in a.dims(shape.form) for name in names_in(dim)} & {*shrinkable(claim, shape)}
        while math.prod(shape.of(a)) > a.domain.drawn.entries:
            sizes = {name: size for name, size in shape.sizes if name in names and size > 1}
            if not sizes:
                break
            largest = max(sizes, key=lambda name: sizes[name])
            shape = shape.resized(largest, sizes[largest] - 1)
    return shape


@cached
def _most(claim: Claim) -> Mapping[str, int]:
    """The largest size of each dimension that any of its arrays is drawn with."""
    limits = [
        (name, a.domain.drawn.largest)
        for a in claim.arguments
        for form in a.forms
        for dim in form
        for name in names_in(dim)
    ]
    return {name: min(limit for n, limit in limits if n == name) for name, _ in limits}


def draw_shapes(claim: Claim, count: int, seed: int, sizes: Sizes | None = None) -> list[Shape]:
    """That many different random shapes, or as many as there are; more where every listed size or option wants one.

    With four, tall, wide, square and single-entry ones are among them, wherever the domains of the arguments admit
    them; with more, instead of the last, as many as it takes for each dimension to be one where another is not.

    **Raises:** `ValueError` for sizes of dimensions that do not exist, and where no shape at all is admitted.
    """
    listed = {name: _listed(name, values) for name, values in (sizes or {}).items()}
    if unknown := listed.keys() - set(claim.dimensions):
        raise ValueError(f"sizes: there is no dimension {min(unknown)!r}; there are {', '.join(claim.dimensions)}")
    every = math.prod(len(option.values) for option in claim.options if option.every)
    some = max((len(option.values) for option in claim.options), default=1)
    dims, forms = claim.dimensions, claim.forms
    # Claims whose dimensions have the same names share their shapes, and so their witnesses.
    rng = np.random.default_rng([seed, zlib.crc32(repr((dims, forms)).encode())])
    corners = _corners(rng, len(dims), count)
    at_least = len(corners) if count > _FEW else 1
    wanted = max(count, at_least, some, *map(len, listed.values()), 2 * every if every > 1 else 1)
    found: dict[Shape, None] = {}
    most = _most(claim)
    turns, failed = deque((number, 0) for number in range(wanted)), 0
    patience = _PATIENCE * max(map(len, listed.values()), default=1)
    for i, (drawn, form) in enumerate(_candidates(rng, dims, forms, wanted, corners)):
        number, again = turns[0]
        if failed == patience:  # these options may leave no room for any sizes: the next ones first
            turns.rotate(-1)
            turns[-1] = number, again + 1
            (number, again), failed = turns[0], 0
        if found and max(drawn.values(), default=1) > 2 * LARGEST:
            break  # such sizes are for what has no smaller ones
        if i >= len(corners) and not listed:
            drawn = {name: 1 + (size - 1) % most.get(name, size) for name, size in drawn.items()}
        drawn = {name: min(size, _LARGEST_LEADING.get(name, size)) for name, size in drawn.items()}
        if i >= len(corners):  # each form in turn, for some time, since the sizes of large ones are seldom admitted
            form = (number + i // 16) % claim.forms
        drawn |= {name: values[(number + failed // _PATIENCE) % len(values)] for name, values in listed.items()}
        chosen = _chosen(claim, number, seed, again)
        forms = claim.signature.forms(chosen.static(claim))
        form = forms[form % len(forms)] if len(forms) < claim.forms else form
        static = replace(chosen, form=form).static(claim)
        known = drawn | whole_numbers(claim, form, static)
        if unknown := used_names(claim, form) - known.keys():
            if claim.forms == 1:
                name, owner = min(unknown), owner_of(min(unknown))
                raise ValueError(f"{claim.name}: dimensions speak of {name}, and {owner} is {static.get(owner)!r}")
            failed += 1
            continue
        shape = Shape(tuple(known.items()), form, chosen.options)
        shape = shape if listed else _with_fewer_entries(claim, shape)
        if shape not in found and admitted(claim, shape) and (listed or small_enough(claim, shape)):
            found[shape] = None
            turns.popleft()
            failed = 0
        else:
            failed += 1
        if not turns:
            break
    if not found:
        raise ValueError(
            f"no shape can be drawn for {claim.name}: its dimensions, domains and sizes admit none of "
            + ", ".join(f"{a.name} {describe(a.dims(0))}" for a in claim.arguments)
        )
    return list(found)


def _chosen(claim: Claim, number: int, seed: int, again: int) -> Shape:
    """The options of one shape among many: all combinations of some, and each value of the others in random order.

    Others of these where they are chosen `again`.
    """
    every = [range(len(option.values)) for option in claim.options if option.every]
    combinations = list(itertools.product(*every))
    combination = iter(combinations[number % len(combinations)])

    def in_turn(i: int, count: int) -> int:
        turn, place = divmod(number, count)
        if len(claim.options) == 1:
            return place
        return int(np.random.default_rng([seed, i, turn, again]).permutation(count)[place])

    numbers = (next(combination) if o.every else in_turn(i, len(o.values)) for i, o in enumerate(claim.options))
    return Shape((), 0, tuple((option.name, n) for option, n in zip(claim.options, numbers, strict=True)))


def whole_numbers(claim: Claim, form: int, static: Mapping[str, Any]) -> dict[str, int]:
    """Options that dimensions may be made of: integers, and booleans where a dimension speaks of them."""
    used = used_names(claim, form)
    return {n: v for n, v in numbers_in(static).items() if n in used or type(static.get(n)) is int}


def _listed(name: str, values: Any) -> list[int]:
    listed = [values] if isinstance(values, int) else list(values)
    if not listed or not all(isinstance(size, (int, np.integer)) and size > 0 for size in listed):
        raise ValueError(f"sizes: {name} must be whole numbers of at least one, got {values!r}")
    return [int(size) for size in listed]


def _candidates(
    rng: np.random.Generator, dims: tuple[str, ...], forms: int, count: int, corners: list[list[int]]
) -> Iterator[tuple[dict[str, int], int]]:
    """Sizes for all names and a form, without end for practical purposes: corners, random ones, then larger ones."""
    if not dims:  # and yet there may be options, each value of which has a turn
        yield from (({}, i % forms) for i in range(2 * _PATIENCE * count))
        return
    for i, corner in enumerate(corners):
        yield dict(zip(dims, corner, strict=True)), i % forms
    for largest in (LARGEST, 2 * LARGEST, 8 * LARGEST):
        for _ in range(64 + 16 * count):
            sizes = map(int, rng.integers(1, largest + 1, len(dims)))
            yield dict(zip(dims, sizes, strict=True)), int(rng.integers(forms))


def _corners(rng: np.random.Generator, n: int, count: int) -> list[list[int]]:
    """The sizes of n dimensions that are not left to chance: tall, wide, square, and with axes of one.

    Of three dimensions and more, the other axes of one of the last are square.
    """
    if not n:
        return []
    some = rng.choice(np.arange(2, max(LARGEST, n + 1) + 1), (2, n), replace=False) if 2 * n < LARGEST else None
    tall = sorted(map(int, some[0] if some is not None else _unlike(rng, n)), reverse=True)
    wide = sorted(map(int, some[1] if some is not None else _unlike(rng, n)))
    square = [int(rng.integers(2, LARGEST + 1))] * n
    if count <= _FEW:
        return [tall, wide, square, [1] * n]
    whole = [tall, wide, square] if n < 3 else [tall, wide]
    thin = zip(itertools.cycle([square, wide, tall] if n >= 3 else [tall, wide]), _ones(n))
    return [*whole, *([1 if k in row else of[k] for k in range(n)] for of, row in thin)]


def _ones(n: int) -> list[list[int]]:
    """The fewest sets of n numbers of which one has any number without any other.

    Each number is in other ones, half of r sets: of C(r, r/2) such choices none contains another (Sperner's theorem).
    """
    r = next(r for r in itertools.count(1) if math.comb(r, max(1, r // 2)) >= n)
    words = list(itertools.islice(itertools.combinations(range(r), max(1, r // 2)), n))
    return [[k for k, word in enumerate(words) if i in word] for i in range(r)]


def _unlike(rng: np.random.Generator, n: int) -> list[int]:
    """Sizes from two on, all different, as small as may be."""
    return [int(size) for size in rng.permutation(np.arange(2, max(LARGEST, n + 1) + 1))[:n]]

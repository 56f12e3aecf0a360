"""What people do wrong in a step of a derivation: one kind of mistake a file, each a generator of proposals."""

from collections.abc import Callable, Iterator

from identities.oracle.diagnosis.edits.mistakes import (
    arguments,
    axes,
    conjugates,
    constants,
    cotangents,
    derivatives,
    epsilons,
    indices,
    late,
    loops,
    operations,
    orders,
    parts,
    pools,
    softmaxes,
    solves,
    statistics,
    steps,
    sums,
    triangles,
    windows,
)
from identities.oracle.diagnosis.edits.program import Program
from identities.oracle.diagnosis.edits.proposals import Proposal

Generator = Callable[[Program], Iterator[Proposal]]

GENERATORS: tuple[Generator, ...] = (
    cotangents.cotangents,
    conjugates.conjugates,
    loops.handed_on,
    parts.parts,
    steps.factors,
    steps.stops,
    constants.constants,
    solves.solves,
    operations.indices,
    operations.operations,
    softmaxes.softmaxes,
    arguments.arguments,
    indices.exchanged,
    late.late,
    statistics.given_statistics,
    sums.accumulations,
    cotangents.on_the_way,
    cotangents.parts_on_the_way,
    derivatives.derivatives,
    derivatives.by_result,
    derivatives.saved,
    epsilons.moved,
    constants.in_values,
    steps.multiples,
    sums.layouts,
    orders.orders,
    windows.slices,
    windows.convolutions,
    pools.pools,
    indices.wrapped,
    axes.axes,
    operations.in_values,
    operations.in_pulls,
    constants.sizes,
    constants.counts,
    constants.padded,
    constants.options,
    steps.repeated,
    steps.operands,
    loops.loops,
    arguments.in_pulls,
    sums.sums,
    cotangents.ends,
    triangles.triangles,
    steps.by_way_of_others,
    arguments.values_in_pulls,
    steps.others,
    steps.behind,
    derivatives.by_other_results,
    operations.operands,
)
"""Where proposals come from, the likeliest and the quickest first."""

IN_PARTS: tuple[Generator, ...] = (
    cotangents.cotangents,
    steps.factors,
    constants.constants,
    operations.operations,
    constants.sizes,
)
"""Where proposals come from that may be made for one part of a derivative only."""

OF_FUNCTIONS: tuple[Generator, ...] = (
    steps.factors,
    derivatives.derivatives,
    derivatives.by_result,
    derivatives.saved,
    steps.repeated,
    steps.operands,
)
"""Where proposals come from that are about the derivatives of functions of one number."""

"""Before a result is called wrong: what else it may be."""

from dataclasses import replace

import numpy as np

from identities.oracle.draw.values import of_simple_values
from identities.oracle.reference.differences import DIFFERENCES, differences
from identities.oracle.reference.programs import holds_constants
from identities.oracle.reference.rounding import rounding
from identities.oracle.reference.unit import TOLERANCE
from identities.oracle.reference.words import Reference, Word
from identities.oracle.trial import Leaf, Trial
from identities.oracle.verdict.disagreement import WitnessMismatch

_FIRST = 24
"""How many instances are looked at first: if rounding explains none of them, it does not explain the others."""


def in_doubt(trial: Trial, seed: int) -> Trial:
    """A trial that looks wrong, with all measured that may speak for it.

    **Raises:** `WitnessMismatch` if the witnesses disagree among themselves, so that nobody can be blamed.
    """
    found = _with_rounding_measured(trial, seed)
    if found.passed:
        return found
    try:
        for i, leaf in enumerate(found.leaves):
            _check_agreement(found, leaf, i, seed)
    except WitnessMismatch as mismatch:
        # What a function declares to be constant, a difference moves all the same.
        if DIFFERENCES not in mismatch.witnesses or not holds_constants(trial.claim, trial.shape):
            raise
        modes = {witness: words for witness, words in found.reference.words.items() if witness != DIFFERENCES}
        return replace(found, reference=Reference(modes))
    return _without_strays(found)


def _without_strays(trial: Trial) -> Trial:
    """Without what differences say against both modes at an instance, and along no other line again."""
    if DIFFERENCES not in trial.reference.words:
        return trial
    words = []
    for leaf in trial.leaves:
        errors, word = leaf.errors, leaf.words[DIFFERENCES]
        others = np.max([found for witness, found in errors.items() if witness != DIFFERENCES], axis=0)
        stray = (errors[DIFFERENCES] > TOLERANCE) & (others <= TOLERANCE) & ~leaf.points.free
        error = np.asarray(word.error)
        silent = stray.reshape(-1, *[1] * (error.ndim - 1))
        words.append(replace(word, error=np.where(silent, np.inf, error)))
    return replace(trial, reference=Reference({**trial.reference.words, DIFFERENCES: tuple(words)}))


def _with_rounding_measured(trial: Trial, seed: int) -> Trial:
    """The trial with the rounding of every operation measured, at the instances that look wrong."""
    suspects = np.flatnonzero(np.any([~leaf.within for leaf in trial.leaves], axis=0))
    if not suspects.size:
        return trial
    first = suspects[np.unique(np.linspace(0, len(suspects) - 1, _FIRST).astype(int))]
    found = _measured(trial, first, seed)
    if len(first) < len(suspects) and _cleared(found, first).any():
        found = _measured(trial, suspects, seed)
    return found


def _cleared(trial: Trial, which: np.ndarray) -> np.ndarray:
    return np.all([leaf.within[which] for leaf in trial.leaves], axis=0)


def _measured(trial: Trial, which: np.ndarray, seed: int) -> Trial:
    batch = {name: values[which] for name, values in trial.batch.items()}
    units = [np.zeros(trial.count) for _ in trial.claim.leaves]
    for unit, of_some in zip(units, rounding(trial.claim, trial.shape, batch, trial.dtype, seed), strict=True):
        unit[which] = of_some
    beyond = np.any([np.isinf(unit) for unit in units], axis=0)
    units = [np.where(beyond, 0.0, unit) for unit in units]
    return replace(trial, rounding=tuple(units), points=trial.points.without(beyond, trial.dtype))


def _check_agreement(trial: Trial, leaf: Leaf, number: int, seed: int) -> None:
    for name, word in leaf.words.items():
        if not word.in_full:
            continue
        for other in leaf.words:
            disputed = _disputed(leaf, word, other)
            if other == name or not disputed.size:
                continue
            measured = _measured(trial, disputed, seed).leaves[number]  # where the witnesses' own digits are in doubt
            disputed = np.intersect1d(disputed, _disputed(measured, word, other))
            for again in (seed + 1, seed + 2) if other == DIFFERENCES else ():
                if not disputed.size:
                    break
                said = differences(trial.claim, trial.shape, trial.batch, disputed, again)[number]
                disputed = _disputed(replace(measured, words={**measured.words, other: said}), word, other)
            if disputed.size:
                raise _mismatch(measured, (name, other), disputed)


def _disputed(leaf: Leaf, word: Word, other: str) -> np.ndarray:
    """The instances at which two witnesses contradict each other."""
    errors = leaf.judge(word.values)[other]
    worst = errors.reshape(len(errors), -1).max(axis=1, initial=0)
    return np.flatnonzero((worst > TOLERANCE) & leaf.judged & ~leaf.points.free & leaf.words[other].spoken)


def _mismatch(leaf: Leaf, who: tuple[str, str], disputed: np.ndarray) -> WitnessMismatch:
    i = min(disputed, key=lambda i: of_simple_values([v[i] for v in leaf.batch.values()]))
    first, second = who
    word, other = leaf.words[first], leaf.words[second]
    claim = leaf.whole or leaf.claim
    errors = leaf.judge(word.values)[second].reshape(len(leaf.judged), -1)
    agrees = [w for w, found in leaf.errors.items() if found[i] <= TOLERANCE and leaf.words[w].spoken[i]]
    return WitnessMismatch(
        claim.name,
        who,
        leaf.dtype,
        {name: values[i] for name, values in leaf.batch.items()},
        leaf.shape.static(claim),
        (other.of(word.values)[i], other.values[i]),
        float(errors[i].max()),
        tuple(agrees),
        leaf.claim.leaves[0].name if len(claim.leaves) > 1 else "",
    )

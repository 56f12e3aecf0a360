"""Derivatives of public bug reports: what was wrong is rejected and named, what is right accepted."""

import pytest

from identities import CandidateMismatch
from tests.reports import CONVENTIONS, REPORTS, WRONG, Reported, Wrong
from tests.reports.corpus import Convention

quick = {"shapes": 2, "instances": 16}


def test_the_corpus_of_reports_is_large():
    assert len(WRONG) >= 30
    assert len({str(entry) for entry in WRONG}) == len(WRONG)


@pytest.mark.parametrize("report", REPORTS, ids=str)
def test_right_derivatives_are_accepted_and_wrong_ones_rejected(report: Reported):
    assert report.judge(report.right, **quick).passed
    for entry in WRONG:
        if entry.of is report:
            assert not report.passes(entry.candidate, **quick)


@pytest.mark.parametrize("entry", CONVENTIONS, ids=str)
def test_conventions_are_accepted(entry: Convention):
    assert entry.of.judge(entry.candidate, **quick).passed, entry.why


_IN_THE_BENCHMARK_ONLY = (
    "explosion/thinc#578: mish_vjp_x, missing-term",
    "flagos-ai/FlagGems#5025",
    "flagos-ai/FlagGems#5392",
    "HIPS/autograd#296",
    "jax-ml/jax#2863",
    "pytorch/pytorch#52241",
    "tile-ai/tilelang-ascend#1670",
)
"""What takes longer to name, or is not named: no simple change is the mistake in three of them."""


@pytest.mark.parametrize("entry", [w for w in WRONG if not str(w).startswith(_IN_THE_BENCHMARK_ONLY)], ids=str)
def test_mistakes_are_named(entry: Wrong):
    with pytest.raises(CandidateMismatch) as caught:
        entry.judge(**quick)
    assert entry.is_true(caught.value.diagnosis), str(caught.value)

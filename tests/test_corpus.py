"""The oracle on gradients as people write them: every mistake found and named, nothing right rejected."""

import pytest

from identities import CandidateMismatch
from tests.corpus import RIGHT, WRONG, Entry


def test_the_corpus_is_large():
    assert len(WRONG) >= 60
    assert len(RIGHT) >= 40


@pytest.mark.parametrize("entry", WRONG, ids=str)
def test_wrong_gradients_are_rejected_and_the_mistake_is_named(entry: Entry):
    with pytest.raises(CandidateMismatch) as caught:
        entry.judge()
    assert entry.is_true(caught.value.diagnosis), str(caught.value)


@pytest.mark.parametrize("entry", RIGHT, ids=str)
def test_right_gradients_are_accepted(entry: Entry):
    assert entry.judge().passed

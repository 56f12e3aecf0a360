"""The corpus of layers: large enough, and no right backward pass rejected."""

import pytest

from tests.layers import LAYERS, WRONG, Layer


def test_the_corpus_of_layers_is_large():
    assert len(LAYERS) >= 25
    assert len(WRONG) >= 150
    assert len({str(entry) for entry in WRONG}) == len(WRONG)


@pytest.mark.parametrize("layer", LAYERS, ids=str)
def test_right_backward_passes_are_accepted(layer: Layer):
    assert layer.judge(layer.right, dtypes=("float64",)).passed

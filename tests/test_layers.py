"""The corpus of layers: no right backward pass rejected, and mistakes named, a few here and all in the benchmark."""

import pytest

from identities import CandidateMismatch
from tests.layers import LAYERS, WRONG, Layer, Wrong

quick = {"dtypes": ("float64",), "shapes": 2, "instances": 24}


def test_the_corpus_of_layers_is_large():
    assert len(LAYERS) >= 25
    assert len(WRONG) >= 150
    assert len({str(entry) for entry in WRONG}) == len(WRONG)


@pytest.mark.parametrize("layer", LAYERS, ids=str)
def test_right_backward_passes_are_accepted(layer: Layer):
    assert layer.judge(layer.right, **quick).passed


_NAMED = (
    "layer_norm: - g.mean(-1, keepdims=True)",
    "layer_norm: + eps",
    "layer_norm: (g * xhat).mean",
    "rms_norm: dot = (g * x) ->",
    "causal_attention: np.ones((t, t), bool)",
    "causal_attention: dp - (dp * p).sum",
    "causal_attention: return dq",
    "conv1d: padded = np.pad",
    "conv1d: w[:, :, k].T @ dout -> w[:, :, 2 - k]",
    "embedding: dtable, ids, dout -> dtable, ids - 1",
    "swiglu: + dup @ wu.T",
    "classifier: d *= dout / n -> d /= n",
    "geglu: 0.044715",
)
"""One mistake of most kinds."""


@pytest.mark.parametrize("name", _NAMED)
def test_mistakes_are_named(name: str):
    entry: Wrong = next(entry for entry in WRONG if str(entry).startswith(name))
    with pytest.raises(CandidateMismatch) as caught:
        entry.judge(**quick)
    for diagnosis in caught.value.diagnoses.values():
        assert entry.is_true(diagnosis), str(caught.value)

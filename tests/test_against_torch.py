"""The layers of the catalog beside PyTorch's: the same values, and the same gradients, whatever the options."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import jax
import numpy as np
import pytest

from identities import Identity, catalog
from identities.oracle.draw.shapes import draw_shapes
from identities.oracle.draw.values import draw_values
from identities.oracle.run.programs import full_precision
from tests.against_torch import IN_TORCH
from tests.clients import torch, with_torch

_CLOSE = 1e-10
"""How near float64 results are, of the largest entry: far beyond what rounding does, and far below any mistake."""


@with_torch
@pytest.mark.parametrize("name", IN_TORCH)
def test_value_and_gradients_are_those_of_torch(name: str) -> None:
    identity = next(i for i in catalog.values() if i.kind.name == "vjp" and i.function.__name__ == name)
    for shape in draw_shapes(identity, 4, seed=1):
        static = shape.static(identity)
        batch = draw_values(identity, shape, "float64", 1, 1, ("ordinary",))
        _compare(identity, {name: values[0] for name, values in batch.items()}, static)


def _compare(identity: Identity, given: Mapping[str, np.ndarray], static: Mapping[str, Any]) -> None:
    primals = {a.name: torch.tensor(given[a.name]) for a in identity.primals}
    moving = [primals[name].requires_grad_() for name in identity.moving]
    with full_precision():  # float64 too
        arrays = {name: jax.numpy.asarray(values) for name, values in given.items()}
        value = jax.tree.leaves(jax.jit(partial(identity.function, **static))(*[arrays[name] for name in primals]))
        gradients = jax.jit(partial(identity.closed_form, **static))(*arrays.values())
    results = jax.tree.leaves(IN_TORCH[identity.function.__name__](*primals.values(), **static))
    pulled = torch.autograd.grad(results, moving, [torch.tensor(given[a.name]) for a in identity.vectors])
    gradients = gradients if isinstance(gradients, tuple) else (gradients,)
    for ours, torchs in zip([*value, *gradients], [*results, *pulled], strict=True):
        torchs = torchs.detach().numpy()
        np.testing.assert_allclose(
            ours, torchs, rtol=0, atol=_CLOSE * max(1, np.abs(torchs).max()), err_msg=str(static)
        )

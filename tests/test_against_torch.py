"""The layers of the catalog beside PyTorch's: the same values, and the same gradients, whatever the options."""

import itertools
from collections.abc import Mapping
from functools import partial
from typing import Any

import jax
import numpy as np
import pytest

from identities import Identity, catalog
from identities.layers.resampled import interpolate
from identities.oracle.draw.shapes import draw_shapes
from identities.oracle.draw.values import draw_values
from identities.oracle.run.programs import full_precision
from identities.sources import WITHOUT_DERIVATIVE
from tests.against_torch import CONSTANT_IN_TORCH, IN_TORCH, REFUSED
from tests.against_torch.listed import LISTED
from tests.clients import functional, torch, with_torch
from tests.clients import functional as F

_CLOSE = 1e-10
"""How near float64 results are, of the largest entry: far beyond what rounding does, and far below any mistake."""

_CANCELLED = 1e-15
"""What is left of terms of about one that cancel, where a gradient is zero: some units of rounding."""


@with_torch
@pytest.mark.parametrize("name", IN_TORCH)
def test_value_and_gradients_are_those_of_torch(name: str) -> None:
    identity = next(i for i in catalog.values() if (i.function.__name__, i.kind.name) == (name, "vjp"))
    compared = 0
    for shape in draw_shapes(identity, 3, seed=1):
        static = shape.static(identity)
        batch = draw_values(identity, shape, "float64", 1, 1, ("ordinary",))
        try:
            _compare(identity, {name: values[0] for name, values in batch.items()}, static)
        except RuntimeError as error:
            if name not in REFUSED or REFUSED[name] not in str(error):
                raise
        else:
            compared += 1
    assert compared > 1


def _compare(identity: Identity, given: Mapping[str, np.ndarray], static: Mapping[str, Any]) -> None:
    primals = {a.name: torch.tensor(given[a.name]) for a in identity.primals}
    constant = CONSTANT_IN_TORCH.get(identity.function.__name__, ())
    moving = [primals[name].requires_grad_() for name in identity.moving if name not in constant]
    with full_precision():  # float64 too
        arrays = {name: jax.numpy.asarray(values) for name, values in given.items()}
        value = jax.tree.leaves(jax.jit(partial(identity.function, **static))(*[arrays[name] for name in primals]))
        gradients = jax.jit(partial(identity.closed_form, **static))(*arrays.values())
    results = jax.tree.leaves(IN_TORCH[identity.function.__name__](*primals.values(), **static))
    pulled = torch.autograd.grad(results, moving, [torch.tensor(given[a.name]) for a in identity.vectors])
    gradients = gradients if isinstance(gradients, tuple) else (gradients,)
    gradients = [g for name, g in zip(identity.moving, gradients, strict=True) if name not in constant]
    for ours, torchs in zip([*value, *gradients], [*results, *pulled], strict=True):
        _assert_close(ours, torchs, static)


def _assert_close(ours: Any, torchs: Any, of: Any) -> None:
    """Held to the largest entry, to which both round: a small one is what is left of large terms in either."""
    torchs = torchs.detach().numpy()
    allowed = _CLOSE * np.abs(torchs).max() + _CANCELLED
    np.testing.assert_allclose(ours, torchs, rtol=0, atol=allowed, err_msg=str(of))


@with_torch
def test_images_of_all_sizes_are_averaged_as_torch_does() -> None:
    for n, size, align_corners in itertools.product(range(1, 6), range(1, 6), (False, True)):
        for mode in ("linear", "cubic"):
            options = {"size": size, "mode": mode, "align_corners": align_corners, "antialias": True}
            theirs = IN_TORCH["interpolate"](torch.eye(n, dtype=torch.float64)[None], **options)
            with full_precision():
                ours = interpolate(jax.numpy.eye(n)[None], **options)
            _assert_close(ours, theirs, (n, options))


@with_torch
def test_torch_takes_rows_shorter_than_epsilon_for_divided_by_their_length() -> None:
    short, long = torch.tensor([[[0.1, 0.2]], [[1.0, -2.0]]], dtype=torch.float64, requires_grad=True)
    theirs, ours = partial(F.cosine_similarity, dim=-1, eps=0.5), partial(IN_TORCH["cosine_similarity"], eps=0.5)
    assert torch.equal(theirs(short, long), ours(short, long))
    assert torch.autograd.gradcheck(ours, (short, long))
    assert not torch.autograd.gradcheck(theirs, (short, long), raise_exception=False)


def test_every_function_of_torch_nn_functional_is_accounted_for() -> None:
    cited = {s.equation for i in catalog.values() for s in i.sources if s.document == "torch.nn.functional"}
    without = {source.equation for source in WITHOUT_DERIVATIVE if source.document == "torch.nn.functional"}
    assert cited | without == set(LISTED)
    assert not cited & without


@with_torch
def test_what_is_listed_is_there() -> None:
    assert not [name for name in LISTED if not callable(getattr(functional, name, None))]

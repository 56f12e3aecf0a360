"""Adapters: implementations as they are written, as the candidates that `check_vjp` and its kin call.

Every adapter has its forward pass alone as `.value`, for `check_value`, if it has one.
"""

import ctypes
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Unpack

from identities.oracle.candidates.adapters import LossAndGradients, Settings, WithCache
from identities.oracle.candidates.calling import AdapterError

if TYPE_CHECKING:
    from identities.oracle.asking import Asked
    from identities.oracle.candidates.autodiff import BackwardOf
    from identities.oracle.candidates.buffers import IntoBuffers
    from identities.oracle.verdict.verification import Verification

__all__ = ["AdapterError", "backward_of", "check_custom", "from_loss_and_gradients", "into_buffers", "with_cache"]


def backward_of(function: Callable[..., Any], parameters: Sequence[str] | None = None) -> "BackwardOf":
    """The backward pass that a differentiable implementation has, with its custom rules.

    In JAX it is `jax.vjp`; in PyTorch `torch.autograd.grad`, of functions of tensors (with `arrays="torch"`), of
    `apply` of an `autograd.Function`, and of modules. A module is a function of its inputs and then of its parameters,
    in the order of `named_parameters()`; or of one dict of parameters by name, as where the reference takes a dict.
    Those of which nothing is said keep their values. The gradients of complex numbers are the ones that `jax.vjp` has.

    **Arguments:**

    - `function`: of JAX or PyTorch, or a module.
    - `parameters`: of a module, the names of the parameters that are arguments, in their order; by default all.

    **Raises:** `AdapterError`, when it is called, for a parameter that the module does not have.
    """
    from identities.oracle.candidates.autodiff import BackwardOf

    return BackwardOf(function, None if parameters is None else tuple(parameters))


def with_cache(
    forward: Callable[..., Any] | str, backward: Callable[..., Any] | str, settings: Settings | None = None
) -> WithCache:
    """The backward pass of a pair `out, cache = forward(x, w)` and `dx, dw = backward(dout, cache)`.

    The cache is whatever the candidate's own forward pass puts there; before it there may be several results, and as
    many cotangents. In place of the functions there may be their names, in a table for other people's files.

    **Arguments:**

    - `settings`: by the name of a parameter, a dict that is passed as it; the options of the reference are put into it
      too. So `{"conv_param": {}}` gets `{"stride": 1, "pad": 0}` where those are options. Other options are keyword
      arguments of those functions that have a parameter of that name.

    **Raises:** `TypeError`, when it is called, if the forward pass does not return a tuple.
    """
    return WithCache(forward, backward, settings or {})


def from_loss_and_gradients(function: Callable[..., Any] | str, settings: Settings | None = None) -> LossAndGradients:
    """The gradients of a function that returns them beside its loss: `loss, dx = f(x, y)`.

    For `check_jacobian` it is called as the function is, for `check_vjp` with the cotangent of the loss before, by
    which the gradients are multiplied. There may be several gradients, one by one, or in a tuple or a dict by name.

    **Arguments:**

    - `function`: the function, or its name in a table for other people's files.
    - `settings`: as of `with_cache`.

    **Raises:** `TypeError`, when it is called, if the function does not return a tuple.
    """
    return LossAndGradients(function, settings or {})


def into_buffers(
    function: Callable[..., Any],
    prototype: str,
    takes: str,
    gives: str,
    *,
    after: "IntoBuffers | None" = None,
    accumulates: bool = False,
    pointers: bool | None = None,
) -> "IntoBuffers":
    """A function of C or CUDA style, which writes its results into arrays that it is given, as one that returns them.

    For `void scale_backward(float* dx, const float* dy, float s, int n)` it is

        into_buffers(lib.scale_backward, "float* dx(n), const float* dy(n), float s, int n", "dy x", "dx")

    Arrays that the function does not get from elsewhere are made for it: NaN all over, contiguous, and between guards,
    so that it is seen what it leaves out, and what it writes or reads beyond them. Arrays of the oracle are passed as
    copies of that kind where pointers are passed.

    **Arguments:**

    - `function`: a function of ctypes, or any that takes arrays of NumPy or torch (`arrays=`).
    - `prototype`: its parameters in their order, with their dimensions. What has none is a size or an option. Types
      may be left out; integers are converted to theirs, and floating-point arguments must be of theirs.
    - `takes`: the names of what the oracle calls with, in its order: cotangents, then arguments.
    - `gives`: the names of what is returned, in order.
    - `after`: the forward pass, adapted likewise, which is called before; all of its arrays may be taken, by name.
    - `accumulates`: whether it adds its results to what the arrays hold. Then they are zero at first, and it is called
      once more with arrays that are not.
    - `pointers`: whether to pass pointers; by default, to functions of ctypes.

    **Raises:** `ValueError` for a prototype that cannot be read, or names that are not in it; `AdapterError`, when it
    is called, for arrays that are not those of the prototype.
    """
    from identities.oracle.candidates.buffers import IntoBuffers
    from identities.oracle.candidates.prototypes import read_prototype

    places = read_prototype(prototype)
    arrays = [place.name for place in places if place.dims is not None]
    if unknown := [name for name in gives.split() if name not in arrays]:
        raise ValueError(f"gives: {unknown[0]} is no array of the prototype; there are {', '.join(arrays)}")
    if pointers is None:
        pointers = isinstance(function, type(ctypes.pythonapi.Py_IncRef).__mro__[1])
    return IntoBuffers(function, places, tuple(takes.split()), tuple(gives.split()), after, accumulates, pointers)


class Custom(NamedTuple):
    """The verdicts on a function with a rule of its own.

    **Fields:**

    - `value`: on what it computes, by itself and where it is differentiated, which are two programs.
    - `rule`: on its derivative.
    """

    value: "Verification"
    rule: "Verification"


def check_custom(
    function: Callable[..., Any],
    reference: Callable[..., Any] | None = None,
    wrt: str | Sequence[str] | None = None,
    **asked: Unpack["Asked"],
) -> Custom:
    """Judge a `jax.custom_vjp` or `jax.custom_jvp` function: its value, also as its rule computes it, and its rule.

    Arguments in `nondiff_argnums` are options: say in `static` which values they take.

    **Arguments:**

    - `function`: the function with its rule, also within a `jax.jit`.
    - `reference`: what it computes, in JAX; by default its own body, as if it had no rule. A body that JAX cannot
      differentiate, as a Pallas kernel, needs one.
    - `wrt`, `asked`: as of `check_vjp`; arrays are those of JAX, if nothing else is said.

    **Raises:** `CandidateMismatch` if value or rule is wrong; otherwise as `check_vjp`; `TypeError` for a function that
    has no rule of its own.
    """
    from identities.oracle.custom import judged_with_rule

    return Custom(*judged_with_rule(function, reference, wrt, asked))

"""Code that this project did not write, judged by it: PyTorch's automatic differentiation, and SciPy."""

import dis
import inspect
import math
from collections.abc import Callable
from types import FunctionType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy import special

from identities import Identity, catalog, check
from tests.clients import torch, with_torch


def functions_of_torch() -> dict[str, Callable[..., Any]]:
    """The catalog's functions, by name, as PyTorch has them."""
    if torch is None:
        return {}
    F = torch.nn.functional
    return {
        "matvec": lambda W, x: W @ x,
        "vecmat": lambda x, W: x @ W,
        "identity_map": lambda x: x.clone(),
        "softmax": lambda x: F.softmax(x, dim=-1),
        "log_softmax": lambda x: F.log_softmax(x, dim=-1),
        "logsumexp": lambda x: torch.logsumexp(x, dim=-1),
        "softmax_cross_entropy": lambda theta, y: F.cross_entropy(theta[None], y[None]),
        "squared_norm": lambda x: x.square().sum(),
        "curve": lambda x: torch.stack([x * x * torch.sin(x), x * x + torch.sin(x)]),
        "composition": lambda A, B, x: torch.arctan(A @ torch.sin(B @ x)),
        "mean_squared_error": lambda theta, X, Y: F.mse_loss(X @ theta, Y),
        "normal_equations": lambda X, Y: torch.linalg.solve(X.T @ X, X.T @ Y),
        "exp": torch.exp,
        "expm1": torch.expm1,
        "log": torch.log,
        "log1p": torch.log1p,
        "sqrt": torch.sqrt,
        "rsqrt": torch.rsqrt,
        "reciprocal": torch.reciprocal,
        "square": torch.square,
        "sin": torch.sin,
        "cos": torch.cos,
        "arctan": torch.arctan,
        "sinh": torch.sinh,
        "cosh": torch.cosh,
        "tanh": torch.tanh,
        "sigmoid": torch.sigmoid,
        "softplus": lambda x: F.softplus(x),
        "silu": F.silu,
        "erf": torch.erf,
        "gelu": lambda x: F.gelu(x),
        "relu": F.relu,
        "absolute": torch.abs,
        # The derivative of PyTorch's matrix_exp has four digits in float32, and is off by ten units in float64.
        "exponential": lambda X: horner([1 / math.factorial(k) for k in range(20)], X),
        "polynomial": horner,
        "trace_of_polynomial": lambda c, X: torch.trace(horner(c, X)),
        "trace_with_toeplitz_part": lambda A, X: along_diagonals(A, X).sum(),
        "trace_with_symmetric_toeplitz_part": lambda A, X: along_diagonals(A, (X + X.T) / 2).sum(),
    }


def horner(c: Any, X: Any) -> Any:
    total = 0 * X
    for a in reversed(c):
        total = X @ total + a * torch.eye(len(X), dtype=X.dtype)
    return total


def along_diagonals(A: Any, X: Any) -> Any:
    """By diagonals, the sum of A' times the mean of X."""
    n = len(A)
    return torch.stack([torch.diagonal(A.T, k).sum() * torch.diagonal(X, k).mean() for k in range(1 - n, n)])


def in_torch(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same lines with PyTorch in place of JAX: its arrays, its products, its factorisations."""
    plain = inspect.unwrap(function)
    same = ("cholesky", "det", "eigh", "eigvalsh", "inv", "qr", "solve", "svdvals")
    linalg = SimpleNamespace(
        **{name: getattr(torch.linalg, name) for name in same},
        expm=torch.linalg.matrix_exp,
        log_abs_det=lambda X: torch.linalg.slogdet(X)[1],
        spectrum=spectrum_in_torch,
    )
    names = {name: in_torch(value) if inspect.isfunction(value) else value for name, value in globals_of(plain).items()}
    jax = SimpleNamespace(scipy=SimpleNamespace(linalg=linalg))
    return FunctionType(plain.__code__, {**names, "jax": jax, "jnp": torch, "linalg": linalg})


def spectrum_in_torch(A: Any) -> Any:
    eigenvalues = torch.linalg.eigvals(A)
    order = np.lexsort((eigenvalues.imag.detach(), eigenvalues.real.detach()))
    return torch.stack([eigenvalues.real[order], eigenvalues.imag[order]])


def globals_of(function: Callable[..., Any]) -> dict[str, Any]:
    """What a function means by its global names."""
    plain = inspect.unwrap(function)
    used = {i.argval for i in dis.get_instructions(plain) if i.opname == "LOAD_GLOBAL"}
    return {name: value for name, value in plain.__globals__.items() if name in used}


def factorises(function: Callable[..., Any]) -> bool:
    """Whether it calls what PyTorch does not have in bfloat16."""
    used = globals_of(function)
    return not {"jax", "linalg"}.isdisjoint(used) or any(
        factorises(value) for value in used.values() if inspect.isfunction(value)
    )


def candidate_of_torch(identity: Identity) -> Callable[..., Any]:
    """What PyTorch's automatic differentiation makes of its own function."""
    function = functions_of_torch().get(identity.function.__name__) or in_torch(identity.function)
    names = [parameter.name for parameter in identity.signature.parameters]
    positions = [names.index(name) for name in identity.wrt]

    def along(primals, static):
        def restricted(*moving):
            given = list(primals)
            for position, value in zip(positions, moving, strict=True):
                given[position] = value
            return function(*given, *static)

        return restricted, tuple(primals[position] for position in positions)

    def candidate(*given):
        given, static = given[: len(identity.parameters)], given[len(identity.parameters) :]
        if identity.kind.name == "vjp":
            cotangents = len(given) - len(names)
            restricted, at = along(given[cotangents:], static)
            delta = given[0] if cotangents == 1 else given[:cotangents]
            return torch.autograd.functional.vjp(restricted, at, delta)[1]
        if identity.kind.name == "jvp":
            restricted, at = along(given[: len(names)], static)
            return torch.autograd.functional.jvp(restricted, at, tuple(given[len(names) :]))[1]
        restricted, at = along(given, static)
        if identity.kind.name == "hessian":
            found = torch.autograd.functional.hessian(restricted, at)
            return found if len(at) > 1 else found[0][0]
        result = torch.autograd.functional.jacobian(restricted, at)
        if identity.function.__name__ == "vecmat" and given[0].ndim == 2:  # a row vector counts as a vector
            return result[0].squeeze(2).squeeze(0) if identity.wrt == ("x",) else result[0].squeeze(0)
        return result

    return candidate


@with_torch
@pytest.mark.parametrize("identity", [i for i in catalog.values() if not i.topic.startswith("layers.")], ids=str)
def test_autograd_of_torch(identity: Identity):
    if identity.function.__name__ not in functions_of_torch() and ".matrix." not in identity.function.__module__:
        pytest.fail(f"PyTorch can express {identity.function.__name__}; say how")
    dtypes = ["float64", "float32", "bfloat16"]
    if identity.function.__name__ == "normal_equations" or factorises(identity.function):
        dtypes.remove("bfloat16")  # in which PyTorch factorises nothing
    if identity.function.__name__ == "sum_of_eigenvalues":
        dtypes.remove("float32")  # the sum over PyTorch's eigenvectors is off by ten units
    few: dict[str, Any] = {"shapes": 2, "instances": 16}
    if ".matrix." in identity.function.__module__:  # beyond a tile they take three quarters of the time of all
        few |= {"sizes": dict.fromkeys(identity.dimensions, (2, 4))}
    assert check(candidate_of_torch(identity), identity, arrays="torch", dtypes=dtypes, **few).passed


def gelu_vjp_of_scipy(delta: np.ndarray, x: np.ndarray, approximate: str) -> np.ndarray:
    if approximate == "tanh":
        logit, slope = np.sqrt(8 / np.pi) * np.array([x + 0.044715 * x**3, 1 + 3 * 0.044715 * x**2], x.dtype)
        distribution, density = special.expit(logit), special.expit(logit) * special.expit(-logit) * slope
    else:
        distribution, density = special.ndtr(x), np.exp(-x * x / 2) / np.sqrt(2 * np.pi)
    return delta * (distribution + x * density)


DERIVATIVES_OF_SCIPY = {
    "sigmoid_vjp": lambda delta, x: delta * special.expit(x) * special.expit(-x),
    "softplus_vjp": lambda delta, x, beta, threshold: (
        delta * np.where(beta * x > threshold, 1, special.expit(beta * x))
    ),
    "gelu_vjp": gelu_vjp_of_scipy,
    "erf_vjp": lambda delta, x: delta * special.voigt_profile(x, np.sqrt(0.5), 0) * 2,
    "log1p_vjp": lambda delta, x: delta * special.inv_boxcox1p(-special.log1p(x), 0) + delta,
    "logsumexp_jacobian": special.softmax,
    "logsumexp_hessian": lambda x: np.diag(special.softmax(x)) - np.outer(special.softmax(x), special.softmax(x)),
    "softmax_cross_entropy_jacobian_y": lambda theta, y: -special.log_softmax(theta),
    "softmax_cross_entropy_jacobian_theta": lambda theta, y: special.softmax(theta) - y,
}


@pytest.mark.parametrize("name", DERIVATIVES_OF_SCIPY)
def test_special_functions_of_scipy(name: str):
    assert check(DERIVATIVES_OF_SCIPY[name], name, dtypes=("float64", "float32")).passed

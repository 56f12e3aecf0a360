"""How fast claims are verified, beside the usual ways of checking a gradient.

    python -m benchmarks.verification [--seconds 10]

Every method starts with empty caches and puts the same claims to the test, on shapes that it has not met,
first-time compilation included. One instance is one set of argument values; one shape is new to the
method. The others see one instance a shape: drawing more would leave their cost for each about as it is.
"""

import argparse
import itertools
import time
from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np
from jax.test_util import check_grads
from rich.console import Console
from rich.table import Table

from identities.catalog import Identity, catalog
from identities.oracle.candidates import closed_form
from identities.oracle.draw.shapes import Shape
from identities.oracle.draw.values import REGIMES, draw_values
from identities.oracle.reference import function, products, witnesses
from identities.oracle.run.programs import cpu
from identities.oracle.verdict.plan import Plan
from identities.oracle.verify import inquiry_of

Check = Callable[[Identity, Shape, list[np.ndarray]], int]

CLAIMS = (
    "matvec_jacobian_x",
    "tanh_jacobian",
    "softmax_jacobian",
    "softmax_cross_entropy_jacobian_theta",
    "mean_squared_error_jacobian_theta",
)
INSTANCES = 512
LARGEST = 32


def forget() -> None:
    """Leave no compiled program behind."""
    jax.clear_caches()
    for made in (closed_form._program, witnesses._program, function._program, products._program):
        made.cache_clear()


def rounds() -> Iterator[tuple[Identity, Shape, list[np.ndarray]]]:
    """The claims in turn, each time at a new shape."""
    rng = np.random.default_rng(0)
    met = set()
    for seed in itertools.count():
        for name in CLAIMS:
            shape = Shape(tuple((dim, int(rng.integers(1, LARGEST))) for dim in catalog[name].dimensions))
            if (name, shape) in met:
                continue
            met.add((name, shape))
            # Small numbers even where ours are large integers, at which the others cry wolf.
            values = draw_values(catalog[name], shape, "float64", 1, seed)
            yield catalog[name], shape, [value[REGIMES.index("ordinary")] for value in values.values()]


def rates(check: Check, seconds: float) -> tuple[float, float]:
    """Instances and new shapes a second, over about that time; `check` returns how many instances it tried."""
    forget()
    instances = 0
    started = time.perf_counter()
    for shapes, (identity, shape, values) in enumerate(rounds(), start=1):
        instances += check(identity, shape, values)
        elapsed = time.perf_counter() - started
        if elapsed > seconds:
            return instances / elapsed, shapes / elapsed
    raise AssertionError("rounds never end")


def by_oracle(identity: Identity, shape: Shape, values: list[np.ndarray]) -> int:
    (trial,) = inquiry_of(identity, Plan(("float64",), 1, INSTANCES, 0, cpu())).trials(shape)
    assert trial.passed
    return trial.count


def eagerly(identity: Identity, shape: Shape, values: list[np.ndarray]) -> int:
    position = [a.name for a in identity.arguments].index(identity.wrt[0])
    got = identity.closed_form(*values)
    # Fixed tolerances, as such tests have them: what is measured here is their time.
    np.testing.assert_allclose(got, jax.jacfwd(identity.function, position)(*values), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(got, jax.jacrev(identity.function, position)(*values), rtol=1e-9, atol=1e-9)
    return 1


def by_check_grads(identity: Identity, shape: Shape, values: list[np.ndarray]) -> int:
    check_grads(identity.function, tuple(values), order=1)
    return 1


def by_gradcheck(torch: Any) -> Check:
    functions: dict[str, Callable[..., Any]] = {
        "matvec_jacobian_x": lambda W, x: W @ x,
        "tanh_jacobian": torch.tanh,
        "softmax_jacobian": lambda x: torch.softmax(x, 0),
        "softmax_cross_entropy_jacobian_theta": lambda theta, y: -(y @ torch.log_softmax(theta, 0)),
        "mean_squared_error_jacobian_theta": lambda theta, X, Y: ((Y - X @ theta) ** 2).mean(),
    }

    def check(identity: Identity, shape: Shape, values: list[np.ndarray]) -> int:
        inputs = [torch.tensor(value, requires_grad=True) for value in values]
        assert torch.autograd.gradcheck(functions[identity.name], inputs)
        return 1

    return check


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10.0, help="for each method (default: 10)")
    options = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    methods: dict[str, Check] = {
        "identities": by_oracle,
        "(a) eager jacfwd + jacrev": eagerly,
        "(b) jax.test_util.check_grads": by_check_grads,
    }
    try:
        import torch  # pyright: ignore[reportMissingImports]

        methods["(c) torch.autograd.gradcheck"] = by_gradcheck(torch)
    except ImportError:
        print("torch is not installed, so that gradcheck is left out")
    table = Table(title=f"float64 on {jax.devices()[0].device_kind}, jax {jax.__version__}, {options.seconds:g} s each")
    for title in ("method", "instances/s", "ratio", "new shapes/s", "ratio"):
        table.add_column(title, justify="left" if title == "method" else "right")
    measured = {name: rates(check, options.seconds) for name, check in methods.items()}
    ours = measured["identities"]
    for name, (instances, shapes) in measured.items():
        table.add_row(
            name, f"{instances:,.1f}", f"{ours[0] / instances:,.1f}", f"{shapes:,.2f}", f"{ours[1] / shapes:,.2f}"
        )
    Console(width=120).print(table)


if __name__ == "__main__":
    main()

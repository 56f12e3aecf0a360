"""The options of the pytest plugin. It stands beside the package so that pytest can load it, which it does at
the start of every run, without importing JAX; `identities.pytest_plugin` does the work, where it is asked for.
"""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("identities", "judging gradients by the names of their functions")
    group.addoption(
        "--candidate",
        action="append",
        default=[],
        metavar="FILE",
        help="a Python file or module; every function in it that is named like an identity is judged (several allowed)",
    )
    group.addoption(
        "--reference", metavar="FILE", help="judge candidates by the annotated JAX functions of this file instead"
    )
    group.addoption("--candidate-dtypes", nargs="+", default=["float64"], metavar="DTYPE", help="default: float64")
    group.addoption(
        "--candidate-arrays", default="numpy", metavar="KIND", help="numpy (default), jax or torch; torch:cuda"
    )


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--candidate"):
        from identities.pytest_plugin import Candidates

        config.pluginmanager.register(Candidates(config), "identities-candidates")

"""Options and profiles of the test suite.

pytest                                   every identity, quickly, the same every time
pytest --hypothesis-profile explore      fresh random shapes and values, and more of them
pytest --hypothesis-profile thorough     many
pytest --device gpu --dtypes float32 bfloat16
"""

import gc
import os
import random
from pathlib import Path

import hypothesis
import jax
import pytest

from identities.oracle.programs import find_device
from identities.oracle.trial import Plan
from identities.oracle.verify import DTYPES

hypothesis.settings.register_profile("default", derandomize=True, max_examples=4, deadline=None)
hypothesis.settings.register_profile("explore", max_examples=8, deadline=None)
hypothesis.settings.register_profile("thorough", max_examples=30, deadline=None)
hypothesis.settings.load_profile("default")


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("identities")
    group.addoption("--device", help="where closed forms run: cpu or gpu (default: JAX's default)")
    group.addoption(
        "--dtypes", nargs="+", choices=DTYPES, default=["float64", "float32", "bfloat16"], help="dtypes to verify in"
    )


def pytest_configure(config: pytest.Config) -> None:
    # Tracing makes many objects that live; looking through them as often as Python does costs a tenth of the time.
    gc.set_threshold(100_000, 20, 100)
    # Compilations are kept with pytest's own cache, so that a second run is faster.
    if config.pluginmanager.has_plugin("cacheprovider"):
        cache = Path(config.cache.mkdir("jax"))  # pyright: ignore[reportOptionalMemberAccess]
        jax.config.update("jax_compilation_cache_dir", str(cache))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
        jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """A process for each core, up to eight, since tracing holds Python's lock; a GPU has its memory in one."""
    device = find_device(config.getoption("--device"))
    return min(os.cpu_count() or 1, 8) if device.platform == "cpu" else 0


@pytest.fixture(scope="session")
def plan(request: pytest.FixtureRequest) -> Plan:
    """What to try, by the chosen profile, dtypes and device; its shapes are Hypothesis's examples."""
    profile = hypothesis.settings()
    given = request.config.getoption("--hypothesis-seed")
    seed = 0 if profile.derandomize else int(given) if given else random.randrange(2**32)
    dtypes = tuple(request.config.getoption("--dtypes") or ())
    return Plan(dtypes, profile.max_examples, 256, seed, find_device(request.config.getoption("--device")))

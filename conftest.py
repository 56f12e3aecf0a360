"""Options and profiles of the test suite.

pytest                                   every identity, quickly, the same every time
pytest --hypothesis-profile quick        with fewer shapes
pytest --hypothesis-profile explore      fresh random shapes and values, and more of them
pytest --hypothesis-profile thorough     many
pytest --device gpu --dtypes float32 bfloat16
"""

import contextlib
import itertools
import os
import random
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import jax
import pytest

from identities import Identity, catalog
from identities.oracle.run.processes import one_thread_in_blas, prepare, processes
from identities.oracle.run.programs import find_device
from identities.oracle.run.store import Device
from identities.oracle.verdict.inquiry import Inquiry
from identities.oracle.verdict.plan import DTYPES, Plan
from identities.oracle.verify import inquiry_of

hypothesis.settings.register_profile("default", derandomize=True, max_examples=4, deadline=None)
hypothesis.settings.register_profile("quick", derandomize=True, max_examples=2, deadline=None)
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
    # Compiled programs are kept with pytest's own cache, if it has one, so that a second run is faster; or else where
    # JAX_COMPILATION_CACHE_DIR says, which shares them with `identities verify`.
    cache = getattr(config, "cache", None)
    if cache is None:
        jax.config.update("jax_enable_compilation_cache", False)
    shared = "JAX_COMPILATION_CACHE_DIR" in os.environ
    prepare(cache.mkdir("programs") if cache and not shared else None)


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    count = processes(_device(config))
    return 0 if count == 1 else count  # none is pytest's own process


def pytest_xdist_setupnodes(config: pytest.Config) -> None:
    # However many workers were asked for, they share the cores.
    of_workers = contextlib.ExitStack()
    of_workers.enter_context(one_thread_in_blas())
    config.add_cleanup(of_workers.close)


def _device(config: pytest.Config) -> Device:
    try:
        return find_device(config.getoption("--device"))
    except ValueError as error:
        raise pytest.UsageError(str(error)) from None


_MAPS = Path("/proc/self/maps")
_MOST_MAPS = 30_000  # of the 65,530 pieces of address space that Linux gives a process
_LOOK_AFTER = 8  # tests: counting the pieces takes 20 ms where there are many
_tests = itertools.count(1)


@pytest.fixture(autouse=True)
def _forget_programs() -> Iterator[None]:
    """Let go of compiled programs before there are too many of them for one process, at which XLA crashes."""
    yield
    if next(_tests) % _LOOK_AFTER == 0 and _MAPS.exists() and _MAPS.read_bytes().count(b"\n") > _MOST_MAPS:
        jax.clear_caches()


@pytest.fixture(scope="session")
def plan(request: pytest.FixtureRequest) -> Plan:
    """What to try, by the chosen profile, dtypes and device; it has as many shapes as the profile has examples."""
    profile = hypothesis.settings()
    given = request.config.getoption("--hypothesis-seed")
    seed = 0 if profile.derandomize else int(given) if given else random.randrange(2**32)
    dtypes = tuple(request.config.getoption("--dtypes") or ())
    return Plan(dtypes, profile.max_examples, 256, seed, _device(request.config))


@pytest.fixture(scope="session", params=catalog.values(), ids=str)
def identity(request: pytest.FixtureRequest) -> Identity:
    """Each of the catalog; the tests of one come one after the other, whatever their files, and so in one process."""
    return request.param


@pytest.fixture(scope="session")
def inquiry(identity: Identity, plan: Plan) -> Inquiry:
    """Into an identity; its tests share values, witnesses and compiled programs."""
    return inquiry_of(identity, plan)

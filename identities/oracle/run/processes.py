"""Processes of the oracle's own, and work shared among several, since tracing holds Python's lock."""

import contextlib
import gc
import multiprocessing
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any, TypeVar

import jax

from identities.oracle.run.programs import Device
from identities.oracle.run.store import keep_in, keep_nothing

Item = TypeVar("Item")
Result = TypeVar("Result")


def prepare(folder: Path | None = None, keep: bool = True) -> None:
    """Settings of Python and JAX for a process that is the oracle's own.

    Compiled programs are kept in the folder; by default in identities/ under JAX_COMPILATION_CACHE_DIR, or under
    XDG_CACHE_HOME (~/.cache). None are kept, and none are read, unless `keep`.
    """
    # Tracing makes many objects that live; looking through them as often as Python does costs a fifth of the time.
    gc.set_threshold(100_000, 20, 100)
    # Nobody reads where the operations of its programs are from; writing it down costs a tenth.
    jax.config.update("jax_traceback_in_locations_limit", 0)
    if keep:
        keep_in(folder or _folder())
    else:
        keep_nothing()


def _folder() -> str:
    caches = os.environ.get("JAX_COMPILATION_CACHE_DIR") or os.environ.get("XDG_CACHE_HOME")
    return os.path.join(caches or Path.home() / ".cache", "identities")


def processes(device: Device) -> int:
    """How many processes to share work among.

    One for each core, up to eight, of half a gigabyte each; one on a GPU, whose memory a process has to itself.
    """
    return min(os.cpu_count() or 1, 8) if device.platform == "cpu" else 1


def share(
    work: Callable[[Item], Result], items: Sequence[Item], count: int, begin: Callable[[], Any] | None = None
) -> Iterator[Result]:
    """The results of the work, which is a function of a module, on all items in their order.

    There are that many processes, or this one if `count` is 1; `begin`, a function of a module, is called once in each.
    """
    yield from (result for _, result in _shared(work, items, count, begin, iter))


def as_done(
    work: Callable[[Item], Result], items: Sequence[Item], count: int, begin: Callable[[], Any] | None = None
) -> Iterator[tuple[Item, Result]]:
    """As `share`, but each result as soon as it is there, with its item."""
    yield from _shared(work, items, count, begin, as_completed)


def _shared(
    work: Callable[[Item], Result],
    items: Sequence[Item],
    count: int,
    begin: Callable[[], Any] | None,
    order: Callable[[Iterable[Future[Result]]], Iterable[Future[Result]]],
) -> Iterator[tuple[Item, Result]]:
    count = min(count, len(items))
    if count <= 1:
        if begin:
            begin()
        yield from ((item, work(item)) for item in items)
        return
    context = multiprocessing.get_context("spawn")  # a fork of a process with JAX's threads can hang
    with one_thread_in_blas(), ProcessPoolExecutor(count, context, begin) as pool:
        try:
            begun = {pool.submit(work, item): item for item in items}
            yield from ((begun[future], future.result()) for future in order(begun))
        except BaseException:
            pool.shutdown(cancel_futures=True)  # an interrupt, or an error, does not wait for all the others
            raise


@contextlib.contextmanager
def one_thread_in_blas() -> Iterator[None]:
    """For processes that are started in this context and share the cores.

    Each would have a thread for every core in BLAS, which waits by spinning: two of them then take five times as long.
    """
    with contextlib.ExitStack() as stack:
        if "OMP_NUM_THREADS" not in os.environ:
            os.environ["OMP_NUM_THREADS"] = "1"
            stack.callback(os.environ.pop, "OMP_NUM_THREADS", None)
        yield

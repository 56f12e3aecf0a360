"""Work shared among processes, since tracing holds Python's lock."""

import contextlib
import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any, TypeVar

from identities.oracle.programs import Device

Item = TypeVar("Item")
Result = TypeVar("Result")


def processes(device: Device) -> int:
    """How many processes to share work among.

    One for each core, up to eight, of half a gigabyte each; one on a GPU, whose memory a process has to itself.
    """
    return min(os.cpu_count() or 1, 8) if device.platform == "cpu" else 1


def share(
    work: Callable[[Item], Result], items: Sequence[Item], count: int, prepare: Callable[[], Any] | None = None
) -> Iterator[Result]:
    """The results of the work, which is a function of a module, on all items in their order.

    `prepare`, another one, is called at the start of each of so many processes; if it is one, that is this one.
    """
    count = min(count, len(items))
    if count <= 1:
        if prepare:
            prepare()
        yield from map(work, items)
        return
    context = multiprocessing.get_context("spawn")  # a fork of a process with JAX's threads can hang
    with one_thread_in_blas(), ProcessPoolExecutor(count, context, prepare) as pool:
        try:
            yield from pool.map(work, items)
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

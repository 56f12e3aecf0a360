"""Processes that take one thing at a time, and may hang or die over it."""

import contextlib
import math
import multiprocessing
import queue
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any, TypeVar

from identities.oracle.run.processes import one_thread_in_blas

Item = TypeVar("Item")
Result = TypeVar("Result")
Begin = Callable[[], Any]


def _serve(pipe: Any, begin: Begin) -> None:
    begin()
    while True:
        work, item = pipe.recv()
        pipe.send(work(item))


class Worker:
    """A process, since a program of JAX's may run for ever and cannot be interrupted.

    `begin`, a function of a module, is called in it first.
    """

    def __init__(self, begin: Begin):
        self._begin = begin
        self._start()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")  # a fork of a process with JAX's threads can hang
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, self._begin), daemon=True)
        self._process.start()
        theirs.close()

    def ask(self, work: Callable[[Item], Result], item: Item, patience: float) -> Result | None:
        """What comes of it; None if nothing does in so many seconds of work, or the process dies.

        Of waiting for a processor that others use, or for nothing, it may be ten times as many.
        """
        until, done = time.monotonic() + 10 * patience, self._worked() + patience
        # A process that has died shows at its pipe, whichever end is used.
        with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
            self._pipe.send((work, item))
            while time.monotonic() < until and self._worked() < done:
                if self._pipe.poll(1):
                    return self._pipe.recv()
        self.stop()
        self._start()
        return None

    def _worked(self) -> float:
        """Seconds of processor time, of all of its threads: by the clock that clock_getcpuclockid(3) gives on Linux."""
        return time.clock_gettime((~(self._process.pid or 0) << 3) | 2)

    def stop(self) -> None:
        """Ends the process."""
        self._process.kill()
        self._process.join()


def share(
    work: Callable[[Worker, Item], Result], items: Sequence[Item], jobs: int, begin: Begin, seconds: float = math.inf
) -> Iterator[tuple[Item, Result]]:
    """Each item with its result, as soon as that is there; `work` is done by so many threads, each with a worker.

    After so many seconds, no other item is begun.
    """
    until = time.monotonic() + seconds
    free: queue.SimpleQueue[Worker] = queue.SimpleQueue()

    def one(item: Item) -> tuple[Item, Result] | None:
        if time.monotonic() > until:
            return None
        worker = free.get()
        try:
            return item, work(worker, item)
        finally:
            free.put(worker)

    with one_thread_in_blas(), contextlib.ExitStack() as stack:
        for _ in range(jobs):
            free.put(worker := Worker(begin))
            stack.callback(worker.stop)
        with ThreadPoolExecutor(jobs) as pool:
            done = (future.result() for future in as_completed([pool.submit(one, item) for item in items]))
            yield from (pair for pair in done if pair)

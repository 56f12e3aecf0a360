"""How much has been computed in the search for an explanation: a clock that goes equally fast on every machine.

Seconds would make what is said of a mistake depend on the machine, and on what else it is busy with.
"""

import threading

_ENTRIES = 2000
"""How many entries take as long as an operation of NumPy's takes by itself, which is some ten microseconds."""


class _Clock(threading.local):
    operations = 0.0


_CLOCK = _Clock()


def spend(operations: float, entries: float = 0) -> None:
    """Counts operations, and how many entries they have together."""
    _CLOCK.operations += operations + entries / _ENTRIES


def spent() -> float:
    """How many operations this thread has computed so far: 100,000 take about a second."""
    return _CLOCK.operations

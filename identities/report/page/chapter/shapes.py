"""Shapes in words."""

from identities.catalog import Identity
from identities.signature import Argument

_FEW = {0: "is a number", 1: "has {0} entries"}


def shapes_in_words(identity: Identity) -> str:
    """What goes into a closed form and what comes out, as in `W is n by m, x has m entries; the result is n by m`."""
    goes_in = ", ".join(f"{argument.name} {_words(argument)}" for argument in identity.arguments)
    comes_out = " and ".join(map(_words, identity.gives.leaves))
    return f"{goes_in}; the result {comes_out}"


def _words(argument: Argument) -> str:
    dims = argument.forms[0]
    return _FEW.get(len(dims), f"is {' by '.join(map(str, dims))}").format(*dims)

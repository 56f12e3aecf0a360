"""What is thrown where the witnesses contradict each other, so that nothing can be said of a candidate."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from identities.oracle.reference.differences import DIFFERENCES
from identities.oracle.verdict.explain import given_lines, shown


class WitnessMismatch(ArithmeticError):
    """The witnesses disagree: forward mode, reverse mode or differences. It is no verdict on the candidate.

    **Fields:**

    - `identity`: the name of what was asked.
    - `witnesses`: the two that contradict each other.
    - `dtype`, `arguments`, `static`: where.
    - `said`: what each of them says: the array itself, or its product with a random vector if that is all that one of
      them knows.
    - `error`: how far apart they are, in units of rounding and of the second one's own error.
    - `agrees`: those that the candidate agrees with there.
    - `leaf`: which of several results it is.
    - `meaning`: what that usually means.
    """

    __module__ = "identities"

    def __init__(
        self,
        identity: str,
        witnesses: tuple[str, str],
        dtype: str,
        arguments: Mapping[str, np.ndarray],
        static: Mapping[str, Any],
        said: tuple[np.ndarray, np.ndarray],
        error: float,
        agrees: tuple[str, ...],
        leaf: str = "",
    ):
        super().__init__(identity, witnesses, dtype, arguments, static, said, error, agrees, leaf)
        self.identity, self.witnesses, self.dtype = identity, witnesses, dtype
        self.arguments, self.static, self.said = arguments, static, said
        self.error, self.agrees, self.leaf = error, agrees, leaf

    @property
    def meaning(self) -> str:
        """What such a disagreement usually comes of."""
        return _MEANINGS[DIFFERENCES in self.witnesses]

    def __str__(self) -> str:
        first, second = self.witnesses
        width = max(map(len, (*self.witnesses, "usually", "candidate")))
        which = f", in {self.leaf}," * bool(self.leaf)
        rows = [
            *(("for" if i == 0 else "", line) for i, line in enumerate(given_lines(self.arguments, self.static))),
            (first, shown(self.said[0])),
            (second, shown(self.said[1])),
            ("usually", self.meaning),
            ("candidate", f"agrees with {' and '.join(self.agrees)}" if self.agrees else "agrees with neither"),
        ]
        head = (
            f"{self.identity}: the witnesses disagree{which} so that nothing is said of the candidate: "
            f"{first} and {second} are {self.error:.3g} units of rounding apart in {self.dtype}"
        )
        return "\n".join([head, *(f"  {title:<{width}}  {line}" for title, line in rows)])


_MEANINGS = {
    False: "an index out of range, where jacfwd clamps and jacrev drops; a custom_jvp or custom_vjp rule that is not "
    "linear, or whose transpose is another one; or digits that are lost on the way",
    True: "a custom_jvp or custom_vjp rule, or a rule of JAX's, that is not the derivative of its function",
}

"""Regression on data that does not fit into memory: one pass, a few numbers a column kept."""

import mmap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from identities.checking import check
from identities.linear_regression.loss import gram, multipliable, pull_back
from identities.signature import Argument


@dataclass(frozen=True)
class Gram:
    """What linear regression needs to know of X and Y: their products, summed over rows.

    Sums are kept in float64, in two parts, the second holding what rounding took from the first, so
    that any number of rows in blocks of any size loses nothing beyond the rounding of one block.
    Two `Gram`s of different rows add up, with `+`, to that of all rows.

    **Fields:**

    - `XtX`, `XtY`, `YtY`: the sums, shapes (p, p), (p,) and (); NumPy arrays in float64.
    - `rows`: how many there were.
    """

    XtX: np.ndarray
    XtY: np.ndarray
    YtY: np.ndarray
    rows: int
    _lost: tuple[np.ndarray, ...] = field(repr=False, default=(np.zeros(()),) * 3)

    @classmethod
    def from_blocks(cls, blocks: Iterable[tuple[Any, Any]]) -> "Gram":
        """The sums over blocks of rows, pairs (X, Y) of shapes (n, p) and (n,), with any n for each.

        Only one block is in memory at a time. Slices of a `numpy.memmap` will do, as `row_blocks` has them.

        **Raises:** `ValueError` for blocks that do not fit together, and for none at all.
        """
        total = None
        for X, Y in blocks:
            check("Gram.from_blocks", _BLOCK, {"X": X, "Y": Y})
            if total is not None and X.shape[1] != len(total.XtY):
                raise ValueError(
                    f"Gram.from_blocks: a block has {X.shape[1]} columns, and those before have {len(total.XtY)}"
                )
            # Rows of zeros change no sum; a power of two rows keeps compilations few.
            padding = (1 << (len(X) - 1).bit_length()) - len(X)
            X_padded, Y_padded = np.pad(X, ((0, padding), (0, 0))), np.pad(Y, (0, padding))
            with jax.enable_x64(True), jax.default_matmul_precision("highest"):
                block = cls(*jax.device_get(_products(X_padded, Y_padded)), rows=len(X))
            total = block if total is None else total + block
        if total is None:
            raise ValueError("Gram.from_blocks: there was no block")
        return total

    def __add__(self, other: "Gram") -> "Gram":
        if len(self.XtY) != len(other.XtY):
            raise ValueError(f"Grams of {len(self.XtY)} and of {len(other.XtY)} columns do not add up")
        pairs = zip((self.XtX, self.XtY, self.YtY), (other.XtX, other.XtY, other.YtY), strict=True)
        with np.errstate(over="ignore", invalid="ignore"):  # sums beyond the range are refused where they are used
            sums, lost = zip(*[_two_sum(a, b) for a, b in pairs], strict=True)
            carried = tuple(a + b + c for a, b, c in zip(lost, self._lost, other._lost, strict=True))
        return Gram(*sums, rows=self.rows + other.rows, _lost=carried)

    def closed_form(self) -> np.ndarray:
        """The parameters of least loss, shape (p,), in float64.

        The products alone determine them only up to the square of the condition number of X (columns
        scaled): about 16 digits less twice its order of magnitude.

        **Raises:** `ValueError` if that leaves no digit, or if X or Y is so large or so small that its products
        leave the range of float64; the function `closed_form`, which has X itself, takes those too.
        """
        XtX, XtY = self.XtX + self._lost[0], self.XtY + self._lost[1]
        lengths = np.sqrt(np.diag(self.XtX))
        self._refuse_beyond_range(lengths, XtY)
        scaled = XtX / lengths / lengths[:, None]
        eigenvalues = np.linalg.eigvalsh(scaled)
        if not eigenvalues[0] > len(XtY) * np.finfo(float).eps * eigenvalues[-1]:
            raise ValueError(
                f"Gram.closed_form: X^T X, from {self.rows} rows and {len(XtY)} columns, is singular to rounding "
                f"(eigenvalues from {eigenvalues[0]:.1e} to {eigenvalues[-1]:.1e}, columns scaled); "
                "drop dependent columns, or centre them"
            )
        return np.linalg.solve(scaled, XtY / lengths) / lengths

    def _refuse_beyond_range(self, lengths: np.ndarray, XtY: np.ndarray) -> None:
        least, most = multipliable(self.rows, float)
        required = f"must be from {least:.1e} to {most:.1e} for its products to have digits; rescale it"
        for j in np.flatnonzero(~((least <= lengths) & (lengths <= most))):
            raise ValueError(
                f"Gram.closed_form: the length of column {j} of X (counted from 0), {lengths[j]:.1e} by its square, "
                f"{required}, or drop it if it is zero"
            )
        of_Y = np.abs(XtY / lengths).max()  # at most the length of Y
        if not (of_Y == 0 or least <= of_Y <= most):
            raise ValueError(f"Gram.closed_form: the length of Y, along X at most {of_Y:.1e}, {required}")

    def loss(self, theta: np.ndarray) -> float:
        """The mean squared error of these parameters on all rows."""
        XtX, XtY, YtY = (a + b for a, b in zip((self.XtX, self.XtY, self.YtY), self._lost, strict=True))
        return float(YtY - theta @ (2 * XtY - XtX @ theta)) / self.rows


def row_blocks(X: Any, Y: Any, rows: int = 1 << 16) -> Iterator[tuple[Any, Any]]:
    """X and Y, arrays or memory maps, in blocks of at most that many rows.

    The pages of a memory map are given back after each block, so that no more than one is resident.
    """
    if len(X) != len(Y):
        raise ValueError(f"row_blocks: X has {len(X)} rows, and Y {len(Y)}")
    for start in range(0, len(X), rows):
        yield X[start : start + rows], Y[start : start + rows]
        for array in (X, Y):
            _give_back(array)


def _give_back(array: Any) -> None:
    # Of these modes, the file keeps what the pages held; a copy on write would lose it.
    safe = isinstance(array, np.memmap) and array.mode in ("r", "r+")
    while isinstance(array, np.ndarray):
        array = array.base
    if safe and isinstance(array, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        array.madvise(mmap.MADV_DONTNEED)


_BLOCK = (Argument("X", (("n", "p"),)), Argument("Y", (("n",),)))


@jax.jit
def _products(X, Y):
    X, Y = X.astype(jnp.float64), Y.astype(jnp.float64)
    return gram(X), pull_back(X, Y), Y @ Y


def _two_sum(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The rounded sum and what rounding took from it (Knuth)."""
    total = a + b
    of_b = total - a
    return total, (a - (total - of_b)) + (b - of_b)

"""Regression in one pass over blocks of rows."""

import subprocess
import sys

import numpy as np
import pytest

from identities.linear_regression import Gram, row_blocks

rng = np.random.default_rng(0)
X = rng.standard_normal((1000, 4))
Y = X @ np.arange(4.0) + rng.standard_normal(1000)


@pytest.mark.parametrize("rows", [1000, 300, 7])
def test_blocks_of_any_size_give_the_same(rows):
    gram = Gram.from_blocks(row_blocks(X, Y, rows))
    assert gram.rows == 1000
    np.testing.assert_allclose(gram.XtX, X.T @ X, rtol=1e-13, atol=1e-11)
    np.testing.assert_allclose(gram.closed_form(), np.linalg.lstsq(X, Y)[0], rtol=1e-12)
    assert gram.loss(gram.closed_form()) == pytest.approx(np.linalg.lstsq(X, Y)[1][0] / 1000)


def test_parts_add_up():
    parts = [Gram.from_blocks([(X[a:b], Y[a:b])]) for a, b in ((0, 10), (10, 600), (600, 1000))]
    np.testing.assert_allclose((parts[0] + parts[1] + parts[2]).closed_form(), np.linalg.lstsq(X, Y)[0], rtol=1e-12)


def test_a_million_rows_lose_nothing():
    # One row after the other of numbers that each rounding would cut: exact only if nothing is lost.
    X, Y = np.array([[1.0, 0.1]], np.float32), np.array([0.3], np.float32)
    block = Gram.from_blocks([(X, Y)])
    total, power = block, block
    for _ in range(20):
        power = power + power
        total = total + power + block
    exact = float(np.float64(X[0, 1]) * np.float64(Y[0])) * total.rows
    assert total.rows > 2_000_000
    assert total.XtY[1] == pytest.approx(exact, rel=2e-16, abs=0)


def test_float32_blocks_are_summed_in_float64():
    gram = Gram.from_blocks(row_blocks(X.astype(np.float32), Y.astype(np.float32), 100))
    exact = X.astype(np.float32).astype(float)
    np.testing.assert_allclose(gram.XtX, exact.T @ exact, rtol=1e-13, atol=1e-11)


def test_what_cannot_be_is_refused():
    with pytest.raises(ValueError, match="there was no block"):
        Gram.from_blocks([])
    with pytest.raises(ValueError, match="a block has 3 columns, and those before have 4"):
        Gram.from_blocks([(X, Y), (X[:, :3], Y)])
    with pytest.raises(ValueError, match=r"argument Y has shape \(999,\), expected \(n,\) = \(1000,\)"):
        Gram.from_blocks([(X, Y[1:])])
    with pytest.raises(ValueError, match="X has 1000 rows, and Y 999"):
        Gram.from_blocks(row_blocks(X, Y[1:]))
    with pytest.raises(ValueError, match="Grams of 4 and of 3 columns do not add up"):
        _ = Gram.from_blocks([(X, Y)]) + Gram.from_blocks([(X[:, :3], Y)])
    with pytest.raises(ValueError, match="singular to rounding"):
        Gram.from_blocks([(np.column_stack([X, X]), Y)]).closed_form()


@pytest.mark.parametrize("rows", [1000, 100])
@pytest.mark.parametrize("scale", [1e160, 1e-160, 1e-153])
def test_products_out_of_range_are_refused(scale, rows):
    with pytest.raises(ValueError, match=r"length of column 2 of X .* must be from .* for its products to have digits"):
        Gram.from_blocks(row_blocks(X * np.array([1, 1, scale, 1]), Y, rows)).closed_form()
    with pytest.raises(ValueError, match=r"length of Y, .* must be from .* for its products to have digits"):
        Gram.from_blocks(row_blocks(X, Y * scale, rows)).closed_form()
    float32 = X.astype(np.float32) * np.float32(1e30)  # whose squares float64 holds
    np.testing.assert_allclose(Gram.from_blocks([(float32, Y)]).closed_form(), np.linalg.lstsq(float32, Y)[0])


def test_a_memory_map_keeps_what_was_written_to_it(tmp_path):
    for mode in ("c", "r+"):
        file = tmp_path / mode
        np.memmap(file, np.float64, "w+", shape=X.shape)[:] = 0
        mapped = np.memmap(file, np.float64, mode, shape=X.shape)
        mapped[:] = X
        gram = Gram.from_blocks(row_blocks(mapped, Y, 100))
        np.testing.assert_array_equal(mapped, X)
        np.testing.assert_allclose(gram.closed_form(), np.linalg.lstsq(X, Y)[0], rtol=1e-12)


_MEASURE = """
import sys
import numpy as np
from identities.linear_regression import Gram, row_blocks
rows = int(sys.argv[2])
X = np.memmap(sys.argv[1], np.float64, "r", shape=(rows, 8))
Gram.from_blocks(row_blocks(X[:1 << 14], X[:1 << 14, 0], 1 << 14))
gram = Gram.from_blocks(row_blocks(X, X[:, 0], 1 << 14))
assert gram.rows == rows and np.allclose(gram.XtX, rows * np.ones((8, 8)))
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak of memory from /proc")
def test_memory_stays_flat_while_the_file_grows(tmp_path):
    kilobytes = []
    for rows in (1 << 17, 1 << 20):
        file = tmp_path / f"{rows}.dat"
        np.memmap(file, np.float64, "w+", shape=(rows, 8))[:] = 1.0
        run = subprocess.run(
            [sys.executable, "-c", _MEASURE, str(file), str(rows)], check=True, capture_output=True, text=True
        )
        kilobytes.append(int(run.stdout))
    assert kilobytes[1] < kilobytes[0] + 24 * 1024  # the larger file has 64 MiB, the smaller 8

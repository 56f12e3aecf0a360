"""NIST's Statistical Reference Datasets for linear least squares: Wampler1-5 and Longley.

Certified values from https://www.itl.nist.gov/div898/strd/lls/lls.shtml.
"""

import numpy as np

_x = np.arange(21.0)
_powers = np.vander(_x, 6, increasing=True)
_half = [759, -2048, 2048, -2048, 2523, -2048, 2048, -2048, 1838, -2048, 2048]
_residuals = np.array([*_half, *_half[-2::-1]], float)  # orthogonal to the powers
_ones = np.ones(6)
_tenths = 10.0 ** -np.arange(6)

_longley = np.array(
    [
        [83.0, 234289, 2356, 1590, 107608, 1947, 60323],
        [88.5, 259426, 2325, 1456, 108632, 1948, 61122],
        [88.2, 258054, 3682, 1616, 109773, 1949, 60171],
        [89.5, 284599, 3351, 1650, 110929, 1950, 61187],
        [96.2, 328975, 2099, 3099, 112075, 1951, 63221],
        [98.1, 346999, 1932, 3594, 113270, 1952, 63639],
        [99.0, 365385, 1870, 3547, 115094, 1953, 64989],
        [100.0, 363112, 3578, 3350, 116219, 1954, 63761],
        [101.2, 397469, 2904, 3048, 117388, 1955, 66019],
        [104.6, 419180, 2822, 2857, 118734, 1956, 67857],
        [108.4, 442769, 2936, 2798, 120445, 1957, 68169],
        [110.8, 444546, 4681, 2637, 121950, 1958, 66513],
        [112.6, 482704, 3813, 2552, 123366, 1959, 68655],
        [114.2, 502601, 3931, 2514, 125368, 1960, 69564],
        [115.7, 518173, 4806, 2572, 127852, 1961, 69331],
        [116.9, 554894, 4007, 2827, 130081, 1962, 70551],
    ]
)
_longley_certified = np.array(
    [
        -3482258.63459582,
        15.0618722713733,
        -0.0358191792925910,
        -2.02022980381683,
        -1.03322686717359,
        -0.0511041056535807,
        1829.15146461355,
    ]
)

SETS = {
    "Wampler1": (_powers, _powers @ _ones, _ones),
    "Wampler2": (_powers, _powers @ _tenths, _tenths),
    "Wampler3": (_powers, _powers @ _ones + _residuals, _ones),
    "Wampler4": (_powers, _powers @ _ones + 100 * _residuals, _ones),
    "Wampler5": (_powers, _powers @ _ones + 10000 * _residuals, _ones),
    "Longley": (np.column_stack([np.ones(16), _longley[:, :6]]), _longley[:, 6], _longley_certified),
}
"""By name: X, Y and the certified parameters."""


def log_relative_error(computed: np.ndarray, certified: np.ndarray) -> float:
    """How many digits of the worst parameter are right, at most 15."""
    with np.errstate(divide="ignore"):
        digits = -np.log10(np.abs(computed - certified) / np.abs(certified))
    return float(min(digits.min(), 15))

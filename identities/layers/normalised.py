"""What is brought to mean zero and variance one over some axes, or to mean square one, and its derivatives.

In statements, a hat is what has been normalised, sigma the root of the variance plus epsilon, mu the mean over what is
normalised together, and P the projection off the constants, where a mean is subtracted, and off what has been
normalised. It is symmetric, and so serves backward and forward.
"""

from typing import Annotated, NamedTuple, TypeAlias

import jax
from jaxtyping import Array

from identities.options import Tried

Epsilon: TypeAlias = Annotated[float, Tried(1e-5, 0.1)]

SAVES = r"\hat{x}, \frac{1}{\sigma}"
"""What a kernel may keep from any forward pass."""


class Normalised(NamedTuple):
    """What is to be normalised, less its mean if it is `centred`, the reciprocal root, and over which axes."""

    x: Array
    rsigma: Array
    axes: int | tuple[int, ...]
    centred: bool

    @property
    def xhat(self) -> Array:
        """The normalised values."""
        return self.x * self.rsigma

    def mean(self, a: Array) -> Array:
        return a.mean(self.axes, keepdims=True)

    def along(self, a: Array) -> Array:
        """The mean of a times the normalised values, by one reciprocal root for all of them."""
        product = self.mean(a * self.x)
        if self.centred:  # values whose mean is nothing but rounding, which a large mean of a would make much of
            product = product - self.mean(a) * self.mean(self.x)
        return product * self.rsigma

    def moved(self, a: Array) -> Array:
        """P a / sigma: a cotangent of the normalised values pulled back, or a tangent of the others pushed forward."""
        return self.rsigma * (self._centred(a) - self.xhat * self.along(a))

    def moved_along(self, dx: Array, g: Array, dg: Array) -> Array:
        """How a cotangent g that is pulled back changes along a tangent dx, where it changes itself by dg."""
        along_x, along_g = self.along(dx), self.along(g)
        between = self.rsigma * (self.mean(self._centred(g) * dx) - along_x * along_g)  # the mean of dx and moved(g)
        bent = along_x * self.moved(g) + along_g * self.moved(dx) + self.xhat * (between + self.along(dg))
        return self.rsigma * (self._centred(dg) - bent)

    def _centred(self, a: Array) -> Array:
        return a - self.mean(a) if self.centred else a


def normalised(x: Array, eps: float, axes: int | tuple[int, ...], centred: bool = True) -> Normalised:
    """By the mean square of x, after its mean is subtracted if it is `centred`."""
    x = x - x.mean(axes, keepdims=True) if centred else x
    return Normalised(x, jax.lax.rsqrt((x * x).mean(axes, keepdims=True) + eps), axes, centred)
